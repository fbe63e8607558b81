/**
 * What rules do to a stream, in numbers: how much comes and how much is left, by rule and by severity; which rules drop errors; and what
 * sampled records stand for.
 *
 * Native where it can be: a plan whose routes are the severities has the engine count them, and the records of one severity are gathered
 * by one call. So a chunk passes three times: through a plan without rules that splits it by severity, through the rules, and what is
 * an error or worse through the rules once more, to tell which rule drops it. Services are counted by two rules in shadow that would drop
 * everything, one in front of the rules and one behind them. JavaScript looks at a record only where it was sampled.
 *
 * The third pass is apart from the second: a rule with a memory (dedupe, throttle, sampling by sequence) sees the errors alone there, and may
 * decide otherwise than among all records. Kept and dropped in sum are the second's; which rule, the third's.
 */

import { servicePaths } from "../../plan/compile.ts";
import {
  type Condition,
  type Operation,
  operationFlag,
  type Plan,
  type PlanRule,
  type Route,
  type Severity,
  severity,
} from "../../plan/operations.ts";
import type { Batch } from "../engine/batch.ts";
import type { EngineKind, RuleEffect, ServiceEffect } from "../engine/engine.ts";
import { type Amount, Pass } from "./pass.ts";
import { extraWeight } from "./weight.ts";

export type Level = keyof typeof severity;
/** From worst to least, records that tell none last. */
export const levels = (Object.keys(severity) as Level[]).toReversed();

export interface LevelAmounts {
  readonly before: Amount;
  /** Severity as what is left says it. */
  readonly after: Amount;
  /** Records that those of `before` and of `after` stand for, each with the weight that sampling wrote on it. */
  readonly beforeWeight: number;
  readonly afterWeight: number;
}

export interface RuleAmounts {
  readonly rule: number;
  readonly dropped: Amount;
  readonly changed: number;
  readonly replacements: number;
  readonly withheld: Amount;
  /** Of `dropped`: records that say they are an error or worse. */
  readonly errorsDropped: number;
  /** Of a rule in shadow: records that it would have acted on, of these errors and worse, and bytes that would not have left. */
  readonly foreseen?: { readonly records: number; readonly errors: number; readonly savedBytes: number };
}

export interface ServiceAmounts {
  /** As records name it; undefined: those that name none; null: the services beyond the first 64, together. */
  readonly name: string | undefined | null;
  /** Bytes as received, before and after. */
  readonly before: Amount;
  readonly after: Amount;
}

export interface Measured {
  readonly before: Amount;
  /** Bytes as written. */
  readonly after: Amount;
  readonly withheld: Amount;
  readonly rules: readonly RuleAmounts[];
  readonly levels: Readonly<Record<Level, LevelAmounts>>;
  /** Most records first. */
  readonly services: readonly ServiceAmounts[];
}

export class Measure {
  readonly #kind: EngineKind;
  readonly #plan: Plan;
  readonly #census: Pass;
  readonly #rules: Pass;
  readonly #errors: Pass;
  readonly #beforeWeight = emptyWeights();
  readonly #afterWeight = emptyWeights();
  /** Where the records of one severity are gathered. */
  #gathered: Batch;
  #receivedAtMs = 0;

