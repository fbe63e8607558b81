/** Batches on loan, on every kind of memory that they come in. */

import { describe, expect, it } from "vitest";
import { engines } from "../../../test/conformance/engines.ts";
import { Batch } from "../engine/batch.ts";
import { batchHeader } from "../engine/layout.ts";
import { BatchPool, batchBytes, type SharedBatch } from "./batch_pool.ts";

/** As the stream writer does in its thread. */
function setHolders({ words }: Batch, holders: number): void {
  Atomics.store(words, batchHeader.offsets.holders / 4, holders);
}

describe.each(engines())("the batch pool of $name", (kind) => {
  it("lends a batch again, empty, when its last holder has released it", () => {
    const pool = new BatchPool(kind.createBatch);
    const shared = pool.take();
    shared.hold();
    shared.batch.words[batchHeader.offsets.records / 4] = 3;
    shared.release();
    const other = pool.take();
    expect(other.batch).not.toBe(shared.batch);
    shared.release();
    const again = pool.take();
    expect(again.batch).toBe(shared.batch);
    expect(again.batch.records).toBe(0);
  });

  it("makes a batch for one record that is larger than others hold", () => {
    const { batch } = new BatchPool(kind.createBatch).take(batchBytes + 1);
    expect([batch.recordsMax, batch.bytesMax]).toEqual([1, batchBytes + 1]);
  });
});

describe("the batch pool", () => {
  it("neither lends nor calls unshared what a native thread still reads", () => {
    const pool = new BatchPool();
    const shared = pool.take();
    setHolders(shared.batch, 1);
    expect(shared.unshared).toBe(false);
    shared.release();
    expect(pool.take().batch).not.toBe(shared.batch);
    setHolders(shared.batch, 0);
    expect(pool.take().batch).toBe(shared.batch);
  });

  it("frees at once what comes back beyond the few that it keeps", () => {
    let living = 0;
    const pool = new BatchPool((recordsMax, bytesMax) => {
      living++;
      const memory = new Batch(recordsMax, bytesMax).memory;
      return new Batch(recordsMax, bytesMax, { memory, free: () => living-- });
    });
    const lent: SharedBatch[] = Array.from({ length: 20 }, () => pool.take());
    for (const shared of lent) shared.release();
    expect(living).toBe(6);
    pool.take(batchBytes + 1).release();
    expect(living).toBe(6);
  });
});
