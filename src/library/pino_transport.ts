/**
 * `streamgate/pino`: a transport for pino. In pino's worker thread, or in the caller's, the rules run over what the logger wrote, whole chunks at
 * a time; what passes goes to a gate over TCP, to a file, or to standard output. pino-abstract-transport is not used: it cuts and parses each line in
 * JavaScript, which the engine does not need.
 */

import { readFileSync } from "node:fs";
import { Writable } from "node:stream";
import type { OpenQuarantine } from "../data/quarantine/opened.ts";
import { StreamGateError } from "../errors.ts";
import { parseJson } from "../json.ts";
import { nameOf } from "../schema.ts";
import { KiB, MiB } from "../settings/quantity.ts";
import { forwardLog } from "../telemetry/log.ts";
import type { RulesInput } from "./compiled_rules.ts";
import type { EngineCore, Survivors } from "./engine_core.ts";
import type { Amount, EngineStats } from "./engine_stats.ts";
import { InputStream } from "./input_stream.ts";
import { refuseUnknownOptions } from "./known_options.ts";
import {
  type FileDestination,
  type GateDestination,
  type LogDestination,
  SentToGate,
  WrittenToFile,
} from "./log_destination.ts";
import { openCore } from "./open_core.ts";

/** Options of `streamgate/pino`. All of it is JSON: pino hands it to a worker thread. */
export interface PinoTransportOptions {
  /** A list of rules or a manifest, or the path of a JSON file with either. Default: none, so that every record passes as it is. */
  readonly rules?: RulesInput | string;
  /** Default: native where it loads, else portable. */
  readonly engine?: "native" | "portable";
  /** Where what passes goes. Default `stdout`. */
  readonly to?: "stdout" | "stderr" | GateDestination | FileDestination;
  /**
   * To a gate: most bytes that wait while it is away, 64 KiB or more. What finds no room is lost and counted (the newest, not what waits), and told in a
   * record of its own when there is room. Default 8 MiB.
   */
  readonly queueBytes?: number;
  /** Most milliseconds that a flush waits, and to a gate the end of the logger. Default 3000; pino itself gives a worker 10 s. */
  readonly endTimeoutMs?: number;
  /**
   * Directory for records that a protect rule could not finish, encrypted, 256 MiB at most; one for each process that logs. `streamgate quarantine`
   * reads it. Default: none, and such a record is counted, told of and gone.
   */
  readonly quarantine?: string;
}

export interface PinoTransportStats {
  /** What the rules did. */
  readonly engine: EngineStats;
  /** What the system took, to send or to write. Bytes without line ends, here and below. */
  readonly sent: Amount;
  /** What waits for the gate, or the disk. */
  readonly queued: Amount;
  /** What found no room while the gate was away, was left at the end, or could not be written. */
  readonly lost: Amount;
  /** Connections to the gate that broke: some of what was sent is missing there, and nobody can say how much. */
  readonly broken: number;
  /** Of `engine.quarantined`: what the quarantine could not take; without one all of it. */
  readonly notKept: Amount;
  /** Records of the transport's own, which tell what was lost or withheld: in `sent`, and not in `engine`. */
  readonly notices: Amount;
}

/** A stream that takes what pino writes: text or bytes of JSON lines, cut anywhere. */
export interface PinoTransport extends Writable {
  /** At rest `engine.passed.records + notices.records = sent.records + queued.records + lost.records`. */
  stats(): PinoTransportStats;
  /** Resolves when everything written so far was handed over, or `endTimeoutMs` is over. */
  flush(done?: () => void): void;
}

/**
 * Makes the stream. pino calls it in its worker; called by hand the result is a destination: `pino(pinoTransport({ … }))`.
 * @throws StreamGateError as `createEngine` does; SG_INPUT, SG_MANIFEST when the file of rules cannot be read; SG_SETTING, SG_TLS
 * @example
 * pino({ transport: { target: "streamgate/pino", options: { rules: "rules.json", to: { port: 8081 } } } });
 */
export default function pinoTransport(options: PinoTransportOptions = {}): PinoTransport {
  return new Transport(options);
}

const transportOptions: readonly (keyof PinoTransportOptions)[] = [
  "rules",
  "engine",
  "to",
  "queueBytes",
  "endTimeoutMs",
  "quarantine",
];
/** A piece is what a gate may get twice, and what is lost at a time. */
const pieceBytes = 64 * KiB;
const queueBytesMin = 64 * KiB;
/** As QUARANTINE_MAX_BYTES is by default. */
const quarantineBytesMax = 256 * MiB;
/** A notice of each kind once in so long, and at the end. */
const noticeMs = 10_000;
const warningMs = 60_000;
/** As a gate's workers do. */
const tickMs = 1000;
/** pino's own numbers. */
const level = { warn: 40, error: 50 } as const;

