/** What a UDP input is: one datagram, one record, put into the worker's ring. What ring or kernel must leave is counted. */

import type { Sharding } from "../engine/engine.ts";

export interface UdpOptions {
  readonly kind: "native" | "portable";
  /** A name or address to bind; absent: every address, IPv4 and IPv6 where the host has both. */
  readonly host?: string | undefined;
  /** 0: any free port. */
  readonly port: number;
  /** Several sockets may share the port; the system spreads senders over them. */
  readonly reusePort: boolean;
  /** Wanted size of the system's receive buffer in bytes; it may allow less. Default 8 MiB. */
  readonly receiveBufferBytes?: number;
  readonly ring: SharedArrayBuffer;
  /** Absent: every record goes into `ring`; else into its owner's. `self` and `producer` of it are not looked at. */
  readonly sharding?: Sharding | undefined;
  /** A number in the ring's table of producers that no other thread pushes under. */
  readonly producer: number;
  readonly maxRecordBytes: number;
  /** Called on this thread when records were pushed; not once for each. */
  readonly onReadable: () => void;
}

export interface UdpStats {
  /** Records that were put into the ring, and their bytes. */
  readonly receivedRecords: number;
  readonly receivedBytes: number;
  /** Datagrams that the system dropped, nearly always because its receive buffer was full. 0 where it does not tell. */
  readonly kernelDrops: number;
  /** Datagrams that were read and found no room: in the portable input, and natively only while it stops. */
  readonly lostRingFullRecords: number;
  readonly lostRingFullBytes: number;
  /** As the framer's `frameCell`s: what was cut off datagrams longer than maxRecordBytes, and those of which nothing was left. */
  readonly lostOversizeRecords: number;
  readonly lostOversizeBytes: number;
  readonly cutRecords: number;
}

export interface UdpInput {
  readonly port: number;
  /** Also after stop. */
  stats(): UdpStats;
  /** Takes what the system holds still, then closes. Twice does no harm. */
  stop(): Promise<void>;
}

export const receiveBufferBytesDefault = 8 * 1024 * 1024;
