/**
 * Sends records to a gate over TCP or TLS, a line each: connects again when the connection ends, holds a bounded number of bytes
 * meanwhile, and counts what found no room.
 *
 * TCP tells a sender what the system took, not what the gate read: a piece that the system did not take whole is sent again (so
 * records may come twice), and what it took and a dying gate had not read is lost, nobody knows how much. Then the connection
 * ends by an error, and that is counted. A gate that is asked to end reads what has come.
 */

import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls, type SecureContext } from "node:tls";
import { KiB } from "../settings/quantity.ts";
import type { Survivors } from "./engine_core.ts";
import type { Amount } from "./engine_stats.ts";

/** What a socket is handed before the rest waits here, where it is counted. */
const socketBytes = 256 * KiB;
const retryMsMin = 100;
const retryMsMax = 2000;
/** A system may try for two minutes where nobody answers. */
const connectMs = 10_000;

export interface GateAddress {
  readonly host: string;
  readonly port: number;
  /** Absent: no TLS. */
  readonly tls?: { readonly secureContext: SecureContext; readonly servername?: string };
}

export interface SenderEvents {
  /** Once each time that the gate is found away: why, as the system says it. */
  away(why: string): void;
}

export class GateSender {
  readonly #address: GateAddress;
  readonly #bytesMax: number;
  readonly #events: SenderEvents;
  /** Oldest first: `#handed` of them the socket has, and the system has not taken whole. */
  readonly #queue: Survivors[] = [];
  #handed = 0;
  #queuedBytes = 0;
  #socket: Socket | undefined;
  #connected = false;
  #toldAway = false;
  #retryMs = retryMsMin;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  readonly #waiting: (() => void)[] = [];
  /** What the system took. */
  readonly sent = { records: 0, bytes: 0 };
  /** What found no room here, or was here at the end. */
  readonly lost = { records: 0, bytes: 0 };
  /** Connections that ended by an error: what the system had taken, and the gate not read, is missing there; nobody can say how much. */
  broken = 0;

  constructor(address: GateAddress, bytesMax: number, events: SenderEvents) {
    this.#address = address;
    this.#bytesMax = bytesMax;
    this.#events = events;
    this.#connect();
  }

  get queued(): Amount {
    return { records: this.#queue.reduce((sum, { records }) => sum + records, 0), bytes: this.#queuedBytes };
  }

  /** Whether so many bytes more find room. */
  hasRoom(bytes: number): boolean {
    return this.#queuedBytes + bytes <= this.#bytesMax;
  }

  send(piece: Survivors): void {
    if (piece.records === 0) return;
    if (this.#closed || !this.hasRoom(piece.bytes.length)) {
      this.#lose(piece);
      return;
    }
    this.#queue.push(piece);
    this.#queuedBytes += piece.bytes.length;
    this.#hand();
  }

  /** Calls back when the system has taken all that is here, or after `limitMs`. */
  flush(limitMs: number, done: () => void): void {
    if (this.#queue.length === 0) {
      done();
      return;
    }
    const finish = () => {
      clearTimeout(timer);
      const at = this.#waiting.indexOf(finish);
      if (at >= 0) this.#waiting.splice(at, 1);
      done();
    };
    const timer = setTimeout(finish, limitMs);
    this.#waiting.push(finish);
  }

  /** What has not left within `limitMs` is lost. */
  end(limitMs: number, done: () => void): void {
    this.flush(limitMs, () => {
      const socket = this.#socket;
      const atOnce = this.#queue.length > 0 || !this.#connected;
      this.#stop();
      if (atOnce || socket === undefined) {
        socket?.destroy();
        done();
        return;
      }
      // The gate reads to the end, and closes.
      const guard = setTimeout(() => socket.destroy(), limitMs);
      socket.once("close", () => {
        clearTimeout(guard);
        done();
      });
      socket.end();
      socket.resume();
    });
  }

  /** At once; what is here is lost. */
  destroy(): void {
    this.#stop();
    this.#socket?.destroy();
  }

  /** Takes nothing any more. */
  #stop(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    for (const piece of this.#queue.splice(0)) this.#lose(piece);
    this.#queuedBytes = 0;
    for (const finish of this.#waiting.splice(0)) finish();
  }

  #connect(): void {
    const { host, port, tls } = this.#address;
    // An address is no name that a server could be asked for (RFC 6066 section 3).
    const named = isIP(host) === 0 ? { servername: host } : {};
    const socket = tls === undefined ? connect({ host, port }) : connectTls({ host, port, ...named, ...tls });
    this.#socket = socket;
    let why = "the connection was closed";
    socket.setKeepAlive(true, 30_000);
    const guard = setTimeout(() => socket.destroy(new Error(`no answer in ${connectMs / 1000} s`)), connectMs);
    socket.once(tls === undefined ? "connect" : "secureConnect", () => {
      clearTimeout(guard);
      this.#connected = true;
      this.#toldAway = false;
      this.#hand();
    });
    // A gate says nothing; but its end is only seen by who reads.
    socket.resume();
    socket.on("error", (error) => {
      why = error.message;
      if (this.#connected) this.broken++;
    });
    socket.once("close", () => {
      clearTimeout(guard);
      this.#lostConnection(why);
    });
  }

  #lostConnection(why: string): void {
    this.#connected = false;
    this.#socket = undefined;
    // What the system did not take whole goes again.
    this.#handed = 0;
    if (this.#closed) return;
    if (!this.#toldAway) {
      this.#toldAway = true;
      this.#events.away(why);
    }
    // Many senders of one gate do not come back in one moment.
    this.#retry = setTimeout(() => this.#connect(), this.#retryMs * (0.5 + Math.random() / 2));
    this.#retryMs = Math.min(retryMsMax, this.#retryMs * 2);
  }

  #hand(): void {
    const socket = this.#socket;
    if (socket === undefined || !this.#connected) return;
    while (this.#handed < this.#queue.length && socket.writableLength < socketBytes) {
      const piece = this.#queue[this.#handed++]!;
      socket.write(piece.bytes, (error) => {
        // Of a former connection, or one that broke: `#lostConnection` has seen to it.
        if (error != null || socket !== this.#socket) return;
        this.#taken(piece);
      });
    }
  }

  /** The system has taken the oldest piece: callbacks come in the order of writes. */
  #taken({ bytes, records }: Survivors): void {
    this.#queue.shift();
    this.#handed--;
    this.#queuedBytes -= bytes.length;
    this.sent.records += records;
    this.sent.bytes += bytes.length - records;
    this.#retryMs = retryMsMin;
    this.#hand();
    if (this.#queue.length === 0) for (const finish of this.#waiting.splice(0)) finish();
  }

  #lose({ bytes, records }: Survivors): void {
    this.lost.records += records;
    this.lost.bytes += bytes.length - records;
  }
}
