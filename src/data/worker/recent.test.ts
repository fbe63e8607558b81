/** The few records that are kept of what just passed, and their bounds. */

import { describe, expect, it } from "vitest";
import { batchOf } from "../../../test/fixtures/batch.ts";
import { RecentRecords, recentRecordsMax } from "./recent.ts";

const kept = (recent: RecentRecords) => recent.list().map(({ bytes }) => Buffer.from(bytes).toString());

describe("recent records", () => {
  it("are some of what passed, in order, copied: the batch's memory is written again", () => {
    const recent = new RecentRecords(1);
    const { batch } = batchOf(...Array.from({ length: 100 }, (_, index) => `r${index}`));
    recent.passed(batch, 50, 100, 1000);
    batch.data.fill(0);
    const numbers = kept(recent).map((text) => Number(text.slice(1)));
    expect(numbers.length).toBeGreaterThan(0);
    expect(numbers.length).toBeLessThanOrEqual(4);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    for (const number of numbers) expect(number).toBeGreaterThanOrEqual(50);
  });

  it("are taken four times a second at most, and not where nothing came", () => {
    const recent = new RecentRecords(1);
    const { batch } = batchOf("a");
    recent.passed(batch, 1, 1, 1000);
    expect(kept(recent)).toEqual([]);
    for (const nowMs of [1000, 1100, 1249, 1250, 1300, 1500]) recent.passed(batch, 0, 1, nowMs);
    expect(recent.list().map(({ atMs }) => atMs)).toEqual([1000, 1250, 1500]);
  });

  it("are few: of all workers together no more than the bound, none of them long, the newest stay", () => {
    const recent = new RecentRecords(2);
    const { batch } = batchOf("a", "x".repeat(4097));
    for (let turn = 0; turn < 1000; turn++) recent.passed(batch, 0, 2, turn * 1000);
    expect(recent.list().length).toBeLessThanOrEqual(recentRecordsMax / 2);
    expect(new Set(kept(recent))).toEqual(new Set(["a"]));
    expect(recent.list().at(-1)!.atMs).toBeGreaterThan(900_000);
  });
});
