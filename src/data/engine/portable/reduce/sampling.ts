/** sample: which records are kept, and how many each of them stands for. Twin of `native/reduce/sampling.h`, which says why a share is a threshold. */

import type { RecordHash } from "./record_hash.ts";

/** Sets `hash` for a record that has no key. @param sequence the record's number */
export function randomHash(hash: RecordHash, seedHigh: number, seedLow: number, sequence: number): void {
  hash.begin(seedHigh, seedLow);
  hash.number(sequence);
  hash.finish();
}

export const fate = { dropped: 0, sampled: 1, exempt: 2 } as const;

export class Sampling {
  /** By severity: what a hash must be less than, high and low half. */
  readonly #high: readonly number[];
  readonly #low: readonly number[];
  /** By severity. */
  readonly weights: readonly number[];
  /** From this severity on records pass as they are. Above fatal: none do. */
  readonly #keep: number;

  /** @param thresholds by severity, share × 2^64; 2^64 - 1: all are kept */
  constructor(thresholds: readonly bigint[], weights: readonly number[], keep: number) {
    this.#high = thresholds.map((threshold) => Number(threshold >> 32n));
    this.#low = thresholds.map((threshold) => Number(threshold & 0xffff_ffffn));
    this.weights = weights;
    this.#keep = keep;
  }

  /** @returns a `fate` */
  fateOf(severity: number, hashHigh: number, hashLow: number): number {
    if (severity >= this.#keep && severity !== 0) return fate.exempt;
    const high = this.#high[severity]!;
    const low = this.#low[severity]!;
    if (high === 0xffff_ffff && low === 0xffff_ffff) return fate.exempt;
    return hashHigh < high || (hashHigh === high && hashLow < low) ? fate.sampled : fate.dropped;
  }
}

/** About how many keys a rule has met: enough to tell ten from a thousand. 256 buckets, so it never says more. */
export class KeyCount {
  readonly #seen = new Uint8Array(256);
  /** Buckets that a key fell into: fewer than keys, by collisions. */
  buckets = 0;

  add(hashLow: number): void {
    const bucket = hashLow & 255;
    this.buckets += 1 - this.#seen[bucket]!;
    this.#seen[bucket] = 1;
  }
}
