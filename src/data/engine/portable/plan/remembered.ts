/** What rules remember while plans come and go: as long as a plan has their state. Twin of `native/plan/remembered.h`. */

import { Dedupe } from "../reduce/dedupe.ts";
import type { RuleMemory } from "../reduce/rule_memory.ts";
import { Throttle } from "../reduce/throttle.ts";
import type { PortablePlan } from "./prepare.ts";

export interface Remembered {
  readonly state: bigint;
  readonly rule: number;
  readonly memory: RuleMemory;
}

/** @returns the memories of a plan's rules, in their order: those of `before` that have the same state, and new ones */
export function rememberedBy({ plan, steps }: PortablePlan, before: readonly Remembered[]): readonly Remembered[] {
  const memories = new Map<number, RuleMemory>();
  // Also of rules that have no step now, because they are skipped under load.
  plan.rules.forEach(({ state = 0n }, rule) => {
    const memory = state === 0n ? undefined : before.find((one) => one.state === state)?.memory;
    if (memory === undefined) return;
    memories.set(rule, memory);
    memory.nextPlan();
  });
  for (const step of steps) {
    const seed = (plan.seed ?? 0n) ^ (plan.rules[step.rule]!.state ?? 0n);
    const memory = memories.get(step.rule);
    if (step.kind === "dedupe" && !(memory instanceof Dedupe)) memories.set(step.rule, step.dedupe.remember(seed));
    if (step.kind === "throttle" && !(memory instanceof Throttle))
      memories.set(step.rule, step.throttle.remember(seed));
  }
  return plan.rules.flatMap(({ state = 0n }, rule) => {
    const memory = memories.get(rule);
    return memory === undefined ? [] : [{ state, rule, memory }];
  });
}
