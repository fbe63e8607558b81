/** What is counted of a stream: by rule, by severity, in errors, and by the weights of sampled records; on both engines alike. */

import { describe, expect, it } from "vitest";
import { engines } from "../../../test/conformance/engines.ts";
import { readRules } from "../../manifest/manifest.ts";
import { compilePlan } from "../../plan/compile.ts";
import { Measure } from "./measure.ts";
import { extraWeight } from "./weight.ts";

const rules = [
  { id: "debug", type: "filter", params: { value: "DEBUG" } },
  { id: "ssn", type: "redact", params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "#" } },
];

for (const kind of engines()) {
  const measured = (given: readonly object[], text: string, chunkBytes = text.length || 1) => {
    const { rules } = readRules(given, (pattern) => kind.checkPattern(pattern));
    const measure = new Measure(kind, compilePlan(rules), 1 << 20);
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += chunkBytes)
      measure.run(Buffer.from(bytes.subarray(at, at + chunkBytes)), at);
    measure.end();
    const result = measure.result();
    measure.close();
    return result;
  };

  describe(`a stream measured on ${kind.name}`, () => {
    const text = [
      "ERROR failed to leave DEBUG mode",
      "DEBUG x",
      "INFO ssn 123-45-6789 and 123-45-6789",
      "WARN y",
      "FATAL DEBUG",
      "ERROR z",
      "nothing said",
    ].join("\n");

    it.each([1 << 20, 7, 1])(
      "counts before and after, by rule and by severity, in chunks of %s bytes",
      (chunkBytes) => {
        const { before, after, rules: byRule, levels } = measured(rules, text, chunkBytes);
        expect(before).toEqual({ records: 7, bytes: text.length - 6 });
        expect(after).toEqual({ records: 4, bytes: "INFO ssn # and #WARN yERROR znothing said".length });
        expect(byRule).toEqual([
          {
            rule: 0,
            dropped: { records: 3, bytes: "ERROR failed to leave DEBUG modeDEBUG xFATAL DEBUG".length },
            changed: 0,
            replacements: 0,
            withheld: { records: 0, bytes: 0 },
            errorsDropped: 2,
          },
          expect.objectContaining({ changed: 1, replacements: 2, errorsDropped: 0 }),
        ]);
        const records = Object.entries(levels).map(([level, { before, after }]) => [
          level,
          before.records,
          after.records,
        ]);
        expect(records).toEqual([
          ["fatal", 1, 0],
          ["error", 2, 1],
          ["warn", 1, 1],
          ["info", 1, 1],
          ["debug", 1, 0],
          ["trace", 0, 0],
          ["unknown", 1, 1],
        ]);
        expect(levels.info.before.bytes - levels.info.after.bytes).toBe(20);
      },
    );

    it("counts a million lines of which 1 % are errors that speak of DEBUG: exactly 10,000 are dropped", {
      timeout: 120_000,
    }, () => {
      const lines = Array.from({ length: 10_000 }, (_, index) =>
        index % 100 === 0 ? `ERROR ${index} failed to leave DEBUG mode` : `INFO ${index} payment processed`,
      );
      const block = Buffer.from(`${lines.join("\n")}\n`);
      const { rules: read } = readRules(rules, (pattern) => kind.checkPattern(pattern));
      const measure = new Measure(kind, compilePlan(read), 1 << 20);
      for (let times = 0; times < 100; times++) measure.run(Buffer.from(block), 0);
      measure.end();
      const { before, rules: byRule, levels } = measure.result();
      measure.close();
      expect([before.records, levels.error.before.records, levels.error.after.records]).toEqual([1e6, 1e4, 0]);
      expect(byRule[0]).toMatchObject({ dropped: { records: 1e4 }, errorsDropped: 1e4 });
    });

    it("counts services before and after, most first, beyond 64 together, and those of records that name none", () => {
      const lines = Array.from({ length: 200 }, (_, index) => {
        const name = index < 100 ? "shop" : index < 110 ? undefined : `s${index}`;
        return JSON.stringify({
          level: index % 2 === 0 ? "DEBUG" : "INFO",
          ...(name !== undefined && { "service.name": name }),
        });
      });
      const { services } = measured(rules, lines.join("\n"));
      const told = services.map(({ name, before, after }) => [name, before.records, after.records]);
      expect(told.slice(0, 2)).toEqual([
        ["shop", 100, 50],
        [undefined, 10, 5],
      ]);
      // 64 are told apart, the nameless among them; those that come behind the rules are as many, but others.
      expect(told).toHaveLength(65);
      expect(told.at(-1)![0]).toBeNull();
      const sum = (column: number) => told.reduce((total, row) => total + (row[column] as number), 0);
      expect([sum(1), sum(2)]).toEqual([200, 100]);
    });

    it("counts what sampling keeps as what it stands for, within a few in a hundred", () => {
      const sampled = [{ id: "tenth", type: "sample", params: { rate: 0.1 } }];
      const lines = Array.from({ length: 20_000 }, (_, index) =>
        index % 50 === 0 ? `ERROR ${index}` : `INFO ${index}`,
      );
      const { levels, after } = measured(sampled, `${lines.join("\n")}\n`, 65_536);
      expect(levels.error).toMatchObject({ afterWeight: 400, after: { records: 400 } });
      expect(after.records).toBeLessThan(4000);
      // Binomial: the deviation of the sum is 10 × √(19,600 × 0.1 × 0.9) = 420; five of them.
      expect(Math.abs(levels.info.afterWeight - 19_600)).toBeLessThan(2100);
    });

    it("counts the summaries that rules make as what is left", () => {
      const dedupe = [{ id: "once", type: "dedupe", params: { window_s: 60 } }];
      const { before, after, rules: byRule } = measured(dedupe, "ERROR a\nERROR a\nERROR a\nERROR b\n");
      expect([before.records, byRule[0]!.dropped.records]).toEqual([4, 2]);
      expect(after.records).toBe(3);
    });

    it("foresees what rules in shadow would do, and changes nothing", () => {
      const shadows = rules.map((rule) => ({ ...rule, mode: "shadow" }));
      const text = "ERROR DEBUG\nDEBUG\nINFO 123-45-6789\n";
      const { before, after, rules: byRule } = measured(shadows, text);
      expect(after).toEqual(before);
      expect(byRule.map(({ foreseen }) => foreseen)).toEqual([
        { records: 2, errors: 1, savedBytes: 16 },
        { records: 1, errors: 0, savedBytes: 10 },
      ]);
    });

    it("adds up the weights that sampling wrote, of each severity", () => {
      const { levels } = measured(
        rules,
        '{"level":"info","sample_rate":10}\n{"level":"info"}\n{"level":"debug","msg":"sample_rate","sample_rate":2.5}\nERROR x sample_rate=4\n',
      );
      const weights = Object.entries(levels).map(([level, { afterWeight }]) => [level, afterWeight]);
      expect(weights.filter(([, weight]) => weight !== 0)).toEqual([
        ["error", 4],
        ["info", 11],
        ["debug", 2.5],
      ]);
    });

    it("takes records larger than a batch, several streams, and an end without a line end", () => {
      const long = `ERROR ${"x".repeat(2_000_000)}`;
      const { rules: read } = readRules(rules, (pattern) => kind.checkPattern(pattern));
      const measure = new Measure(kind, compilePlan(read), 4 << 20);
      for (const text of [`${long}\nINFO`, long]) {
        measure.run(Buffer.from(text), 0);
        measure.end();
      }
      const { before, levels } = measure.result();
      measure.close();
      expect([before.records, levels.error.after.records]).toEqual([3, 2]);
    });
  });
}

describe("extraWeight", () => {
  it.each([
    ['{"sample_rate":10}\n', 9],
    ['{"sample_rate" : 3,"a":1}\n', 2],
    ['<11>1 - h a - - [sample@32473 rate="4"] y\n', 3],
    ["x sample_rate=4\n", 3],
    ["x sample_rate=4\r\n", 3],
    ["x sample_rate=4s sample_rate\n", 0],
    ['{"sample_rate":10,"old":{"sample_rate":5}}\n', 9],
    ['{"sample_rate":2}\n{"sample_rate":2}\n', 2],
    ['{"sample_rate":0.5}\n{"sample_rate":"x"}\nsample_rate\n', 0],
    ["", 0],
  ])("of %j is %s", (text, weight) => {
    expect(extraWeight(Buffer.from(text))).toBe(weight);
  });
});
