/** Rules and the filters of outputs become a plan: the same short list of operations for both engines. */

import { type ConditionConfig, compileCondition } from "../conditions/index.ts";
import type { OutputConfig } from "../outputs/index.ts";
import { ruleTypes } from "../rules/index.ts";
import type { Rule } from "../rules/rule.ts";
import { type Operation, operationFlag, type Plan, type PlanRule, type Route } from "./operations.ts";

/**
 * Compiles rules in their order. A rule with `enabled: false` does not appear in the plan.
 * @param rules as `readManifest` or `readRules` gave them back: known types, checked parameters, ids that differ
 * @param outputs as `readManifest` gave them back; one that has a `filter` becomes a route
 */
export function compilePlan(rules: readonly Rule[], outputs: readonly OutputConfig[] = []): Plan {
  const planRules: PlanRule[] = [];
  const operations: Operation[] = [];
  for (const { id, type, params, enabled = true, protect = false } of rules) {
    if (!enabled) continue;
    const ruleType = ruleTypes.get(type);
    if (ruleType === undefined) throw new Error(`rule ${JSON.stringify(id)} was not checked: its type is unknown`);
    const ruleClass = protect || params.protect === true ? "protect" : ruleType.class;
    for (const { name, args, limited = false } of ruleType.compile(params)) {
      const flags = (ruleClass === "protect" ? operationFlag.protect : 0) | (limited ? operationFlag.limited : 0);
      operations.push({ name, rule: planRules.length, flags, args });
    }
    planRules.push({ id, type, class: ruleClass });
  }
  const routes = outputs.flatMap(({ filter }, output): Route[] =>
    filter === undefined ? [] : [{ output, condition: compileCondition(filter as ConditionConfig) }],
  );
  return { rules: planRules, operations, ...(routes.length > 0 && { routes, outputs: outputs.length }) };
}
