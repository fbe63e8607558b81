/**
 * A worker's side of people who look on (`GET /tail`): a few of the records that pass, or that go to one output, or that one rule acts on.
 *
 * The main thread asks several times a second, and says each time what it wants to see; what is gathered in between is bounded by that.
 * Records are drawn by range from a batch's index, those of one output by the engine (`EngineKind.gather`), those that a rule acts on are
 * kept by the engine itself (`Engine.watch`). Nobody asks: nothing is done.
 */

import type { TailLook, TailWatch } from "../../plan/live.ts";
import type { Plan } from "../../plan/operations.ts";
import type { Batch } from "../engine/batch.ts";
import type { EngineKind, WatchedRule } from "../engine/engine.ts";

/** A longer record is not kept: cut, half a secret may be left that nobody recognises. */
const recordBytesMax = 4096;
/** Whoever asked has gone without a word. */
const forgetMs = 5_000;
/** Of an output that gets a part of the records: of so many the examples are drawn. */
const gatheredMax = { records: 64, bytes: 256 * 1024 } as const;

interface Gathering {
  readonly watch: TailWatch;
  /** Its bit in records' routes; undefined: it gets every record. */
  readonly output: number | undefined;
  records: number;
  readonly examples: Uint8Array[];
}

/** What of the engine is asked. */
export interface WatchingEngine {
  watch(rules: readonly number[]): void;
  takeWatched(): readonly WatchedRule[];
}

export class Tail {
  readonly #kind: EngineKind;
  readonly #engine: WatchingEngine;
  #plan: Plan | undefined;
  #outputs: readonly string[] = [];
  #gatherings: Gathering[] = [];
  #watchesRules = false;
  #askedMs = 0;
  #scratch: Batch | undefined;

  constructor(kind: EngineKind, engine: WatchingEngine) {
    this.#kind = kind;
    this.#engine = engine;
  }

  /** A reload: what was watched is another plan's. @param outputs ids, in the order of their bits */
  use(plan: Plan, outputs: readonly string[]): void {
    this.#plan = plan;
    this.#outputs = outputs;
    this.#gatherings = [];
  }

  /** Gives what was gathered for the watches of the last call, in their order, and gathers for these from now on. */
  look(watches: readonly TailWatch[], nowMs: number): readonly TailLook[] {
    const rules = this.#plan?.rules ?? [];
    const acted = new Map(
      this.#watchesRules ? this.#engine.takeWatched().map((one) => [rules[one.rule]?.id, one] as const) : [],
    );
    const looks = this.#gatherings.map(({ watch: { rule, recordsMax }, records, examples }): TailLook => {
      if (rule === undefined) return { records, examples };
      const one = acted.get(rule);
      return { records: one?.records ?? 0, examples: one?.examples.slice(0, recordsMax) ?? [] };
    });
    const watched = watches.flatMap(({ rule }) =>
      rule === undefined ? [] : [rules.findIndex(({ id }) => id === rule)],
    );
    const found = [...new Set(watched)].filter((index) => index >= 0);
    if (this.#watchesRules || found.length > 0) this.#engine.watch(found);
    this.#watchesRules = found.length > 0;
    this.#gatherings = watches.map((watch) => ({ watch, output: this.#bitOf(watch), records: 0, examples: [] }));
    if (watches.length === 0) this.#scratch = undefined;
    this.#askedMs = nowMs;
    return looks;
  }

  #bitOf({ output }: TailWatch): number | undefined {
    if (output === undefined) return undefined;
    const index = this.#outputs.indexOf(output);
    return this.#plan?.routes?.some((route) => route.output === index) === true ? index : undefined;
  }

  /** Records `from` (inclusive) to `to` (exclusive) of a batch have passed. */
  passed(batch: Batch, from: number, to: number, nowMs: number): void {
    if (this.#gatherings.length === 0 || to <= from) return;
    if (nowMs - this.#askedMs > forgetMs) {
      this.look([], nowMs);
      return;
    }
    for (const gathering of this.#gatherings) {
      const { watch, output } = gathering;
      if (watch.rule !== undefined) continue;
      if (output === undefined) {
        gathering.records += to - from;
        draw(batch, from, to, gathering);
      } else {
        gathering.records += this.#kind.routed(batch, from, to, output).records;
        if (gathering.examples.length < watch.recordsMax) this.#drawRouted(batch, from, to, output, gathering);
      }
    }
  }

  #drawRouted(batch: Batch, from: number, to: number, output: number, gathering: Gathering): void {
    this.#scratch ??= this.#kind.createBatch(gatheredMax.records, gatheredMax.bytes);
    this.#scratch.clear();
    this.#kind.gather(batch, from, to, output, this.#scratch);
    draw(this.#scratch, 0, this.#scratch.records, gathering);
  }
}

/** At random places: at regular ones a pattern of the traffic could hide. */
function draw(batch: Batch, from: number, to: number, { watch, examples }: Gathering): void {
  const wanted = Math.min(watch.recordsMax - examples.length, to - from);
  if (wanted <= 0) return;
  const places =
    wanted === to - from
      ? Array.from({ length: wanted }, (_, index) => from + index)
      : [...new Set(Array.from({ length: wanted }, () => from + Math.floor(Math.random() * (to - from))))];
  for (const at of places.toSorted((a, b) => a - b)) {
    const record = batch.slice(at, at + 1);
    if (record.length - 1 <= recordBytesMax) examples.push(Uint8Array.from(record.subarray(0, -1)));
  }
}
