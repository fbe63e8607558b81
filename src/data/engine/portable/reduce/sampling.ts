/** sample: which records are kept, and how many each of them stands for. Twin of `native/reduce/sampling.h`, which says why shares are kept so. */

import { RecordHash } from "./record_hash.ts";

/** So that products stay below 2^53. */
const rowMax = 2 ** 20;

export const fate = { dropped: 0, sampled: 1, exempt: 2 } as const;

export class Sampling {
  /** By severity: what a hash must be less than, high and low half. */
  readonly #high: readonly number[];
  readonly #low: readonly number[];
  /** By severity. */
  readonly weights: readonly number[];
  /** From this severity on records pass as they are. Above fatal: none do. */
  readonly #keep: number;
  readonly #hash = new RecordHash();

  /** @param thresholds by severity, share × 2^64; 2^64 - 1: all are kept */
  constructor(thresholds: readonly bigint[], weights: readonly number[], keep: number) {
    this.#high = thresholds.map((threshold) => Number(threshold >> 32n));
    this.#low = thresholds.map((threshold) => Number(threshold & 0xffff_ffffn));
    this.weights = weights;
    this.#keep = keep;
  }

  exempts(severity: number): boolean {
    if (severity >= this.#keep && severity !== 0) return true;
    return this.#high[severity] === 0xffff_ffff && this.#low[severity] === 0xffff_ffff;
  }

  /** Of a key with this hash. @returns a `fate` */
  fateOfKey(severity: number, hashHigh: number, hashLow: number): number {
    const high = this.#high[severity]!;
    return hashHigh < high || (hashHigh === high && hashLow < this.#low[severity]!) ? fate.sampled : fate.dropped;
  }

  /** Of record `sequence`, by chance. @returns a `fate` */
  fateOf(severity: number, seedHigh: number, seedLow: number, sequence: number): number {
    const row = this.weights[severity]!;
    if ((this.#high[severity] === 0 && this.#low[severity] === 0) || row > rowMax || !Number.isInteger(row)) {
      this.#random(seedHigh, seedLow, sequence);
      return this.fateOfKey(severity, this.#hash.high, this.#hash.low);
    }
    this.#random(seedHigh, (seedLow ^ row) >>> 0, Math.floor(sequence / row));
    const place = Math.floor((this.#hash.high * row) / 2 ** 32);
    return sequence % row === place ? fate.sampled : fate.dropped;
  }

  /** Chance. @param number of the record, or of a row of them */
  #random(seedHigh: number, seedLow: number, number: number): void {
    this.#hash.begin(seedHigh, seedLow);
    this.#hash.number(number);
    this.#hash.finish();
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
