/** Every conformance vector, and the limits of promise P6, on every engine. */

import { describe, expect, it } from "vitest";
import {
  countCell,
  countCellsFixed,
  countCellsPerRule,
  matchBudgetBytes,
  outputGrowthBytes,
  outputGrowthFactor,
  ruleCell,
} from "../../src/data/engine/layout.ts";
import { StreamGateError } from "../../src/errors.ts";
import { engines, planOf, type Run, run, type Step } from "./engines.ts";
import { type RuleCounts, vectors } from "./vectors.ts";

function ruleCounts({ counts }: Run, rules: number): RuleCounts[] {
  return Array.from({ length: rules }, (_, rule) =>
    Object.fromEntries(
      Object.entries(ruleCell).flatMap(([name, cell]) => {
        const value = counts[countCellsFixed + rule * countCellsPerRule + cell]!;
        return value === 0 ? [] : [[name, value]];
      }),
    ),
  );
}

/** The ledger's equation after every run: received = passed + dropped + quarantined, in records and in bytes. */
function expectBalance({ counts, records }: Run, rules: number): void {
  for (const unit of ["Records", "Bytes"] as const) {
    let settled = counts[countCell[`passed${unit}`]]!;
    settled += counts[countCell[`quarantinedMatchLimit${unit}`]]! + counts[countCell[`quarantinedOutputLimit${unit}`]]!;
    for (let rule = 0; rule < rules; rule++)
      settled += counts[countCellsFixed + rule * countCellsPerRule + ruleCell[`dropped${unit}`]]!;
    expect(settled, unit).toBe(counts[countCell[`received${unit}`]]);
  }
  expect(counts[countCell.passedRecords]).toBe(records.length);
  expect(counts[countCell.writtenBytes]).toBe(records.reduce((sum, { length }) => sum + length, 0));
}

