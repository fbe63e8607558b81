/**
 * The quarantine as far as it exists: a record that a rule cannot finish is withheld by the engine and counted. This says so in the
 * log, with the rule and the cause, now and then; never with content.
 */

import type { PlanRule } from "../../plan/operations.ts";
import { type Log, RateLimit } from "../../telemetry/log.ts";
import { countCell, countCellsFixed, countCellsPerRule, ruleCell } from "../engine/layout.ts";

const complaintPeriodMs = 10_000;

export class QuarantineWatch {
  readonly #log: Log;
  readonly #limit = new RateLimit(complaintPeriodMs);
  #rules: readonly PlanRule[] = [];
  #counts: Float64Array = new Float64Array(countCellsFixed);
  #seen = { matchLimit: 0, outputLimit: 0 };
  #seenByRule = new Float64Array(0);

  constructor(log: Log) {
    this.#log = log;
  }

  /** Another plan runs and counts from zero. */
  use(rules: readonly PlanRule[], counts: Float64Array): void {
    this.#rules = rules;
    this.#counts = counts;
    this.#seen = { matchLimit: 0, outputLimit: 0 };
    this.#seenByRule = new Float64Array(rules.length);
  }

  /** Called after each block: two comparisons while nothing was withheld. */
  look(): void {
    const matchLimit = this.#counts[countCell.quarantinedMatchLimitRecords]!;
    const outputLimit = this.#counts[countCell.quarantinedOutputLimitRecords]!;
    if (matchLimit === this.#seen.matchLimit && outputLimit === this.#seen.outputLimit) return;
    const cause =
      matchLimit > this.#seen.matchLimit
        ? outputLimit > this.#seen.outputLimit
          ? "match_limit, output_limit"
          : "match_limit"
        : "output_limit";
    this.#rules.forEach(({ id }, index) => {
      const cell = countCellsFixed + index * countCellsPerRule + ruleCell.quarantinedRecords;
      const records = this.#counts[cell]!;
      if (records === this.#seenByRule[index] || this.#limit.pass(id) === undefined) return;
      this.#log.warn(
        { rule: id, cause, records: records - this.#seenByRule[index]! },
        "records were withheld: a rule could not finish them within its limits; `streamgate quarantine ls` lists them, docs/quarantine.md tells how to mend the rule",
      );
      this.#seenByRule[index] = records;
    });
    this.#seen = { matchLimit, outputLimit };
  }
}
