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
  stopCause,
} from "../../engine/layout.ts";
import { BatchPool, SharedBatch } from "../batch_pool.ts";
import { Payload } from "../packer.ts";
import type { Protection } from "../protection.ts";
import type { Group } from "./spool.ts";

const nothing: Plan = { rules: [], operations: [] };
/** What MAX_RECORD_BYTES may be at most (64 MiB), grown as far as rules may let it. */
const recordBytesMax = outputGrowthFactor * 64 * 1024 * 1024 + outputGrowthBytes;

export interface Replayed {
  readonly payload: Payload;
  /** Records that a protect rule withheld, and those that redaction had left empty; their bytes as spooled. */
  readonly withheldRecords: number;
  readonly withheldBytes: number;
  /** Bytes that the rules added to the others, or took off. */
  readonly rewrittenBytes: number;
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

  run(group: Group): Replayed {
    const engine = this.#ready(group);
    this.#framer ??= this.#kind.createFramer(
      { kind: "length32" },
      recordBytesMax,
      { transport: "tcp" },
      new Float64Array(frameCells),
    );
    const payload = new Payload();
    // Exact where nothing is changed; what rules add may need more.
    let shared = this.#batch(group.records, group.bytes + group.records);
    engine.attach(shared.batch);
    const add = () => {
      if (shared.batch.records > 0) payload.add(shared, 0, shared.batch.records, group.timeMs);
      shared.release();
    };
    for (let at = 0; ; ) {
      at = engine.runChunk(this.#framer, group.body, at, group.timeMs);
      if (engine.stoppedBy !== stopCause.batchFull) break;
      const { needBytes } = engine;
      add();
      shared = this.#batch(group.records, Math.max(needBytes, group.body.length - at));
      engine.attach(shared.batch);
    }
    add();
    const received = this.#counts[countCell.receivedBytes]!;
    const passed = this.#counts[countCell.passedBytes]!;
    return {
      payload,
      withheldRecords: group.records - payload.records,
      withheldBytes: received - passed,
      rewrittenBytes: payload.bytes - passed,
    };
  }

  close(): void {
    this.#engine?.close();
    this.#framer?.close();
    this.#plain?.close();
    this.#protecting?.close();
  }

  #ready(group: Group): Engine {
    this.#engine ??= this.#kind.createEngine();
    const { plan, identity } = this.#protection;
    const passed = group.protection === identity;
    const prepared = passed
      ? (this.#plain ??= this.#kind.prepare(nothing))
      : (this.#protecting ??= this.#kind.prepare(plan));
    this.#counts = new Float64Array(countCellsFixed + prepared.plan.rules.length * countCellsPerRule);
    this.#engine.use(prepared, this.#counts);
    return this.#engine;
  }

  #batch(records: number, bytes: number): SharedBatch {
    return new SharedBatch(this.#kind.createBatch(Math.max(1, records), Math.max(1, bytes)), this.#pool);
  }
}
