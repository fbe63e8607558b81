/** How a list of rules protects less than another: rules that are gone, switched off, in shadow, or look at fewer records. */

import { classOf } from "../plan/compile.ts";
import { ruleTypes } from "../rules/index.ts";
import type { Rule } from "../rules/rule.ts";
import { canonical } from "./canonical.ts";

export interface Weakening {
  /** Its id. */
  readonly rule: string;
  /**
   * narrowed: its condition (`when`) was added or changed. unprotected: it may be skipped under load from now on. changed: its type or
   * parameters are others, and nobody can say without looking whether they protect less.
   */
  readonly how: "deleted" | "disabled" | "shadowed" | "narrowed" | "unprotected" | "changed";
  readonly what: string;
}

/** @param before the rules that run @param after those that are to run @returns one entry for each protect rule that is weakened */
export function weakenings(before: readonly Rule[], after: readonly Rule[]): readonly Weakening[] {
  return before.filter(protects).flatMap((rule): Weakening[] => {
    const now = after.find(({ id }) => id === rule.id);
    const tell = (how: Weakening["how"], what: string) => [{ rule: rule.id, how, what }];
    if (now === undefined) return tell("deleted", "the rule is gone");
    if (now.enabled === false) return tell("disabled", "the rule is switched off");
    if (now.mode === "shadow") return tell("shadowed", "the rule only counts what it would do");
    if (!protects(now)) return tell("unprotected", "the rule is of class reduce now: it may be skipped under load");
    if (now.when !== undefined && canonical(now.when) !== canonical(rule.when ?? null))
      return tell(
        "narrowed",
        rule.when === undefined ? "the rule looks at some records only" : "the rule looks at other records",
      );
    if (now.type !== rule.type || canonical(now.params) !== canonical(rule.params))
      return tell("changed", "the rule's parameters are others: look whether they find what the former ones found");
    return [];
  });
}

/** Enforced, and never skipped. A rule that names outputs decides where a record goes, not what is in it: it counts all the same. */
function protects(rule: Rule): boolean {
  const ruleType = ruleTypes.get(rule.type);
  if (ruleType === undefined || rule.enabled === false || rule.mode === "shadow") return false;
  return classOf(rule, ruleType) === "protect";
}
