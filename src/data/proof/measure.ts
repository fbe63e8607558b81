/**
 * What rules do to a stream, in numbers: how much comes and how much is left, by rule and by severity; which rules drop errors; and what
 * sampled records stand for.
 *
 * Native where it can be: a plan whose routes are the severities has the engine count them, and the records of one severity are gathered
 * by one call. So a chunk passes three times: through a plan without rules that splits it by severity, through the rules, and what is
 * an error or worse through the rules once more, to tell which rule drops it. JavaScript looks at a record only where it was sampled.
 *
 * The third pass is apart from the second: a rule with a memory (dedupe, throttle, sampling by sequence) sees the errors alone there, and may
 * decide otherwise than among all records. Kept and dropped in sum are the second's; which rule, the third's.
 */

import type { Condition, Plan, Route, Severity } from "../../plan/operations.ts";
import { severity } from "../../plan/operations.ts";
import type { Batch } from "../engine/batch.ts";
import type { EngineKind } from "../engine/engine.ts";
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
}

export interface Measured {
  readonly before: Amount;
  /** Bytes as written. */
  readonly after: Amount;
  readonly withheld: Amount;
  readonly rules: readonly RuleAmounts[];
  readonly levels: Readonly<Record<Level, LevelAmounts>>;
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
    this.#rules = new Pass(kind, byLevel(plan), options, (batch) => this.#weigh(batch, this.#afterWeight));
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

  result(): Measured {
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
      })),
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
