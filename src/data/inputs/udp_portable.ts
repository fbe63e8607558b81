/**
 * UDP without the addon: `node:dgram`, one call of JavaScript a datagram. A datagram that finds the ring full is lost and
 * counted: holding it back would hold back the socket's other datagrams only until the system drops those.
 */

import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { readFileSync, readlinkSync } from "node:fs";
import type { Framer } from "../engine/engine.ts";
import { frameCell, frameCells } from "../engine/layout.ts";
import { portableKind } from "../engine/portable/kind.ts";
import { trimAtCut } from "../frame/oversize.ts";
import { ShardOwners } from "../shard/shard_key.ts";
import { portError } from "./port_error.ts";
import { receiveBufferBytesDefault, type UdpInput, type UdpOptions, type UdpStats } from "./udp_input.ts";

/** How often the system's count of drops is read. */
const dropsEveryMs = 1000;
/** After a stop: this long nothing arrived, so nothing is left to read. */
const quietMs = 20;
const quietTurnsMax = 50;

export async function openPortableUdp(options: UdpOptions): Promise<UdpInput> {
  return new PortableUdp(options, await bind(options));
}

class PortableUdp implements UdpInput {
  readonly port: number;
  readonly #socket: Socket;
  readonly #stats = {
    receivedRecords: 0,
    receivedBytes: 0,
    kernelDrops: 0,
    lostRingFullRecords: 0,
    lostRingFullBytes: 0,
  };
  readonly #losses = new Float64Array(frameCells);
  readonly #timer: NodeJS.Timeout;
  readonly #inode: string | undefined;
  #stopped: Promise<void> | undefined;
  #datagrams = 0;

  constructor(options: UdpOptions, socket: Socket) {
    this.#socket = socket;
    this.port = socket.address().port;
    const { ring: memory, producer, maxRecordBytes, onReadable } = options;
    const kind = portableKind();
    const { sharding } = options;
    const rings = (sharding?.rings ?? [memory]).map((one) => kind.openRing(one, producer));
    const owners = sharding && new ShardOwners(sharding.key, rings.length);
    const losses = this.#losses;
    const stats = this.#stats;
    let framer: Framer | undefined;
    let peer = "";
    socket.on("message", (datagram: Buffer, { address, port }: RemoteInfo) => {
      this.#datagrams++;
      const bytes = recordBytes(datagram);
      if (bytes === 0) return;
      // A framer knows where its records come from; most datagrams in a row come from one peer.
      if (framer === undefined || peer !== `${address} ${port}`) {
        framer?.close();
        framer = kind.createFramer({ kind: "datagram" }, maxRecordBytes, { transport: "udp", address, port }, losses);
        peer = `${address} ${port}`;
      }
      const lostRecords = losses[frameCell.lostOversizeRecords]!;
      const lostBytes = losses[frameCell.lostOversizeBytes]!;
      const kept = bytes > maxRecordBytes ? trimAtCut(datagram, 0, maxRecordBytes) : bytes;
      const ring = rings[owners?.owner(datagram, 0, kept, { transport: "udp", address, port }) ?? 0]!;
      if (ring.pushChunk(framer, datagram, 0, Date.now()) === datagram.length) {
        stats.receivedRecords += 1 - (losses[frameCell.lostOversizeRecords]! - lostRecords);
        stats.receivedBytes += bytes - (losses[frameCell.lostOversizeBytes]! - lostBytes);
      } else {
        stats.lostRingFullRecords++;
        stats.lostRingFullBytes += bytes;
        // What it holds of the datagram that was given up goes with it.
        framer.close();
        framer = undefined;
      }
      onReadable();
    });
    socket.on("error", () => {}); // an ICMP answer to nothing that we sent; the socket lives on
    this.#inode = socketInode(socket);
    this.#timer = setInterval(() => this.#readDrops(), dropsEveryMs).unref();
    socket.once("close", () => {
      clearInterval(this.#timer);
      framer?.close();
      for (const ring of rings) ring.close();
    });
  }

  stats(): UdpStats {
    return {
      ...this.#stats,
      lostOversizeRecords: this.#losses[frameCell.lostOversizeRecords]!,
      lostOversizeBytes: this.#losses[frameCell.lostOversizeBytes]!,
      cutRecords: this.#losses[frameCell.cutRecords]!,
    };
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await this.#stepAside();
    // libuv reads at most 32 datagrams a turn, so what the system holds still arrives over several.
    for (let turn = 0, seen = -1; turn < quietTurnsMax && seen !== this.#datagrams; turn++) {
      seen = this.#datagrams;
      await new Promise((resolve) => setTimeout(resolve, quietMs));
    }
    this.#readDrops();
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  /** As the native receiver does (`native/udp/receiver.cc`): connected to itself the socket gets nothing any more but what waits for it. */
  #stepAside(): Promise<void> {
    const { address, port } = this.#socket.address();
    const own = address === "::" ? "::1" : address === "0.0.0.0" ? "127.0.0.1" : address;
    return new Promise((resolve) => this.#socket.connect(port, own, () => resolve()));
  }

  #readDrops(): void {
    if (this.#inode !== undefined) this.#stats.kernelDrops = kernelDrops(this.#inode) ?? this.#stats.kernelDrops;
  }
}

/** Bytes of a datagram's record: one LF, CR LF or NUL at its end is taken off. */
function recordBytes(datagram: Buffer): number {
  const { length } = datagram;
  if (datagram[length - 1] === 0x0a) return length - (datagram[length - 2] === 0x0d ? 2 : 1);
  return datagram[length - 1] === 0 ? length - 1 : length;
}

async function bind(options: UdpOptions): Promise<Socket> {
  const { host, port, reusePort, receiveBufferBytes = receiveBufferBytesDefault } = options;
  const attempt = (type: "udp4" | "udp6") =>
    new Promise<Socket>((resolve, reject) => {
      const socket = createSocket({ type, ...(reusePort && { reusePort }) });
      socket.once("error", reject);
      socket.bind({ port, exclusive: true, ...(host !== undefined && { address: host }) }, () => {
        socket.off("error", reject);
        try {
          socket.setRecvBufferSize(receiveBufferBytes);
        } catch {
          // Systems that refuse a size instead of granting less keep their default.
        }
        resolve(socket);
      });
    });
  try {
    if (host !== undefined && !host.includes(":")) return await attempt("udp4");
    // One socket for both versions, as the native one; IPv4 alone on hosts without IPv6.
    return await attempt("udp6").catch((error: NodeJS.ErrnoException) => {
      if (host === undefined && (error.code === "EAFNOSUPPORT" || error.code === "EADDRNOTAVAIL"))
        return attempt("udp4");
      throw error;
    });
  } catch (error) {
    throw portError(error as NodeJS.ErrnoException, "UDP", port);
  }
}

/**
 * Linux: the socket's number in /proc/net/udp. dgram can not be asked for drops, and its descriptor only through its inner
 * state; where a version of Node has that elsewhere, kernelDrops stays 0.
 */
function socketInode(socket: Socket): string | undefined {
  if (process.platform !== "linux") return undefined;
  for (const symbol of Object.getOwnPropertySymbols(socket)) {
    const inner = (socket as unknown as Record<symbol, { handle?: { fd?: number } } | undefined>)[symbol];
    const fd = typeof inner === "object" ? inner?.handle?.fd : undefined;
    if (typeof fd !== "number" || fd < 0) continue;
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/** The last column of the socket's line in /proc/net/udp or udp6 (the tenth is its inode). */
function kernelDrops(inode: string): number | undefined {
  for (const table of ["/proc/self/net/udp6", "/proc/self/net/udp"]) {
    try {
      for (const line of readFileSync(table, "latin1").split("\n")) {
        const columns = line.trim().split(/\s+/);
        if (columns[9] === inode) return Number(columns.at(-1));
      }
    } catch {
      // The host has no such protocol.
    }
  }
  return undefined;
}
