/** Where records of the pino transport go that have passed the rules: a gate, a file, or standard output. */

import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import sonicBoom from "sonic-boom";
import { StreamGateError } from "../errors.ts";
import type { Survivors } from "./engine_core.ts";
import type { Amount } from "./engine_stats.ts";
import { GateSender } from "./gate_sender.ts";

/** A gate that listens for records. */
export interface GateDestination {
  /** Default `localhost`. */
  readonly host?: string;
  /** 8081 where the gate has its default. */
  readonly port: number;
  /** Absent: no TLS. The certificate is always checked. */
  readonly tls?: {
    /** PEM file of the authorities of the gate's certificate. Absent: Node's own. */
    readonly ca?: string;
    /** PEM files of a certificate that the gate asks for, and its key. */
    readonly cert?: string;
    readonly key?: string;
    /** Name in the gate's certificate. Default: `host`. */
    readonly servername?: string;
  };
}

export interface FileDestination {
  /** Appended to; made where it is not there, its directory too, readable by its owner only. */
  readonly file: string;
}

/** What the transport writes to. */
export interface LogDestination {
  /** @param done called when it takes more */
  send(piece: Survivors, done: (error?: Error) => void): void;
  /** Whether so many bytes would be lost now. */
  hasRoom(bytes: number): boolean;
  /** Calls back when all is handed over, or cannot be in time. */
  flush(done: () => void): void;
  end(done: () => void): void;
  destroy(): void;
  readonly sent: Amount;
  readonly queued: Amount;
  readonly lost: Amount;
  /** How often a connection broke, with which an unknown amount of `sent` was lost. */
  readonly broken: number;
}

export class SentToGate implements LogDestination {
  readonly #sender: GateSender;
  readonly #endMs: number;

  constructor(to: GateDestination, limits: { queueBytes: number; endMs: number }, away: (why: string) => void) {
    const { host = "localhost", port, tls } = to;
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw new StreamGateError("SG_SETTING", {
        where: "pino transport options.to.port",
        what: `${JSON.stringify(port)} is no port`,
        fix: "give the gate's TCP_PORT, such as 8081",
      });
    this.#endMs = limits.endMs;
    const address = { host, port, ...(tls !== undefined && { tls: tlsOf(tls) }) };
    this.#sender = new GateSender(address, limits.queueBytes, {
      away: (why) => away(`the gate at ${host}:${port} is away (${why})`),
    });
  }

  send(piece: Survivors, done: () => void): void {
    this.#sender.send(piece);
    done();
  }

  hasRoom(bytes: number): boolean {
    return this.#sender.hasRoom(bytes);
  }

  flush(done: () => void): void {
    this.#sender.flush(this.#endMs, done);
  }

  end(done: () => void): void {
    this.#sender.end(this.#endMs, done);
  }

  destroy(): void {
    this.#sender.destroy();
  }

  get sent(): Amount {
    return this.#sender.sent;
  }
  get queued(): Amount {
    return this.#sender.queued;
  }
  get lost(): Amount {
    return this.#sender.lost;
  }
  get broken(): number {
    return this.#sender.broken;
  }
}

/** Waits where the disk, or the program that reads, is slow. */
export class WrittenToFile implements LogDestination {
  readonly #file: sonicBoom.SonicBoom;
  readonly sent = { records: 0, bytes: 0 };
  readonly queued = { records: 0, bytes: 0 };
  readonly lost = { records: 0, bytes: 0 };
  readonly broken = 0;
  /** Oldest first: what the system has not taken whole, and how many bytes it has of the first. */
  readonly #waiting: Survivors[] = [];
  #taken = 0;
  readonly #flushes: (() => void)[] = [];
  /** Nothing is written any more. */
  #failed = false;
  #leaving = false;

  /** @param to a path, or a file descriptor */
  constructor(to: string | number, failed: (error: Error) => void) {
    this.#file = new sonicBoom.SonicBoom({ dest: to, contentMode: "buffer", mkdir: true, mode: 0o600, sync: false });
    this.#file.on("write", (bytes) => this.#took(bytes));
    this.#file.on("error", (error) => {
      this.#failed = true;
      this.#loseWaiting();
      // Else whoever hears of it destroys this.
      if (this.#leaving) this.#file.destroy();
      else failed(error);
    });
  }

  send(piece: Survivors, done: (error?: Error) => void): void {
    const { bytes, records } = piece;
    this.#waiting.push(piece);
    this.queued.records += records;
    this.queued.bytes += bytes.length - records;
    if (this.#failed || this.#leaving) {
      this.#loseWaiting();
      done();
      return;
    }
    // Its types know text only; with `contentMode: "buffer"` it takes bytes.
    if (this.#file.write(bytes as unknown as string)) done();
    else this.#file.once("drain", done);
  }

  hasRoom(): boolean {
    return true;
  }

  flush(done: () => void): void {
    if (this.#waiting.length === 0) done();
    else this.#flushes.push(done);
  }

  end(done: () => void): void {
    this.#file.once("close", done);
    this.#file.end();
  }

  /** What it was handed is written, which is little: it cannot be stopped in the middle of a write (its `destroy` throws there). */
  destroy(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    if (this.#failed) this.#file.destroy();
    else this.#file.end();
  }

  #took(bytes: number): void {
    this.#taken += bytes;
    for (let piece = this.#waiting[0]; piece !== undefined && this.#taken >= piece.bytes.length; ) {
      this.#waiting.shift();
      this.#taken -= piece.bytes.length;
      this.#settle(this.sent, piece);
      piece = this.#waiting[0];
    }
    this.#tellFlushed();
  }

  #loseWaiting(): void {
    this.#taken = 0;
    for (const piece of this.#waiting.splice(0)) this.#settle(this.lost, piece);
    this.#tellFlushed();
  }

  #settle(as: { records: number; bytes: number }, { bytes, records }: Survivors): void {
    const size = bytes.length - records;
    this.queued.records -= records;
    this.queued.bytes -= size;
    as.records += records;
    as.bytes += size;
  }

  #tellFlushed(): void {
    if (this.#waiting.length === 0) for (const done of this.#flushes.splice(0)) done();
  }
}

function tlsOf({ servername, ...paths }: NonNullable<GateDestination["tls"]>) {
  const pem: Record<string, Buffer> = {};
  let option = "";
  try {
    for (const [name, path] of Object.entries(paths)) {
      option = `.${name}`;
      pem[name] = readFileSync(path);
    }
    option = "";
    return { secureContext: createSecureContext(pem), ...(servername !== undefined && { servername }) };
  } catch (error) {
    throw new StreamGateError(
      "SG_TLS",
      {
        where: `pino transport options.to.tls${option}`,
        what: `cannot be used: ${(error as Error).message}`,
        fix: "give paths of PEM files: authorities in ca, a certificate in cert and its key in key",
      },
      { cause: error },
    );
  }
}
