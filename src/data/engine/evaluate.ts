/**
 * Tells for single records what rules do to them: runs each by itself through an engine and compares the engine's own counts before
 * and after it. So there is no second opinion on what a rule does, only the engine's.
 */

import type { EvaluatedRecord, Evaluation, OpenEvaluation, WithheldCause } from "../../plan/evaluation.ts";
import { type Operation, operationFlag, type Plan } from "../../plan/operations.ts";
import { Batch } from "./batch.ts";
import type { Engine, EngineKind, Framer } from "./engine.ts";
import {
  batchEntry,
  batchHeader,
  countCell,
  countCellsFixed,
  countCellsOf,
  countCellsPerRule,
  frameCells,
  type RuleCell,
  ruleCell,
} from "./layout.ts";

/** The longest record that is evaluated: the largest MAX_RECORD_BYTES that can be set. */
const recordBytesMax = 64 * 1024 * 1024;
/** A record and what rules made beside it. */
const batchRecords = 1024;
const batchBytesMin = 64 * 1024;
/** A record's route bits (`layout.ts`). */
const outputsMax = 64;

/**
 * Runs `records` through `plan`, one after the other; `Evaluate` of src/plan/evaluation.ts, for one kind of engine.
 * @throws StreamGateError SG_RULE_PATTERN or SG_CONDITION when the engine refuses a pattern of the plan
 */
export function evaluate(kind: EngineKind, plan: Plan, records: readonly EvaluatedRecord[]): readonly Evaluation[] {
  const evaluator = new Evaluator(kind, plan);
  try {
    return records.map((record) => evaluator.next(record));
  } finally {
    evaluator.close();
  }
}

/** As `evaluate`, for records that come one after the other: the plan is made ready once. What its rules remember goes on. */
export function openEvaluation(kind: EngineKind, plan: Plan): OpenEvaluation {
  const evaluator = new Evaluator(kind, plan);
  return { run: (records) => records.map((record) => evaluator.next(record)), close: () => evaluator.close() };
}

class Evaluator {
  readonly #kind: EngineKind;
  readonly #plan: Plan;
  readonly #prepared;
  readonly #engine: Engine;
  readonly #counts: Float64Array;
  readonly #before: Float64Array;
  readonly #losses = new Float64Array(frameCells);
  #batch = new Batch(batchRecords, batchBytesMin);
  /** What came out when the record at hand ran, in order. */
  readonly #written: { bytes: Buffer; routes: bigint }[] = [];

  constructor(kind: EngineKind, plan: Plan) {
    this.#kind = kind;
    this.#plan = plan;
    this.#prepared = kind.prepare(withWitness(plan));
    this.#counts = new Float64Array(countCellsOf(plan));
    this.#before = new Float64Array(this.#counts.length);
    this.#engine = kind.createEngine();
    this.#engine.use(this.#prepared, this.#counts);
    this.#engine.attach(this.#batch);
  }

  next({ bytes, receivedAtMs = 0, source }: EvaluatedRecord): Evaluation {
    this.#written.length = 0;
    // What rules owe of windows that have ended comes in front of the record, as in a chunk, and is none of its fate.
    while (!this.#engine.tick(receivedAtMs)) this.#makeRoom();
    this.#take();
    const summaries = this.#written.splice(0);
    this.#before.set(this.#counts);
    const shadowsBefore = this.#shadows();
    // Each byte is the record's: no byte ends it before its length does.
    const framer = this.#kind.createFramer(
      { kind: "length32" },
      recordBytesMax,
      { transport: "tcp", ...source },
      this.#losses,
    );
    try {
      this.#run(framer, bytes, receivedAtMs);
      const hits = this.#shadows().map((records, rule) => records - (shadowsBefore[rule] ?? 0));
      const shadows = this.#plan.rules.flatMap(({ id }, rule) => ((hits[rule] ?? 0) > 0 ? [id] : []));
      const told = this.#tell();
      return { ...told, shadows, created: [...summaries.map(({ bytes }) => bytes), ...told.created] };
    } finally {
      framer.close();
    }
  }

