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
   * parameters are others, moved: it runs behind a `redact` that ran behind it; of both nobody can say without looking whether they
   * protect less.
   */
  readonly how: "deleted" | "disabled" | "shadowed" | "narrowed" | "unprotected" | "changed" | "moved";
  readonly what: string;
}

/** @param before the rules that run @param after those that are to run @returns what weakens each protect rule, in the order of `before` */
export function weakenings(before: readonly Rule[], after: readonly Rule[]): readonly Weakening[] {
  return before.filter(protects).flatMap((rule): Weakening[] => {
    const now = after.find(({ id }) => id === rule.id);
    const tell = (how: Weakening["how"], what: string) => [{ rule: rule.id, how, what }];
    if (now === undefined) return tell("deleted", "the rule is gone");
    if (now.enabled === false) return tell("disabled", "the rule is switched off");
    if (now.mode === "shadow") return tell("shadowed", "the rule only counts what it would do");
    if (!protects(now)) return tell("unprotected", "the rule is of class reduce now: it may be skipped under load");
    const narrowed = now.when !== undefined && canonical(now.when) !== canonical(rule.when ?? null);
    const changed = now.type !== rule.type || canonical(now.params) !== canonical(rule.params);
    const behind = overtakers(rule.id, before, after);
    return [
      ...(narrowed
        ? tell("narrowed", `the rule looks at ${rule.when === undefined ? "some records only" : "other records"}`)
        : []),
      ...(changed
        ? tell("changed", "the rule's parameters are others: look whether they find what the former ones found")
        : []),
      ...(behind.length > 0
        ? tell("moved", `the rule runs behind ${behind.join(", ")} now: look whether that leaves it what it looks for`)
        : []),
    ];
  });
}

/** Ids of rules that change records and ran behind the rule, and now run in front of it. */
function overtakers(id: string, before: readonly Rule[], after: readonly Rule[]): readonly string[] {
  const behind = new Set(before.slice(before.findIndex((rule) => rule.id === id) + 1).map((rule) => rule.id));
  return after
    .slice(
      0,
      after.findIndex((rule) => rule.id === id),
    )
    .filter((rule) => rule.type === "redact" && protects(rule) && behind.has(rule.id))
    .map((rule) => JSON.stringify(rule.id));
}

/** Enforced, and never skipped. A rule that names outputs decides where a record goes, not what is in it: it counts all the same. */
function protects(rule: Rule): boolean {
  const ruleType = ruleTypes.get(rule.type);
  if (ruleType === undefined || rule.enabled === false || rule.mode === "shadow") return false;
  return classOf(rule, ruleType) === "protect";
}
