/** Records that watched rules act on: both engines keep the same ones, and none of those that nobody asked for. */
import { describe, expect, it } from "vitest";
import { Batch } from "../../src/data/engine/batch.ts";
import type { EngineKind } from "../../src/data/engine/engine.ts";
import { countCellsOf, frameCells, watchedRecordBytesMax, watchedRecordsMax } from "../../src/data/engine/layout.ts";
import type { Rule } from "../../src/manifest/manifest.ts";
import { compilePlan } from "../../src/plan/compile.ts";
import { withoutRuleKeys } from "../../src/rules/secrets_of_rules.ts";
import { engines } from "./engines.ts";

const rules: readonly Rule[] = [
  { id: "debug", type: "filter", params: { value: "DEBUG" } },
  { id: "pattern", type: "filter", params: { pattern: "^GET /health" } },
  { id: "ssn", type: "redact", params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "[ssn]" } },
  { id: "cards", type: "redact", params: { detectors: ["credit_card"] } },
  { id: "shadow", type: "filter", params: { value: "noise" }, mode: "shadow" },
  { id: "service", type: "attribute_filter", params: { attribute: "service.name", operator: "equals", value: "load" } },
];
const lines = [
  "DEBUG one",
  "INFO two",
  "INFO ssn 123-45-6789 and 987-65-4321",
  "GET /healthz",
  "INFO card 4111 1111 1111 1111, ssn 123-45-6789",
  "INFO noise",
  '{"service.name":"load"}',
  "DEBUG noise",
];
const expected: Record<string, readonly number[]> = {
  debug: [0, 7],
  pattern: [3],
  ssn: [2, 4],
  cards: [4],
  shadow: [5],
  service: [6],
};

function run(kind: EngineKind, watched: readonly number[], records: readonly string[]) {
  const plan = compilePlan(withoutRuleKeys(rules));
  const prepared = kind.prepare(plan);
  const engine = kind.createEngine();
  const framer = kind.createFramer({ kind: "newline" }, 1 << 20, { transport: "tcp" }, new Float64Array(frameCells));
  engine.use(prepared, new Float64Array(countCellsOf(plan)));
  engine.watch(watched);
  const chunk = Buffer.from(records.map((line) => `${line}\n`).join(""));
  // So small that records find no room and run again: none may be kept twice.
  let batch = new Batch(3, 200_000);
  engine.attach(batch);
  for (let at = 0; ; ) {
    at = engine.runChunk(framer, chunk, at, 0);
    if (at === chunk.length) break;
    batch = new Batch(3, 200_000);
    engine.attach(batch);
  }
  const taken = engine.takeWatched().map(({ rule, records: count, examples }) => ({
    rule: plan.rules[rule]!.id,
    count,
    examples: examples.map((example) => Buffer.from(example).toString()),
  }));
  const again = engine.takeWatched();
  engine.close();
  framer.close();
  prepared.close();
  return { taken, again };
}

for (const kind of engines()) {
  describe(`watched rules on the ${kind.name} engine`, () => {
    it("are told with the records that they dropped, changed, or in shadow would have, as received", () => {
      const { taken, again } = run(kind, [0, 1, 2, 3, 4, 5], lines);
      for (const { rule, count, examples } of taken) {
        expect([rule, examples]).toEqual([rule, expected[rule]!.map((index) => lines[index])]);
        expect([rule, count]).toEqual([rule, expected[rule]!.length]);
      }
      expect(again.map(({ records, examples }) => [records, examples.length])).toEqual(taken.map(() => [0, 0]));
    });

    it("are those alone that somebody watches", () => {
      expect(run(kind, [2], lines).taken.map(({ rule }) => rule)).toEqual(["ssn"]);
      expect(run(kind, [], lines).taken).toEqual([]);
    });

    it("keep a bounded number of records of bounded length, and count all", () => {
      const many = Array.from({ length: 100 }, (_, index) => `DEBUG ${index}`);
      const [debug] = run(kind, [0], many).taken;
      expect(debug!.count).toBe(100);
      expect(debug!.examples).toEqual(many.slice(0, watchedRecordsMax));
      const long = `DEBUG ${"x".repeat(watchedRecordBytesMax)}`;
      const [one] = run(kind, [0], [long, "DEBUG short"]).taken;
      expect(one).toMatchObject({ count: 2, examples: ["DEBUG short"] });
    });
  });
}
