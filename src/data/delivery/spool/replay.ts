/**
 * Makes a spooled group a payload again. Its records go through an engine: as they are when they have passed the protect rules that run now,
 * else through those rules, so that nothing leaves that a rule published meanwhile was meant to hold (promise P4).
 */

import type { Plan } from "../../../plan/operations.ts";
import type { Engine, EngineKind, Framer, PreparedPlan } from "../../engine/engine.ts";
import {
  countCell,
  countCellsFixed,
  countCellsPerRule,
  frameCells,
  outputGrowthBytes,
  outputGrowthFactor,
  ruleCell,
  runResult,
  stopCause,
} from "../../engine/layout.ts";
import { createRingMemory } from "../../ring/layout.ts";
import { BatchPool, SharedBatch } from "../batch_pool.ts";
import { Payload, type Segment } from "../packer.ts";
import type { Protection } from "../protection.ts";
import type { Group, LaneAmount } from "./spool.ts";

const nothing: Plan = { rules: [], operations: [] };
/** What MAX_RECORD_BYTES may be at most (64 MiB), grown as far as rules may let it. */
const recordBytesMax = outputGrowthFactor * 64 * 1024 * 1024 + outputGrowthBytes;

/** What became of records that are not in the payload any more; bytes as spooled. */
export interface Withheld {
  /** Dropped by a protect rule, or left empty by redaction. */
  readonly dropped: Readonly<LaneAmount>;
  /** A protect rule could not finish them within its bounds: which rules. */
  readonly quarantined: Readonly<LaneAmount> & { readonly rules: readonly string[] };
  /** Bytes that the rules added to the others, or took off. */
  readonly rewrittenBytes: number;
}

export interface Replayed extends Withheld {
  readonly payload: Payload;
}

/** Batches that an engine fills one after the other, as one payload. */
class Output {
  readonly #engine: Engine;
  readonly #timeMs: number;
  readonly #protection: bigint;
  readonly #payload = new Payload();
  #open: SharedBatch;

  /** @param protection of the rules that its records have passed */
  constructor(engine: Engine, first: SharedBatch, timeMs: number, protection: bigint) {
    this.#engine = engine;
    this.#protection = protection;
    this.#timeMs = timeMs;
    this.#open = first;
    engine.attach(first.batch);
  }

  goOn(next: SharedBatch): void {
    this.#take();
    this.#open = next;
    this.#engine.attach(next.batch);
  }

  finish(): Payload {
    this.#take();
    return this.#payload;
  }

  #take(): void {
    const { records } = this.#open.batch;
    if (records > 0) this.#payload.add(this.#open, 0, records, this.#timeMs, this.#protection);
    this.#open.release();
  }
}

export class Replay {
  readonly #kind: EngineKind;
  readonly #pool: BatchPool;
  #protection: Protection;
  #engine: Engine | undefined;
  #framer: Framer | undefined;
  #plain: PreparedPlan | undefined;
  #protecting: PreparedPlan | undefined;
  #counts = new Float64Array(countCellsFixed);

  constructor(kind: EngineKind, protection: Protection) {
    this.#kind = kind;
    this.#pool = new BatchPool(kind.createBatch);
    this.#protection = protection;
  }

  /** What groups that follow must have passed. */
  use(protection: Protection): void {
    this.#protecting?.close();
    this.#protecting = undefined;
    this.#protection = protection;
  }

  get identity(): bigint {
    return this.#protection.identity;
  }

  /** The group's records, after the protect rules that run now where they have not passed them yet. */
  run(group: Group): Replayed {
    const engine = this.#ready(group.protection === this.#protection.identity);
    this.#framer ??= this.#kind.createFramer(
      { kind: "length32" },
      recordBytesMax,
      { transport: "unknown" },
      new Float64Array(frameCells),
    );
    const framer = this.#framer;
    // Exact where nothing is changed; what rules add may need more.
    const first = this.#batch(group.records, group.bytes + group.records);
    const output = new Output(engine, first, group.timeMs, this.identity);
    for (let at = 0; ; ) {
      at = engine.runChunk(framer, group.body, at, group.timeMs);
      if (engine.stoppedBy !== stopCause.batchFull) break;
      output.goOn(this.#batch(group.records, Math.max(engine.needBytes, group.body.length - at)));
    }
    return this.#replayed(output.finish(), group.records);
  }

  /** Records that have been read, after the protect rules that were published since. */
  again(ranges: readonly Readonly<Segment>[]): Replayed {
    const engine = this.#ready(false);
    const records = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
    const bytes = ranges.reduce((sum, { shared, from, to }) => sum + shared.batch.recordBytes(from, to), 0);
    const timeMs = ranges[0]?.timeMs ?? 0;
    // A block never wraps and one of them may hold all of a range: twice that, and what describes it.
    const memory = createRingMemory(2 ** Math.ceil(Math.log2(2 * bytes + 16 * records + 65_536)), 1024);
    const ring = this.#kind.openRing(memory, 0);
    const output = new Output(engine, this.#batch(records, bytes + records), timeMs, this.identity);
    const run = () => {
      for (;;) {
        const result = engine.runBlock(ring);
        if (result === runResult.empty) return;
        if (result === runResult.batchFull) output.goOn(this.#batch(records, Math.max(engine.needBytes, bytes)));
      }
    };
    for (const { shared, from, to } of ranges)
      for (let at = from; at < to; ) {
        at = ring.pushBatch(shared.batch, at, to);
        run();
      }
    ring.close();
    return this.#replayed(output.finish(), records);
  }

  #replayed(payload: Payload, records: number): Replayed {
    const count = (cell: keyof typeof countCell) => this.#counts[countCell[cell]]!;
    const passedBytes = count("passedBytes");
    const quarantined = {
      records: count("quarantinedMatchLimitRecords") + count("quarantinedOutputLimitRecords"),
      bytes: count("quarantinedMatchLimitBytes") + count("quarantinedOutputLimitBytes"),
    };
    return {
      payload,
      dropped: {
        records: records - payload.records - quarantined.records,
        bytes: count("receivedBytes") - passedBytes - quarantined.bytes,
      },
      quarantined: { ...quarantined, rules: quarantined.records > 0 ? this.#quarantining() : [] },
      rewrittenBytes: payload.bytes - passedBytes,
    };
  }

  /** Rules that could not finish a record of what was run last. */
  #quarantining(): readonly string[] {
    const { rules } = this.#protection.plan;
    const records = (index: number) =>
      this.#counts[countCellsFixed + index * countCellsPerRule + ruleCell.quarantinedRecords]!;
    return rules.flatMap(({ id }, index) => (records(index) > 0 ? [id] : []));
  }

  close(): void {
    this.#engine?.close();
    this.#framer?.close();
    this.#plain?.close();
    this.#protecting?.close();
  }

  /** @param passed the records have passed the protect rules: they go through as they are */
  #ready(passed: boolean): Engine {
    this.#engine ??= this.#kind.createEngine();
    let prepared: PreparedPlan;
    if (passed) {
      this.#plain ??= this.#kind.prepare(nothing);
      prepared = this.#plain;
    } else {
      this.#protecting ??= this.#kind.prepare(this.#protection.plan);
      prepared = this.#protecting;
    }
    this.#counts = new Float64Array(countCellsFixed + prepared.plan.rules.length * countCellsPerRule);
    this.#engine.use(prepared, this.#counts);
    return this.#engine;
  }

  #batch(records: number, bytes: number): SharedBatch {
    return new SharedBatch(this.#kind.createBatch(Math.max(1, records), Math.max(1, bytes)), this.#pool);
  }
}
