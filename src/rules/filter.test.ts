/** filter: what it compiles to and what it refuses. */

import { describe, expect, it } from "vitest";
import { checkPattern } from "../../test/fixtures/check_pattern.ts";
import { filter } from "./filter.ts";

describe("filter", () => {
  it("drops by text or by pattern", () => {
    expect(filter.compile({ value: "é" })).toEqual([{ name: "dropLiteral", args: [Buffer.from("é")] }]);
    expect(filter.compile({ pattern: "a|b" })).toEqual([{ name: "dropPattern", args: [Buffer.from("a|b")] }]);
  });

  it("drops by the cheapest operations that say what its condition says", () => {
    const literal = (text: string) => ({ name: "dropLiteral", args: [Buffer.from(text)] });
    const pattern = (text: string) => ({ name: "dropPattern", args: [Buffer.from(text)] });
    expect(filter.compile({ values: ["a", "b"] })).toEqual([literal("a"), literal("b")]);
    expect(filter.compile({ patterns: ["a", "b"], ignore_case: true })).toEqual([pattern("(?i)a"), pattern("(?i)b")]);
    expect(filter.compile({ any: [{ value: "a" }, { any: [{ pattern: "b" }] }] })).toEqual([
      literal("a"),
      pattern("b"),
    ]);
    expect(filter.compile({ severity: { at_least: "WARN" } })).toEqual([
      { name: "drop", args: [], when: { kind: "severity", atLeast: "warn" } },
    ]);
  });

  it("keeps what a condition holds for by dropping all else", () => {
    expect(filter.compile({ value: "a", action: "keep" })).toEqual([
      { name: "drop", args: [], when: { kind: "not", of: { kind: "literal", literal: Buffer.from("a") } } },
    ]);
  });

  it("takes each of its examples", () => {
    for (const example of filter.examples) expect(filter.refusal(example, checkPattern)).toBeUndefined();
  });

  it("refuses neither and both, and says how it is written", () => {
    expect(filter.refusal({}, checkPattern)).toMatchObject({
      what: "needs `value` or `pattern`, or another condition",
      fix: expect.stringContaining("DEBUG"),
    });
    expect(filter.refusal({ value: "a", pattern: "a" }, checkPattern)?.what).toBe("has both `value` and `pattern`");
  });

  it("refuses a pattern in RE2's words", () => {
    expect(filter.refusal({ pattern: "a(?=b)" }, checkPattern)).toEqual({
      code: "SG_RULE_PATTERN",
      param: "pattern",
      what: "RE2 refuses it: invalid perl operator: (?=",
      fix: expect.stringContaining("no look-ahead"),
    });
  });

  it("refuses \\C, which only one engine would know", () => {
    expect(filter.refusal({ pattern: "a\\Cb" }, checkPattern)?.what).toBe("invalid escape sequence: \\C");
  });
});
