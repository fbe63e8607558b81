/**
 * Batches on loan: the engine appends to the open one, outputs hold ranges of it, and when nobody holds it any more it is used again.
 *
 * A batch stays open over many hand-outs until it is full, so that a line sent by hand does not cost half a mebibyte.
 */

import { Batch } from "../engine/batch.ts";

export const batchRecords = 8192;
export const batchBytes = 512 * 1024;
/** Kept for reuse; more are left to the collector. */
const idleMax = 8;

export class SharedBatch {
  readonly batch: Batch;
  readonly #pool: BatchPool;
  #holders = 1;

  constructor(batch: Batch, pool: BatchPool) {
    this.batch = batch;
    this.#pool = pool;
  }

  /** Whether only one holder is left: that one may clear the batch and begin again. */
  get unshared(): boolean {
    return this.#holders === 1;
  }

  hold(): void {
    this.#holders++;
  }

  release(): void {
    if (--this.#holders === 0) this.#pool.giveBack(this.batch);
  }
}

export class BatchPool {
  readonly #idle: Batch[] = [];

  /** @param bytes what the first record needs; more than `batchBytes` makes a batch for that record alone */
  take(bytes = 0): SharedBatch {
    if (bytes > batchBytes) return new SharedBatch(new Batch(1, bytes), this);
    const batch = this.#idle.pop() ?? new Batch(batchRecords, batchBytes);
    return new SharedBatch(batch, this);
  }

  giveBack(batch: Batch): void {
    if (batch.recordsMax !== batchRecords || this.#idle.length >= idleMax) return;
    batch.clear();
    this.#idle.push(batch);
  }
}
