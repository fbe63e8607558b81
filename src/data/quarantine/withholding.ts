/**
 * Takes what an engine withholds over to the quarantine, as one group, between two calls of the engine; and keeps the account of what the
 * quarantine could not take. One comparison a call while nothing is withheld.
 */

import type { PlanRule } from "../../plan/operations.ts";
import type { Engine } from "../engine/engine.ts";
import { type CountCell, countCell, quarantineCause } from "../engine/layout.ts";
import { Withheld } from "../engine/withheld.ts";
import type { Quarantine } from "./store.ts";

/** Taken page by page as it fills; a longer record gets more for as long as it is there. */
const bytesMax = 256 * 1024;

/** The engine's cells of a cause: it counts as quarantined what it withholds. */
const cellsOfCause: ReadonlyMap<number, { readonly records: number; readonly bytes: number }> = new Map(
  Object.entries(quarantineCause)
    .filter(([name]) => name !== "none")
    .map(([name, cause]) => {
      const stem = `quarantined${name[0]!.toUpperCase()}${name.slice(1)}`;
      return [
        cause,
        { records: countCell[`${stem}Records` as CountCell], bytes: countCell[`${stem}Bytes` as CountCell] },
      ] as const;
    }),
);

export class Withholding {
  readonly #engine: Engine;
  readonly #store: Quarantine;
  #withheld = new Withheld(bytesMax);
  #rules: readonly PlanRule[] = [];
  /** By cause, since the plan runs: counted as quarantined by the engine, and lost. */
  readonly #lostOfPlan = new Map<number, { records: number; bytes: number }>();
  /** Since the start. */
  readonly lost = { records: 0, bytes: 0 };

  constructor(engine: Engine, store: Quarantine) {
    this.#engine = engine;
    this.#store = store;
    engine.attachWithheld(this.#withheld);
  }

  /** Another plan runs, and counts from zero. Call when what ran before was taken. */
  use(rules: readonly PlanRule[]): void {
    this.#rules = rules;
    this.#lostOfPlan.clear();
  }

  /** Behind each call of the engine. */
  look(): void {
    if (this.#withheld.bytes > 0) this.#take();
  }

  /** The engine says that its batch is full. @returns whether it meant this, and now there is room */
  madeRoom(): boolean {
    const { needBytes } = this.#withheld;
    if (needBytes === 0) return false;
    this.#take();
    if (needBytes > this.#withheld.bytesMax) this.#attach(needBytes);
    return true;
  }

  /** What an engine counted as quarantined, in cells from `at` on, without what is lost. */
  correct(cells: Float64Array, at: number): void {
    for (const [cause, { records, bytes }] of this.#lostOfPlan) {
      const pair = cellsOfCause.get(cause)!;
      cells[at + pair.records]! -= records;
      cells[at + pair.bytes]! -= bytes;
    }
  }

  #attach(bytes: number): void {
    this.#withheld = new Withheld(bytes);
    this.#engine.attachWithheld(this.#withheld);
  }

  #take(): void {
    const withheld = this.#withheld;
    if (withheld.records > 0) {
      const group = { entries: withheld.entries, rules: this.#rules, timeMs: Date.now() };
      const { kept, amounts } = this.#store.put(group);
      if (!kept) for (const [cause, amount] of amounts) this.#lose(cause, amount);
    }
    withheld.clear();
    if (withheld.bytesMax > bytesMax) this.#attach(bytesMax);
  }

  #lose(cause: number, { records, bytes }: { records: number; bytes: number }): void {
    const sum = this.#lostOfPlan.get(cause) ?? { records: 0, bytes: 0 };
    this.#lostOfPlan.set(cause, sum);
    for (const to of [sum, this.lost]) {
      to.records += records;
      to.bytes += bytes;
    }
  }
}
