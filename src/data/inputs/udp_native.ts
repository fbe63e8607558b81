/** The native UDP receiver (`native/udp/receiver.h`) as a UdpInput: a thread that fills the ring from recvmmsg. */

import { getSystemErrorName } from "node:util";
import { loadAddon } from "../engine/addon.ts";
import { portError } from "./port_error.ts";
import { receiveBufferBytesDefault, type UdpInput, type UdpOptions } from "./udp_input.ts";

interface UdpReceiver {
  readonly port: number;
  stats(): {
    receivedRecords: number;
    receivedBytes: number;
    kernelDrops: number;
    lostRecords: number;
    lostBytes: number;
    lostOversizeRecords: number;
    lostOversizeBytes: number;
    cutRecords: number;
  };
  stop(): void;
}

type UdpReceiverClass = new (
  options: {
    host: string | undefined;
    port: number;
    reusePort: boolean;
    receiveBufferBytes: number;
    ring: Uint8Array;
    producer: number;
    maxRecordBytes: number;
    sharding: { keyKind: number; paths: readonly Uint8Array[]; rings: readonly Uint8Array[] } | undefined;
  },
  onReadable: () => void,
) => UdpReceiver;

/** @returns undefined where the addon has no receiver (Windows) */
export function openNativeUdp(options: UdpOptions): UdpInput | undefined {
  const loaded = loadAddon();
  const found = "addon" in loaded ? (loaded.addon as { UdpReceiver?: unknown }).UdpReceiver : undefined;
  if (found === undefined) return undefined;
  const { host, port, reusePort, producer, maxRecordBytes, receiveBufferBytes = receiveBufferBytesDefault } = options;
  const ring = new Uint8Array(options.ring);
  const sharding = options.sharding && {
    keyKind: options.sharding.key.kind,
    paths: options.sharding.key.paths,
    rings: options.sharding.rings.map((memory) => new Uint8Array(memory)),
  };
  let receiver: UdpReceiver;
  try {
    receiver = new (found as UdpReceiverClass)(
      { host, port, reusePort, receiveBufferBytes, ring, producer, maxRecordBytes, sharding },
      options.onReadable,
    );
  } catch (error) {
    throw systemError(error as Error & { errno?: number }, port);
  }
  return {
    port: receiver.port,
    stats() {
      const { lostRecords, lostBytes, ...stats } = receiver.stats();
      return { ...stats, lostRingFullRecords: lostRecords, lostRingFullBytes: lostBytes };
    },
    async stop() {
      receiver.stop();
      // What the last datagrams were pushed for: the receiver's own call may have been on its way when it was closed.
      options.onReadable();
    },
  };
}

/** Gives the addon's error number the name that Node's own errors have. 0: a host name that leads nowhere. */
function systemError(error: Error & { errno?: number; code?: string }, port: number): Error {
  if (error.errno === undefined) return error;
  error.code = error.errno === 0 ? "ENOTFOUND" : getSystemErrorName(-error.errno);
  return portError(error, "UDP", port);
}
