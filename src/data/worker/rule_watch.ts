/**
 * Which rules match anything, and when they last did: a rule that never does is dead weight, or guards against what it does not
 * recognise. Looks at counts that are there anyway, now and then.
 */

import { canonical } from "../../manifest/canonical.ts";
import type { Rule } from "../../manifest/manifest.ts";
import type { LiveActivity, LiveEffect } from "../../plan/live.ts";
import type { Snapshot } from "../ledger/snapshot.ts";

/** Between two looks: how exactly it is known when a rule last matched. */
export const ruleWatchMs = 60_000;

interface Watched {
  /** What it is: another one under the same id begins anew. */
  readonly identity: string;
  readonly shadow: boolean;
  readonly sinceMs: number;
  /** Totals as of its begin: ledgers go on counting by id. */
  readonly before: {
    readonly received: number;
    readonly matched: number;
    readonly dropped: { records: number; bytes: number };
  };
  activity: LiveActivity;
}

export class RuleWatch {
  /** In their order. */
  #rules = new Map<string, Watched>();
  /** As of the last look: records that were received, and those that each rule has taken away. */
  #last = { received: 0, gone: new Map<string, number>() };

  get activity(): ReadonlyMap<string, LiveActivity> {
    return new Map([...this.#rules].map(([id, { activity }]) => [id, activity]));
  }

  /** These rules run from now on. */
  use(rules: readonly Rule[], snapshot: Snapshot, nowMs: number): void {
    this.#countReached(snapshot);
    const before = this.#rules;
    this.#rules = new Map(
      rules
        .filter(({ enabled = true }) => enabled)
        .map((rule) => {
          const identity = canonical([rule.type, rule.params, rule.when ?? null, rule.mode ?? "enforce"]);
          const known = before.get(rule.id);
          return [rule.id, known?.identity === identity ? known : begin(rule, identity, snapshot, nowMs)];
        }),
    );
  }

  /** @param effects of rules in shadow */
  look(snapshot: Snapshot, effects: readonly LiveEffect[], nowMs: number): void {
    this.#countReached(snapshot);
    for (const [id, watched] of this.#rules) {
      const { before, activity, sinceMs, shadow } = watched;
      const { matched: total, dropped } = totalsOf(snapshot, id);
      const effect = effects.find(({ rule }) => rule === id);
      const foreseen = effect?.bySeverity.reduce((sum, { records }) => sum + records, 0) ?? 0;
      const matched = shadow ? foreseen : total - before.matched;
      const lastMatchedMs = matched > activity.matched ? nowMs : activity.lastMatchedMs;
      watched.activity = {
        sinceMs,
        received: snapshot.received.records - before.received,
        reached: activity.reached,
        matched,
        droppedRecords: dropped.records - before.dropped.records,
        droppedBytes: dropped.bytes - before.dropped.bytes,
        ...(lastMatchedMs !== undefined && { lastMatchedMs }),
      };
    }
  }

  /** What came since the last look reached each rule but for what those before it took: their order is that of now. */
  #countReached(snapshot: Snapshot): void {
    const gone = new Map(
      [...snapshot.rules].map(([id, { dropped, quarantined }]) => [id, dropped.records + quarantined.records]),
    );
    let records = snapshot.received.records - this.#last.received;
    for (const [id, watched] of this.#rules) {
      watched.activity = { ...watched.activity, reached: watched.activity.reached + records };
      records -= (gone.get(id) ?? 0) - (this.#last.gone.get(id) ?? 0);
    }
    this.#last = { received: snapshot.received.records, gone };
  }
}

function begin({ id, mode }: Rule, identity: string, snapshot: Snapshot, nowMs: number): Watched {
  return {
    identity,
    shadow: mode === "shadow",
    sinceMs: nowMs,
    before: { received: snapshot.received.records, ...totalsOf(snapshot, id) },
    activity: { sinceMs: nowMs, received: 0, reached: 0, matched: 0, droppedRecords: 0, droppedBytes: 0 },
  };
}

function totalsOf({ rules }: Snapshot, id: string) {
  const totals = rules.get(id);
  if (totals === undefined) return { matched: 0, dropped: { records: 0, bytes: 0 } };
  const { dropped, changed, quarantined } = totals;
  return { matched: dropped.records + changed.records + quarantined.records, dropped: { ...dropped } };
}
