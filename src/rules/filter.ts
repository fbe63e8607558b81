/** `filter`: drops the records for which a condition holds, or all others. */

import { type ConditionConfig, compileCondition, conditionSchema, readCondition } from "../conditions/index.ts";
import { StreamGateError } from "../errors.ts";
import type { Condition } from "../plan/operations.ts";
import type { PatternChecker } from "../plan/pattern.ts";
import { type Static, Type } from "../typebox.ts";
import { checkRulePattern } from "./pattern.ts";
import { defineRule, type OperationPart, protectParam, type Refusal } from "./rule.ts";

const params = Type.Object({
  ...conditionSchema.properties,
  action: Type.Optional(
    Type.Union([Type.Literal("drop"), Type.Literal("keep")], {
      default: "drop",
      description: "drop: the records for which the condition holds are dropped; keep: all others are.",
    }),
  ),
  protect: protectParam,
});

type Params = Static<typeof params>;

export const filter = defineRule({
  type: "filter",
  description:
    "Drops a record that contains `value`, in which RE2 finds `pattern`, whose `field` compares as asked, or for which another condition holds.",
  class: "reduce",
  params,
  examples: [
    { value: "DEBUG" },
    { pattern: "^GET /health(z|check) " },
    { values: ["heartbeat", "keepalive"], ignore_case: true },
    { field: "http.status_code", lt: 400 },
    { field: "service.name", in: ["checkout", "payment"], action: "keep" },
    { value: "internal-only", protect: true },
  ],
  refusal(given, check) {
    const { value, pattern } = given;
    if (value !== undefined && pattern !== undefined) {
      return {
        code: "SG_RULE_PARAMS",
        what: "has both `value` and `pattern`",
        fix: "give one of them, write two rules, or put both into `any` or `all`",
      };
    }
    if (Object.keys(conditionOf(given)).length === 0) {
      return {
        code: "SG_RULE_PARAMS",
        what: "needs `value` or `pattern`, or another condition",
        fix: 'give one, such as {"value":"DEBUG"}',
      };
    }
    return (pattern === undefined ? undefined : patternRefusal(pattern, check)) ?? conditionRefusal(given, check);
  },
  compile(given) {
    const condition = compileCondition(conditionOf(given));
    return given.action === "keep" ? [{ name: "drop", args: [], when: not(condition) }] : dropsOf(condition);
  },
});

/** The parameters that make the condition. */
function conditionOf(given: Params): ConditionConfig {
  const known = Object.keys(conditionSchema.properties);
  return Object.fromEntries(Object.entries(given).filter(([key]) => known.includes(key)));
}

function patternRefusal(pattern: string, check: PatternChecker): Refusal | undefined {
  const checked = checkRulePattern(pattern, "pattern", check);
  return "refusal" in checked ? checked.refusal : undefined;
}

function conditionRefusal(given: Params, check: PatternChecker): Refusal | undefined {
  try {
    readCondition(conditionOf(given), "", check);
    return undefined;
  } catch (error) {
    if (!(error instanceof StreamGateError)) throw error;
    const { code, where, what, fix } = error;
    return {
      code,
      what,
      ...(where !== undefined && where !== "" && { param: where }),
      ...(fix !== undefined && { fix }),
    };
  }
}

/**
 * The cheapest operations that drop the records for which a condition holds: one for each text, pattern or attribute, which engines look
 * for in all records at once; a condition of another kind is asked about each record that may have what it needs.
 */
function dropsOf(condition: Condition): OperationPart[] {
  switch (condition.kind) {
    case "any":
      return condition.of.flatMap(dropsOf);
    case "literal":
      return [{ name: "dropLiteral", args: [condition.literal] }];
    case "pattern":
      return [{ name: "dropPattern", args: [condition.pattern] }];
    default:
      return [{ name: "drop", args: [], when: condition }];
  }
}

function not(condition: Condition): Condition {
  return { kind: "not", of: condition };
}
