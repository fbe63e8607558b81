/** What a proof says, as `streamgate prove --json` prints it: amounts and dollars of what was measured. */

import { type Level, levels, type Measured } from "../data/proof/measure.ts";
import type { Rule } from "../manifest/manifest.ts";
import { classOf } from "../plan/compile.ts";
import { priceLists } from "../prices/index.ts";
import { costUsd, free, monthHours, type Price } from "../prices/price.ts";
import { ruleTypes } from "../rules/index.ts";

interface Cost {
  readonly records: number;
  readonly bytes: number;
  readonly usd: number;
}

/** What `--json` prints. Bytes are without line ends; before: as they came, after: as they would leave. */
export interface Proof {
  readonly engine: string;
  readonly files: readonly string[];
  readonly prices: {
    readonly vendor: string | null;
    readonly per_gb_usd: number;
    readonly per_million_events_usd: number;
    readonly description?: string;
    readonly source?: string;
    readonly as_of?: string;
  } | null;
  readonly before: Cost;
  readonly after: Cost;
  readonly withheld: { readonly records: number; readonly bytes: number };
  /** Of `before`, from 0 to 1. */
  readonly saved: { readonly records: number; readonly bytes: number; readonly usd: number };
  /** Null: the time that the records are of is not known. */
  readonly month: {
    readonly hours: number;
    readonly before_usd: number;
    readonly after_usd: number;
    readonly saved_usd: number;
  } | null;
  readonly rules: readonly {
    readonly id: string;
    readonly type: string;
    readonly class: string;
    readonly dropped: Cost;
    readonly changed: number;
    readonly replacements: number;
    readonly withheld: number;
    /** Of a rule in shadow: what it would do by itself. It changed nothing here. */
    readonly shadow?: { readonly records: number; readonly errors: number; readonly saved_bytes: number };
  }[];
  readonly severity: Readonly<
    Record<string, { readonly before: Cost; readonly after: Cost; readonly reweighted: number }>
  >;
  /** Most records first; bytes as received. `service` null: records that name none; others: services beyond the first 64, together. */
  readonly services: readonly {
    readonly service: string | null;
    readonly others?: true;
    readonly before: Cost;
    readonly after: Cost;
  }[];
  readonly error_or_above: {
    readonly before: number;
    readonly kept: number;
    /** By rule id. */
    readonly dropped_by: Readonly<Record<string, number>>;
  };
  /** Records that those which are left stand for, each with the weight that sampling wrote on it. */
  readonly reweighted: { readonly before: number; readonly after: number };
  readonly seconds: number;
}

export interface ProofParts {
  readonly engine: string;
  readonly files: readonly string[];
  /** Those that were measured and those that are switched off. */
  readonly rules: readonly Rule[];
  readonly prices: Price | undefined;
  readonly measured: Measured;
  readonly hours: number | undefined;
  readonly seconds: number;
}

export function proofOf({ engine, files, rules: allRules, prices, measured, hours, seconds }: ProofParts): Proof {
  const price = prices ?? free;
  const cost = (amount: { readonly records: number; readonly bytes: number }): Cost => ({
    ...amount,
    usd: costUsd(amount, price),
  });
  const rules = allRules.filter(({ enabled = true }) => enabled);
  const [before, after] = [cost(measured.before), cost(measured.after)];
  const share = (part: keyof Cost) => (before[part] === 0 ? 0 : (before[part] - after[part]) / before[part]);
  const perMonth = (usd: number) => (usd * monthHours) / hours!;
  const sum = (of: readonly Level[], count: (level: Level) => number) =>
    of.reduce((total, level) => total + count(level), 0);
  const bad = ["error", "fatal"] as const;
  const list = [...priceLists.values()].find((one) => one === prices);
  return {
    engine,
    files,
    prices:
      prices === undefined
        ? null
        : {
            vendor: list?.vendor ?? null,
            per_gb_usd: price.perGbUsd,
            per_million_events_usd: price.perMillionEventsUsd,
            ...(list !== undefined && { description: list.description, source: list.source, as_of: list.asOf }),
          },
    before,
    after,
    withheld: measured.withheld,
    saved: { records: share("records"), bytes: share("bytes"), usd: share("usd") },
    month:
      hours === undefined
        ? null
        : {
            hours,
            before_usd: perMonth(before.usd),
            after_usd: perMonth(after.usd),
            saved_usd: perMonth(before.usd - after.usd),
          },
    rules: measured.rules.map(({ rule, dropped, changed, replacements, withheld, foreseen }) => ({
      id: rules[rule]!.id,
      type: rules[rule]!.type,
      class: classOf(rules[rule]!, ruleTypes.get(rules[rule]!.type)!),
      dropped: cost(dropped),
      changed,
      replacements,
      withheld: withheld.records,
      ...(foreseen !== undefined && {
        shadow: { records: foreseen.records, errors: foreseen.errors, saved_bytes: foreseen.savedBytes },
      }),
    })),
    services: measured.services.map(({ name, before, after }) => ({
      service: name ?? null,
      ...(name === null && { others: true as const }),
      before: cost(before),
      after: cost(after),
    })),
    severity: Object.fromEntries(
      levels
        .filter((level) => measured.levels[level].before.records + measured.levels[level].after.records > 0)
        .map((level) => {
          const { before, after, afterWeight } = measured.levels[level];
          return [level, { before: cost(before), after: cost(after), reweighted: afterWeight }];
        }),
    ),
    error_or_above: {
      before: sum(bad, (level) => measured.levels[level].before.records),
      kept: sum(bad, (level) => measured.levels[level].after.records),
      dropped_by: Object.fromEntries(
        measured.rules
          .filter(({ errorsDropped }) => errorsDropped > 0)
          .map(({ rule, errorsDropped }) => [rules[rule]!.id, errorsDropped]),
      ),
    },
    reweighted: {
      before: sum(levels, (level) => measured.levels[level].beforeWeight),
      after: sum(levels, (level) => measured.levels[level].afterWeight),
    },
    seconds,
  };
}
