/** `redact`: replaces what a pattern matches, what detectors find, or the values of fields. */

import { detectors as allDetectors, type Detector, detectorGroups, detectorsOf } from "../detectors/index.ts";
import { scanPattern } from "../plan/pattern.ts";
import { type RedactSelector, redactArguments, redactPathsMax } from "../plan/redact_arguments.ts";
import { type Static, Type } from "../typebox.ts";
import { checkRulePattern } from "./pattern.ts";
import { rewriteError } from "./rewrite.ts";
import { defineRule, type OperationPart, type Refusal } from "./rule.ts";
import { resolvedKey } from "./secrets_of_rules.ts";

const replacementDefault = "[REDACTED]";
const keepLastDefault = 4;
const decodeDefault = ["json", "url"] as const;

const fieldNames = (description: string) =>
  Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 1000, description });

const params = Type.Object({
  pattern: Type.Optional(
    Type.String({
      description:
        "RE2 pattern; every non-overlapping match is replaced, leftmost first. It sees the record's bytes as they are, below no escapes; with a `scope` of fields each value by itself.",
    }),
  ),
  detector: Type.Optional(
    Type.String({ description: "Name of a detector (docs/detectors.md) or of a group: pci, pii, secrets, all." }),
  ),
  detectors: Type.Optional(
    Type.Array(Type.String(), { minItems: 1, description: "Names of detectors and groups; all see the same text." }),
  ),
  field: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        "Key of JSON fields whose values are replaced, at any depth; * stands for any text, upper and lower case are the same. With / it is a path of keys from the top, such as user/address/street.",
    }),
  ),
  fields: Type.Optional(fieldNames("Several of them.")),
  scope: Type.Optional(
    Type.Union([Type.Literal("record"), fieldNames("Fields, written as in `field`.")], {
      default: "record",
      description: "Where detectors and `pattern` look: the whole record, or the values of these JSON fields only.",
    }),
  ),
  mode: Type.Optional(
    Type.Union([Type.Literal("replace"), Type.Literal("mask"), Type.Literal("hash"), Type.Literal("drop")], {
      default: "replace",
      description:
        "replace: by `replacement`; mask: by as many *, but for the last `keep_last` characters; hash: by a token that is the same for the same value and `key`, such as [us_ssn:h1:…] ([redacted:h1:…] of a `pattern`); drop: drops the record.",
    }),
  ),
  replacement: Type.Optional(
    Type.String({
      description:
        "With `pattern` an RE2 rewrite: \\0 is the whole match, \\1 to \\9 are groups, \\\\ is a backslash, $1 is plain text; default [REDACTED]. Else plain text; default the detector's or the field's name, such as [us_ssn].",
    }),
  ),
  keep_last: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 255,
      default: keepLastDefault,
      description: "Characters that `mask` leaves at the end of a value, but never more than half of it.",
    }),
  ),
  key: Type.Optional(
    Type.Union(
      [
        Type.Object(
          { env: Type.String({ minLength: 1, description: "Environment variable that holds it." }) },
          { additionalProperties: false },
        ),
        Type.Object(
          { file: Type.String({ minLength: 1, description: "Path of the file that holds it." }) },
          { additionalProperties: false },
        ),
      ],
      {
        description:
          'Key of `hash` (HMAC-SHA-256), read by the data plane from {"env":"NAME"} or {"file":"path"}; at least 16 bytes.',
        "x-words": '{"env":"NAME"} or {"file":"path"}',
      },
    ),
  ),
  key_version: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 255,
      default: 1,
      description:
        "Version of the `key`, written into the token ([us_ssn:h2:…]): give another when the key changes, since tokens of two keys join nothing.",
    }),
  ),
  decode: Type.Optional(
    Type.Array(Type.Union([Type.Literal("json"), Type.Literal("url"), Type.Literal("base64")]), {
      uniqueItems: true,
      default: [...decodeDefault],
      description:
        "Escapes below which detectors and fields, not `pattern`, are looked for, too: json (\\u0041, \\/ …, JSON within JSON), url (%41), base64.",
    }),
  ),
});

type Params = Static<typeof params>;
const chooser = ["pattern", "detector", "detectors", "field", "fields"] as const;

