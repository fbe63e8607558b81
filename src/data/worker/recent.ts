/**
 * A few of the records that just passed, for whoever wants to try rules on them: copied now and then, kept in memory only, as the rules
 * left them. So nothing is kept here that a protect rule has taken out.
 */

import type { Batch } from "../engine/batch.ts";

/** Of all workers of a process together. */
export const recentRecordsMax = 200;
/** A longer record is not kept: cut, half a secret may be left that nobody recognises. */
const recordBytesMax = 4096;
const periodMs = 250;
/** A worker's share of a second's traffic that is kept: enough to see change, too little to cost anything. */
const recordsPerPeriod = 4;

export interface RecentRecord {
  readonly atMs: number;
  readonly bytes: Uint8Array;
}

export class RecentRecords {
  readonly #max: number;
  readonly #records: RecentRecord[] = [];
  #nextMs = 0;

  /** @param workers that share the bound */
  constructor(workers: number) {
    this.#max = Math.max(1, Math.floor(recentRecordsMax / workers));
  }

  /** Records `from` (inclusive) to `to` (exclusive) of a batch have passed. Nearly always does nothing. */
  passed(batch: Batch, from: number, to: number, nowMs: number): void {
    if (nowMs < this.#nextMs || to <= from) return;
    this.#nextMs = nowMs + periodMs;
    // At random places: at regular ones a pattern of the traffic could hide.
    const places = Array.from(
      { length: Math.min(recordsPerPeriod, to - from) },
      () => from + Math.floor(Math.random() * (to - from)),
    );
    for (const at of [...new Set(places)].toSorted((a, b) => a - b)) {
      const record = batch.slice(at, at + 1);
      if (record.length - 1 > recordBytesMax) continue;
      this.#records.push({ atMs: nowMs, bytes: Uint8Array.from(record.subarray(0, -1)) });
    }
    if (this.#records.length > this.#max) this.#records.splice(0, this.#records.length - this.#max);
  }

  /** Oldest first. */
  list(): readonly RecentRecord[] {
    return [...this.#records];
  }
}
