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

  /** @param to a path, or a file descriptor */
  constructor(to: string | number, failed: (error: Error) => void) {
    this.#file = new sonicBoom.SonicBoom({ dest: to, contentMode: "buffer", mkdir: true, mode: 0o600, sync: false });
    this.#file.on("error", failed);
  }

  send({ bytes, records }: Survivors, done: () => void): void {
    this.sent.records += records;
    this.sent.bytes += bytes.length - records;
    // Its types know text only; with `contentMode: "buffer"` it takes bytes.
    if (this.#file.write(bytes as unknown as string)) done();
    else this.#file.once("drain", done);
  }

  hasRoom(): boolean {
    return true;
  }

  flush(done: () => void): void {
    this.#file.flush(() => done());
  }

  end(done: () => void): void {
    this.#file.once("close", done);
    this.#file.end();
  }

  destroy(): void {
    this.#file.destroy();
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
