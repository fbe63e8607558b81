/**
 * What a condition over one record looks like, as people write it: in an output's `filter`, and in a rule's `when`.
 *
 * An object with exactly one question: `all`, `any`, `not`, `value`, `values`, `pattern`, `patterns`, `field` or `path` with one operator,
 * `severity`, `source`, `transport` or `time_share`. `docs/conditions.md` has the reference.
 */

import { type Static, Type } from "../typebox.ts";

/** Most conditions that may lie in one another. */
export const nestingMax = 8;
/** Most questions in one condition: each text and each pattern of a list counts. */
export const questionsMax = 100;

const text = (description: string) => Type.Optional(Type.String({ minLength: 1, description }));
const scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);
/** Read by their own call, so that an error names the part that is wrong and not the list around it. */
const part = Type.Object({}, { description: "A condition." });

const severitySchema = Type.Object({
  at_least: Type.Union(
    [
      Type.Literal("TRACE"),
      Type.Literal("DEBUG"),
      Type.Literal("INFO"),
      Type.Literal("WARN"),
      Type.Literal("ERROR"),
      Type.Literal("FATAL"),
    ],
    { description: "The least severity: TRACE, DEBUG, INFO, WARN, ERROR or FATAL." },
  ),
});

const timeShareSchema = Type.Object({
  share: Type.Number({
    minimum: 0,
    maximum: 1,
    description: "How much of each period: 0.1 is its first tenth.",
  }),
  period_s: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 86_400,
      default: 3600,
      description: "Length of a period in seconds.",
    }),
  ),
});

export const conditionSchema = Type.Object(
  {
    all: Type.Optional(Type.Array(part, { minItems: 1, description: "Holds where all of these conditions hold." })),
    any: Type.Optional(Type.Array(part, { minItems: 1, description: "Holds where one of these conditions holds." })),
    not: Type.Optional(Type.Object({}, { description: "Holds where this condition does not." })),
    value: text("Text that the record contains, byte for byte."),
    values: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        description: "Texts, one of which the record contains.",
      }),
    ),
    pattern: text("RE2 pattern that is found in the record."),
    patterns: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        description: "RE2 patterns, one of which is found in the record.",
      }),
    ),
    field: text(
      "Attribute of a JSON record, such as service.name, looked for where attribute_filter looks for it; or a field of a syslog record, such as syslog.host (docs/syslog.md). With one operator.",
    ),
    path: text("Exact place of an attribute instead: keys from the top, separated by /, such as a/b/c."),
    equals: Type.Optional(
      Type.Union([Type.String(), Type.Number(), Type.Boolean()], { description: "Operator: the attribute is this." }),
    ),
    not_equals: Type.Optional(
      Type.Union([Type.String(), Type.Number(), Type.Boolean()], {
        description: "Operator: the attribute is there, and is something else.",
      }),
    ),
    contains: text("Operator: the attribute contains this text."),
    starts_with: text("Operator: the attribute starts with this text."),
    ends_with: text("Operator: the attribute ends with this text."),
    regex: text("Operator: RE2 finds this pattern in the attribute."),
    exists: Type.Optional(
      Type.Boolean({ description: "Operator: the attribute is there, whatever it is; false: it is not." }),
    ),
    gt: Type.Optional(Type.Number({ description: "Operator: the attribute is a number, and more than this." })),
    lt: Type.Optional(Type.Number({ description: "Operator: the attribute is a number, and less than this." })),
    in: Type.Optional(Type.Array(scalar, { minItems: 1, description: "Operator: the attribute is one of these." })),
    severity: Type.Optional(
      Type.Object(severitySchema.properties, { description: "The record says that it is this bad, or worse." }),
    ),
    source: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        description:
          "Networks (CIDR) or addresses, in one of which the sender of the record is, such as 10.0.0.0/8 or 2001:db8::1.",
      }),
    ),
    transport: Type.Optional(
      Type.Union([Type.Literal("tcp"), Type.Literal("tls"), Type.Literal("udp"), Type.Literal("stdin")], {
        description: "The record came by this: tcp (without TLS), tls, udp or stdin (pipe).",
      }),
    ),
    time_share: Type.Optional(
      Type.Object(timeShareSchema.properties, {
        description: "The record came in the first part of a period; periods are counted from 1970, UTC.",
      }),
    ),
    ignore_case: Type.Optional(
      Type.Boolean({
        default: false,
        description: "With texts and patterns: upper and lower case count as the same letter.",
      }),
    ),
  },
  {
    description: "Which records: an object with exactly one question.",
    examples: [
      { severity: { at_least: "ERROR" } },
      { field: "service.name", in: ["checkout", "payment"] },
      { all: [{ value: "timeout" }, { not: { field: "http.status_code", lt: 500 } }] },
    ],
  },
);

/** A condition that `readCondition` has taken. */
export type ConditionConfig = Static<typeof conditionSchema>;

/** Keys of which a condition has exactly one. */
export const questions = [
  "all",
  "any",
  "not",
  "value",
  "values",
  "pattern",
  "patterns",
  "field",
  "path",
  "severity",
  "source",
  "transport",
  "time_share",
] as const;
/** Keys of which a condition about a `field` or `path` has exactly one, and another has none. */
export const operators = [
  "equals",
  "not_equals",
  "contains",
  "starts_with",
  "ends_with",
  "regex",
  "exists",
  "gt",
  "lt",
  "in",
] as const;
/** What `ignore_case` may stand beside. */
export const caseKeys: ReadonlySet<string> = new Set([
  ...["value", "values", "pattern", "patterns"],
  ...["equals", "not_equals", "contains", "starts_with", "ends_with", "regex", "in"],
]);
