/**
 * Batches on loan: the engine appends to the open one, outputs hold ranges of it, and when nobody holds it any more it is used again.
 *
 * A batch stays open over many hand-outs until it is full, so that a line sent by hand does not cost half a mebibyte. The
 * stream writer holds ranges too, in another thread: its holds are counted in the batch itself (`Batch.held`) and end
 * without a word here, so the pool looks when it wants a batch.
 *
 * What one worker has at most: what its outputs' queues hold (each bounded by QUEUE_BYTES, a console's by `streamedQueueBytes`), what the
 * stream writer's queue holds (`streamQueueBytes`, all workers together), the open batch, and `idleMax` idle ones.
 */

import { Batch } from "../engine/batch.ts";

/**
 * CPU-seconds per million lines of 188 bytes, TCP to a file, best of four alternating runs on 2 cores: 64 KiB 0.24, 128 KiB 0.21,
 * 256 KiB 0.22, 512 KiB 0.19; peak memory is the same.
 */
export const batchRecords = 8192;
export const batchBytes = 512 * 1024;
/** Kept for reuse; what comes back beyond that is freed. */
const idleMax = 6;

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
    return this.#holders === 1 && !this.batch.held;
  }

  hold(): void {
    this.#holders++;
  }

  release(): void {
    if (--this.#holders === 0) this.#pool.giveBack(this.batch);
  }
}

/** Makes an empty batch: `EngineKind.createBatch`. */
export type BatchMaker = (recordsMax: number, bytesMax: number) => Batch;

export class BatchPool {
  readonly #make: BatchMaker;
  /** The latest to come back last. The stream writer may still read some of them. */
  readonly #idle: Batch[] = [];

  constructor(make: BatchMaker = (recordsMax, bytesMax) => new Batch(recordsMax, bytesMax)) {
    this.#make = make;
  }

  /** @param bytes what the first record needs; more than `batchBytes` makes a batch for that record alone */
  take(bytes = 0): SharedBatch {
    if (bytes > batchBytes) return new SharedBatch(this.#make(1, bytes), this);
    // The latest is the likeliest to lie in the processor's cache.
    const at = this.#idle.findLastIndex((batch) => !batch.held);
    if (at < 0) return new SharedBatch(this.#make(batchRecords, batchBytes), this);
    const [batch] = this.#idle.splice(at, 1);
    batch!.clear();
    return new SharedBatch(batch!, this);
  }

  giveBack(batch: Batch): void {
    if (batch.recordsMax === batchRecords && this.#idle.length < idleMax) this.#idle.push(batch);
    else batch.free();
  }
}
