/** Runs a prepared plan over records, one after the other, and books what became of each. */

import type { Plan } from "../../../../plan/operations.ts";
import { transport } from "../../../ring/layout.ts";
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
  transportsCounted,
} from "../../layout.ts";
import type { Withheld } from "../../withheld.ts";
import { RecordView } from "../condition/condition.ts";
import { Scratch } from "../match/replace.ts";
import type { Dedupe } from "../reduce/dedupe.ts";
import { none } from "../reduce/key_table.ts";
import type { RuleMemory } from "../reduce/rule_memory.ts";
import type { SampleStep } from "../reduce/sample_step.ts";
import { fate } from "../reduce/sampling.ts";
import type { Throttle } from "../reduce/throttle.ts";
import { BatchWriter } from "./batch.ts";
import { EffectBook } from "./effect.ts";
import type { PortablePlan, PreparedRoute, Step } from "./prepare.ts";
import { RecordContext } from "./record_context.ts";
import { type Remembered, rememberedBy } from "./remembered.ts";
import { WatchedRules } from "./watched.ts";
import { WithheldWriter } from "./withheld.ts";

const allRoutes = 0xffff_ffff;
const nothing = Buffer.alloc(0);

/** What a step makes of a record. */
const verdict = { keep: 0, drop: 1, change: 2, route: 3, withhold: 4 } as const;

