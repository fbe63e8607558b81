/** A lane against a model, over random appends, reads, settlements, flushes and restarts: nothing lost, order kept, counts exact. */

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LaneDriver, laneKinds, recordsOf, removeDirectory } from "../../../../test/fixtures/lane.ts";
import type { LaneAmount } from "./spool.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "sg-model-"));
});
afterAll(() => removeDirectory(root));

type Step =
  | { readonly do: "append"; readonly sizes: readonly (readonly number[])[] }
  | { readonly do: "read" | "flush" | "reopen" }
  | { readonly do: "settle"; readonly which: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("append" as const),
      sizes: fc.array(fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 4 }), {
        minLength: 1,
        maxLength: 4,
      }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("read" as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("settle" as const), which: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("flush" as const, "reopen" as const) }) },
);

interface Modelled {
  readonly first: bigint;
  readonly records: readonly string[];
  state: "unread" | "read" | "settled";
}

const sum = (a: LaneAmount, b: LaneAmount): LaneAmount => ({
  records: a.records + b.records,
  bytes: a.bytes + b.bytes,
});

const amountOf = (groups: readonly Modelled[]) => ({
  records: groups.reduce((sum, { records }) => sum + records.length, 0),
  bytes: groups.reduce((sum, { records }) => sum + records.reduce((all, record) => all + record.length, 0), 0),
});

for (const kind of laneKinds) {
  describe(`a lane on ${kind.name}`, () => {
    it("does what the model does", async () => {
      let lanes = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { maxLength: 40 }),
          fc.constantFrom("always" as const, "interval" as const, "never" as const),
          fc.integer({ min: 100, max: 2_000 }),
          async (steps, fsync, segmentBytesMax) => {
            const directory = join(root, `${kind.name}-${lanes++}`);
            const options = { fsync, segmentBytesMax };
            let driver = await LaneDriver.open(kind, directory, options);
            let groups: Modelled[] = [];
            let next = 0n;
            const check = () => {
              const held = groups.filter(({ state }) => state !== "settled");
              expect(driver.state).toMatchObject({
                held: amountOf(held),
                groups: held.length,
                nextSequence: next,
                pending: { records: 0, bytes: 0 },
              });
              expect(driver.lost).toEqual({});
            };
            for (const now of steps) {
              if (now.do === "append") {
                const appended = now.sizes.map((sizes) => {
                  const records = sizes.map((size, index) => `${next}/${index}`.padEnd(size, "."));
                  groups.push({ first: next, records, state: "unread" });
                  next += BigInt(records.length);
                  return driver.append(records);
                });
                await Promise.all(appended);
              } else if (now.do === "read") {
                const group = await driver.lane.read();
                const expected = groups.find(({ state }) => state === "unread");
                expect(group?.firstSequence).toBe(expected?.first);
                if (group === undefined || expected === undefined) continue;
                expect(recordsOf(group)).toEqual(expected.records);
                expected.state = "read";
              } else if (now.do === "settle") {
                const read = groups.filter(({ state }) => state === "read");
                const chosen = read[now.which % Math.max(1, read.length)];
                if (chosen === undefined) continue;
                driver.lane.settle(chosen.first);
                chosen.state = "settled";
              } else if (now.do === "flush") {
                await driver.lane.flush();
                expect(driver.state.durableSequence).toBe(next);
              } else {
                await driver.lane.close();
                driver = await LaneDriver.open(kind, directory, options);
                // What is settled without a gap is done with; the rest comes again, in order.
                const from = groups.findIndex(({ state }) => state !== "settled");
                groups = from < 0 ? [] : groups.slice(from);
                for (const group of groups) group.state = "unread";
                expect(driver.state.recovered).toEqual(amountOf(groups));
              }
              check();
            }
            await driver.lane.close();
            removeDirectory(directory);
          },
        ),
        { numRuns: Number(process.env.SPOOL_MODEL_RUNS ?? 20) },
      );
    });

    it("accounts for every record while it has too little room", async () => {
      let lanes = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { maxLength: 60 }),
          fc.integer({ min: 400, max: 4_000 }),
          async (steps, bytesMax) => {
            const directory = join(root, `${kind.name}-full-${lanes++}`);
            const options = { fsync: "never" as const, bytesMax, segmentBytesMax: 600 };
            let driver = await LaneDriver.open(kind, directory, options);
            let written = { records: 0, bytes: 0 };
            let settled = { records: 0, bytes: 0 };
            let read: { first: bigint; records: number; bytes: number }[] = [];
            let last = -1n;
            for (const now of steps) {
              if (now.do === "append") {
                for (const sizes of now.sizes) {
                  const records = sizes.map((size) => ".".repeat(size));
                  const before = driver.state;
                  try {
                    await driver.append(records);
                    written = sum(written, { records: records.length, bytes: sizes.reduce((a, b) => a + b, 0) });
                  } catch (error) {
                    expect(error).toMatchObject({ code: "SPOOL_FULL" });
                    expect(driver.state.nextSequence).toBe(before.nextSequence);
                  }
                  expect(driver.state.diskBytes).toBeLessThanOrEqual(bytesMax);
                }
              } else if (now.do === "read") {
                const group = await driver.lane.read();
                if (group === undefined) continue;
                expect(group.firstSequence).toBeGreaterThan(last);
                last = group.firstSequence;
                read.push({ first: group.firstSequence, records: group.records, bytes: group.bytes });
              } else if (now.do === "settle") {
                const [chosen] = read.splice(now.which % Math.max(1, read.length), 1);
                if (chosen === undefined) continue;
                driver.lane.settle(chosen.first);
                settled = sum(settled, chosen);
              } else if (now.do === "flush") {
                await driver.lane.flush();
              } else {
                const { held } = driver.state;
                await driver.lane.close();
                driver = await LaneDriver.open(kind, directory, options);
                // What was settled behind a gap comes again; nothing else is more or less.
                expect(driver.state.recovered.records).toBeGreaterThanOrEqual(held.records);
                expect(driver.state.recovered.records).toBeLessThanOrEqual(held.records + settled.records);
                expect(driver.lost).toEqual({});
                written = settled = { records: 0, bytes: 0 };
                read = [];
                last = -1n;
              }
              const { recovered, held } = driver.state;
              const lost = driver.lost.spoolFull ?? { records: 0, bytes: 0 };
              expect(Object.keys(driver.lost).filter((cause) => cause !== "spoolFull")).toEqual([]);
              expect(sum(recovered, written)).toEqual(sum(sum(settled, held), lost));
            }
            await driver.lane.close();
            removeDirectory(directory);
          },
        ),
        { numRuns: Number(process.env.SPOOL_MODEL_RUNS ?? 20) },
      );
    });
  });
}