  /** @param plan of rules; where outputs would send records plays no part, so what routes is left out */
  constructor(kind: EngineKind, { rules, operations }: Plan, maxRecordBytes: number) {
    const plan = { rules, operations: operations.filter(({ name }) => name !== "route") };
    // Records of files are lines, and gathered ones are followed by LF.
    const options = { framing: { kind: "newline" } as const, maxRecordBytes };
    this.#kind = kind;
    this.#plan = plan;
    this.#gathered = kind.createBatch(1024, 1 << 20);
    this.#errors = new Pass(kind, plan, options);
    this.#census = new Pass(kind, byLevel({ rules: [], operations: [] }), options, (batch) => {
      this.#weigh(batch, this.#beforeWeight);
      for (const level of ["error", "fatal"] as const)
        this.#gather(batch, level, (records) => this.#errors.run(records, this.#receivedAtMs));
    });
    this.#rules = new Pass(kind, byLevel(betweenWitnesses(plan)), options, (batch) =>
      this.#weigh(batch, this.#afterWeight),
    );
  }

  /**
   * @param chunk records cut anywhere; not kept
   * @param receivedAtMs never less than before
   */
  run(chunk: Uint8Array, receivedAtMs: number): void {
    this.#receivedAtMs = receivedAtMs;
    this.#census.run(chunk, receivedAtMs);
    this.#rules.run(chunk, receivedAtMs);
  }

  /** A stream has ended; another may follow. */
  end(): void {
    this.#census.end(this.#receivedAtMs);
    this.#rules.end(this.#receivedAtMs);
  }

  /** Call once, at the end. */
  result(): Measured {
    this.#rules.finish(this.#receivedAtMs);
    const effects = new Map(this.#rules.effects().map((effect) => [effect.rule, effect]));
    const foreseen = (rule: number) => {
      const effect = effects.get(rule);
      if (effect === undefined) return {};
      const records = effect.records.reduce((sum, one) => sum + one, 0);
      const errors = effect.records[severity.error]! + effect.records[severity.fatal]!;
      return { foreseen: { records, errors, savedBytes: effect.savedBytes } };
    };
    const amounts = (level: Level): LevelAmounts => {
      const [before, after] = [this.#census.routed(severity[level]), this.#rules.routed(severity[level])];
      return {
        before,
        after,
        beforeWeight: before.records + this.#beforeWeight[level],
        afterWeight: after.records + this.#afterWeight[level],
      };
    };
    return {
      before: this.#rules.received,
      after: this.#rules.written,
      withheld: this.#rules.withheld,
      levels: Object.fromEntries(levels.map((level) => [level, amounts(level)])) as Record<Level, LevelAmounts>,
      rules: this.#plan.rules.map((_, rule) => ({
        rule,
        dropped: {
          records: this.#rules.ofRule(rule, "droppedRecords"),
          bytes: this.#rules.ofRule(rule, "droppedBytes"),
        },
        changed: this.#rules.ofRule(rule, "changedRecords"),
        replacements: this.#rules.ofRule(rule, "replacements"),
        withheld: {
          records: this.#rules.ofRule(rule, "quarantinedRecords"),
          bytes: this.#rules.ofRule(rule, "quarantinedBytes"),
        },
        errorsDropped: this.#errors.ofRule(rule, "droppedRecords"),
        ...foreseen(rule),
      })),
      services: servicesOf(effects.get(this.#plan.rules.length)!, effects.get(this.#plan.rules.length + 1)!),
    };
  }

  close(): void {
    this.#census.close();
    this.#rules.close();
    this.#errors.close();
    this.#gathered.free();
  }

  #weigh(batch: Batch, weights: Record<Level, number>): void {
    if (extraWeight(batch.slice(0, batch.records)) === 0) return;
    for (const level of levels)
      this.#gather(batch, level, (records) => {
        weights[level] += extraWeight(records);
      });
  }

  /** Gives `work` the batch's records of one severity, each followed by LF, in pieces. */
  #gather(batch: Batch, level: Level, work: (records: Buffer) => void): void {
    for (let at = 0; at < batch.records; ) {
      this.#gathered.clear();
      const { stopped, needBytes } = this.#kind.gather(batch, at, batch.records, severity[level], this.#gathered);
      const { records } = this.#gathered;
      if (records > 0) work(this.#gathered.slice(0, records));
      else if (needBytes > this.#gathered.bytesMax) {
        this.#gathered.free();
        this.#gathered = this.#kind.createBatch(1024, needBytes);
      }
      at = stopped;
    }
  }
}

/**
 * The plan with a rule in shadow in front of it that would drop everything, and another one behind it: what these count are the services
 * before and after.
 */
function betweenWitnesses({ rules, operations }: Plan): Plan {
  const witness = (rule: number): Operation => ({ name: "drop", rule, flags: operationFlag.shadow, args: [] });
  const named = (id: string, state: bigint): PlanRule => ({ id, type: "filter", class: "reduce", state });
  return {
    // Any states do that no rule has by its hash.
    rules: [...rules, named("before", 1n), named("after", 2n)],
    operations: [witness(rules.length), ...operations, witness(rules.length + 1)],
    service: servicePaths(),
  };
}

function servicesOf(before: RuleEffect, after: RuleEffect): readonly ServiceAmounts[] {
  const nameOf = ({ name }: ServiceEffect) => Buffer.from(name).toString("utf8");
  const left = new Map(after.services.map((service) => [nameOf(service), service]));
  const amount = ({ records, bytes }: Amount = { records: 0, bytes: 0 }): Amount => ({ records, bytes });
  const told = before.services.map((service): ServiceAmounts => {
    const name = nameOf(service);
    return { name: name === "" ? undefined : name, before: amount(service), after: amount(left.get(name)) };
  });
  const known = new Set(before.services.map(nameOf));
  // Which services are told apart is decided by who comes first, and fewer come behind the rules.
  const others = after.services.filter((service) => !known.has(nameOf(service)));
  const rest = [after.others, ...others].reduce(
    (sum, { records, bytes }) => ({ records: sum.records + records, bytes: sum.bytes + bytes }),
    { records: 0, bytes: 0 },
  );
  const ordered = told.toSorted((a, b) => b.before.records - a.before.records);
  return before.others.records === 0
    ? ordered
    : [...ordered, { name: null, before: amount(before.others), after: rest }];
}

/** The plan with an output for each severity, by its number. */
function byLevel(plan: Plan): Plan {
  const routes = Object.keys(severity).map(
    (level): Route => ({ output: severity[level as Level], condition: exactly(level as Level) }),
  );
  return { ...plan, routes, outputs: routes.length };
}

/** This severity, and no worse. */
function exactly(level: Level): Condition {
  const atLeast = (one: Level): Condition => ({ kind: "severity", atLeast: one as Severity });
  const worse = (Object.keys(severity) as Level[]).find((one) => severity[one] === severity[level] + 1);
  const bounded: Condition[] = worse === undefined ? [] : [{ kind: "not", of: atLeast(worse) }];
  if (level === "unknown") return bounded[0]!;
  return { kind: "all", of: [atLeast(level), ...bounded] };
}

function emptyWeights(): Record<Level, number> {
  return Object.fromEntries(levels.map((level) => [level, 0])) as Record<Level, number>;
}
