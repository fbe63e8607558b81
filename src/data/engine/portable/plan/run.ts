/** Runs a prepared plan over records, one after the other, and books what became of each. */

import type { Batch } from "../../batch.ts";
import {
  countCell,
  countCellsFixed,
  countCellsPerRoute,
  countCellsPerRule,
  matchBudgetBytes,
  outputGrowthBytes,
  outputGrowthFactor,
  quarantineCause,
  routeCell,
  ruleCell,
} from "../../layout.ts";
import type { Withheld } from "../../withheld.ts";
import { RecordView } from "../condition/condition.ts";
import { Scratch } from "../match/replace.ts";
import { BatchWriter } from "./batch.ts";
import type { PortablePlan, PreparedRoute, Step } from "./prepare.ts";
import { type WithheldFrom, WithheldWriter } from "./withheld.ts";

const allRoutes = 0xffff_ffff;
const nowhere: WithheldFrom = { receivedAtMs: 0, transport: 0, family: 0, address: new Uint8Array(0), port: 0 };

export class Runner {
  /** After a record that found no room: bytes that it needs in the batch, its LF included; 0: what is withheld has none. */
  needBytes = 0;
  readonly #batch = new BatchWriter();
  readonly #withheld = new WithheldWriter();
  #steps: readonly Step[] = [];
  #counts: Float64Array = new Float64Array(countCellsFixed);
  #routes: readonly PreparedRoute[] = [];
  /** The first route's cells. */
  #routeCells = 0;
  /** The bits of all outputs, where there are routes. */
  #outputsLow = 0;
  #outputsHigh = 0;
  readonly #view = new RecordView();
  /** Bits of the outputs that the record at hand goes to. */
  #routesLow = allRoutes;
  #routesHigh = allRoutes;
  readonly #scratch = [new Scratch(), new Scratch()] as const;
  /** Rules that changed the record at hand, and how many matches each replaced: booked when the record is settled. */
  #changes = 0;
  #changedRules = new Int32Array(0);
  #replacements = new Float64Array(0);

  use(plan: PortablePlan, counts: Float64Array): void {
    this.#steps = plan.steps;
    this.#counts = counts;
    this.#changedRules = new Int32Array(plan.steps.length);
    this.#replacements = new Float64Array(plan.steps.length);
    this.#routes = plan.routes;
    this.#routeCells = ruleCells(plan.plan.rules.length);
    const outputs = plan.plan.outputs ?? 0;
    this.#outputsLow = firstBits(outputs);
    this.#outputsHigh = firstBits(outputs - 32);
    this.#routesLow = allRoutes;
    this.#routesHigh = allRoutes;
  }

  get attached(): boolean {
    return this.#batch.attached;
  }

  attach(batch: Batch): void {
    this.#batch.attach(batch);
  }

  attachWithheld(withheld: Withheld): void {
    this.#withheld.attach(withheld);
  }

