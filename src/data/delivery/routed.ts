/**
 * An output with its filter: gives it the ranges of a batch that are routed to it.
 *
 * Where all records of a range go, the batch is shared. Where some do, the engine copies those into a batch of this output's own: a destination
 * that takes one record in a thousand would else keep whole batches of the others in memory, and what follows would have to look at each record.
 */

import type { EngineKind } from "../engine/engine.ts";
import { BatchPool, type SharedBatch } from "./batch_pool.ts";
import type { Delivery } from "./delivery.ts";

export class Routed {
  readonly delivery: Delivery;
  /** Its bit in a record's routes; undefined: it gets every record. */
  readonly #bit: number | undefined;
  readonly #kind: EngineKind;
  #pool: BatchPool | undefined;
  #open: SharedBatch | undefined;

  constructor(delivery: Delivery, bit: number | undefined, kind: EngineKind) {
    this.delivery = delivery;
    this.#bit = bit;
    this.#kind = kind;
  }

  push(shared: SharedBatch, from: number, to: number, timeMs: number, receivedMs: number): void {
    const bit = this.#bit;
    const records = bit === undefined ? to - from : this.#kind.routed(shared.batch, from, to, bit).records;
    if (records === to - from) this.delivery.push(shared, from, to, timeMs, receivedMs);
    else if (records > 0) this.#gather(shared, from, to, timeMs, receivedMs);
  }

  #gather(shared: SharedBatch, from: number, to: number, timeMs: number, receivedMs: number): void {
    const bit = this.#bit!;
    this.#pool ??= new BatchPool(this.#kind.createBatch);
    for (let at = from; at < to; ) {
      this.#open ??= this.#pool.take();
      if (this.#open.unshared) this.#open.batch.clear();
      const before = this.#open.batch.records;
      const { stopped, needBytes } = this.#kind.gather(shared.batch, at, to, bit, this.#open.batch);
      const after = this.#open.batch.records;
      if (after > before) this.delivery.push(this.#open, before, after, timeMs, receivedMs);
      at = stopped;
      if (stopped === to) return;
      this.#open.release();
      this.#open = this.#pool.take(needBytes);
    }
  }

  /** No more is pushed: what it gathers into is let go. */
  end(): void {
    this.#open?.release();
    this.#open = undefined;
  }
}