  #run(framer: Framer, bytes: Uint8Array, receivedAtMs: number): void {
    const chunk = Buffer.allocUnsafe(4 + bytes.length);
    chunk.writeUInt32BE(bytes.length);
    chunk.set(bytes, 4);
    let at = this.#engine.runChunk(framer, chunk, 0, receivedAtMs);
    while (at < chunk.length) {
      this.#makeRoom();
      at = this.#engine.runChunk(framer, chunk, at, receivedAtMs);
    }
    this.#take();
  }

  /** The batch is full. */
  #makeRoom(): void {
    this.#take();
    this.#batch = new Batch(batchRecords, Math.max(this.#engine.needBytes, 2 * this.#batch.bytesMax));
    this.#engine.attach(this.#batch);
  }

  /** Takes what the batch holds, and empties it. */
  #take(): void {
    const { words, records } = this.#batch;
    for (let index = 0; index < records; index++) {
      const entry = (batchHeader.bytes + index * batchEntry.bytes) / 4;
      const routes = (BigInt(words[entry + 3]!) << 32n) | BigInt(words[entry + 2]!);
      this.#written.push({ bytes: Buffer.from(this.#batch.slice(index, index + 1).subarray(0, -1)), routes });
    }
    this.#batch.clear();
  }

  /** By rule: records that it would have touched. */
  #shadows(): readonly number[] {
    if (this.#plan.operations.every(({ flags }) => (flags & operationFlag.shadow) === 0)) return [];
    const records: number[] = [];
    for (const effect of this.#engine.effects())
      records[effect.rule] = effect.records.reduce((sum, one) => sum + one, 0);
    return records;
  }

  #tell(): Omit<Evaluation, "shadows"> {
    const rules = this.#plan.rules.map(({ id }, rule) => ({ id, rule }));
    const gained = (rule: number, cell: RuleCell) => {
      const at = countCellsFixed + rule * countCellsPerRule + ruleCell[cell];
      return this.#counts[at]! - this.#before[at]!;
    };
    const changes = rules
      .filter(({ rule }) => gained(rule, "changedRecords") > 0)
      .map(({ id, rule }) => ({ rule: id, replacements: gained(rule, "replacements") }));
    const dropped = rules.find(({ rule }) => gained(rule, "droppedRecords") > 0);
    const withheld = rules.find(({ rule }) => gained(rule, "quarantinedRecords") > 0);
    const written = this.#written;
    // A summary that makes room for what the record brings to mind passes, too, and is written before it.
    if (this.#gained("passedRecords") > this.#gained("createdRecords")) {
      const own = written.pop();
      const outputs = this.#outputsOf(own);
      return {
        fate: "passed",
        changes,
        ...(own !== undefined && { output: own.bytes }),
        ...(outputs !== undefined && { outputs }),
        created: written.map(({ bytes }) => bytes),
      };
    }
    const created = written.map(({ bytes }) => bytes);
    if (dropped !== undefined) return { fate: "dropped", by: dropped.id, changes, created };
    if (withheld !== undefined) return { fate: "withheld", by: withheld.id, cause: this.#cause(), changes, created };
    return { fate: "empty", changes, created };
  }

  #outputsOf(own: { routes: bigint } | undefined): readonly number[] | undefined {
    const { outputs } = this.#plan;
    if (outputs === undefined) return undefined;
    if (own === undefined) return [];
    return Array.from({ length: outputs }, (_, output) => output).filter(
      (output) => ((own.routes >> BigInt(output)) & 1n) === 1n,
    );
  }

  #cause(): WithheldCause {
    return this.#gained("quarantinedMatchLimitRecords") > 0 ? "match_limit" : "output_limit";
  }

  #gained(cell: keyof typeof countCell): number {
    return this.#counts[countCell[cell]]! - this.#before[countCell[cell]]!;
  }

  close(): void {
    this.#engine.close();
    this.#prepared.close();
  }
}

/** The plan with one more output, which gets every record, so that the text of one that no output gets can be told, too. */
function withWitness(plan: Plan): Plan {
  const { outputs, operations } = plan;
  if (outputs === undefined || outputs >= outputsMax) return plan;
  const named = ({ name, args, ...operation }: Operation): Operation => {
    if (name !== "route") return { name, args, ...operation };
    const bits = Buffer.alloc(8);
    bits.writeBigUInt64LE(Buffer.from(args[0]!).readBigUInt64LE() | (1n << BigInt(outputs)));
    return { name, args: [bits], ...operation };
  };
  return { ...plan, outputs: outputs + 1, operations: operations.map(named) };
}
