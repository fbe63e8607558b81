/**
 * `streamgate pipe`: standard input through the engine to standard output, records in order, nothing else involved.
 *
 * Reads and writes are synchronous on purpose: one thread that reads a chunk, runs it and writes what survived needs no
 * queue, so memory is flat whatever the input, a slow reader slows the reading, and a line typed by hand is answered at once
 * (a read returns what is there, and its survivors are written before the next read).
 */

import { fstatSync, readFileSync, readSync, writeSync } from "node:fs";
import { Batch } from "../data/engine/batch.ts";
import type { Engine, EngineKind, Framer, PreparedPlan } from "../data/engine/engine.ts";
import {
  countCell,
  countCellsFixed,
  countCellsOf,
  countCellsPerRule,
  frameCell,
  frameCells,
  ruleCell,
} from "../data/engine/layout.ts";
import { selectEngine } from "../data/engine/select.ts";
import type { Framing } from "../data/frame/framing.ts";
import type { OpenQuarantine } from "../data/quarantine/opened.ts";
import type { Quarantine } from "../data/quarantine/store.ts";
import { Withholding } from "../data/quarantine/withholding.ts";
import { StreamGateError } from "../errors.ts";
import { type Rule, readRules } from "../manifest/manifest.ts";
import { compilePlan } from "../plan/compile.ts";
import type { Plan } from "../plan/operations.ts";
import { resolveRuleKeys } from "../rules/secrets_of_rules.ts";
import { KiB, MiB } from "../settings/quantity.ts";
import { forwardLog } from "../telemetry/log.ts";
import { readRulesFile } from "./rules_file.ts";

/** A pipe holds 64 KiB by default (pipe(7)); files profit a little from more. */
const readBytes = 256 * KiB;
/** Twice what one read of 16-byte lines yields, so that a batch is rarely written before its chunk is done. */
const batchRecords = 32_768;
const batchBytes = 1 * MiB;

export interface PipeOptions {
  /** File with a JSON list of rules, or a manifest. */
  rules?: string;
  drop: readonly string[];
  /** Each pairs with the replacement at the same position. */
  /** Names of detectors and groups; they make one rule, behind those of the file. */
  redact: readonly string[];
  redactPattern: readonly string[];
  replacement: readonly string[];
  engine?: "native" | "portable";
  framing?: Framing;
  /** Directory in which what a protect rule cannot finish is kept, as an instance does in its data directory; absent: it is only counted. */
  quarantine?: string;
  maxRecordBytes: number;
  quarantineMaxBytes: number;
  stats?: boolean;
}

/** Exit status when a protect rule could not finish a record, which was withheld. */
const exitQuarantined = 3;

/**
 * Runs until standard input ends or standard output is closed.
 * @returns the exit status: 0, or 3 when a record was withheld
 * @throws StreamGateError before the first byte is written when a rule or the engine is refused
 */
export async function command(options: PipeOptions): Promise<number> {
  const { kind, warning } = await selectEngine(options.engine);
  if (warning !== undefined) note(warning);
  const read = { env: (name: string) => process.env[name], file: (path: string) => readFileSync(path, "utf8") };
  const plan = compilePlan(resolveRuleKeys(collectRules(options, kind), read));
  const quarantine = options.quarantine === undefined ? undefined : await quarantineIn(options.quarantine, options);
  const pipe = new Pipe(kind, plan, options, quarantine?.store);
  try {
    pipe.run();
  } finally {
    pipe.close();
    await quarantine?.close();
  }
  if (options.stats === true) note(JSON.stringify(pipe.stats()));
  return pipe.quarantinedRecords === 0 ? 0 : exitQuarantined;
}

/** Loaded where it is asked for. @throws StreamGateError SG_DATA_DIR_LOCKED while an instance uses the directory, SG_QUARANTINE_KEY */
async function quarantineIn(directory: string, { quarantineMaxBytes }: PipeOptions): Promise<OpenQuarantine> {
  const { openQuarantine } = await import("../data/quarantine/opened.ts");
  const log = forwardLog((_level, _fields, message) => note(`streamgate: ${message}`));
  return openQuarantine(directory, quarantineMaxBytes, log);
}

