/** One plan over one stream: chunks go in, batches of what is left come out, and counts grow. Nothing here looks at a record. */

import type { Plan } from "../../plan/operations.ts";
import type { Batch } from "../engine/batch.ts";
import type { Engine, EngineKind, Framer, PreparedPlan, RuleEffect } from "../engine/engine.ts";
import {
  countCell,
  countCellsFixed,
  countCellsOf,
  countCellsPerRoute,
  countCellsPerRule,
  frameCells,
  type RuleCell,
  routeCell,
  ruleCell,
} from "../engine/layout.ts";
import type { Framing } from "../frame/framing.ts";

/** Of 64-byte lines a chunk of 256 KiB fits. */
const batchRecords = 8192;
const batchBytes = 1 << 20;

/** Records and their bytes without framing. */
export interface Amount {
  records: number;
  bytes: number;
}

export class Pass {
  readonly #kind: EngineKind;
  readonly #plan: Plan;
  readonly #prepared: PreparedPlan;
  readonly #engine: Engine;
  readonly #counts: Float64Array;
  readonly #losses = new Float64Array(frameCells);
  readonly #framing: Framing;
  readonly #maxRecordBytes: number;
  readonly #took: (batch: Batch) => void;
  #framer: Framer;
  #batch: Batch;

  /** @param took is given each batch, before it is emptied */
  constructor(
    kind: EngineKind,
    plan: Plan,
    { framing, maxRecordBytes }: { readonly framing: Framing; readonly maxRecordBytes: number },
    took: (batch: Batch) => void = () => {},
  ) {
    this.#kind = kind;
    this.#plan = plan;
    this.#framing = framing;
    this.#maxRecordBytes = maxRecordBytes;
    this.#took = took;
    this.#prepared = kind.prepare(plan);
    this.#counts = new Float64Array(countCellsOf(plan));
    this.#engine = kind.createEngine();
    this.#engine.use(this.#prepared, this.#counts);
    this.#batch = kind.createBatch(batchRecords, batchBytes);
    this.#engine.attach(this.#batch);
    this.#framer = this.#createFramer();
  }

  /** @param chunk records cut anywhere; not kept */
  run(chunk: Uint8Array, receivedAtMs: number): void {
    let at = this.#engine.runChunk(this.#framer, chunk, 0, receivedAtMs);
    while (at < chunk.length) {
      this.#flush(this.#engine.needBytes);
      at = this.#engine.runChunk(this.#framer, chunk, at, receivedAtMs);
    }
    this.#flush(0);
  }

  /** The stream has ended: what it held of a last record counts. Another stream may follow. */
  end(receivedAtMs: number): void {
    while (!this.#engine.runEnd(this.#framer, receivedAtMs)) this.#flush(this.#engine.needBytes);
    this.#flush(0);
    this.#framer.close();
    this.#framer = this.#createFramer();
  }

  /** No stream follows: what rules owe of records that they dropped is written. */
  finish(receivedAtMs: number): void {
    while (!this.#engine.tellLast(receivedAtMs)) this.#flush(this.#engine.needBytes);
    this.#flush(0);
  }

  get received(): Amount {
    return this.#amount("receivedRecords", "receivedBytes");
  }

  /** Bytes as written. */
  get written(): Amount {
    return this.#amount("passedRecords", "writtenBytes");
  }

  get withheld(): Amount {
    const [matches, output] = [
      this.#amount("quarantinedMatchLimitRecords", "quarantinedMatchLimitBytes"),
      this.#amount("quarantinedOutputLimitRecords", "quarantinedOutputLimitBytes"),
    ];
    return { records: matches.records + output.records, bytes: matches.bytes + output.bytes };
  }

  /** A cell of the plan's rule `rule`. */
  ofRule(rule: number, cell: RuleCell): number {
    return this.#counts[countCellsFixed + rule * countCellsPerRule + ruleCell[cell]]!;
  }

  /** What left for the output of the plan's route `route`; bytes as written. */
  routed(route: number): Amount {
    const at = countCellsFixed + this.#plan.rules.length * countCellsPerRule + route * countCellsPerRoute;
    const { records, bytes } = this.written;
    return {
      records: records - this.#counts[at + routeCell.filteredRecords]!,
      bytes: bytes - this.#counts[at + routeCell.filteredBytes]!,
    };
  }

  /** Of rules in shadow. */
  effects(): readonly RuleEffect[] {
    return this.#engine.effects();
  }

  close(): void {
    this.#framer.close();
    this.#engine.close();
    this.#prepared.close();
    this.#batch.free();
  }

  #flush(needBytes: number): void {
    if (this.#batch.records > 0) this.#took(this.#batch);
    if (needBytes <= this.#batch.bytesMax) this.#batch.clear();
    else {
      this.#batch.free();
      this.#batch = this.#kind.createBatch(batchRecords, needBytes);
      this.#engine.attach(this.#batch);
    }
  }

  #createFramer(): Framer {
    return this.#kind.createFramer(this.#framing, this.#maxRecordBytes, { transport: "stdin" }, this.#losses);
  }

  #amount(records: keyof typeof countCell, bytes: keyof typeof countCell): Amount {
    return { records: this.#counts[countCell[records]]!, bytes: this.#counts[countCell[bytes]]! };
  }
}