class Transport extends Writable implements PinoTransport {
  readonly #core: EngineCore;
  readonly #input: InputStream;
  readonly #to: LogDestination;
  readonly #notices = { records: 0, bytes: 0 };
  /** What was told so far. */
  #toldLost = 0;
  #toldWithheld = 0;
  #toldBroken = 0;
  #noticedAtMs = Number.NEGATIVE_INFINITY;
  #warnedAtMs = Number.NEGATIVE_INFINITY;
  readonly #ticks: NodeJS.Timeout | undefined;
  readonly #endMs: number;
  readonly #quarantineIn: string | undefined;
  #quarantine: OpenQuarantine | undefined;
  /** Bytes that came and are through the rules, and whoever waits for so many. */
  #ranBytes = 0;
  readonly #flushes: { readonly at: number; readonly through: () => void }[] = [];

  constructor(options: PinoTransportOptions) {
    super({ decodeStrings: true, highWaterMark: MiB });
    refuseUnknownOptions(options, transportOptions, "pino transport options");
    const { rules = [], engine, to = "stdout", queueBytes = 8 * MiB, endTimeoutMs: endMs = 3000 } = options;
    const { quarantine } = options;
    if (quarantine !== undefined && typeof quarantine !== "string")
      throw new StreamGateError("SG_SETTING", {
        where: "pino transport options.quarantine",
        what: `must be the path of a directory, not ${nameOf(quarantine)}`,
        fix: "give a directory of this process's own",
      });
    for (const [option, value, least] of [
      ["queueBytes", queueBytes, queueBytesMin],
      ["endTimeoutMs", endMs, 0],
    ] as const)
      if (!Number.isFinite(value) || value < least)
        throw new StreamGateError("SG_SETTING", {
          where: `pino transport options.${option}`,
          what: `${JSON.stringify(value)} is no number from ${least}`,
          fix: "docs/library.md tells what it takes",
        });
    this.#endMs = endMs;
    this.#quarantineIn = quarantine;
    const read = typeof rules === "string" ? readRulesFile(rules) : rules;
    const where = "pino transport options";
    this.#core = openCore({ rules: read, ...(engine !== undefined && { engine }) }, where);
    this.#input = new InputStream(this.#core);
    try {
      this.#to = this.#open(to, { queueBytes, endMs });
    } catch (error) {
      this.#core.close();
      throw error;
    }
    // Summaries of what was dropped do not wait for the next thing that is logged.
    if (this.#core.remembers) this.#ticks = setInterval(() => this.#tick(), tickMs).unref();
  }

  stats(): PinoTransportStats {
    const { sent, queued, lost, broken } = this.#to;
    return {
      engine: this.#core.stats(),
      sent: { ...sent },
      queued: { ...queued },
      lost: { ...lost },
      broken,
      notKept: { ...(this.#quarantineIn === undefined ? this.#core.stats().quarantined : this.#core.notKept) },
      notices: { ...this.#notices },
    };
  }

  /** pino asks for it by this name. */
  flush(done: () => void = () => {}): void {
    let waits = true;
    const finish = () => {
      if (!waits) return;
      waits = false;
      clearTimeout(timer);
      done();
    };
    const timer = setTimeout(finish, this.#endMs);
    const through = () => this.#to.flush(finish);
    // `drain` comes only where a writer was told to wait.
    if (this.writableLength === 0 || this.destroyed) through();
    else this.#flushes.push({ at: this.#ranBytes + this.writableLength, through });
  }

  /** Nothing is run before the quarantine is open. */
  override _construct(done: (error?: Error | null) => void): void {
    this.#openQuarantine().then(() => done(), done);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.#run(chunk, 0, (error) => {
      this.#ranBytes += chunk.length;
      done(error);
      while (this.#flushes.length > 0 && this.#flushes[0]!.at <= this.#ranBytes) this.#flushes.shift()!.through();
    });
  }

  override _final(done: (error?: Error) => void): void {
    clearInterval(this.#ticks);
    try {
      this.#send(this.#input.finish(), () => {
        this.#notice(true);
        this.#to.end(() => {
          const left = this.#to.lost.records - this.#toldLost;
          if (left > 0)
            this.#warn(left === 1 ? "1 log record was not delivered" : `${left} log records were not delivered`);
          this.#closeQuarantine().then(() => done(), done);
        });
      });
    } catch (error) {
      done(error as Error);
    }
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearInterval(this.#ticks);
    this.#input.close();
    if (!this.writableFinished) this.#to.destroy();
    this.#core.close();
    for (const { through } of this.#flushes.splice(0)) through();
    this.#closeQuarantine().then(() => done(error), done);
  }

  async #openQuarantine(): Promise<void> {
    if (this.#quarantineIn === undefined) return;
    const { openQuarantine } = await import("../data/quarantine/opened.ts");
    const log = forwardLog((level, _fields, message) => {
      if (level !== "info") this.#warn(message);
    });
    this.#quarantine = await openQuarantine(this.#quarantineIn, quarantineBytesMax, log);
    this.#core.keepWithheldIn(this.#quarantine.store);
  }

  async #closeQuarantine(): Promise<void> {
    const quarantine = this.#quarantine;
    this.#quarantine = undefined;
    await quarantine?.close();
  }

  #open(to: NonNullable<PinoTransportOptions["to"]>, limits: { queueBytes: number; endMs: number }): LogDestination {
    const failed = (error: Error) => this.destroy(error);
    if (to === "stdout") return new WrittenToFile(1, failed);
    if (to === "stderr") return new WrittenToFile(2, failed);
    if (typeof to === "object" && "file" in to) return new WrittenToFile(to.file, failed);
    if (typeof to === "object" && "port" in to)
      return new SentToGate(to, limits, (why) => {
        // A logger that cannot log says it once a while where warnings go.
        const nowMs = Date.now();
        if (nowMs - this.#warnedAtMs < warningMs) return;
        this.#warnedAtMs = nowMs;
        this.#warn(`${why}: log records wait, and are lost when ${limits.queueBytes} bytes do`);
      });
    throw new StreamGateError("SG_SETTING", {
      where: "pino transport options.to",
      what: `${JSON.stringify(to)} is no destination`,
      fix: 'give "stdout", "stderr", { file } or { host, port }',
    });
  }

  #run(chunk: Buffer, from: number, done: (error?: Error) => void): void {
    if (from >= chunk.length) {
      done();
      return;
    }
    const to = Math.min(from + pieceBytes, chunk.length);
    try {
      const survivors = this.#input.write(chunk.subarray(from, to));
      this.#notice(false);
      this.#send(survivors, (error) => (error === undefined ? this.#run(chunk, to, done) : done(error)));
    } catch (error) {
      done(error as Error);
    }
  }

  #tick(): void {
    // What is being written brings them itself.
    if (this.writableLength === 0) this.#send(this.#core.tick(), () => {});
  }