/** The rules of the file, then those of the flags, in the order given. */
function collectRules(options: PipeOptions, kind: EngineKind): Rule[] {
  if (options.replacement.length > options.redactPattern.length)
    throw new StreamGateError("SG_SETTING", {
      where: "--replacement",
      what: "is given more often than --redact-pattern",
      fix: "give one after each --redact-pattern",
    });
  const check = (pattern: string) => kind.checkPattern(pattern);
  const rules: Rule[] = [];
  if (options.rules !== undefined) {
    const file = readRulesFile(options.rules, check);
    for (const warning of file.warnings) note(`streamgate: warning: ${warning}`);
    rules.push(...file.rules);
  }
  const taken = new Set(rules.map((rule) => rule.id));
  const add = (flag: string, prefix: string, type: string, params: Record<string, unknown>) => {
    let number = 1;
    while (taken.has(`${prefix}_${number}`)) number++;
    const id = `${prefix}_${number}`;
    taken.add(id);
    try {
      rules.push(...readRules([{ id, type, params }], check).rules);
    } catch (error) {
      if (!(error instanceof StreamGateError)) throw error;
      throw new StreamGateError(error.code, {
        where: flag,
        what: error.what,
        ...(error.fix !== undefined && { fix: error.fix }),
      });
    }
  };
  for (const value of options.drop) add("--drop", "drop", "filter", { value });
  if (options.redact.length > 0) add("--redact", "redact", "redact", { detectors: options.redact });
  options.redactPattern.forEach((pattern, index) => {
    const replacement = options.replacement[index];
    add("--redact-pattern", "redact", "redact", { pattern, ...(replacement !== undefined && { replacement }) });
  });
  return rules;
}

/** Cells of everything that one run counts. */
interface Stats {
  engine: string;
  in: { records: number; bytes: number };
  out: { records: number; bytes: number };
  dropped: Record<string, { records: number; bytes: number }>;
  redacted: Record<string, { records: number; replacements: number }>;
  /** Of rules that sample: how many records those stand for that they kept by chance. */
  sampled?: Record<string, { weight: number }>;
  /** Of rules that made some. They are in `out`, and not in `in`. */
  summaries?: Record<string, { records: number; bytes: number }>;
  quarantined: { records: number; bytes: number };
  lost: {
    oversize: { records: number; bytes: number };
    frame: { records: number; bytes: number };
    closed: { records: number; bytes: number };
    /** With a quarantine: what it could not take. */
    quarantine_full?: { records: number; bytes: number };
  };
}

class Pipe {
  readonly #kind: EngineKind;
  readonly #plan: Plan;
  readonly #prepared: PreparedPlan;
  readonly #engine: Engine;
  readonly #framer: Framer;
  readonly #counts: Float64Array;
  readonly #losses = new Float64Array(frameCells);
  readonly #withholding: Withholding | undefined;
  #batch = new Batch(batchRecords, batchBytes);
  #outRecords = 0;
  #outBytes = 0;
  #lostClosedRecords = 0;
  #lostClosedBytes = 0;

  constructor(kind: EngineKind, plan: Plan, options: PipeOptions, quarantine: Quarantine | undefined) {
    this.#kind = kind;
    this.#plan = plan;
    this.#counts = new Float64Array(countCellsOf(plan));
    this.#prepared = kind.prepare(plan);
    this.#engine = kind.createEngine();
    this.#engine.use(this.#prepared, this.#counts);
    this.#engine.attach(this.#batch);
    if (quarantine !== undefined) this.#withholding = new Withholding(this.#engine, quarantine);
    this.#withholding?.use(plan.rules);
    const framing = options.framing ?? { kind: "newline" };
    this.#framer = kind.createFramer(framing, options.maxRecordBytes, { transport: "stdin" }, this.#losses);
  }

  get quarantinedRecords(): number {
    return this.#cell("quarantinedMatchLimitRecords") + this.#cell("quarantinedOutputLimitRecords");
  }

