/** An output's queue and the payloads that are cut from it. */

import { describe, expect, it } from "vitest";
import { appendRecords, batchOf } from "../../../test/fixtures/batch.ts";
import { BatchPool } from "./batch_pool.ts";
import type { Payload } from "./packer.ts";
import { Queue } from "./queue.ts";

const unlimited = { recordsMax: 10_000, bytesMax: 1_000_000 };

function text(payload: Payload): string {
  const { parts, bytes } = payload.body();
  const whole = Buffer.concat(parts);
  expect(bytes).toBe(whole.length);
  return whole.toString();
}

function settle(queue: Queue, payload: Payload): void {
  queue.settle(payload.records, payload.bytes);
  payload.release();
}

describe("an output's queue", () => {
  it("cuts payloads at batch_size and keeps the order over batches", () => {
    const queue = new Queue(1_000_000);
    queue.push(batchOf("a", "b", "c"), 0, 3, 0);
    queue.push(batchOf("d", "e"), 0, 2, 0);
    const texts: string[] = [];
    for (let payload = queue.take({ ...unlimited, recordsMax: 2 }); payload !== undefined; ) {
      texts.push(text(payload));
      settle(queue, payload);
      payload = queue.take({ ...unlimited, recordsMax: 2 });
    }
    expect(texts).toEqual(["a\nb", "c\nd", "e"]);
    expect([queue.records, queue.bytes]).toEqual([0, 0]);
  });

  it("cuts payloads at the destination's bytes, the newlines between records counted", () => {
    const queue = new Queue(1_000_000);
    queue.push(batchOf("1234", "5678", "9abc"), 0, 3, 0);
    expect(text(queue.take({ recordsMax: 100, bytesMax: 9 })!)).toBe("1234\n5678");
    expect(text(queue.take({ recordsMax: 100, bytesMax: 9 })!)).toBe("9abc");
  });

  it("sends a record that is larger than the limit alone", () => {
    const queue = new Queue(1_000_000);
    queue.push(batchOf("12345678", "x"), 0, 2, 0);
    expect(text(queue.take({ recordsMax: 100, bytesMax: 4 })!)).toBe("12345678");
    expect(text(queue.take({ recordsMax: 100, bytesMax: 4 })!)).toBe("x");
  });

  it("counts what is in flight as queued until it is settled", () => {
    const queue = new Queue(1_000_000);
    queue.push(batchOf("abc", "de"), 0, 2, 0);
    const payload = queue.take(unlimited)!;
    expect([queue.waitingRecords, queue.records, queue.bytes]).toEqual([0, 2, 5]);
    settle(queue, payload);
    expect([queue.records, queue.bytes]).toEqual([0, 0]);
  });

  it("is full when records and their share of the batch reach the bound", () => {
    const queue = new Queue(1000);
    const shared = batchOf(...Array.from({ length: 20 }, () => "x"));
    queue.push(shared, 0, 15, 0);
    expect(queue.full).toBe(false);
    queue.push(shared, 15, 16, 0);
    expect(queue.full).toBe(true);
  });

  it("gives a batch back to the pool only when engine, queue and payload are done with it", () => {
    const pool = new BatchPool();
    const shared = pool.take();
    appendRecords(shared, "a", "b");
    const queue = new Queue(1_000_000);
    queue.push(shared, 0, 2, 0);
    const first = queue.take({ ...unlimited, recordsMax: 1 })!;
    shared.release();
    settle(queue, first);
    expect(pool.take().batch).not.toBe(shared.batch);
    settle(queue, queue.take(unlimited)!);
    expect(pool.take().batch).toBe(shared.batch);
  });

  it("keeps apart what has passed different protect rules, and takes a payload of both for older than either", () => {
    const queue = new Queue(1000);
    const shared = batchOf("a", "b", "c");
    for (const [index, protection] of [7n, 7n, 8n].entries()) queue.push(shared, index, index + 1, 0, protection);
    const [same, both] = [queue.take({ ...unlimited, recordsMax: 1 })!, queue.take(unlimited)!];
    expect([same.protection, both.protection]).toEqual([7n, 0n]);
    expect(both.part(1, 2).protection).toBe(8n);
  });
});
