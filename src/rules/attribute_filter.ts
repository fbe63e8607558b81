/**
 * `attribute_filter`: drops a JSON record by the value of one of its attributes, or a syslog record by one of its fields.
 *
 * An attribute's name becomes the list of places where OpenTelemetry's exporters and SDKs put it. The engine takes the
 * first that exists; it also reads OTLP's `[{"key":…,"value":…}]` lists where a path meets a list.
 */

import { attributeKeysMax, attributeOperator } from "../plan/operations.ts";
import {
  encodeSyslogField,
  encodeSyslogPath,
  syslogFault,
  syslogFieldOf,
  syslogPrefix,
  syslogValue,
} from "../plan/syslog_field.ts";
import { Type } from "../typebox.ts";
import { checkRulePattern } from "./pattern.ts";
import { defineRule, protectParam } from "./rule.ts";

/** Where attributes lie in a record, first to last. OTLP/JSON nests resource attributes; flattening exporters do not. */
const places: readonly (readonly string[])[] = [
  [],
  ["attributes"],
  ["resource", "attributes"],
  ["resource.attributes"],
  ["resourceAttributes"],
  ["resource"],
  ["body"],
];

/** Names under which the same thing is found: a log's level has its own fields in OpenTelemetry's log data model. */
const synonyms: Readonly<Record<string, readonly string[]>> = {
  "log.level": ["log.level", "severity", "severityText", "level"],
};

export const attributeFilter = defineRule({
  type: "attribute_filter",
  description:
    "Drops a JSON record whose attribute, or a syslog record whose field, equals, contains or matches a value. Other records pass.",
  class: "reduce",
  params: Type.Object({
    attribute: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          "Attribute such as service.name, looked for at the top level and in attributes, resource.attributes, resourceAttributes, resource and body, flat or nested; log.level also as severity, severityText and level. Or a field of a syslog record, such as syslog.host.",
      }),
    ),
    path: Type.Optional(
      Type.String({
        minLength: 1,
        description: "Exact place instead: keys from the top, separated by /, such as a/b/c.",
      }),
    ),
    operator: Type.Optional(
      Type.Union([Type.Literal("equals"), Type.Literal("contains"), Type.Literal("regex")], {
        default: "equals",
        description: "How the attribute is compared with `value`: equals, contains or regex.",
      }),
    ),
    value: Type.Union([Type.String(), Type.Number(), Type.Boolean()], {
      description: "Text to compare with, or an RE2 pattern for regex. A number or a boolean counts as its text.",
    }),
    protect: protectParam,
  }),
  examples: [
    { attribute: "service.name", operator: "equals", value: "test" },
    { attribute: "log.level", operator: "regex", value: "(?i)^(debug|trace)$" },
    { path: "kubernetes/labels/app", value: "load-generator" },
    { attribute: "syslog.app", value: "CRON" },
  ],
  refusal({ attribute, path, operator = "equals", value }, check) {
    if ((attribute === undefined) === (path === undefined)) {
      return {
        code: "SG_RULE_PARAMS",
        what: attribute === undefined ? "needs `attribute` or `path`" : "has both `attribute` and `path`",
        fix: 'give one of them, such as {"attribute":"service.name"}',
      };
    }
    if (path !== undefined && keysOf(path).includes("")) {
      return {
        code: "SG_RULE_PARAMS",
        param: "path",
        what: "has an empty key",
        fix: "write keys separated by single /, such as a/b/c",
      };
    }
    const keys = Math.max(...pathsOf(attribute, path).map((keys) => keys.length));
    if (keys > attributeKeysMax) {
      return {
        code: "SG_RULE_PARAMS",
        param: path === undefined ? "attribute" : "path",
        what: `leads through ${keys} keys`,
        fix: `use a path of at most ${attributeKeysMax}`,
      };
    }
    if (attribute?.startsWith(syslogPrefix)) {
      const fault = syslogFault(attribute, operator === "equals" ? [String(value)] : []);
      const param = fault?.of === "name" ? "attribute" : "value";
      if (fault !== undefined) return { code: "SG_RULE_PARAMS", param, what: fault.what, fix: fault.fix };
    }
    if (operator === "contains" && value === "") {
      return {
        code: "SG_RULE_PARAMS",
        param: "value",
        what: "is empty, so every value would contain it",
        fix: "give the text to look for",
      };
    }
    if (operator !== "regex") return undefined;
    const checked = checkRulePattern(String(value), "value", check);
    return "refusal" in checked ? checked.refusal : undefined;
  },
  compile({ attribute, path, operator = "equals", value }) {
    const syslog = attribute === undefined ? undefined : syslogFieldOf(attribute);
    if (syslog !== undefined) {
      const text = operator === "equals" ? syslogValue(syslog, String(value)) : String(value);
      const field = encodeSyslogField(syslog);
      return [{ name: "drop", args: [], when: { kind: "syslog", operator, values: [Buffer.from(text)], field } }];
    }
    return [
      {
        name: "dropAttribute",
        args: [
          Uint8Array.of(attributeOperator[operator]),
          Buffer.from(String(value)),
          ...encodedAttributePaths(attribute, path),
        ],
      },
    ];
  },
});

/**
 * Where the engines look for an attribute, as arguments of a dropAttribute operation; for a field of syslog one path that stands for it. One
 * of the two is given.
 * @param path the exact place instead: keys between `/`
 */
export function encodedAttributePaths(attribute: string | undefined, path: string | undefined): readonly Uint8Array[] {
  const syslog = path === undefined ? syslogFieldOf(attribute!) : undefined;
  if (syslog !== undefined) return [encodeSyslogPath(syslog)];
  return pathsOf(attribute, path).map(encodePath);
}

/** Why such an attribute or path cannot be looked for, to follow its name in a sentence; undefined: it can. */
export function attributePathFault(attribute: string | undefined, path: string | undefined): string | undefined {
  if (path === undefined && attribute!.startsWith(syslogPrefix)) return syslogFault(attribute!, [])?.what;
  if (path !== undefined && keysOf(path).includes("")) return "has an empty key";
  const keys = Math.max(...pathsOf(attribute, path).map((keys) => keys.length));
  return keys > attributeKeysMax ? `leads through ${keys} keys` : undefined;
}

function pathsOf(attribute: string | undefined, path: string | undefined): readonly (readonly string[])[] {
  return path === undefined ? attributePaths(attribute!) : [keysOf(path)];
}

/** Every place where an attribute may lie, place by place, name by name, each name flat and then nested. */
export function attributePaths(attribute: string): readonly (readonly string[])[] {
  const names = Object.hasOwn(synonyms, attribute) ? synonyms[attribute]! : [attribute];
  const paths = places.flatMap((place) =>
    names.flatMap((name) => spellingsOf(name).map((keys) => [...place, ...keys])),
  );
  const seen = new Set<string>();
  return paths.filter((path) => {
    const text = JSON.stringify(path);
    return seen.has(text) ? false : seen.add(text);
  });
}

function spellingsOf(name: string): readonly (readonly string[])[] {
  const keys = name.split(".");
  return keys.length === 1 || keys.includes("") ? [[name]] : [[name], keys];
}

/** Keys between `/`; one leading `/` is taken as the root. */
function keysOf(path: string): readonly string[] {
  return (path.startsWith("/") ? path.slice(1) : path).split("/");
}

/** Each key as its length in bytes (u32, little-endian) and its UTF-8, as the operation table says. */
function encodePath(keys: readonly string[]): Uint8Array {
  return Buffer.concat(
    keys.flatMap((key) => {
      const bytes = Buffer.from(key);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
}