  #send(survivors: Survivors, done: (error?: Error) => void): void {
    if (survivors.records === 0) done();
    else this.#to.send(survivors, done);
  }

  /** Tells, in the stream itself, what is missing from it: never a record's content. */
  #notice(last: boolean): void {
    const missing = {
      lost: this.#to.lost.records - this.#toldLost,
      withheld: this.#withheldRecords() - this.#toldWithheld,
      broken: this.#to.broken - this.#toldBroken,
    };
    const { lost, withheld, broken } = missing;
    if (lost + withheld + broken === 0) return;
    const nowMs = Date.now();
    if (!last && nowMs - this.#noticedAtMs < noticeMs) return;
    const why = [
      ...(lost > 0 ? [`${lost} were lost while the gate was away`] : []),
      ...(withheld > 0 ? [`${withheld} were withheld because a rule could not finish them`] : []),
      ...(broken > 0 ? [`what the gate had not read when its connection broke (${broken} times)`] : []),
    ];
    const line = JSON.stringify({
      level: withheld > 0 ? level.error : level.warn,
      time: nowMs,
      msg: `streamgate: log records are missing here: ${why.join(", ")}`,
      streamgate: missing,
    });
    const bytes = Buffer.from(`${line}\n`);
    if (!this.#to.hasRoom(bytes.length)) return;
    this.#noticedAtMs = nowMs;
    this.#toldLost += lost;
    this.#toldWithheld += withheld;
    this.#toldBroken += broken;
    this.#notices.records++;
    this.#notices.bytes += bytes.length - 1;
    this.#to.send({ bytes, records: 1 }, () => {});
  }

  #withheldRecords(): number {
    return this.#core.stats().quarantined.records;
  }

  #warn(what: string): void {
    process.emitWarning(`streamgate/pino: ${what}`, { code: "STREAMGATE_PINO" });
  }
}

function readRulesFile(path: string): RulesInput {
  const where = "pino transport options.rules";
  const fix = "give a JSON file with a list of rules, or a manifest";
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new StreamGateError("SG_INPUT", { where, what: (error as Error).message, fix }, { cause: error });
  }
  try {
    return parseJson(bytes) as RulesInput;
  } catch (error) {
    throw new StreamGateError("SG_MANIFEST", { where, what: `${path}: ${(error as Error).message}`, fix });
  }
}
