/**
 * Says in the log when a rule samples by a key that has so few values that it is all or nothing: with 20 keys, a share of 0.05 keeps one
 * of them, or none.
 */

import type { PlanRule } from "../../plan/operations.ts";
import type { Log } from "../../telemetry/log.ts";
import { countCellsFixed, countCellsPerRule, ruleCell } from "../engine/layout.ts";

/** Before it, few keys may only mean that little has come. */
const recordsMin = 10_000;
/** Buckets of 256 in which keys were seen. 64 keys at a share of 0.1 put counts right to about two fifths, and 1,000 to a tenth. */
const bucketsMin = 64;

export class KeyWatch {
  readonly #log: Log;
  #rules: readonly PlanRule[] = [];
  #counts: Float64Array = new Float64Array(countCellsFixed);
  /** Rules that sample and have not been judged. */
  #open: number[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  /** Another plan runs and counts from zero. */
  use(rules: readonly PlanRule[], counts: Float64Array): void {
    this.#rules = rules;
    this.#counts = counts;
    this.#open = rules.flatMap(({ type }, rule) => (type === "sample" ? [rule] : []));
  }

  /** Called after each block. */
  look(): void {
    if (this.#open.length > 0) this.#open = this.#open.filter((rule) => !this.#judged(rule));
  }

  #judged(rule: number): boolean {
    const at = (cell: keyof typeof ruleCell) =>
      this.#counts[countCellsFixed + rule * countCellsPerRule + ruleCell[cell]]!;
    if (at("droppedRecords") + at("sampledWeight") < recordsMin) return false;
    const buckets = at("keyBuckets");
    if (buckets > 0 && buckets < bucketsMin) {
      this.#log.warn(
        { rule: this.#rules[rule]!.id, keys: buckets },
        "samples by a key that has few values: whole keys are kept or dropped, so counts cannot be put right; sample without a key, or by one with more values",
      );
    }
    return true;
  }
}
