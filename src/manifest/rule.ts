/** Reads one rule as a person, the control API or another control plane wrote it. */

import { conditionSchema, readCondition } from "../conditions/index.ts";
import { StreamGateError } from "../errors.ts";
import type { PatternChecker } from "../plan/pattern.ts";
import { ruleTypes } from "../rules/index.ts";
import { coerceBoolean, coerceParams, protectParam, type Rule } from "../rules/rule.ts";
import { brokenText, firstViolation, isRecord, nameOf, placeOf, withoutNulls } from "../schema.ts";
import { Type } from "../typebox.ts";

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
  when: Type.Optional(
    Type.Object(conditionSchema.properties, {
      description:
        "The records that the rule looks at, as the rules before it have left them: a condition as in an output's filter. Absent: all.",
      examples: [{ severity: { at_least: "ERROR" } }, { source: ["10.0.0.0/8"] }],
    }),
  ),
  mode: Type.Optional(
    Type.Union([Type.Literal("enforce"), Type.Literal("shadow")], {
      default: "enforce",
      description: "shadow: the rule changes nothing, and counts what it would do to all live traffic.",
    }),
  ),
});

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
  if (wrong !== undefined)
    throw refuse("SG_RULE_PARAMS", ["params", ...wrong.path], wrong.what, fixFor(type, wrong.path[0]));
  const refusal = ruleType.refusal(ruleParams as never, check);
  if (refusal !== undefined) {
    throw new StreamGateError(refusal.code, {
      // A parameter may be a condition, and its place a path within it.
      where: refusal.param === undefined ? place(["params"]) : `${place(["params"])}.${refusal.param}`,
      what: refusal.what,
      ...(refusal.fix !== undefined && { fix: refusal.fix }),
    });
  }
  const when = coerced.when === undefined ? undefined : readCondition(coerced.when, place(["when"]), check);
  return { ...coerced, params: ruleParams, ...(when !== undefined && { when }) } as unknown as Rule;
}

/** The way out of a wrong parameter: an example of the type that has it, else where they are all told. */
function fixFor(type: string, param: string | undefined): string {
  const { examples } = ruleTypes.get(type)!;
  const example = examples.find((one) => param === undefined || Object.hasOwn(one, param));
  return example === undefined
    ? `docs/reference/rules.md#${type} tells what it takes`
    : `write them as ${JSON.stringify(example)}`;
}