  /** Ends when the input ends, or quietly when nobody reads the output any more. */
  run(): void {
    const buffer = Buffer.allocUnsafeSlow(readBytes);
    let open = true;
    while (open) {
      const bytes = readInput(buffer);
      if (bytes === 0) break;
      const chunk = buffer.subarray(0, bytes);
      const receivedAtMs = Date.now();
      let at = this.#engine.runChunk(this.#framer, chunk, 0, receivedAtMs);
      while (open && at < bytes) {
        open = this.#flushFull();
        if (open) at = this.#engine.runChunk(this.#framer, chunk, at, receivedAtMs);
      }
      if (open) open = this.#flush();
    }
    while (open && !this.#engine.runEnd(this.#framer, Date.now())) open = this.#flushFull();
    while (open && !this.#engine.tellLast(Date.now())) open = this.#flushFull();
    if (open) this.#flush();
  }

  /** Writes the full batch, and makes a larger one when the next record needs it. */
  #flushFull(): boolean {
    // What was withheld may have been full instead.
    if (this.#withholding?.madeRoom() === true) return true;
    const open = this.#flush();
    if (this.#engine.needBytes > this.#batch.bytesMax) {
      this.#batch = new Batch(batchRecords, this.#engine.needBytes);
      this.#engine.attach(this.#batch);
    }
    return open;
  }

  /** @returns false when nobody reads the output any more */
  #flush(): boolean {
    this.#withholding?.look();
    const { records, bytes } = this.#batch;
    if (records === 0) return true;
    const open = writeOutput(this.#batch.slice(0, records));
    if (open) {
      this.#outRecords += records;
      this.#outBytes += bytes - records;
    } else {
      this.#lostClosedRecords += records;
      this.#lostClosedBytes += bytes - records;
    }
    this.#batch.clear();
    return open;
  }

  /** `in.bytes` and `dropped` count records' bytes as received, `out.bytes` as written; line ends count nowhere. */
  stats(): Stats {
    // As entries: an id such as `__proto__` is a key like any other.
    const dropped: [string, { records: number; bytes: number }][] = [];
    const redacted: [string, { records: number; replacements: number }][] = [];
    const sampled: [string, { weight: number }][] = [];
    const summaries: [string, { records: number; bytes: number }][] = [];
    this.#plan.rules.forEach(({ id, type }, index) => {
      const base = countCellsFixed + index * countCellsPerRule;
      const at = (cell: keyof typeof ruleCell) => this.#counts[base + ruleCell[cell]]!;
      if (type === "redact") redacted.push([id, { records: at("changedRecords"), replacements: at("replacements") }]);
      // A redact rule drops only in that mode.
      if (type !== "redact" || at("droppedRecords") > 0)
        dropped.push([id, { records: at("droppedRecords"), bytes: at("droppedBytes") }]);
      if (type === "sample") sampled.push([id, { weight: at("sampledWeight") }]);
      if (at("summaryRecords") > 0) summaries.push([id, { records: at("summaryRecords"), bytes: at("summaryBytes") }]);
    });
    const lost = this.#withholding?.lost;
    return {
      engine: this.#kind.name,
      in: { records: this.#cell("receivedRecords"), bytes: this.#cell("receivedBytes") },
      out: { records: this.#outRecords, bytes: this.#outBytes },
      dropped: Object.fromEntries(dropped),
      redacted: Object.fromEntries(redacted),
      ...(sampled.length > 0 && { sampled: Object.fromEntries(sampled) }),
      ...(summaries.length > 0 && { summaries: Object.fromEntries(summaries) }),
      quarantined: {
        records: this.quarantinedRecords - (lost?.records ?? 0),
        bytes:
          this.#cell("quarantinedMatchLimitBytes") + this.#cell("quarantinedOutputLimitBytes") - (lost?.bytes ?? 0),
      },
      lost: {
        oversize: {
          records: this.#losses[frameCell.lostOversizeRecords]!,
          bytes: this.#losses[frameCell.lostOversizeBytes]!,
        },
        frame: { records: this.#losses[frameCell.lostFrameRecords]!, bytes: this.#losses[frameCell.lostFrameBytes]! },
        closed: { records: this.#lostClosedRecords, bytes: this.#lostClosedBytes },
        ...(lost !== undefined && { quarantine_full: { ...lost } }),
      },
    };
  }

  close(): void {
    this.#framer.close();
    this.#engine.close();
    this.#prepared.close();
  }

  #cell(cell: keyof typeof countCell): number {
    return this.#counts[countCell[cell]]!;
  }
}

/** @returns bytes read; 0 at the end of the input */
function readInput(buffer: Buffer): number {
  for (let waits = 0; ; waits++) {
    try {
      return readSync(0, buffer);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === "EAGAIN") waitAWhile(waits);
      else if (code === "EOF") return 0;
      else if (code !== "EINTR")
        throw new StreamGateError(
          "SG_INPUT",
          { where: "standard input", what: message, fix: fixForInput() },
          { cause: error },
        );
    }
  }
}

function fixForInput(): string {
  try {
    return fstatSync(0).isDirectory() ? "give it a file, not a directory" : "give it a file or a pipe";
  } catch {
    return "give it a file or a pipe";
  }
}

/** @returns false when nobody reads the output any more */
function writeOutput(bytes: Buffer): boolean {
  let at = 0;
  for (let waits = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at, bytes.length - at);
      waits = 0;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === "EPIPE") return false;
      if (code === "EAGAIN") waitAWhile(waits++);
      else if (code !== "EINTR")
        throw new StreamGateError(
          "SG_STDOUT",
          { where: "standard output", what: message, fix: "check the disk or the program that reads it" },
          { cause: error },
        );
    }
  }
  return true;
}

const never = new Int32Array(new SharedArrayBuffer(4));

/**
 * Sleeps 1 to 16 ms. Standard input and output are non-blocking when another process that shares them made them so (Node
 * does that to pipes); there is no synchronous poll in Node, and a short sleep costs nothing that a user notices.
 */
function waitAWhile(waits: number): void {
  Atomics.wait(never, 0, 0, Math.min(16, 2 ** Math.min(waits, 4)));
}

function note(line: string): void {
  try {
    writeSync(2, `${line}\n`);
  } catch {
    // Nobody reads standard error: the statistics are lost, the records are not.
  }
}
