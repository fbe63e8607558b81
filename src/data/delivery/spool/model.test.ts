/** A lane against a model, over random appends, reads, settlements, flushes and restarts: nothing lost, order kept, counts exact. */

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LaneDriver, laneKinds, recordsOf, removeDirectory } from "../../../../test/fixtures/lane.ts";

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
        { numRuns: Number(process.env.SPOOL_MODEL_RUNS ?? 40) },
      );
    });
  });
}
