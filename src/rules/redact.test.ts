/** redact: what it compiles to and what it refuses. */

import { describe, expect, it } from "vitest";
import { checkPattern } from "../../test/fixtures/check_pattern.ts";
import { redact } from "./redact.ts";

describe("redact", () => {
  it("replaces by [REDACTED] when nothing else is said", () => {
    expect(redact.compile({ pattern: "a" })[0]!.args.map(String)).toEqual(["a", "[REDACTED]"]);
  });

  it("takes an empty replacement, and an empty pattern as RE2 does", () => {
    expect(redact.refusal({ pattern: "", replacement: "" }, checkPattern)).toBeUndefined();
    expect(redact.compile({ pattern: "a", replacement: "" })[0]!.args.map(String)).toEqual(["a", ""]);
  });

  it("says when a pattern's matches have no upper length", () => {
    expect(redact.compile({ pattern: "\\d+" })[0]).toMatchObject({ limited: true });
    expect(redact.compile({ pattern: "\\d{16}" })[0]).toMatchObject({ limited: false });
  });

  it("takes each of its examples", () => {
    for (const example of redact.examples) expect(redact.refusal(example, checkPattern)).toBeUndefined();
  });

  it("refuses a replacement in RE2's words", () => {
    expect(redact.refusal({ pattern: "(a)", replacement: "\\2" }, checkPattern)).toMatchObject({
      code: "SG_RULE_REWRITE",
      param: "replacement",
      what: "RE2 refuses it: Rewrite schema requests 2 matches, but the regexp only has 1 parenthesized subexpressions.",
    });
  });
});
