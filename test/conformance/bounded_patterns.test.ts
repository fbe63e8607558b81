/**
 * P6: patterns that ruin backtracking engines, and patterns whose replacement of all matches is quadratic, on records of a megabyte. Every
 * engine finishes, and all give the same bytes and the same counts.
 */

import { describe, expect, it } from "vitest";
import { scanPattern } from "../../src/plan/pattern.ts";
import { engines, planOf, run } from "./engines.ts";

const megabyte = 2 ** 20;
const a = (count: number) => "a".repeat(count);

/** Sources: OWASP's "Regular expression Denial of Service" page, and the shapes that Cox's "Regular Expression Matching Can Be Simple And Fast" measures. */
const patterns: readonly (readonly [pattern: string, record: string])[] = [
  ["(a+)+$", `${a(megabyte - 1)}!`],
  ["^(a+)+$", `${a(megabyte - 1)}!`],
  ["([a-zA-Z]+)*$", `${a(megabyte - 1)}!`],
  ["(a|aa)+$", `${a(megabyte - 1)}!`],
  ["(a|a?)+$", `${a(megabyte - 1)}!`],
  ["^(([a-z])+.)+[A-Z]([a-z])+$", a(megabyte)],
  ["(.*)*x", a(megabyte)],
  ["(x+x+)+y", "x".repeat(megabyte)],
  ["(.*,){11}P", `${"1,".repeat(megabyte / 2)}`],
  [`${"a?".repeat(30)}${"a".repeat(30)}`, a(megabyte)],
  ["^[\\w.]+@([\\w]+\\.)+[a-z]{2,}$", `${"a.".repeat(megabyte / 2)}`],
  ["\\s+$", `${" ".repeat(megabyte - 1)}x`],
  // Each match is one letter, behind a search to the record's end.
  [".*[^A-Z]|[A-Z]", "A".repeat(megabyte)],
  ["a.*b|a", a(megabyte)],
  ["(a*b|a)", a(megabyte)],
  ["a[^z]*z|a", a(megabyte)],
];

describe("a megabyte under a pattern", () => {
  it.each(patterns)("%s is finished or withheld, by every engine alike", (pattern, record) => {
    const plan = planOf([{ name: "replacePattern", args: [pattern, "-"], limited: scanPattern(pattern).unbounded }]);
    const input = Buffer.from(`${record}\nnext a\n`);
    const [first, ...others] = engines().map((kind) =>
      run(kind, plan, input, { maxRecordBytes: megabyte, batchBytes: 5 * megabyte }),
    );
    expect(first!.counts[0]).toBe(2);
    for (const other of others) {
      expect(other.counts).toEqual(first!.counts);
      expect(other.records.map((bytes) => bytes.toString("latin1"))).toEqual(
        first!.records.map((bytes) => bytes.toString("latin1")),
      );
    }
  });
});
