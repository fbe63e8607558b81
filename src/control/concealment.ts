/**
 * What of live records may be shown to people: what the protect rules and every detector leave of them. Preview and the examples of a
 * rule's effect pass here, whatever the rules that are tried: trying a rule must not be a way to read what another one hides.
 */

import type { ConditionConfig } from "../conditions/index.ts";
import { detectors } from "../detectors/index.ts";
import { canonical } from "../manifest/canonical.ts";
import { classOf, compilePlan } from "../plan/compile.ts";
import type { Evaluate, EvaluatedRecord, Evaluation } from "../plan/evaluation.ts";
import type { Plan } from "../plan/operations.ts";
import { ruleTypes } from "../rules/index.ts";
import type { Rule } from "../rules/rule.ts";
import { withoutRuleKeys } from "../rules/secrets_of_rules.ts";

/** Bytes of a record that is shown. */
const shownBytesMax = 16 * 1024;

export interface Concealed {
  /** Broken UTF-8 as U+FFFD. */
  readonly text: string;
  /** Something was taken out, or too long to be shown. */
  readonly concealed: boolean;
}

/**
 * Takes out of records what must not be seen. Nobody knows any more where a record came from and when, so a rule that asks for it acts.
 * @param rules of which those that protect are used; several lists run one after the other: first the published one, so that no draft
 *   takes away what a published rule goes by
 * @returns one answer a record; undefined: a protect rule drops or cannot finish it, so that nothing of it is shown
 */
export function conceal(
  records: readonly Uint8Array[],
  rules: readonly (readonly Rule[])[],
  evaluate: Evaluate,
): readonly (Concealed | undefined)[] {
  if (records.length === 0) return [];
  return leftOf(records, (asked) => evaluate(concealingPlan(rules), asked));
}

/** The plan that leaves of records what may be shown; for those who have many of them, one after the other. */
export function concealingPlan(rules: readonly (readonly Rule[])[]): Plan {
  return compilePlan(withoutRuleKeys([...protecting(rules.flat()), everyDetector]));
}

/** @param evaluate runs such a plan */
export function leftOf(
  records: readonly Uint8Array[],
  evaluate: (records: readonly EvaluatedRecord[]) => readonly Evaluation[],
): readonly (Concealed | undefined)[] {
  const evaluations = evaluate(records.map((bytes) => ({ bytes, source: { transport: "unknown" } })));
  return evaluations.map(({ fate, output }, index) => {
    if (fate === "empty") return { text: "", concealed: false };
    if (fate !== "passed" || output === undefined) return undefined;
    // Cut, half a secret could be left; and what protect rules made of it may be longer than what came.
    if (output.length > shownBytesMax) return { text: `(${records[index]!.length} bytes)`, concealed: true };
    return { text: output.toString("utf8"), concealed: !output.equals(records[index]!) };
  });
}

/** Enforced rules that protect, each once. What they route plays no part. */
function protecting(rules: readonly Rule[]): readonly Rule[] {
  const seen = new Map<string, Rule>();
  for (const rule of rules) {
    const ruleType = ruleTypes.get(rule.type);
    if (ruleType === undefined || ruleType.outputs !== undefined || rule.enabled === false || rule.mode === "shadow")
      continue;
    if (classOf(rule, ruleType) !== "protect") continue;
    const { when, ...always } = rule;
    const applied = when === undefined || asksTime(when) ? always : rule;
    seen.set(canonical([applied.type, applied.params, applied.when ?? null]), applied);
  }
  return [...seen.values()];
}

function asksTime({ all = [], any = [], not, time_share }: ConditionConfig): boolean {
  return time_share !== undefined || [...all, ...any, ...(not === undefined ? [] : [not])].some(asksTime);
}

/** Takes out what any detector finds. */
const everyDetector: Rule = { id: "every_detector", type: "redact", params: { detectors: [...detectors.keys()] } };
