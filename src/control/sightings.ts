/**
 * What rules were seen to do to errors while they were in shadow, so that enforcing one can be warned of after its effect is gone with it.
 * In memory: what a former process saw is forgotten.
 */

import { canonical } from "../manifest/canonical.ts";
import type { Rule } from "../manifest/manifest.ts";
import { classOf } from "../plan/compile.ts";
import type { LiveEffect } from "../plan/live.ts";
import { ruleTypes } from "../rules/index.ts";
import { errorsIn } from "./effect_report.ts";

/** As many rules as anybody has; the one that was seen longest ago is forgotten first. */
const rulesMax = 10_000;

export interface Sighting {
  /** Records that said they were an error or worse. */
  readonly records: number;
  readonly sinceMs: number;
}

/** Of an enforced rule of class reduce: that it was seen to act on errors, or that nobody here has seen what it did in shadow. */
export interface ErrorWarning {
  readonly rule: string;
  readonly kind: "hits_errors" | "effect_unknown";
  /** Of hits_errors. */
  readonly records?: number;
  readonly since?: string;
  readonly what: string;
}

export class Sightings {
  readonly #seen = new Map<string, Sighting>();

  /** @param running the rules that the effects are of */
  note(running: readonly Rule[], effects: readonly LiveEffect[]): void {
    for (const effect of effects) {
      const rule = running.find(({ id }) => id === effect.rule);
      if (rule === undefined) continue;
      const key = identity(rule);
      this.#seen.delete(key);
      this.#seen.set(key, { records: errorsIn(effect), sinceMs: effect.sinceMs });
    }
    while (this.#seen.size > rulesMax) this.#seen.delete(this.#seen.keys().next().value!);
  }

  /** Of rules that `after` enforces and `before` did not, the same otherwise as when they were seen. */
  warnings(before: readonly Rule[], after: readonly Rule[]): readonly ErrorWarning[] {
    const enforced = new Set(before.filter(isEnforced).map(identity));
    return after
      .filter((rule) => isEnforced(rule) && reduces(rule) && !enforced.has(identity(rule)))
      .flatMap((rule): ErrorWarning[] => {
        const { records, sinceMs } = this.#seen.get(identity(rule)) ?? { records: 0, sinceMs: 0 };
        if (records === 0) return [];
        const since = new Date(sinceMs).toISOString();
        const what = `in shadow since ${since} it would have acted on ${counted(records)} an error or worse; "when":{"not":{"severity":{"at_least":"ERROR"}}} on the rule spares them`;
        return [{ rule: rule.id, kind: "hits_errors", records, since, what }];
      });
  }
}

/** Of rules that come out of the shadow, where no data plane runs in the process: no warning would read as no errors. */
export function unseen(before: readonly Rule[], after: readonly Rule[]): readonly ErrorWarning[] {
  const shadows = new Set(
    before.filter(({ enabled = true, mode }) => enabled && mode === "shadow").map(({ id }) => id),
  );
  return after
    .filter((rule) => isEnforced(rule) && reduces(rule) && shadows.has(rule.id))
    .map(({ id }) => ({
      rule: id,
      kind: "effect_unknown",
      what: "what it would have done in shadow was counted at the data planes and is not known here: nobody has looked whether it acts on errors; try it on a gate that runs both planes, or on kept records with `streamgate prove`",
    }));
}

function isEnforced({ enabled = true, mode = "enforce" }: Rule): boolean {
  return enabled && mode === "enforce";
}

function reduces(rule: Rule): boolean {
  const ruleType = ruleTypes.get(rule.type);
  return ruleType !== undefined && classOf(rule, ruleType) === "reduce";
}

/** A rule is the same whether it is enforced or in shadow. */
function identity({ id, type, params, when }: Rule): string {
  return canonical([id, type, params, when ?? null]);
}

function counted(records: number): string {
  return records === 1 ? "1 record that says it is" : `${records} records that say they are`;
}
