/** What a rule's effect amounts to: by severity and service, in dollars a month, and what is wrong with a rule that acts never or always. */

import type { OutputConfig, Rule } from "../manifest/manifest.ts";
import type { EffectAmount, LiveActivity, LiveEffect, LiveShare } from "../plan/live.ts";
import { severity } from "../plan/operations.ts";
import { type OutputPrice, priceOf } from "../prices/index.ts";
import { costUsd, monthHours, type Price } from "../prices/price.ts";
import { ruleTypes } from "../rules/index.ts";

const levels = Object.keys(severity) as (keyof typeof severity)[];
const hourMs = 3_600_000;
const whole: LiveShare = { records: 1, bytes: 1 };
/** A rule that acted on nothing for so long is told of. */
const idleMs = 24 * hourMs;
/** Fewer records may all be alike. */
const everythingRecordsMin = 1000;

export type RuleFlag = "matched_nothing_24h" | "matches_everything";

/** What one record, and one byte, costs at all outputs together; an output counts as far as its filter lets records through. */
export interface Rate {
  readonly price: Price;
  readonly outputs: readonly { readonly output: string; readonly share: LiveShare; readonly price: OutputPrice }[];
}

/** @param outputs of the published manifest; none: the console */
export function rateOf(
  outputs: readonly OutputConfig[],
  shares: ReadonlyMap<string, LiveShare>,
  fallback?: Price,
): Rate {
  const all: readonly OutputConfig[] = outputs.length === 0 ? [{ type: "console", id: "console" }] : outputs;
  const priced = all.map((output) => {
    const id = String(output.id ?? output.type);
    return { output: id, share: shares.get(id) ?? whole, price: priceOf(output, fallback) };
  });
  return {
    price: {
      perGbUsd: sumOver(priced, ({ share, price }) => share.bytes * price.perGbUsd),
      perMillionEventsUsd: sumOver(priced, ({ share, price }) => share.records * price.perMillionEventsUsd),
    },
    outputs: priced,
  };
}

/** Does an act of this rule take the record away? Else it changes it, or where it goes. */
export function takesAway({ type, params }: Rule): boolean {
  return type === "redact" ? params.mode === "drop" : type !== "route";
}

/** Records that say they are an error or worse. */
export function errorsIn({ bySeverity }: Pick<LiveEffect, "bySeverity">): number {
  return (bySeverity[severity.error]?.records ?? 0) + (bySeverity[severity.fatal]?.records ?? 0);
}

/** What a rule in shadow would have done, as `GET /rules/{id}/effect` tells it. */
export function effectReport(rule: Rule, effect: LiveEffect, rate: Rate, nowMs: number) {
  const total = sumOf(effect.bySeverity);
  const hours = Math.max(1, nowMs - effect.sinceMs) / hourMs;
  const gone = takesAway(rule);
  // Of a rule that takes records away all of their bytes are saved; of another the difference, told as a whole.
  const amount = ({ records, bytes }: EffectAmount) => ({
    records,
    bytes,
    ...(gone && { usd_a_month: perMonth(costUsd({ records, bytes }, rate.price), hours) }),
  });
  const saved = { records: gone ? total.records : 0, bytes: effect.savedBytes };
  return {
    since: new Date(effect.sinceMs).toISOString(),
    // To some microseconds: dollars a month divided by it are to be what was seen.
    hours: Math.round(hours * 1e9) / 1e9,
    records: total.records,
    bytes: total.bytes,
    saved_bytes: effect.savedBytes,
    error_or_above: errorsIn(effect),
    a_month: {
      records: Math.round((saved.records * monthHours) / hours),
      bytes: Math.round((saved.bytes * monthHours) / hours),
      usd: perMonth(costUsd(saved, rate.price), hours),
      by_output: rate.outputs.map(({ output, share, price }) => ({
        output,
        usd: perMonth(
          costUsd({ records: share.records * saved.records, bytes: share.bytes * saved.bytes }, price),
          hours,
        ),
        share: { records: rounded(share.records), bytes: rounded(share.bytes) },
        per_gb_usd: price.perGbUsd,
        per_million_events_usd: price.perMillionEventsUsd,
        price_from: price.from,
      })),
    },
    by_severity: Object.fromEntries(
      levels
        .map((level) => [level, effect.bySeverity[severity[level]]!] as const)
        .filter(([, { records }]) => records > 0)
        .toReversed()
        .map(([level, one]) => [level, amount(one)]),
    ),
    by_service: [
      ...effect.services.map(({ name, ...one }) => ({ service: name === "" ? null : name, ...amount(one) })),
      ...(effect.otherServices.records > 0 ? [{ service: "(others)", ...amount(effect.otherServices) }] : []),
    ],
  };
}

/** Is what the rule does counted by rule while it is enforced? Where records go is counted by output. */
export function isCounted({ type, mode }: Rule): boolean {
  return mode === "shadow" || ruleTypes.get(type)?.outputs === undefined;
}

/** What deserves a second look. @param rule as it runs */
export function flagsOf(rule: Rule, activity: LiveActivity, nowMs: number): readonly RuleFlag[] {
  const { received, reached, matched, sinceMs, lastMatchedMs = sinceMs } = activity;
  const flags: RuleFlag[] = [];
  if (isCounted(rule) && received > 0 && nowMs - lastMatchedMs >= idleMs) flags.push("matched_nothing_24h");
  if (rule.type === "redact" && matched >= reached && reached >= everythingRecordsMin) flags.push("matches_everything");
  return flags;
}

function sumOver<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}

export function sumOf(amounts: readonly EffectAmount[]): EffectAmount {
  return amounts.reduce((sum, { records, bytes }) => ({ records: sum.records + records, bytes: sum.bytes + bytes }), {
    records: 0,
    bytes: 0,
  });
}

function perMonth(usd: number, hours: number): number {
  return rounded((usd * monthHours) / hours);
}

/** To six places: a hundredth of a cent is enough, and 0.1 + 0.2 is not shown. */
function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

/** Those of all rules that deserve a second look, by id. */
export function ruleFlags(
  rules: readonly Rule[],
  activity: ReadonlyMap<string, LiveActivity>,
  nowMs: number,
): Readonly<Record<string, readonly RuleFlag[]>> {
  const flags = rules.flatMap((rule) => {
    const one = activity.get(rule.id);
    const flags = one === undefined ? [] : flagsOf(rule, one, nowMs);
    return flags.length === 0 ? [] : [[rule.id, flags] as const];
  });
  return Object.fromEntries(flags);
}
