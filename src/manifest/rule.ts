/** Reads one rule as a person, the control API or another control plane wrote it. */

import { Type } from "typebox";
import { StreamGateError } from "../errors.ts";
import type { PatternChecker } from "../plan/pattern.ts";
import { ruleTypes } from "../rules/index.ts";
import { coerceBoolean, coerceParams, protectParam, type Rule } from "../rules/rule.ts";
import { brokenText, firstViolation, isRecord, nameOf, placeOf, withoutNulls } from "../schema.ts";

/** Ids become labels of counters and parts of URLs. */
const ruleIdLengthMax = 256;

/** What every rule has, whatever its type. */
export const ruleSchema = Type.Object({
  id: Type.String({
    minLength: 1,
    maxLength: ruleIdLengthMax,
    description: "Name of the rule; no two rules share one.",
  }),
  type: Type.String({ description: "Rule type." }),
  params: Type.Record(Type.String(), Type.Unknown(), { description: "Parameters of the type." }),
  enabled: Type.Optional(
    Type.Boolean({ default: true, description: "False: the rule stays in its place and does nothing." }),
  ),
  protect: protectParam,
});

/** Fields that would change what a rule does, and that this version cannot honour: ignoring one would drop what should pass. */
const fieldsRefused: Readonly<Record<string, (value: unknown) => boolean>> = {
  when: () => true,
  mode: (mode) => mode !== "enforce",
};

/**
 * Checks a rule and brings it into one form: no nulls, booleans as booleans. Fields that are not known are kept.
 * @param base the rule's place, such as `rules[2]`; empty: it stands alone
 * @param warnings gets a sentence for each parameter that is not known and therefore does nothing
 * @throws StreamGateError SG_RULE_TYPE, SG_RULE_PARAMS, SG_RULE_PATTERN or SG_RULE_REWRITE naming the field
 */
export function readRule(value: unknown, base: string, check: PatternChecker, warnings: string[] = []): Rule {
  if (!isRecord(value)) {
    throw new StreamGateError("SG_RULE_PARAMS", {
      where: base === "" ? "rule" : base,
      what: `must be an object, not ${nameOf(value)}`,
      fix: 'write {"id":"drop_debug","type":"filter","params":{"value":"DEBUG"}}',
    });
  }
  const given = withoutNulls(value) as Record<string, unknown>;
  const place = (path: readonly string[]) => {
    const named = typeof given.id === "string" && path[0] !== "id" ? `${base} ${JSON.stringify(given.id)}` : base;
    return base === "" ? placeOf(path) : `${named} ${placeOf(path)}`.trimEnd();
  };
  const refuse = (code: "SG_RULE_PARAMS" | "SG_RULE_TYPE", path: readonly string[], what: string, fix?: string) =>
    new StreamGateError(code, { where: place(path), what, ...(fix !== undefined && { fix }) });

  const coerced: Record<string, unknown> = {
    ...given,
    ...("enabled" in given && { enabled: coerceBoolean(given.enabled) }),
    ...("protect" in given && { protect: coerceBoolean(given.protect) }),
    params: given.params ?? {},
  };
  const violation = firstViolation(ruleSchema, coerced);
  if (violation !== undefined) throw refuse("SG_RULE_PARAMS", violation.path, violation.what);
  const broken = brokenText(coerced);
  if (broken !== undefined) {
    throw refuse("SG_RULE_PARAMS", broken, "is not well-formed Unicode: it holds half of a surrogate pair");
  }
  const { type, params } = coerced as unknown as Rule;
  const ruleType = ruleTypes.get(type);
  if (ruleType === undefined) {
    const known = [...ruleTypes.keys()].join(", ");
    throw refuse("SG_RULE_TYPE", ["type"], `no rule type is called ${JSON.stringify(type)}`, `choose one of ${known}`);
  }
  for (const [field, refused] of Object.entries(fieldsRefused)) {
    if (Object.hasOwn(coerced, field) && refused(coerced[field])) {
      throw refuse(
        "SG_RULE_PARAMS",
        [field],
        "is not supported by this version, and ignoring it would change what the rule does",
      );
    }
  }
  const schema = ruleType.params;
  const ruleParams = coerceParams(schema, params);
  const known = Object.keys(schema.properties);
  for (const key of Object.keys(ruleParams)) {
    if (known.includes(key)) continue;
    warnings.push(
      `${place(["params", key])}: ${type} has no such parameter, it does nothing; known are ${known.join(", ")}`,
    );
  }
  const wrong = firstViolation(schema, ruleParams);
  if (wrong !== undefined) throw refuse("SG_RULE_PARAMS", ["params", ...wrong.path], wrong.what, fixFor(type));
  const refusal = ruleType.refusal(ruleParams as never, check);
  if (refusal !== undefined) {
    throw new StreamGateError(refusal.code, {
      where: place(refusal.param === undefined ? ["params"] : ["params", refusal.param]),
      what: refusal.what,
      ...(refusal.fix !== undefined && { fix: refusal.fix }),
    });
  }
  return { ...coerced, params: ruleParams } as unknown as Rule;
}

/** An example of the type's parameters, as the way out of a wrong one. */
function fixFor(type: string): string {
  return `write them as ${JSON.stringify(ruleTypes.get(type)!.examples[0])}`;
}
