/** Drives an engine through a story of chunks, ticks and reloads, and holds it to the equation of promise P2 after every call. */

import type { EngineKind, Framer, PreparedPlan } from "../../src/data/engine/engine.ts";
import {
  countCell,
  countCellsFixed,
  countCellsOf,
  countCellsPerRule,
  frameCells,
  ruleCell,
} from "../../src/data/engine/layout.ts";
import { Withheld } from "../../src/data/engine/withheld.ts";
import { readRules } from "../../src/manifest/manifest.ts";
import { compilePlan } from "../../src/plan/compile.ts";
import type { Plan } from "../../src/plan/operations.ts";
import { Collector, plainEffects } from "./engines.ts";

/** What happens to an engine. Times are milliseconds. */
export type Event =
  /** Whole lines of one peer. */
  | { readonly atMs: number; readonly lines: readonly string[]; readonly from?: string }
  | { readonly tickMs: number }
  /** A reload: what the new plan does not go on with is told before. */
  | { readonly plan: Plan; readonly atMs: number }
  /** Under load: the same rules, fewer operations. */
  | { readonly lightened: Plan };

export interface Story {
  readonly records: string[];
  /** Of each reload how many of the records had left before. */
  readonly reloads: readonly number[];
  /** Entries of what rules could not finish, one behind the other. */
  readonly withheld: Buffer;
  readonly batches: Buffer[];
  /** Of each plan that ran, in order. */
  readonly counts: Float64Array[];
  /** Of the rules in shadow of the last plan. */
  readonly effects: unknown;
}

export interface StoryOptions {
  readonly batchRecords?: number;
  readonly batchBytes?: number;
  /** Room for what is withheld; a larger entry gets more. */
  readonly withheldBytes?: number;
}

/** Rules as people write them, as a plan with a seed. */
export function planOfRules(rules: readonly object[], seed = 7n): Plan {
  return { ...compilePlan(readRules(rules, () => ({ ok: true, groups: 0 })).rules), seed };
}

/** Runs the story, and tells at its end all that is owed. */
export function tell(kind: EngineKind, plan: Plan, events: readonly Event[], options: StoryOptions = {}): Story {
  const out = new Collector(options.batchRecords ?? 256, options.batchBytes ?? 1 << 16);
  const engine = kind.createEngine();
  const framers = new Map<string, Framer>();
  const losses = new Float64Array(frameCells);
  const opened: PreparedPlan[] = [];
  const counts: Float64Array[] = [];
  const reloads: number[] = [];
  const use = (next: Plan, cells: Float64Array = new Float64Array(countCellsOf(next))) => {
    const prepared = kind.prepare(next);
    opened.push(prepared);
    engine.use(prepared, cells);
    return cells;
  };
  const framerOf = (from: string) => {
    const known = framers.get(from);
    if (known !== undefined) return known;
    const source = { transport: "tcp", address: from, port: 1 } as const;
    const framer = kind.createFramer({ kind: "newline" }, 1 << 20, source, losses);
    framers.set(from, framer);
    return framer;
  };
  let withheld = new Withheld(options.withheldBytes ?? 1 << 16);
  const entries: Buffer[] = [];
  const takeWithheld = () => {
    const { needBytes, bytesMax } = withheld;
    entries.push(Buffer.from(withheld.entries));
    withheld.clear();
    if (needBytes <= bytesMax) return;
    withheld = new Withheld(needBytes);
    engine.attachWithheld(withheld);
  };
  const whenFull = () => {
    check(counts.at(-1)!, running);
    if (withheld.needBytes > 0) {
      takeWithheld();
      return;
    }
    out.take(engine.needBytes);
    engine.attach(out.batch);
  };
  let running = plan;
  counts.push(use(plan));
  engine.attach(out.batch);
  engine.attachWithheld(withheld);
  for (const event of events) {
    if ("lines" in event) {
      const chunk = Buffer.from(event.lines.map((line) => `${line}\n`).join(""));
      let at = 0;
      for (;;) {
        at = engine.runChunk(framerOf(event.from ?? "10.0.0.1"), chunk, at, event.atMs);
        if (at === chunk.length) break;
        whenFull();
      }
      chunk.fill(0x2e);
    } else if ("tickMs" in event) {
      while (!engine.tick(event.tickMs)) whenFull();
    } else if ("plan" in event) {
      const next = kind.prepare(event.plan);
      opened.push(next);
      while (!engine.tellLast(event.atMs, next)) whenFull();
      out.take(0);
      engine.attach(out.batch);
      reloads.push(out.records.length);
      check(counts.at(-1)!, running);
      counts.push(new Float64Array(countCellsOf(event.plan)));
      engine.use(next, counts.at(-1)!);
      running = event.plan;
    } else {
      use(event.lightened, counts.at(-1)!);
    }
    check(counts.at(-1)!, running);
  }
  while (!engine.tellLast(0)) whenFull();
  check(counts.at(-1)!, running);
  out.take(0);
  takeWithheld();
  const effects = plainEffects(engine.effects());
  engine.close();
  for (const framer of framers.values()) framer.close();
  for (const prepared of opened) prepared.close();
  const told = { records: out.records.map(String), reloads, withheld: Buffer.concat(entries) };
  return { ...told, batches: out.batches, counts, effects };
}

export function ruleCount(counts: Float64Array, rule: number, cell: keyof typeof ruleCell): number {
  return counts[countCellsFixed + rule * countCellsPerRule + ruleCell[cell]]!;
}

export function count(counts: Float64Array, cell: keyof typeof countCell): number {
  return counts[countCell[cell]]!;
}

/** `received + created = passed + dropped + quarantined`, in records and in bytes. */
function check(counts: Float64Array, { rules }: Plan): void {
  for (const unit of ["Records", "Bytes"] as const) {
    const met = count(counts, `received${unit}`) + count(counts, `created${unit}`);
    const made = rules.reduce((sum, _, rule) => sum + ruleCount(counts, rule, `summary${unit}`), 0);
    const dropped = rules.reduce((sum, _, rule) => sum + ruleCount(counts, rule, `dropped${unit}`), 0);
    const withheld = count(counts, `quarantinedMatchLimit${unit}`) + count(counts, `quarantinedOutputLimit${unit}`);
    if (met !== count(counts, `passed${unit}`) + dropped + withheld || made !== count(counts, `created${unit}`))
      throw new Error(`the equation does not hold in ${unit.toLowerCase()}: ${[...counts]}`);
  }
}