export const redact = defineRule({
  type: "redact",
  description:
    "Replaces what `pattern` matches, what detectors find, or the values of JSON fields. A JSON record stays JSON, but with `pattern` where whole records are rewritten.",
  class: "protect",
  params,
  examples: [
    { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "XXX-XX-XXXX" },
    { pattern: "(user=)\\S+", replacement: "\\1***" },
    { pattern: "ACC-\\d{8}", scope: ["account", "note"], mode: "mask", keep_last: 2 },
    { detectors: ["credit_card", "us_ssn"] },
    { detector: "all", mode: "mask", keep_last: 4 },
    { detector: "email", scope: ["user", "contact/mail"], mode: "hash", key: { env: "REDACT_KEY" } },
    { fields: ["password", "*_token", "authorization"] },
  ],
  refusal(given, check) {
    const chosen = chooser.filter((name) => given[name] !== undefined);
    if (chosen.length !== 1) {
      return refused(
        chosen.length === 0
          ? "needs `pattern`, `detector`, `detectors`, `field` or `fields`"
          : `has ${chosen.map((name) => `\`${name}\``).join(" and ")}`,
        'give one of them, such as {"detector":"credit_card"}',
      );
    }
    const own = given.pattern === undefined ? detectorRefusal(given) : patternRefusal(given, given.pattern, check);
    return own ?? fieldRefusal(given) ?? modeRefusal(given);
  },
  compile(given) {
    const { pattern, replacement = replacementDefault, mode = "replace", scope } = given;
    if (pattern === undefined || mode !== "replace" || Array.isArray(scope)) return [redactPart(given)];
    return [
      {
        name: "replacePattern",
        args: [Buffer.from(pattern), Buffer.from(replacement)],
        limited: scanPattern(pattern).unbounded,
      },
    ];
  },
});

function refused(what: string, fix: string, param?: string): Refusal {
  return { code: "SG_RULE_PARAMS", what, fix, ...(param !== undefined && { param }) };
}

function patternRefusal(
  given: Params,
  pattern: string,
  check: Parameters<typeof checkRulePattern>[2],
): Refusal | undefined {
  if (given.decode !== undefined)
    return refused(
      "does not go with `pattern`",
      "leave it out: a pattern sees the record's bytes; detectors and fields look below escapes",
      "decode",
    );
  const checked = checkRulePattern(pattern, "pattern", check);
  if ("refusal" in checked) return checked.refusal;
  const what = rewriteError(given.replacement ?? replacementDefault, checked.groups);
  if (what === undefined) return undefined;
  return {
    code: "SG_RULE_REWRITE",
    param: "replacement",
    what: `RE2 refuses it: ${what}`,
    fix: "\\0 is the whole match, \\1 to \\9 are the pattern's groups, \\\\ is a backslash",
  };
}

function detectorRefusal({ detector, detectors = [] }: Params): Refusal | undefined {
  const names = detector === undefined ? detectors : [detector];
  const unknown = names.find((name) => !allDetectors.has(name) && !detectorGroups.has(name));
  if (unknown === undefined) return undefined;
  return refused(
    `no detector is called ${JSON.stringify(unknown)}`,
    `choose of ${[...allDetectors.keys(), ...detectorGroups.keys()].join(", ")}`,
    detector === undefined ? "detectors" : "detector",
  );
}

function fieldRefusal({ field, fields = [], scope }: Params): Refusal | undefined {
  const lists = { field: field === undefined ? [] : [field], fields, scope: Array.isArray(scope) ? scope : [] };
  for (const [param, names] of Object.entries(lists)) {
    if (names.some((name) => name.split("/").includes("")))
      return refused("has an empty key", "write keys separated by single /, such as a/b/c", param);
    if (names.filter((name) => name.includes("/")).length > redactPathsMax)
      return refused(`has more than ${redactPathsMax} paths`, "write two rules", param);
  }
  if (scope !== undefined && (field !== undefined || fields.length > 0))
    return refused(
      "goes with detectors and `pattern` only",
      "leave it out: the fields are where the rule looks",
      "scope",
    );
  return undefined;
}

function modeRefusal({ mode = "replace", replacement, keep_last, key, key_version }: Params): Refusal | undefined {
  if (replacement !== undefined && mode !== "replace")
    return refused(`does not go with mode ${mode}`, "leave it out, or set mode to replace", "replacement");
  if (keep_last !== undefined && mode !== "mask")
    return refused(`does not go with mode ${mode}`, "leave it out, or set mode to mask", "keep_last");
  if (key_version !== undefined && mode !== "hash")
    return refused(`does not go with mode ${mode}`, "leave it out, or set mode to hash", "key_version");
  if ((key !== undefined) === (mode === "hash")) return undefined;
  return key === undefined
    ? refused("mode hash needs a `key`", 'give {"env":"NAME"} or {"file":"path"}', "key")
    : refused(`does not go with mode ${mode}`, "leave it out, or set mode to hash", "key");
}

function redactPart(given: Params): OperationPart {
  const { pattern, detector, detectors, field, fields, scope, mode = "replace", replacement } = given;
  const { decode = decodeDefault } = given;
  const names = detector === undefined ? detectors : [detector];
  const selectors =
    pattern !== undefined
      ? [bytesSelector(pattern, mode === "replace" ? replacement : "")]
      : names !== undefined
        ? detectorsOf(names).map((one) => detectorSelector(one, replacement))
        : (fields ?? [field!]).map((name) => fieldSelector(name, replacement));
  const scopes = Array.isArray(scope) ? scope : [];
  return {
    name: "redact",
    args: redactArguments({
      mode,
      decode,
      keepLast: mode === "mask" ? (given.keep_last ?? keepLastDefault) : 0,
      ...(mode === "hash" && { key: resolvedKey(given.key), keyVersion: given.key_version ?? 1 }),
      selectors: [
        ...selectors,
        ...scopes.map((name): RedactSelector => {
          const texts = name.split("/");
          return { kind: texts.length > 1 ? "scopePath" : "scopeKey", texts };
        }),
      ],
    }),
    limited: pattern !== undefined && scanPattern(pattern).unbounded,
  };
}

function bytesSelector(pattern: string, replacement = replacementDefault): RedactSelector {
  // The token is for matches of which a part only could be replaced; none has a rewrite of its own.
  return { kind: "bytesPattern", token: replacementDefault, label: "redacted", texts: [pattern, replacement] };
}

function detectorSelector(
  { name, pattern, scanner, check = "", normal }: Detector,
  replacement?: string,
): RedactSelector {
  return {
    kind: scanner === undefined ? "pattern" : "scanner",
    token: replacement ?? `[${name}]`,
    label: name,
    texts: [pattern, scanner ?? check],
    ...(normal !== undefined && { normal }),
  };
}

function fieldSelector(name: string, replacement?: string): RedactSelector {
  const texts = name.split("/");
  // `*_token` stands in the token as what it says for certain.
  const label =
    texts
      .at(-1)!
      .replaceAll("*", "")
      .replace(/^[-_.\s]+|[-_.\s]+$/g, "") || "field";
  return { kind: texts.length > 1 ? "path" : "key", token: replacement ?? `[${label}]`, label, texts };
}
