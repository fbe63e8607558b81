/** filter: what it compiles to and what it refuses. */

import { describe, expect, it } from "vitest";
import { checkPattern } from "../../test/fixtures/check_pattern.ts";
import { filter } from "./filter.ts";

describe("filter", () => {
  it("drops by text or by pattern", () => {
    expect(filter.compile({ value: "é" })).toEqual([{ name: "dropLiteral", args: [Buffer.from("é")] }]);
    expect(filter.compile({ pattern: "a|b" })).toEqual([{ name: "dropPattern", args: [Buffer.from("a|b")] }]);
  });

  it("takes each of its examples", () => {
    for (const example of filter.examples) expect(filter.refusal(example, checkPattern)).toBeUndefined();
  });

  it("refuses neither and both, and says how it is written", () => {
    expect(filter.refusal({}, checkPattern)).toMatchObject({
      what: "needs `value` or `pattern`",
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
