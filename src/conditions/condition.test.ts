/** Conditions: what is refused, where and in which words, and what the rest compiles to. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { engines } from "../../test/conformance/engines.ts";
import { StreamGateError } from "../errors.ts";
import type { Condition } from "../plan/operations.ts";
import { syslogField } from "../plan/syslog_field.ts";
import { compileCondition, conditionSchema, readCondition } from "./index.ts";

const checkPattern = (pattern: string) => engines()[0]!.checkPattern(pattern);
const place = "outputs[1] filter";
const refusal = (value: unknown) => {
  try {
    readCondition(value, place, checkPattern);
  } catch (error) {
    if (error instanceof StreamGateError) return { code: error.code, message: error.message };
    throw error;
  }
  return undefined;
};
const nested = (depth: number): object => (depth === 1 ? { value: "x" } : { not: nested(depth - 1) });

describe("readCondition", () => {
  it.each<[unknown, string]>([
    ["ERROR", `must be an object, not a string; write it as {"severity":{"at_least":"ERROR"}}`],
    [[], "must be an object, not a list"],
    [{}, "asks nothing; give one of all, any, not, value, values, pattern, patterns, field, path, severity"],
    [{ valeu: "x" }, ".valeu: is no part of a condition; known are all, any"],
    [{ value: "x", pattern: "y" }, "asks value and pattern at once; keep one"],
    [{ value: "" }, ".value: must not be empty"],
    [{ value: 5 }, ".value: must be a string, not a number"],
    [{ values: [] }, ".values: must not have fewer than 1 items"],
    [{ values: ["a", ""] }, ".values[1]: must not be empty"],
    [{ pattern: "[0-9" }, ".pattern: RE2 refuses it: missing ]: [0-9; close the character class"],
    [{ patterns: ["a", "(?=b)"] }, ".patterns[1]: RE2 refuses it: invalid perl operator: (?=; RE2 has no look-ahead"],
    [{ pattern: "a\\C" }, ".pattern: invalid escape sequence: \\C"],
    [{ any: [{ pattern: "a**" }] }, ".any[0].pattern: RE2 refuses it: bad repetition operator: **"],
    [{ all: [{ value: "a" }, { not: { field: "x", regex: "(" } }] }, ".all[1].not.regex: RE2 refuses it: missing )"],
    [{ all: [] }, ".all: must not have fewer than 1 items"],
    [{ all: { value: "x" } }, ".all: must be a list, not an object"],
    [{ any: ["x"] }, ".any[0]: must be an object, not a string"],
    [{ not: [] }, ".not: must be an object, not a list"],
    [{ not: {} }, ".not: asks nothing"],
    [{ field: "a" }, "has field without an operator; give one of equals, not_equals"],
    [{ field: "a", equals: "x", lt: 3 }, "has equals and lt at once; keep one"],
    [{ field: "a", path: "b", equals: "x" }, "asks field and path at once"],
    [{ value: "a", equals: "x" }, ".equals: does nothing beside value; it compares a field or a path"],
    [{ field: "a", gt: "5" }, ".gt: must be a number, not a string"],
    [{ field: "a", gt: 1e120 }, ".gt: is further from zero, or nearer to it, than numbers that are compared"],
    [{ field: "a", lt: Number.POSITIVE_INFINITY }, ".lt: "],
    [{ field: "a", in: [] }, ".in: must not have fewer than 1 items"],
    [{ field: "a", in: [["x"]] }, ".in[0]: must be a string or a number or a boolean"],
    [{ field: "a", exists: "yes" }, ".exists: must be a boolean, not a string"],
    [{ field: "a", contains: "" }, ".contains: must not be empty"],
    [{ path: "a//b", exists: true }, ".path: has an empty key; write it such as a/b/c"],
    [{ path: Array(101).fill("k").join("/"), exists: true }, ".path: leads through 101 keys"],
    [{ field: "syslog.hostname", exists: true }, ".field: is no field of syslog; there are syslog.severity, facility"],
    [{ field: "syslog.sd.a", equals: "x" }, ".field: is no field of syslog"],
    [{ field: "syslog.", exists: true }, ".field: is no field of syslog"],
    [
      { not: { field: "syslog.severity", equals: "bad" } },
      '.not.equals: names no such severity: "bad"; give one of emerg, alert, crit, err, warning, notice, info, debug, or its number from 0 to 7',
    ],
    [{ field: "syslog.severity", not_equals: 8 }, '.not_equals: names no such severity: "8"'],
    [{ field: "syslog.facility", in: ["kern", "local8"] }, '.in: names no such facility: "local8"'],
    [{ field: "syslog.time", gt: 1e120 }, ".gt: is further from zero"],
    [{ field: "syslog.host", regex: "(" }, ".regex: RE2 refuses it"],
    [{ severity: "ERROR" }, ".severity: must be an object, not a string"],
    [{ severity: {} }, ".severity.at_least: is missing"],
    [{ severity: { at_least: "BAD" } }, '.severity.at_least: must be "TRACE" or "DEBUG" or "INFO"'],
    [
      { severity: { at_least: "ERROR" }, ignore_case: true },
      ".ignore_case: does nothing beside severity; leave it out",
    ],
    [{ field: "a", gt: 3, ignore_case: true }, ".ignore_case: does nothing beside gt"],
    [{ all: [{ value: "a" }], ignore_case: true }, ".ignore_case: does nothing beside all"],
    [{ value: "\ud800" }, ".value: is not well-formed Unicode"],
    [nested(9), ".not.not.not.not.not.not.not.not: lies in more than 7 conditions"],
    [{ values: Array(101).fill("x") }, "asks more than 100 questions"],
    [
      { any: [{ values: Array(60).fill("x") }, { field: "a", in: Array(41).fill("x") }] },
      ".any[1]: asks more than 100",
    ],
    [{ any: Array(101).fill({ value: "x" }) }, ".any[100]: asks more than 100 questions"],
  ])("refuses %j", (value, words) => {
    const found = refusal(value);
    expect(found?.code).toBe("SG_CONDITION");
    expect(found?.message).toContain(words.startsWith(".") ? `${place}${words}` : `${place}: ${words}`);
  });

  it("takes each of its examples, and conditions at its limits", () => {
    for (const example of (conditionSchema as { examples?: unknown[] }).examples ?? [])
      expect(refusal(example)).toBeUndefined();
    expect(refusal(nested(8))).toBeUndefined();
    expect(refusal({ values: Array(100).fill("x") })).toBeUndefined();
    expect(refusal({ any: Array(100).fill({ value: "x" }) })).toBeUndefined();
  });

  it("takes what its documentation shows", () => {
    const text = readFileSync(new URL("../../docs/conditions.md", import.meta.url), "utf8");
    const blocks = [...text.matchAll(/```json\n([\s\S]*?)```/g)].flatMap(([, block]) => block!.trim().split("\n"));
    expect(blocks.length).toBeGreaterThan(3);
    for (const line of blocks) {
      const value = JSON.parse(line);
      expect([line, refusal("type" in value ? (value.filter ?? value.when ?? value.params) : value)]).toEqual([
        line,
        undefined,
      ]);
    }
    // Its tables name every question and every operator.
    for (const key of Object.keys(conditionSchema.properties)) expect(text).toContain(`"${key}"`);
  });

  it("takes nulls as absent, as the original control plane writes them", () => {
    expect(readCondition({ value: "x", pattern: null, not: null }, place, checkPattern)).toEqual({ value: "x" });
  });

  it("refuses what only ignoring case makes too large for RE2", () => {
    const check = (pattern: string) =>
      pattern.startsWith("(?i)")
        ? ({ ok: false, message: "pattern too large - compile failed" } as const)
        : { ok: true as const, groups: 0 };
    expect(() => readCondition({ value: "x", ignore_case: true }, place, check)).toThrow("pattern too large");
    expect(() => readCondition({ field: "f", in: ["x"], ignore_case: true }, place, check)).toThrow(
      "pattern too large",
    );
    readCondition({ value: "x" }, place, check);
  });
});

describe("compileCondition", () => {
  /** With texts as text, and the paths' number instead of them. */
  const shown = (condition: Condition): unknown => {
    switch (condition.kind) {
      case "all":
      case "any":
        return { [condition.kind]: condition.of.map(shown) };
      case "not":
        return { not: shown(condition.of) };
      case "literal":
        return { literal: String(condition.literal) };
      case "pattern":
        return { pattern: String(condition.pattern) };
      case "attribute":
        return { [condition.operator]: condition.values.map(String), paths: condition.paths.length };
      case "syslog":
        return { [condition.operator]: condition.values.map(String), field: [...condition.field] };
      case "severity":
        return condition;
    }
  };
  const compiled = (value: object) => shown(compileCondition(readCondition(value, place, checkPattern)));

  it.each<[object, unknown]>([
    [{ value: "a.b" }, { literal: "a.b" }],
    [{ value: "a.b", ignore_case: true }, { pattern: "(?i)a\\.b" }],
    [{ values: ["a"] }, { literal: "a" }],
    [{ values: ["a", "b"] }, { any: [{ literal: "a" }, { literal: "b" }] }],
    [{ pattern: "a|b", ignore_case: true }, { pattern: "(?i)a|b" }],
    [{ patterns: ["a", "b"] }, { any: [{ pattern: "a" }, { pattern: "b" }] }],
    [{ not: { value: "a" } }, { not: { literal: "a" } }],
    [{ all: [{ any: [{ value: "a" }] }] }, { all: [{ any: [{ literal: "a" }] }] }],
    [{ severity: { at_least: "WARN" } }, { kind: "severity", atLeast: "warn" }],
    [
      { path: "a/b", equals: "x" },
      { equals: ["x"], paths: 1 },
    ],
    [
      { path: "syslog/host", equals: "x" },
      { equals: ["x"], paths: 1 },
    ],
    [
      { field: "syslog.host", equals: "x" },
      { equals: ["x"], field: [syslogField.host] },
    ],
    [
      { field: "syslog.sd.a.b", exists: true },
      { exists: [], field: [syslogField.param, ...Buffer.from("a.b")] },
    ],
    [
      { field: "syslog.severity", in: ["ERROR", 2, "Warn", "notice", "informational"] },
      { equals: ["err", "crit", "warning", "notice", "info"], field: [syslogField.severity] },
    ],
    [
      { field: "syslog.facility", not_equals: "23" },
      { differs: ["local7"], field: [syslogField.facility] },
    ],
    [
      { field: "syslog.severity", lt: 4 },
      { less: ["4"], field: [syslogField.severity] },
    ],
    [
      { field: "syslog.app", contains: "SH", ignore_case: true },
      { regex: ["(?i)(?:SH)"], field: [syslogField.app] },
    ],
    [
      { path: "a", equals: 5 },
      { equals: ["5"], paths: 1 },
    ],
    [
      { path: "a", equals: "" },
      { equals: [""], paths: 1 },
    ],
    [
      { path: "a", in: ["x", 1, true] },
      { equals: ["x", "1", "true"], paths: 1 },
    ],
    [
      { path: "a", in: ["x", "y"], ignore_case: true },
      { regex: ["(?i)\\A(?:x|y)\\z"], paths: 1 },
    ],
    [
      { path: "a", equals: "x*", ignore_case: true },
      { regex: ["(?i)\\A(?:x\\*)\\z"], paths: 1 },
    ],
    [
      { path: "a", not_equals: "x" },
      { differs: ["x"], paths: 1 },
    ],
    [
      { path: "a", not_equals: "x", ignore_case: true },
      { all: [{ exists: [], paths: 1 }, { not: { regex: ["(?i)\\A(?:x)\\z"], paths: 1 } }] },
    ],
    [
      { path: "a", starts_with: "x" },
      { startsWith: ["x"], paths: 1 },
    ],
    [
      { path: "a", starts_with: "x", ignore_case: true },
      { regex: ["(?i)\\A(?:x)"], paths: 1 },
    ],
    [
      { path: "a", ends_with: "x" },
      { endsWith: ["x"], paths: 1 },
    ],
    [
      { path: "a", ends_with: "x", ignore_case: true },
      { regex: ["(?i)(?:x)\\z"], paths: 1 },
    ],
    [
      { path: "a", contains: "x" },
      { contains: ["x"], paths: 1 },
    ],
    [
      { path: "a", regex: "x" },
      { regex: ["x"], paths: 1 },
    ],
    [
      { path: "a", exists: true },
      { exists: [], paths: 1 },
    ],
    [{ path: "a", exists: false }, { not: { exists: [], paths: 1 } }],
    [
      { path: "a", gt: 1.5 },
      { greater: ["1.5"], paths: 1 },
    ],
    [
      { path: "a", lt: -2e21 },
      { less: ["-2e+21"], paths: 1 },
    ],
    [
      { field: "log.level", equals: "error" },
      { equals: ["error"], paths: 35 },
    ],
  ])("makes of %j", (value, wanted) => expect(compiled(value)).toEqual(wanted));
});
