/**
 * Makes a spooled group a payload again. Its records go through an engine: as they are when they have passed the protect rules that run now,
 * else through those rules, so that nothing leaves that a rule published meanwhile was meant to hold (promise P4).
 */

import type { Plan } from "../../../plan/operations.ts";
import type { Engine, EngineKind, Framer, PreparedPlan } from "../../engine/engine.ts";
import {
  countCell,
  countCellsFixed,
  countCellsOf,
  countCellsPerRule,
  frameCells,
  outputGrowthBytes,
  outputGrowthFactor,
  ruleCell,
  runResult,
  stopCause,
} from "../../engine/layout.ts";
import { Withheld } from "../../engine/withheld.ts";
import type { Quarantine } from "../../quarantine/store.ts";
import { createRingMemory } from "../../ring/layout.ts";
import { BatchPool, SharedBatch } from "../batch_pool.ts";
import { Payload, type Segment } from "../packer.ts";
import type { Protection } from "../protection.ts";
import type { Group, LaneAmount } from "./spool.ts";

/** Room for what is withheld of one group, taken page by page; a larger record gets more. */
const withheldBytesMax = 256 * 1024;
const nothing: Plan = { rules: [], operations: [] };
/** What MAX_RECORD_BYTES may be at most (64 MiB), grown as far as rules may let it. */
const recordBytesMax = outputGrowthFactor * 64 * 1024 * 1024 + outputGrowthBytes;

/** What became of records that are not in the payload any more; bytes as spooled. */
export interface WithheldRecords {
  /** Dropped by a protect rule, or left empty by redaction. */
  readonly dropped: Readonly<LaneAmount>;
  /** A protect rule could not finish them within its bounds, and they are in the quarantine: which rules. */
  readonly quarantined: Readonly<LaneAmount> & { readonly rules: readonly string[] };
  /** Likewise, but the quarantine could not take them. */
  readonly quarantineFull: Readonly<LaneAmount>;
  /** Bytes that the rules added to the others, or took off. */
  readonly rewrittenBytes: number;
}

export interface Replayed extends WithheldRecords {
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
  readonly #quarantine: Quarantine;
  /** Where the engine puts what it withholds; made with the engine. */
  #withheld = new Withheld(0);
  /** Of what was run last: kept in the quarantine, and not. */
  #kept: LaneAmount = { records: 0, bytes: 0 };
  #notKept: LaneAmount = { records: 0, bytes: 0 };
  #protection: Protection;
  #engine: Engine | undefined;
  #framer: Framer | undefined;
  #plain: PreparedPlan | undefined;
  #protecting: PreparedPlan | undefined;
  #counts = new Float64Array(countCellsFixed);

  /** @param quarantine where records go that a protect rule cannot finish */
  constructor(kind: EngineKind, protection: Protection, quarantine: Quarantine) {
    this.#kind = kind;
    this.#quarantine = quarantine;
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

  /**
   * The group's records, after the protect rules that run now where they have not passed them yet.
   * @param output id of the output that they wait for
   */
  run(group: Group, outputId: string): Replayed {
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
      if (this.#takeFull(outputId, group.timeMs)) continue;
      output.goOn(this.#batch(group.records, Math.max(engine.needBytes, group.body.length - at)));
    }
    this.#take(outputId, group.timeMs);
    return this.#replayed(output.finish(), group.records);
  }

  /** Records that have been read, after the protect rules that were published since. */
  again(ranges: readonly Readonly<Segment>[], outputId: string): Replayed {
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
        if (result === runResult.batchFull && this.#takeFull(outputId, timeMs)) continue;
        if (result === runResult.batchFull) output.goOn(this.#batch(records, Math.max(engine.needBytes, bytes)));
      }
    };
    for (const { shared, from, to } of ranges)
      for (let at = from; at < to; ) {
        at = ring.pushBatch(shared.batch, at, to);
        run();
      }
    ring.close();
    this.#take(outputId, timeMs);
    return this.#replayed(output.finish(), records);
  }

  #replayed(payload: Payload, records: number): Replayed {
    const count = (cell: keyof typeof countCell) => this.#counts[countCell[cell]]!;
    const passedBytes = count("passedBytes");
    const quarantined = this.#kept;
    const quarantineFull = this.#notKept;
    return {
      payload,
      dropped: {
        records: records - payload.records - quarantined.records - quarantineFull.records,
        bytes: count("receivedBytes") - passedBytes - quarantined.bytes - quarantineFull.bytes,
      },
      quarantined: { ...quarantined, rules: this.#quarantining() },
      quarantineFull,
      rewrittenBytes: payload.bytes - passedBytes,
    };
  }

  /** Whether it was the withheld records that had no room; then they have. */
  #takeFull(outputId: string, timeMs: number): boolean {
    const { needBytes } = this.#withheld;
    if (needBytes === 0) return false;
    this.#take(outputId, timeMs);
    if (needBytes > this.#withheld.bytesMax) {
      this.#withheld = new Withheld(needBytes);
      this.#engine!.attachWithheld(this.#withheld);
    }
    return true;
  }

  #take(output: string, timeMs: number): void {
    const { entries, records } = this.#withheld;
    if (records > 0) {
      const { rules } = this.#protection.plan;
      const { kept, amounts } = this.#quarantine.put({ entries, rules, timeMs, output });
      const to = kept ? this.#kept : this.#notKept;
      for (const amount of amounts.values()) {
        to.records += amount.records;
        to.bytes += amount.bytes;
      }
    }
    this.#withheld.clear();
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
    if (this.#engine === undefined) {
      this.#engine = this.#kind.createEngine();
      this.#withheld = new Withheld(withheldBytesMax);
      this.#engine.attachWithheld(this.#withheld);
    }
    this.#kept = { records: 0, bytes: 0 };
    this.#notKept = { records: 0, bytes: 0 };
    let prepared: PreparedPlan;
    if (passed) {
      this.#plain ??= this.#kind.prepare(nothing);
      prepared = this.#plain;
    } else {
      this.#protecting ??= this.#kind.prepare(this.#protection.plan);
      prepared = this.#protecting;
    }
    this.#counts = new Float64Array(countCellsOf(prepared.plan));
    this.#engine.use(prepared, this.#counts);
    return this.#engine;
  }

  #batch(records: number, bytes: number): SharedBatch {
    return new SharedBatch(this.#kind.createBatch(Math.max(1, records), Math.max(1, bytes)), this.#pool);
  }
}