/** By `redactVerdict`. */
const redacted = [verdict.keep, verdict.change, verdict.drop, verdict.withhold] as const;

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
  /** What the steps' conditions look at; `#viewed`: it is about the text at hand. */
  readonly #stepView = new RecordView();
  #viewed = false;
  /** Of rules in shadow. */
  readonly effects = new EffectBook();
  readonly watched = new WatchedRules();
  /** While rules are watched: those that acted on the record at hand. */
  readonly #acted: number[] = [];
  #service: PortablePlan["service"];
  /** What rules in shadow would have done to the record at hand; at most one entry a rule. */
  #hits = 0;
  #hitRules = new Int32Array(0);
  #hitSeverities = new Uint8Array(0);
  #hitSaved = new Float64Array(0);
  #hitActs = new Uint8Array(0);
  /** Bits of the outputs that a route has named for the record at hand. */
  #namedLow = allRoutes;
  #namedHigh = allRoutes;
  /** Of the step that was tried last: why it withholds, and which scratch the next change is written to. */
  #cause: number = quarantineCause.none;
  #spare = 0;
  #settled = 0;
  /** Bits of the outputs that the record at hand goes to. */
  #routesLow = allRoutes;
  #routesHigh = allRoutes;
  readonly #scratch = [new Scratch(), new Scratch()] as const;
  /** Rules that changed the record at hand, and how many matches each replaced: booked when the record is settled. */
  #changes = 0;
  #changedRules = new Int32Array(0);
  #replacements = new Float64Array(0);
  /** Of each of them the step, where it is a redact. */
  readonly #redacts: (Extract<Step, { kind: "redact" }> | undefined)[] = [];
  #selectorCells = 0;
  /** Records that rules kept by chance: booked likewise. */
  #sampled = 0;
  #sampledRules = new Int32Array(0);
  /** Of each of them what writes its weight; undefined: nothing does. */
  readonly #writers: (SampleStep["writer"] | undefined)[] = [];
  #weights = new Float64Array(0);
  /** Rules that remember and have let the record at hand pass: they learn of it when it is settled. */
  readonly #met: RuleMemory[] = [];
  /** What rules remember, in their order; and by rule. */
  #remembered: readonly Remembered[] = [];
  #memories: readonly (RuleMemory | undefined)[] = [];
  /** Whether a window has ended is asked once after each begin. */
  #dueAsked = false;
  #context = new RecordContext();
  /** Where records are counted by the way they came. */
  #cameCell = countCell.receivedByTransport + 2 * transport.unknown;
  /** A summary stands for records of several sources: whoever asks for one gets no answer. */
  readonly #nobody = new RecordContext();
  readonly #summary = new Scratch();
  /** The record at hand is the text of a summary, which this memory makes of its entry: it was not received. */
  #teller: RuleMemory | undefined;
  #told = none;
  /** It meets rules that protect and stand before its maker, too. */
  #allProtect = false;
  /** High and low half, by rule: of chance. */
  #seedsHigh: readonly number[] = [];
  #seedsLow: readonly number[] = [];

  use(plan: PortablePlan, counts: Float64Array): void {
    this.#remembered = rememberedBy(plan, this.#remembered);
    const memories: (RuleMemory | undefined)[] = plan.plan.rules.map(() => undefined);
    for (const { rule, memory } of this.#remembered) memories[rule] = memory;
    this.#memories = memories;
    const seeds = plan.plan.rules.map(({ state = 0n }) => (plan.plan.seed ?? 0n) ^ state);
    this.#seedsHigh = seeds.map((seed) => Number(seed >> 32n));
    this.#seedsLow = seeds.map((seed) => Number(seed & 0xffff_ffffn));
    this.#sampledRules = new Int32Array(plan.steps.length);
    this.#weights = new Float64Array(plan.steps.length);
    this.#steps = plan.steps;
    this.#counts = counts;
    this.#changedRules = new Int32Array(plan.steps.length);
    this.#replacements = new Float64Array(plan.steps.length);
    this.#hitRules = new Int32Array(plan.steps.length);
    this.#hitSeverities = new Uint8Array(plan.steps.length);
    this.#hitSaved = new Float64Array(plan.steps.length);
    this.#hitActs = new Uint8Array(plan.steps.length);
    this.#service = plan.service;
    this.watched.watch([]);
    this.effects.use(
      plan.plan.rules.map(({ state = 0n }) => state),
      plan.shadows,
    );
    this.#routes = plan.routes;
    this.#routeCells = ruleCells(plan.plan.rules.length);
    this.#selectorCells = this.#routeCells + plan.routes.length * countCellsPerRoute;
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

  /** Of the record at hand: how many were settled before it, whatever plan ran. A record that is run again has the same. */
  get sequence(): number {
    return this.#settled;
  }

  /** Call before the records of a chunk or block, which came as `context` says. */
  begin(context: RecordContext): void {
    this.#context = context;
    const by = context.transport < transportsCounted ? context.transport : transport.unknown;
    this.#cameCell = countCell.receivedByTransport + 2 * by;
    this.#dueAsked = false;
    this.#place(context);
    this.#batch.begin();
    for (const step of this.#steps) if (step.kind === "dropLiteral") step.literal.reset();
  }

  /** Call behind them, before their memory changes. */
  flush(): void {
    this.#batch.flush();
  }

  #place(context: RecordContext): void {
    this.#view.context = context;
    this.#stepView.context = context;
  }

  /** Tells the summaries whose windows have ended. @returns false when the batch has no room for one: call again */
  tick(nowMs: number): boolean {
    if (this.#remembered.length === 0) return true;
    this.begin(this.#nobody.ofNobody(nowMs));
    const told = this.#tellDue();
    this.flush();
    return told;
  }

  /** Tells all that rules owe which `next` does not go on remembering. @returns as `tick` */
  tellLast(nowMs: number, next: Plan | undefined): boolean {
    if (this.#remembered.length === 0) return true;
    this.begin(this.#nobody.ofNobody(nowMs));
    let told = true;
    for (const one of this.#remembered) {
      if (one.state !== 0n && next?.rules.some(({ state }) => state === one.state)) continue;
      while (told && one.memory.oldest !== none) told = this.#tell(one, one.memory.oldest);
    }
    this.flush();
    return told;
  }

  /** Before a record: so that it can be settled. */
  #tellOwed(): boolean {
    if (!this.#dueAsked && !this.#tellDue()) return false;
    for (const one of this.#remembered)
      while (!one.memory.hasRoom) if (!this.#tell(one, one.memory.oldest)) return false;
    return true;
  }

  #tellDue(): boolean {
    const nowMs = this.#context.receivedAtMs;
    for (const one of this.#remembered) {
      for (let index = one.memory.due(nowMs); index !== none; index = one.memory.due(nowMs))
        if (!this.#tell(one, index)) return false;
    }
    this.#dueAsked = true;
    return true;
  }

  #tell(one: Remembered, index: number): boolean {
    const { rule, memory } = one;
    const summary = this.#summary;
    memory.readText(index, summary);
    const bytes = summary.size;
    this.#place(this.#nobody.ofNobody(this.#context.receivedAtMs));
    this.#teller = memory;
    this.#told = index;
    this.#allProtect = memory.isOlderThanPlan(index);
    const told = this.#run(summary.bytes, 0, bytes, false, rule);
    this.#teller = undefined;
    this.#place(this.#context);
    if (!told) return false;
    memory.told(index);
    const counts = this.#counts;
    counts[countCell.createdRecords]! += 1;
    counts[countCell.createdBytes]! += bytes;
    counts[ruleCells(rule) + ruleCell.summaryRecords]! += 1;
    counts[ruleCells(rule) + ruleCell.summaryBytes]! += bytes;
    return true;
  }

  /** @returns false when the batch has no room for the record; then nothing is booked */
  run(source: Buffer, start: number, end: number, followedByLf: boolean): boolean {
    if (this.#remembered.length > 0 && !this.#tellOwed()) return false;
    return this.#run(source, start, end, followedByLf, -1);
  }

  /** @param maker the rule that made the summary; -1: the record was received */
  #run(source: Buffer, start: number, end: number, followedByLf: boolean, maker: number): boolean {
    const bytes = end - start;
    let text = source;
    let from = start;
    let to = end;
    this.#changes = 0;
    this.#hits = 0;
    this.#acted.length = 0;
    this.#sampled = 0;
    this.#met.length = 0;
    this.#viewed = false;
    let changed = false;
    this.#namedLow = allRoutes;
    this.#namedHigh = allRoutes;
    for (const step of this.#steps) {
      if (maker >= 0 && !this.#meets(step, maker)) continue;
      // A rule with several steps would have ended with the first that hits.
      if (step.shadow && this.#hits > 0 && this.#hitRules[this.#hits - 1] === step.rule) continue;
      if (step.when !== undefined && !step.when(this.#viewOf(text, from, to), step.protect)) continue;
      const result = this.#try(step, text, from, to, bytes);
      if (result === verdict.keep) continue;
      if (this.watched.any && this.#acted.at(-1) !== step.rule) this.#acted.push(step.rule);
      if (step.shadow) {
        this.#foresee(step, result, this.#viewOf(text, from, to), bytes);
        continue;
      }
      if (result === verdict.drop) {
        this.#drop(bytes, step.rule);
        this.#bookHits(source, start, end);
        return true;
      }
      if (result === verdict.withhold) {
        if (!this.#withheld.append(source, start, end, step.rule, this.#cause, this.#view.context)) {
          this.needBytes = 0;
          return false;
        }
        this.#quarantine(bytes, step.rule, this.#cause);
        this.#bookHits(source, start, end);
        return true;
      }
      if (result === verdict.change) {
        changed = true;
        if (step.kind === "replacePattern" || step.kind === "redact") {
          this.#changedRules[this.#changes] = step.rule;
          this.#redacts[this.#changes] = step.kind === "redact" ? step : undefined;
          this.#replacements[this.#changes++] =
            step.kind === "redact" ? step.redaction.matches : step.replacement.matches;
        }
        // The next rule reads this buffer and writes the other.
        const out = this.#scratch[this.#spare as 0 | 1];
        text = out.bytes;
        from = 0;
        to = out.size;
        this.#spare = 1 - this.#spare;
        this.#viewed = false;
      } else if (step.kind === "route") {
        this.#namedLow = step.low;
        this.#namedHigh = step.high;
      }
    }
    if (this.#teller !== undefined) {
      const summary = this.#scratch[this.#spare as 0 | 1];
      this.#teller.write(this.#told, text.subarray(from, to), summary);
      text = summary.bytes;
      from = 0;
      to = summary.size;
      this.#spare = 1 - this.#spare;
    }
    // Weights come last, as a summary's note does: a pattern that ends in `$` sees the end of what was sent.
    for (let i = 0; i < this.#sampled; i++) {
      const out = this.#scratch[this.#spare as 0 | 1];
      if (this.#writers[i]?.write(text, from, to, this.#weights[i]!, out) !== true) continue;
      text = out.bytes;
      from = 0;
      to = out.size;
      this.#spare = 1 - this.#spare;
      changed = true;
    }
    if (this.#routes.length === 0 || this.#route(text, from, to)) {
      if (!this.#batch.fits(to - from)) {
        this.needBytes = to - from + 1;
        return false;
      }
      const asReceived = followedByLf && !changed;
      this.#batch.append(text, from, to, asReceived, this.#routesLow, this.#routesHigh);
    }
    this.#received(bytes);
    const counts = this.#counts;
    counts[countCell.passedRecords]! += 1;
    counts[countCell.passedBytes]! += bytes;
    counts[countCell.writtenBytes]! += to - from;
    if (this.#routes.length > 0) this.#countFiltered(to - from);
    this.#bookHits(source, start, end);
    return true;
  }

  /** Does a summary meet a step? Those behind its maker, and those that say where records go. */
  #meets(step: Step, maker: number): boolean {
    // It stands for many: no rule thins them out again.
    if (step.kind === "sample" || step.kind === "dedupe" || step.kind === "throttle") return false;
    return step.rule > maker || step.kind === "route" || (this.#allProtect && step.protect);
  }

  /** @returns a `verdict`; after `change` the new text is in the spare scratch, after `withhold` `#cause` says why */
  #try(step: Step, text: Buffer, from: number, to: number, receivedBytes: number): number {
    switch (step.kind) {
      case "dropLiteral":
        return step.literal.contains(text, from, to) ? verdict.drop : verdict.keep;
      case "dropPattern":
        return step.pattern.test(text.subarray(from, to)) ? verdict.drop : verdict.keep;
      case "dropAttribute":
        return step.filter.matches(text, from, to) ? verdict.drop : verdict.keep;
      case "redact": {
        const { redaction } = step;
        const outputMax = outputGrowthFactor * receivedBytes + outputGrowthBytes;
        const scratch = this.#scratch[this.#spare as 0 | 1];
        const result = redaction.run(text.subarray(from, to), matchesMax(step.limited, to - from), outputMax, scratch);
        this.#cause = redaction.cause;
        return redacted[result]!;
      }
      case "drop":
        // Its condition has been asked.
        return verdict.drop;
      case "route":
        return verdict.route;
      case "sample":
        return this.#trySample(step.rule, step.shadow, step.sample, text, from, to);
      case "dedupe": {
        const { dedupe } = step;
        const memory = this.#memories[step.rule] as Dedupe;
        if (!dedupe.like(text, from, to, memory.seedHigh, memory.seedLow)) return verdict.keep;
        return this.#meet(memory, memory.repeats(dedupe.high, dedupe.low), step.shadow, text, from, to);
      }
      case "throttle": {
        const { throttle } = step;
        const memory = this.#memories[step.rule] as Throttle;
        if (throttle.exempt !== undefined && this.#viewOf(text, from, to).severity >= throttle.exempt)
          return verdict.keep;
        const { address, receivedAtMs } = this.#context;
        throttle.hash(text, from, to, address, memory.seedHigh, memory.seedLow);
        const cut = memory.cuts(throttle.high, throttle.low, throttle.bytes ? to - from : 1, receivedAtMs);
        return this.#meet(memory, cut, step.shadow, text, from, to);
      }
      case "replacePattern": {
        const outputMax = outputGrowthFactor * receivedBytes + outputGrowthBytes;
        const { replacement } = step;
        const scratch = this.#scratch[this.#spare as 0 | 1];
        this.#cause = replacement.run(text.subarray(from, to), matchesMax(step.limited, to - from), outputMax, scratch);
        if (this.#cause !== quarantineCause.none) return verdict.withhold;
        return replacement.matches > 0 ? verdict.change : verdict.keep;
      }
    }
  }

  #trySample(rule: number, shadow: boolean, sample: SampleStep, text: Buffer, from: number, to: number): number {
    const { severity } = this.#viewOf(text, from, to);
    const seedHigh = this.#seedsHigh[rule]!;
    const decided = sample.fateOf(text, from, to, severity, seedHigh, this.#seedsLow[rule]!, this.sequence);
    if (sample.keys !== undefined) this.#counts[ruleCells(rule) + ruleCell.keyBuckets] = sample.keys.buckets;
    if (decided === fate.exempt) return verdict.keep;
    if (decided === fate.dropped) return verdict.drop;
    const weight = sample.sampling.weights[severity]!;
    const writer = sample.weighs ? sample.writer : undefined;
    if (!shadow) {
      this.#sampledRules[this.#sampled] = rule;
      this.#writers[this.#sampled] = writer;
      this.#weights[this.#sampled++] = weight;
      return verdict.keep;
    }
    const out = this.#scratch[this.#spare as 0 | 1];
    return writer?.write(text, from, to, weight, out) === true ? verdict.change : verdict.keep;
  }

  /** A rule that remembers has met the record at hand. */
  #meet(memory: RuleMemory, cut: boolean, shadow: boolean, text: Buffer, from: number, to: number): number {
    // Nothing that comes can keep a record from being dropped; whether another passes is not known yet.
    if (cut && !shadow) memory.settle(text, from, to, this.#context.receivedAtMs, true);
    else this.#met.push(memory);
    return cut ? verdict.drop : verdict.keep;
  }

  #viewOf(text: Buffer, from: number, to: number): RecordView {
    if (!this.#viewed) this.#stepView.reset(text, from, to);
    this.#viewed = true;
    return this.#stepView;
  }

  /** Notes what a step in shadow would have done. */
  #foresee({ rule, kind }: Step, result: number, view: RecordView, receivedBytes: number): void {
    let saved = 0;
    if (result === verdict.drop || result === verdict.withhold) saved = receivedBytes;
    else if (result === verdict.change) saved = view.end - view.start - this.#scratch[this.#spare as 0 | 1].size;
    this.#hitRules[this.#hits] = rule;
    this.#hitSeverities[this.#hits] = view.severity;
    this.#hitActs[this.#hits] = kind === "sample" && result === verdict.change ? 0 : 1;
    this.#hitSaved[this.#hits++] = saved;
  }

  #bookHits(source: Buffer, start: number, end: number): void {
    for (const rule of this.#acted) this.watched.note(rule, source.subarray(start, end));
    for (let i = 0; i < this.#hits; i++)
      this.effects.book(
        this.#hitRules[i]!,
        this.#hitSeverities[i]!,
        this.#hitSaved[i]!,
        this.#hitActs[i] === 1,
        source.subarray(start, end),
        this.#service,
      );
  }

  /** Asks which outputs the record goes to, as it is now. @returns whether there is one */
  #route(text: Buffer, from: number, to: number): boolean {
    this.#view.reset(text, from, to);
    this.#routesLow = this.#namedLow;
    this.#routesHigh = this.#namedHigh;
    for (const { low, high, condition } of this.#routes) {
      if (condition(this.#view, false)) continue;
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
    this.#settled++;
    if (this.#teller === undefined) {
      counts[countCell.receivedRecords]! += 1;
      counts[countCell.receivedBytes]! += bytes;
      counts[this.#cameCell]! += 1;
      counts[this.#cameCell + 1]! += bytes;
    }
    for (let i = 0; i < this.#changes; i++) {
      const rule = ruleCells(this.#changedRules[i]!);
      counts[rule + ruleCell.changedRecords]! += 1;
      counts[rule + ruleCell.replacements]! += this.#replacements[i]!;
      const redact = this.#redacts[i];
      redact?.redaction.count(counts, this.#selectorCells + redact.cells);
    }
    for (let i = 0; i < this.#sampled; i++)
      counts[ruleCells(this.#sampledRules[i]!) + ruleCell.sampledWeight]! += this.#weights[i]!;
    for (const memory of this.#met) memory.settle(nothing, 0, 0, this.#context.receivedAtMs, false);
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

/** @param limited matches have no upper length */
function matchesMax(limited: boolean, bytes: number): number {
  return limited ? Math.max(1, Math.floor(matchBudgetBytes / Math.max(1, bytes))) : Number.POSITIVE_INFINITY;
}

function ruleCells(rule: number): number {
  return countCellsFixed + rule * countCellsPerRule;
}

/** A word with the lowest `count` bits set; all of them from 32 on, none below 1. */
function firstBits(count: number): number {
  return count >= 32 ? allRoutes : count <= 0 ? 0 : 2 ** count - 1;
}
