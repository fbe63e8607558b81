/** Rules and the filters of outputs become a plan: the same short list of operations for both engines. */

import { createHash } from "node:crypto";
import { type ConditionConfig, compileCondition } from "../conditions/index.ts";
import type { OutputConfig } from "../outputs/index.ts";
import { encodedAttributePaths } from "../rules/attribute_filter.ts";
import { ruleTypes } from "../rules/index.ts";
import type { Rule, RuleType } from "../rules/rule.ts";
import { type Condition, type Operation, operationFlag, type Plan, type PlanRule, type Route } from "./operations.ts";

const always: Condition = { kind: "all", of: [] };

/**
 * Compiles rules in their order. A rule with `enabled: false` does not appear in the plan.
 * @param rules as `readManifest` or `readRules` gave them back: known types, checked parameters, ids that differ
 * @param outputs as `readManifest` gave them back; one that has a `filter` becomes a route, and every one does where a rule names outputs
 */
export function compilePlan(rules: readonly Rule[], outputs: readonly OutputConfig[] = []): Plan {
  const planRules: PlanRule[] = [];
  const operations: Operation[] = [];
  const outputIds = outputs.map(({ id }) => id as string | undefined);
  for (const rule of rules) {
    const { id, type, params, enabled = true, mode = "enforce" } = rule;
    if (!enabled) continue;
    const ruleType = ruleTypes.get(type);
    if (ruleType === undefined) throw new Error(`rule ${JSON.stringify(id)} was not checked: its type is unknown`);
    // What only counts protects nothing.
    const ruleClass = mode === "shadow" ? "reduce" : classOf(rule, ruleType);
    const when = rule.when === undefined ? undefined : compileCondition(rule.when as ConditionConfig);
    for (const part of ruleType.compile(params, outputIds, id)) {
      const flags =
        (ruleClass === "protect" ? operationFlag.protect : 0) |
        (part.limited === true ? operationFlag.limited : 0) |
        (mode === "shadow" ? operationFlag.shadow : 0);
      const both = bothOf(when, part.when);
      operations.push({
        name: part.name,
        rule: planRules.length,
        flags,
        args: part.args,
        ...(both !== undefined && { when: both }),
      });
    }
    const state = stateOf(rule, ruleType);
    planRules.push({ id, type, class: ruleClass, ...(state !== undefined && { state }) });
  }
  const named = operations.some(({ name }) => name === "route");
  const routes = outputs.flatMap(({ filter }, output): Route[] => {
    if (filter !== undefined) return [{ output, condition: compileCondition(filter as ConditionConfig) }];
    return named ? [{ output, condition: always }] : [];
  });
  const shadows = operations.some(({ flags }) => (flags & operationFlag.shadow) !== 0);
  return {
    rules: planRules,
    operations,
    ...(shadows && { service: servicePaths() }),
    ...(routes.length > 0 && { routes, outputs: outputs.length }),
  };
}

/** The class of an enforced rule. */
export function classOf({ params, protect = false }: Rule, { class: ruleClass }: RuleType): PlanRule["class"] {
  return protect || params.protect === true ? "protect" : ruleClass;
}

function bothOf(a: Condition | undefined, b: Condition | undefined): Condition | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return { kind: "all", of: [a, b] };
}

/** `service.name` where OpenTelemetry puts it, then `service` by itself. */
export function servicePaths(): readonly Uint8Array[] {
  return [...encodedAttributePaths("service.name", undefined), ...encodedAttributePaths("service", undefined)];
}

/** What a rule remembers belongs to its id and to what it remembers of whom: a change of either begins anew. */
function stateOf({ id, type, params, when, mode }: Rule, ruleType: RuleType): bigint | undefined {
  const parts: unknown[] = [id, type];
  if (ruleType.memory !== undefined) parts.push(ruleType.memory(params));
  if (mode === "shadow") parts.push(params, when ?? null);
  if (parts.length === 2) return undefined;
  const state = createHash("sha256").update(JSON.stringify(parts)).digest().readBigUInt64LE(0);
  // 0 stands for none.
  return state === 0n ? 1n : state;
}
