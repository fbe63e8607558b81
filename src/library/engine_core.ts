/** What every stream of one engine in process shares: the engine, the batch that it writes to, what it withholds, and its counts. */

import { Batch } from "../data/engine/batch.ts";
import type { Engine, EngineKind, Framer, PreparedPlan } from "../data/engine/engine.ts";
import { countCellsOf, frameCells, quarantineCause } from "../data/engine/layout.ts";
import { readWithheld, Withheld } from "../data/engine/withheld.ts";
import type { Framing } from "../data/frame/framing.ts";
import type { Source } from "../data/frame/source.ts";
import type { Quarantine } from "../data/quarantine/store.ts";
import type { Plan } from "../plan/operations.ts";
import { KiB } from "../settings/quantity.ts";
import type { WithheldRecord } from "./engine_options.ts";
import { type EngineStats, statsOf } from "./engine_stats.ts";

/** A chunk of 64 KiB, as streams bring it, rarely needs more than one batch. */
const batchBytes = 256 * KiB;
/** As many records as such a batch holds of 32 bytes each. */
const batchRecords = 8192;
const withheldBytes = 64 * KiB;

/** Records that came out, each followed by LF. */
export interface Survivors {
  readonly bytes: Buffer;
  readonly records: number;
}

export interface CoreParts {
  readonly kind: EngineKind;
  readonly plan: Plan;
  readonly framing: Framing;
  readonly maxRecordBytes: number;
  readonly source: Source;
  readonly onWithheld: ((record: WithheldRecord) => void) | undefined;
}

const nothing: Survivors = { bytes: Buffer.alloc(0), records: 0 };

export class EngineCore {
  readonly #engine: Engine;
  /** Those that are open. */
  readonly streams = new Set<object>();
  readonly #parts: CoreParts;
  readonly #prepared: PreparedPlan;
  readonly #counts: Float64Array;
  readonly #losses = new Float64Array(frameCells);
  readonly #unfinished = { records: 0, bytes: 0 };
  readonly #batch = new Batch(batchRecords, batchBytes);
  #withheld: Withheld | undefined;
  #quarantine: Quarantine | undefined;
  /** Of what is withheld: what the quarantine had no room for. */
  readonly notKept = { records: 0, bytes: 0 };
  #closed = false;

  get kind(): EngineKind {
    return this.#parts.kind;
  }
  get framing(): Framing {
    return this.#parts.framing;
  }

  /** @throws StreamGateError SG_RULE_PATTERN, SG_CONDITION */
  constructor(parts: CoreParts) {
    const { kind, plan, onWithheld } = parts;
    this.#parts = parts;
    this.#counts = new Float64Array(countCellsOf(plan));
    this.#prepared = kind.prepare(plan);
    this.#engine = kind.createEngine();
    this.#engine.use(this.#prepared, this.#counts);
    this.#engine.attach(this.#batch);
    if (onWithheld !== undefined) this.#attachWithheld(withheldBytes);
  }

  /** What is withheld from now on is kept there. */
  keepWithheldIn(quarantine: Quarantine): void {
    this.#quarantine = quarantine;
    if (this.#withheld === undefined) this.#attachWithheld(withheldBytes);
  }

  createFramer(): Framer {
    const { kind, framing, maxRecordBytes, source } = this.#parts;
    return kind.createFramer(framing, maxRecordBytes, source, this.#losses);
  }

  /** @param step one call of the engine; full: it stopped for want of room; more: call it again */
  collect(step: (engine: Engine) => "done" | "full" | "more"): Survivors {
    const parts: Buffer[] = [];
    const told: WithheldRecord[] = [];
    let records = 0;
    let batch = this.#batch;
    try {
      for (let state = "more"; state !== "done"; ) {
        state = step(this.#engine);
        this.#takeWithheld(told);
        if (batch.records > 0) {
          records += batch.records;
          // Copied: the batch is written to again.
          parts.push(Buffer.from(batch.slice(0, batch.records)));
          batch.clear();
        }
        const needBytes = state === "full" ? this.#engine.needBytes : 0;
        const room = Math.max(batchBytes, needBytes);
        if (room === batch.bytesMax) continue;
        batch = room === batchBytes ? this.#batch : new Batch(batchRecords, room);
        this.#engine.attach(batch);
      }
    } finally {
      for (const record of told) this.#tell(record);
    }
    if (parts.length === 0) return nothing;
    return { bytes: parts.length === 1 ? parts[0]! : Buffer.concat(parts), records };
  }

  /** Whether summaries may come due while nothing is written. */
  get remembers(): boolean {
    return this.#parts.plan.rules.some(({ state }) => state !== undefined);
  }

  /** The summaries whose windows have ended. */
  tick(): Survivors {
    const nowMs = Date.now();
    return this.collect((engine) => (engine.tick(nowMs) ? "done" : "full"));
  }

  loseUnfinished(bytes: number): void {
    this.#unfinished.records++;
    this.#unfinished.bytes += bytes;
  }

  stats(): EngineStats {
    const { kind, plan } = this.#parts;
    return statsOf(kind.name, plan, { counts: this.#counts, losses: this.#losses, unfinished: this.#unfinished });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#engine.close();
    this.#prepared.close();
  }

  #attachWithheld(bytes: number): void {
    this.#withheld = new Withheld(bytes);
    this.#engine.attachWithheld(this.#withheld);
  }

  #takeWithheld(told: WithheldRecord[]): void {
    const withheld = this.#withheld;
    if (withheld === undefined || (withheld.records === 0 && withheld.needBytes === 0)) return;
    const { needBytes } = withheld;
    if (this.#parts.onWithheld !== undefined) this.#copyWithheld(withheld, told);
    if (this.#quarantine !== undefined && withheld.records > 0) this.#keep(this.#quarantine, withheld);
    withheld.clear();
    const room = Math.max(withheldBytes, needBytes);
    if (room !== withheld.bytesMax) this.#attachWithheld(room);
  }

  #copyWithheld(withheld: Withheld, told: WithheldRecord[]): void {
    for (const { record, rule, cause, receivedAtMs } of readWithheld(withheld.entries))
      told.push({
        record: Buffer.from(record),
        rule: this.#parts.plan.rules[rule]!.id,
        cause: cause === quarantineCause.matchLimit ? "match_limit" : "output_limit",
        receivedAtMs,
      });
  }

  #keep(quarantine: Quarantine, { entries }: Withheld): void {
    const { kept, amounts } = quarantine.put({ entries, rules: this.#parts.plan.rules, timeMs: Date.now() });
    if (kept) return;
    for (const { records, bytes } of amounts.values()) {
      this.notKept.records += records;
      this.notKept.bytes += bytes;
    }
  }

  /** What a listener throws is its own: the records that passed beside this one are not lost for it. */
  #tell(record: WithheldRecord): void {
    try {
      this.#parts.onWithheld?.(record);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
