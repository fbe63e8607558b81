/** Conditions become what engines evaluate. Case and lists are resolved here, so that engines know few kinds. */

import type { AttributeOperator, Condition, Severity } from "../plan/operations.ts";
import { encodeSyslogField, syslogFieldOf, syslogValue } from "../plan/syslog_field.ts";
import { encodedAttributePaths } from "../rules/attribute_filter.ts";
import type { ConditionConfig } from "./condition.ts";
import { networkOf } from "./network.ts";

/** Bits of `Condition`'s transports; as a ring's blocks number them. */
const transportBit = { tcp: 0, udp: 1, stdin: 2, tls: 4 } as const;

/** @param config as `readCondition` gave it back */
export function compileCondition(config: ConditionConfig): Condition {
  const { all, any, not, value, values, pattern, patterns, severity, ignore_case: ignoreCase = false } = config;
  const parts = (of: readonly object[]) => of.map((part) => compileCondition(part));
  if (all !== undefined) return { kind: "all", of: parts(all) };
  if (any !== undefined) return { kind: "any", of: parts(any) };
  if (not !== undefined) return { kind: "not", of: compileCondition(not) };
  if (value !== undefined) return literal(value, ignoreCase);
  if (values !== undefined) return oneOf(values.map((one) => literal(one, ignoreCase)));
  if (pattern !== undefined) return patternOf(pattern, ignoreCase);
  if (patterns !== undefined) return oneOf(patterns.map((one) => patternOf(one, ignoreCase)));
  if (config.source !== undefined) return { kind: "source", networks: config.source.map((text) => networkOf(text)!) };
  if (config.transport !== undefined) return { kind: "transport", transports: 1 << transportBit[config.transport] };
  if (config.time_share !== undefined) {
    const { share, period_s = 3600 } = config.time_share;
    return { kind: "time", periodMs: 1000 * period_s, lengthMs: Math.round(1000 * period_s * share) };
  }
  if (severity !== undefined) return { kind: "severity", atLeast: severity.at_least.toLowerCase() as Severity };
  return attribute(config, ignoreCase);
}

function attribute(config: ConditionConfig, ignoreCase: boolean): Condition {
  const { field, path, equals, not_equals, contains, starts_with, ends_with, regex, exists, gt, lt } = config;
  const syslog = field === undefined ? undefined : syslogFieldOf(field);
  const place =
    syslog === undefined
      ? ({ kind: "attribute", paths: encodedAttributePaths(field, path) } as const)
      : ({ kind: "syslog", field: encodeSyslogField(syslog) } as const);
  const test = (operator: AttributeOperator, values: readonly (string | number | boolean)[]): Condition => ({
    ...place,
    operator,
    values: values.map((value) => Buffer.from(String(value))),
  });
  const named = (value: string | number | boolean) =>
    syslog === undefined ? value : syslogValue(syslog, String(value));
  /** The operator itself, or where case is ignored the pattern that says the same. */
  const text = (operator: AttributeOperator, texts: readonly (string | number | boolean)[], head = "", tail = "") =>
    ignoreCase
      ? test("regex", [`(?i)${head}(?:${texts.map((one) => quoted(String(one))).join("|")})${tail}`])
      : test(operator, texts);
  if (equals !== undefined) return text("equals", [named(equals)], "\\A", "\\z");
  if (config.in !== undefined) return text("equals", config.in.map(named), "\\A", "\\z");
  if (not_equals !== undefined)
    return ignoreCase
      ? {
          kind: "all",
          of: [test("exists", []), { kind: "not", of: text("equals", [named(not_equals)], "\\A", "\\z") }],
        }
      : test("differs", [named(not_equals)]);
  if (contains !== undefined) return text("contains", [contains]);
  if (starts_with !== undefined) return text("startsWith", [starts_with], "\\A");
  if (ends_with !== undefined) return text("endsWith", [ends_with], "", "\\z");
  if (regex !== undefined) return test("regex", [ignoreCase ? `(?i)${regex}` : regex]);
  if (exists !== undefined) return exists ? test("exists", []) : { kind: "not", of: test("exists", []) };
  if (gt !== undefined) return test("greater", [gt]);
  if (lt !== undefined) return test("less", [lt]);
  throw new Error("a condition was not checked: it asks nothing");
}

function literal(text: string, ignoreCase: boolean): Condition {
  return ignoreCase ? patternOf(quoted(text), true) : { kind: "literal", literal: Buffer.from(text) };
}

function patternOf(pattern: string, ignoreCase: boolean): Condition {
  return { kind: "pattern", pattern: Buffer.from(ignoreCase ? `(?i)${pattern}` : pattern) };
}

function oneOf(conditions: readonly Condition[]): Condition {
  return conditions.length === 1 ? conditions[0]! : { kind: "any", of: conditions };
}

/** A text as the RE2 pattern that matches it alone. */
function quoted(text: string): string {
  // As RE2::QuoteMeta does; NUL is no character that a pattern may hold as it is on every engine.
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&").replaceAll("\0", "\\x00");
}
