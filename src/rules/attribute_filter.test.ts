/** attribute_filter: the places it looks in, in order; what it compiles to; what it refuses. */

import { describe, expect, it } from "vitest";
import { checkPattern } from "../../test/fixtures/check_pattern.ts";
import type { Condition } from "../plan/operations.ts";
import { syslogField } from "../plan/syslog_field.ts";
import { attributeFilter, attributePathFault, attributePaths, encodedAttributePaths } from "./attribute_filter.ts";
import type { OperationPart } from "./rule.ts";

/** Reads a path argument as the operation table writes it. */
function keysIn(arg: Uint8Array): string[] {
  const bytes = Buffer.from(arg);
  const keys: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    keys.push(bytes.toString("utf8", at + 4, at + 4 + length));
    at += 4 + length;
  }
  return keys;
}

describe("attribute_filter", () => {
  it("looks for an attribute in OpenTelemetry's places in order, flat before nested", () => {
    expect(attributePaths("service.name")).toEqual([
      ["service.name"],
      ["service", "name"],
      ["attributes", "service.name"],
      ["attributes", "service", "name"],
      ["resource", "attributes", "service.name"],
      ["resource", "attributes", "service", "name"],
      ["resource.attributes", "service.name"],
      ["resource.attributes", "service", "name"],
      ["resourceAttributes", "service.name"],
      ["resourceAttributes", "service", "name"],
      ["resource", "service.name"],
      ["resource", "service", "name"],
      ["body", "service.name"],
      ["body", "service", "name"],
    ]);
  });

  it("knows the log level's other names, all of one place before the next place", () => {
    expect(attributePaths("log.level").slice(0, 7)).toEqual([
      ["log.level"],
      ["log", "level"],
      ["severity"],
      ["severityText"],
      ["level"],
      ["attributes", "log.level"],
      ["attributes", "log", "level"],
    ]);
  });

  it("lists no place twice, and takes names that are no path as they are", () => {
    for (const name of ["attributes.x", "__proto__", "constructor", "a..b", ".", "level"]) {
      const paths = attributePaths(name).map((path) => JSON.stringify(path));
      expect(new Set(paths).size).toBe(paths.length);
    }
    expect(attributePaths("a..b")[0]).toEqual(["a..b"]);
    expect(attributePaths("a..b")).toHaveLength(7);
  });

  it("compiles operator, value and paths as the operation table says", () => {
    const [operation] = attributeFilter.compile({ path: "a/ü.b/c", operator: "regex", value: "x|y" });
    expect(operation!.name).toBe("dropAttribute");
    const [operator, value, ...paths] = operation!.args;
    expect([...operator!]).toEqual([2]);
    expect(String(value)).toBe("x|y");
    expect(paths.map(keysIn)).toEqual([["a", "ü.b", "c"]]);
  });

  it("takes a number or a boolean as its text", () => {
    expect(String(attributeFilter.compile({ attribute: "a", value: 500 })[0]!.args[1])).toBe("500");
    expect(String(attributeFilter.compile({ attribute: "a", value: true })[0]!.args[1])).toBe("true");
  });

  it("drops by a field of syslog where the attribute names one", () => {
    const compiled = (params: object) => {
      const [{ name, args, when }] = attributeFilter.compile(params as never) as [OperationPart];
      expect([name, args]).toEqual(["drop", []]);
      const { kind, operator, values, field } = when as Extract<Condition, { kind: "syslog" }>;
      return [kind, operator, values.map(String), [...field]];
    };
    expect(compiled({ attribute: "syslog.app", value: "su" })).toEqual(["syslog", "equals", ["su"], [syslogField.app]]);
    expect(compiled({ attribute: "syslog.severity", value: 3 })).toEqual([
      ...["syslog", "equals", ["err"]],
      [syslogField.severity],
    ]);
    expect(compiled({ attribute: "syslog.sd.a.b", operator: "regex", value: "x|y" })).toEqual([
      ...["syslog", "regex", ["x|y"]],
      [syslogField.param, ...Buffer.from("a.b")],
    ]);
    expect(attributeFilter.compile({ path: "syslog/app", value: "su" })[0]!.name).toBe("dropAttribute");
  });

  it("gives a field of syslog to who looks for an attribute as one path", () => {
    expect(encodedAttributePaths("syslog.host", undefined)).toEqual([
      Buffer.from([255, 255, 255, 255, syslogField.host]),
    ]);
    expect(encodedAttributePaths(undefined, "syslog/host")).toHaveLength(1);
    expect(attributePathFault("syslog.hostname", undefined)).toBe("is no field of syslog");
    expect(attributePathFault("syslog.host", undefined)).toBeUndefined();
  });

  it("takes each of its examples", () => {
    for (const example of attributeFilter.examples)
      expect(attributeFilter.refusal(example, checkPattern)).toBeUndefined();
  });

  it.each([
    [{ value: "x" }, "needs `attribute` or `path`"],
    [{ attribute: "a", path: "a", value: "x" }, "has both `attribute` and `path`"],
    [{ path: "a//b", value: "x" }, "has an empty key"],
    [{ attribute: "syslog.hostname", value: "x" }, "is no field of syslog"],
    [{ attribute: "syslog.severity", value: "bad" }, 'names no such severity: "bad"'],
    [{ attribute: "a", operator: "contains", value: "" }, "is empty, so every value would contain it"],
    [{ attribute: "a", operator: "regex", value: "[" }, "RE2 refuses it: missing ]: ["],
  ])("refuses %o", (params, what) => {
    expect(attributeFilter.refusal(params as never, checkPattern)?.what).toBe(what);
  });
});
