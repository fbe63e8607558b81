/**
 * A plan without its dearest rules of class reduce: what an engine runs while it cannot keep up (promise P1). Rules that protect, and
 * routes, are in every one of them.
 *
 * Levels: the first skips the fewest rules that make up half of what the reduce rules cost, the second three quarters, the third all.
 * So an engine prepares three plans at most, however many rules there are.
 */

import type { Operation, OperationName, Plan } from "./operations.ts";

const levelShares = [1 / 2, 3 / 4, 1];

/**
 * What an operation costs a record that it does not drop, as multiples of a literal: only the order matters, and dear and cheap rules
 * differ by more than these numbers can be off. An attribute is looked for by walking the JSON text; a pattern that says a few bytes
 * which any match contains is looked for by them first (native/match/prefilter.h), another one by RE2 in every record.
 */
const costs: Readonly<Record<OperationName, number>> = {
  dropLiteral: 1,
  dropPattern: 4,
  replacePattern: 8,
  dropAttribute: 16,
  redact: 16,
  drop: 16,
  sample: 16,
  dedupe: 12,
  throttle: 8,
  route: 1,
};
const patternWithoutLiteralCost = 12;

export interface LightenedPlan {
  readonly plan: Plan;
  /** Ids of the rules that it leaves out, the dearest first. */
  readonly skipped: readonly string[];
}

/** @returns one plan a level, each with the rules, numbers and routes of `plan`; empty when it has no rule that may be skipped */
export function lightenedPlans(plan: Plan): readonly LightenedPlan[] {
  const byCost = plan.rules
    .map(({ id, class: ruleClass }, rule) => ({ id, rule, reduce: ruleClass === "reduce", cost: costOf(plan, rule) }))
    .filter(({ reduce, cost }) => reduce && cost > 0)
    // The later of two that cost the same: it sees fewer records, so skipping it lets fewer pass.
    .toSorted((a, b) => b.cost - a.cost || b.rule - a.rule);
  const total = byCost.reduce((sum, { cost }) => sum + cost, 0);
  const levels: LightenedPlan[] = [];
  let count = 0;
  let skippedCost = 0;
  for (const share of levelShares) {
    const before = count;
    while (count < byCost.length && skippedCost < share * total) skippedCost += byCost[count++]!.cost;
    if (count === before) continue;
    const skipped = byCost.slice(0, count);
    const rules = new Set(skipped.map(({ rule }) => rule));
    levels.push({
      plan: { ...plan, operations: plan.operations.filter(({ rule }) => !rules.has(rule)) },
      skipped: skipped.map(({ id }) => id),
    });
  }
  return levels;
}

function costOf({ operations }: Plan, rule: number): number {
  return operations.reduce((sum, operation) => sum + (operation.rule === rule ? cost(operation) : 0), 0);
}

function cost({ name, args }: Operation): number {
  return name === "dropPattern" && !hasLiteral(args[0]!) ? patternWithoutLiteralCost : costs[name];
}

/**
 * Does every match contain three bytes in a row that the pattern spells out? A guess from its text: with alternatives or nothing but
 * classes it says no.
 */
function hasLiteral(pattern: Uint8Array): boolean {
  const text = Buffer.from(pattern).toString();
  if (text.includes("|") || text.includes("(?i)")) return false;
  const literals = text
    .replace(/\\[pP]\{[^}]*\}|\\x\{[^}]*\}|\\[A-Za-z0-9]/g, "\0")
    .replace(/\[(?:\\.|[^\]\\])*\]/g, "\0")
    // A byte that may be absent is none that a match contains.
    .replace(/(?:\\.|[^\\])(?:[*?]|\{0[,}])/g, "\0")
    // What is left behind a backslash stands for itself.
    .replace(/\\./g, "x");
  return /[^\0.*+?^$(){}]{3}/.test(literals);
}
