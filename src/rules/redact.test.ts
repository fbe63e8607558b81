/** redact: what it compiles to and what it refuses. */

import { describe, expect, it } from "vitest";
import { checkPattern } from "../../test/fixtures/check_pattern.ts";
import { redact } from "./redact.ts";
import { resolveRuleKeys } from "./secrets_of_rules.ts";

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
    expect(redact.compile({ pattern: "\\d+", mode: "mask" })[0]).toMatchObject({ name: "redact", limited: true });
    expect(redact.compile({ pattern: "\\d", scope: ["a"] })[0]).toMatchObject({ name: "redact", limited: false });
  });

  it("rewrites records by a pattern where no mode and no scope asks for more", () => {
    for (const more of [{}, { mode: "replace" as const }, { scope: "record" as const }])
      expect(redact.compile({ pattern: "a", replacement: "\\0", ...more })[0]!.name).toBe("replacePattern");
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

  it("looks for each detector of its names and groups once", () => {
    const selectors = ({ detectors }: { detectors: string[] }) => redact.compile({ detectors })[0]!.args.length - 2;
    expect(selectors({ detectors: ["us_ssn"] })).toBe(1);
    expect(selectors({ detectors: ["us_ssn", "us_ssn", "pci", "all"] })).toBe(selectors({ detectors: ["all"] }));
    expect(selectors({ detectors: ["pci"] })).toBe(2);
  });

  it.each([
    [{}, undefined, "needs `pattern`, `detector`, `detectors`, `field` or `fields`"],
    [{ pattern: "a", detector: "email" }, undefined, "has `pattern` and `detector`"],
    [{ detector: "emial" }, "detector", 'no detector is called "emial"'],
    [{ detectors: ["email", "x"] }, "detectors", 'no detector is called "x"'],
    [{ pattern: "a", decode: ["json"] }, "decode", "does not go with `pattern`"],
    [{ pattern: "a", mode: "mask", replacement: "x" }, "replacement", "does not go with mode mask"],
    [{ pattern: "a", scope: ["x//y"] }, "scope", "has an empty key"],
    [{ pattern: "a", keep_last: 1 }, "keep_last", "does not go with mode replace"],
    [{ detector: "email", mode: "mask", replacement: "x" }, "replacement", "does not go with mode mask"],
    [{ detector: "email", keep_last: 2 }, "keep_last", "does not go with mode replace"],
    [{ detector: "email", mode: "hash" }, "key", "mode hash needs a `key`"],
    [{ detector: "email", key: { env: "K" } }, "key", "does not go with mode replace"],
    [{ field: "a//b" }, "field", "has an empty key"],
    [{ field: "a", scope: ["b"] }, "scope", "goes with detectors and `pattern` only"],
    [{ fields: Array.from({ length: 65 }, (_, i) => `a/${i}`) }, "fields", "has more than 64 paths"],
  ])("refuses %j", (params, param, what) => {
    expect(redact.refusal(params as never, checkPattern)).toMatchObject({
      code: "SG_RULE_PARAMS",
      what,
      ...(param !== undefined && { param }),
    });
  });

  it("compiles a hash only from a key that was read, and shows it nowhere", () => {
    const key = "a key of sixteen bytes or more";
    const rule = { id: "r", type: "redact", params: { detector: "email", mode: "hash", key: { env: "K" } } };
    expect(() => redact.compile(rule.params as never)).toThrow("before its key was read");
    const [resolved] = resolveRuleKeys([rule], { env: () => `${key}\n`, file: () => "" });
    expect(String(redact.compile(resolved!.params as never)[0]!.args[1])).toBe(key);
    expect(JSON.stringify(resolved)).not.toContain(key);
    for (const text of [undefined, "", "short"])
      expect(() => resolveRuleKeys([rule], { env: () => text, file: () => "" })).toThrow(/environment variable K/);
  });
});
