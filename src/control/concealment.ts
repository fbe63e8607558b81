/**
 * What of live records may be shown to people: what the protect rules and every detector leave of them. Preview and the examples of a
 * rule's effect pass here, whatever the rules that are tried: trying a rule must not be a way to read what another one hides.
 */

import { canonical } from "../manifest/canonical.ts";
import { classOf, compilePlan } from "../plan/compile.ts";
import type { Evaluate } from "../plan/evaluation.ts";
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
 * Takes out of records what must not be seen.
 * @param rules of which those that protect are used; several lists: the draft's and the published ones
 * @returns one answer a record; undefined: a protect rule drops or cannot finish it, so that nothing of it is shown
 */
export function conceal(
  records: readonly Uint8Array[],
  rules: readonly (readonly Rule[])[],
  evaluate: Evaluate,
): readonly (Concealed | undefined)[] {
  if (records.length === 0) return [];
  const plan = compilePlan(withoutRuleKeys([...protecting(rules.flat()), everyDetector]));
  const evaluations = evaluate(
    plan,
    records.map((bytes) => ({ bytes })),
  );
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
    if (classOf(rule, ruleType) === "protect") seen.set(canonical([rule.type, rule.params, rule.when ?? null]), rule);
  }
  return [...seen.values()];
}

/** Takes out what any detector finds. */
const everyDetector: Rule = { id: "every_detector", type: "redact", params: { detectors: ["all"] } };