  /** Call before the records of a chunk or block. */
  begin(): void {
    this.#batch.begin();
    for (const step of this.#steps) if (step.kind === "dropLiteral") step.literal.reset();
  }

  /** Call behind them, before their memory changes. */
  flush(): void {
    this.#batch.flush();
  }

  /** @returns false when the batch has no room for the record; then nothing is booked */
  run(source: Buffer, start: number, end: number, followedByLf: boolean): boolean {
    const bytes = end - start;
    let text = source;
    let from = start;
    let to = end;
    let spare = 0;
    this.#changes = 0;
    for (const step of this.#steps) {
      switch (step.kind) {
        case "dropLiteral":
          if (!step.literal.contains(text, from, to)) continue;
          break;
        case "dropPattern":
          if (!step.pattern.test(text.subarray(from, to))) continue;
          break;
        case "dropAttribute":
          if (!step.filter.matches(text, from, to)) continue;
          break;
        case "replacePattern": {
          const out = this.#scratch[spare]!;
          const matchesMax = step.limited
            ? Math.max(1, Math.floor(matchBudgetBytes / Math.max(1, to - from)))
            : Number.POSITIVE_INFINITY;
          const outputMax = outputGrowthFactor * bytes + outputGrowthBytes;
          const { replacement } = step;
          const cause = replacement.run(text.subarray(from, to), matchesMax, outputMax, out);
          if (cause !== quarantineCause.none) {
            if (!this.#withheld.append(source, start, end, step.rule, cause, nowhere)) {
              this.needBytes = 0;
              return false;
            }
            this.#quarantine(bytes, step.rule, cause);
            return true;
          }
          if (replacement.matches === 0) continue;
          this.#changedRules[this.#changes] = step.rule;
          this.#replacements[this.#changes++] = replacement.matches;
          // The next rule reads this buffer and writes the other.
          text = out.bytes;
          from = 0;
          to = out.size;
          spare = 1 - spare;
          continue;
        }
      }
      this.#drop(bytes, step.rule);
      return true;
    }
    if (this.#routes.length === 0 || this.#route(text, from, to)) {
      if (!this.#batch.fits(to - from)) {
        this.needBytes = to - from + 1;
        return false;
      }
      const asReceived = followedByLf && this.#changes === 0;
      this.#batch.append(text, from, to, asReceived, this.#routesLow, this.#routesHigh);
    }
    this.#received(bytes);
    const counts = this.#counts;
    counts[countCell.passedRecords]! += 1;
    counts[countCell.passedBytes]! += bytes;
    counts[countCell.writtenBytes]! += to - from;
    if (this.#routes.length > 0) this.#countFiltered(to - from);
    return true;
  }

  /** Asks which outputs the record goes to, as it is now. @returns whether there is one */
  #route(text: Buffer, from: number, to: number): boolean {
    this.#view.reset(text, from, to);
    this.#routesLow = allRoutes;
    this.#routesHigh = allRoutes;
    for (const { low, high, condition } of this.#routes) {
      if (condition(this.#view)) continue;
      this.#routesLow = (this.#routesLow & ~low) >>> 0;
      this.#routesHigh = (this.#routesHigh & ~high) >>> 0;
    }
    return (this.#routesLow & this.#outputsLow) !== 0 || (this.#routesHigh & this.#outputsHigh) !== 0;
  }

  #countFiltered(bytes: number): void {
    for (const [index, { low, high }] of this.#routes.entries()) {
      if ((this.#routesLow & low) !== 0 || (this.#routesHigh & high) !== 0) continue;
      const cells = this.#routeCells + index * countCellsPerRoute;
      this.#counts[cells + routeCell.filteredRecords]! += 1;
      this.#counts[cells + routeCell.filteredBytes]! += bytes;
    }
  }

  /** What every settled record adds, whatever became of it. */
  #received(bytes: number): void {
    const counts = this.#counts;
    counts[countCell.receivedRecords]! += 1;
    counts[countCell.receivedBytes]! += bytes;
    for (let i = 0; i < this.#changes; i++) {
      const rule = ruleCells(this.#changedRules[i]!);
      counts[rule + ruleCell.changedRecords]! += 1;
      counts[rule + ruleCell.replacements]! += this.#replacements[i]!;
    }
  }

  #drop(bytes: number, rule: number): void {
    this.#received(bytes);
    this.#counts[ruleCells(rule) + ruleCell.droppedRecords]! += 1;
    this.#counts[ruleCells(rule) + ruleCell.droppedBytes]! += bytes;
  }

  #quarantine(bytes: number, rule: number, cause: number): void {
    this.#received(bytes);
    const counts = this.#counts;
    const matches = cause === quarantineCause.matchLimit;
    counts[matches ? countCell.quarantinedMatchLimitRecords : countCell.quarantinedOutputLimitRecords]! += 1;
    counts[matches ? countCell.quarantinedMatchLimitBytes : countCell.quarantinedOutputLimitBytes]! += bytes;
    counts[ruleCells(rule) + ruleCell.quarantinedRecords]! += 1;
    counts[ruleCells(rule) + ruleCell.quarantinedBytes]! += bytes;
  }
}

function ruleCells(rule: number): number {
  return countCellsFixed + rule * countCellsPerRule;
}

/** A word with the lowest `count` bits set; all of them from 32 on, none below 1. */
function firstBits(count: number): number {
  return count >= 32 ? allRoutes : count <= 0 ? 0 : 2 ** count - 1;
}