for (const kind of engines()) {
  describe(`plans on ${kind.name}`, () => {
    for (const [name, { steps, input, output, rules }] of Object.entries(vectors)) {
      it(name, () => {
        const plan = planOf(steps);
        const stream = Buffer.concat(input.flatMap((record) => [Buffer.from(record), Buffer.from("\n")]));
        for (const options of [{}, { batchRecords: 1, batchBytes: 1 }, { chunks: new Array(stream.length).fill(1) }]) {
          const result = run(kind, plan, stream, options);
          expect(result.records.map((record) => record.toString("latin1"))).toEqual(
            output.map((record) => Buffer.from(record).toString("latin1")),
          );
          expect(ruleCounts(result, steps.length)).toEqual(rules ?? steps.map(() => ({})));
          expect(result.counts[countCell.receivedRecords]).toBe(input.length);
          expectBalance(result, steps.length);
        }
      });
    }

    it("makes as many matches as the budget allows, and not one more", () => {
      // 64 KiB: the budget is 16,384 matches. The record has that many, then one more.
      const size = 65_536;
      const allowed = matchBudgetBytes / size;
      const step: Step = { name: "replacePattern", args: ["a+", "b"], limited: true };
      const record = (matches: number) => `${"a-".repeat(matches)}${"-".repeat(size - 2 * matches)}\n`;
      const exact = run(kind, planOf([step]), Buffer.from(record(allowed)));
      expect(exact.records.map(String)).toEqual([record(allowed).slice(0, -1).replaceAll("a", "b")]);
      const over = run(kind, planOf([step]), Buffer.from(record(allowed + 1)));
      expect(over.records).toEqual([]);
      expect(ruleCounts(over, 1)).toEqual([{ quarantinedRecords: 1, quarantinedBytes: size }]);
      expect(over.counts[countCell.quarantinedMatchLimitRecords]).toBe(1);
      expect(over.counts[countCell.quarantinedMatchLimitBytes]).toBe(size);
      expectBalance(over, 1);
      const unlimited = run(kind, planOf([{ ...step, limited: false }]), Buffer.from(record(allowed + 1)));
      expect(unlimited.records.length).toBe(1);
    });

    it("a record larger than the budget still may have one match", () => {
      const step: Step = { name: "replacePattern", args: ["a+", "b"], limited: true };
      const { records } = run(kind, planOf([step]), Buffer.from("xa\n"));
      expect(records.map(String)).toEqual(["xb"]);
    });

    it("a record may grow to its limit, and not by one byte more", () => {
      const size = 100;
      const limit = outputGrowthFactor * size + outputGrowthBytes;
      const input = Buffer.from(`x${"-".repeat(size - 1)}\n`);
      const grown = (bytes: number): Step => ({ name: "replacePattern", args: ["x", "y".repeat(bytes)] });
      const exact = run(kind, planOf([grown(limit - size + 1)]), input);
      expect(exact.records.map(({ length }) => length)).toEqual([limit]);
      const over = run(kind, planOf([grown(limit - size + 2)]), input);
      expect(over.records).toEqual([]);
      expect(over.counts[countCell.quarantinedOutputLimitRecords]).toBe(1);
      expect(over.counts[countCell.quarantinedOutputLimitBytes]).toBe(size);
      expectBalance(over, 1);
    });

    it("growth is measured against the record as it came, over all rules", () => {
      const half: Step = { name: "replacePattern", args: ["x", "y".repeat(40_000)] };
      const { records, counts } = run(
        kind,
        planOf([half, { ...half, args: ["^", "z".repeat(40_000)] }]),
        Buffer.from("x\n"),
      );
      expect(records).toEqual([]);
      expect(counts[countCell.quarantinedOutputLimitRecords]).toBe(1);
    });

    it("a record with 100,000 matches is done in work that grows with its length", () => {
      const input = Buffer.from(`${"1-".repeat(100_000)}\n`);
      const result = run(kind, planOf([{ name: "replacePattern", args: ["\\d|never", "2"] }]), input);
      expect(result.records.map(String)).toEqual(["2-".repeat(100_000)]);
    });

    it.each([
      ["[0-9", "missing ]: [0-9"],
      ["(a", "missing ): (a"],
      ["a)", "unexpected ): a)"],
      ["(?=a)", "invalid perl operator: (?="],
      ["(?<!a)", "invalid perl operator: (?<!"],
      ["*a", "no argument for repetition operator: *"],
      ["a|*", "no argument for repetition operator: *"],
      ["(?i)+", "no argument for repetition operator: +"],
      ["a**", "bad repetition operator: **"],
      ["a{2}{3}", "bad repetition operator: {2}{3}"],
      ["a{1001}", "invalid repetition size: {1001}"],
      ["(a{100}){11}", "invalid repetition size: {11}"],
      ["a{3,2}", "invalid repetition size: {3,2}"],
      ["a\\", "trailing \\"],
      ["\\8", "invalid escape sequence: \\8"],
      ["\\Z", "invalid escape sequence: \\Z"],
      ["\\x{110000}", "invalid escape sequence: \\x{110000"],
      ["[a-\\d]", "invalid escape sequence: \\d"],
      ["[z-a]", "invalid character class range: z-a"],
      ["[[:word:][:foo:]]", "invalid character class range: [:foo:]"],
      ["\\p{Klingon}", "invalid character class range: \\p{Klingon}"],
      ["\\p{ASCII", "invalid character class range: \\p{ASCII"],
      ["(?P<n", "invalid named capture group: (?P<n"],
      ["(?P<n m>x)", "invalid named capture group: (?P<n m>"],
      ["(?z)", "invalid perl operator: (?z"],
      ["(?i-)a", "invalid perl operator: (?i-)"],
      ["\\C", "invalid escape sequence: \\C"],
    ])("refuses %s in RE2's words", (pattern, message) => {
      // RE2 itself takes \C; it is refused before any engine sees it (src/plan/pattern.ts).
      if (pattern === "\\C" && kind.name === "native") return;
      expect(kind.checkPattern(pattern)).toEqual({ ok: false, message });
      expect(() => kind.prepare(planOf([{ name: "dropPattern", args: [pattern] }]))).toThrow(StreamGateError);
    });

    it.each([
      ["a{,2}", 0],
      ["x{2,3}?", 0],
      ["(a)(?:b)(?P<c>d)", 2],
      ["[]a]", 0],
      ["[a-]", 0],
      ["\\Q(?=\\E", 0],
      ["(?i)(?s:.)(?-i)", 0],
      ["(?P<n>a)(?P<n>b)", 2],
      ["\\pN\\p{^Greek}[\\P{Lu}x]", 0],
      ["(|a)*", 1],
      ["", 0],
      ["{", 0],
      ["(?:a{1000})", 0],
    ])("takes %s", (pattern, groups) => {
      expect(kind.checkPattern(pattern)).toEqual({ ok: true, groups });
    });

    it.each([
      ["a", "\\1", "only has 0 parenthesized subexpressions"],
      ["a", "\\", "not allowed at end"],
      ["a", "\\q", "must be followed by a digit"],
    ])("refuses the replacement of %s by %s", (pattern, rewrite, words) => {
      expect(() => kind.prepare(planOf([{ name: "replacePattern", args: [pattern, rewrite] }]))).toThrow(words);
    });

    it("refuses what was closed", () => {
      const plan = kind.prepare(planOf([]));
      const engine = kind.createEngine();
      plan.close();
      plan.close();
      expect(() => engine.use(plan, new Float64Array(64))).toThrow(/closed/);
      engine.close();
      engine.close();
      expect(() => engine.use(kind.prepare(planOf([])), new Float64Array(64))).toThrow(/closed/);
    });
  });
}
