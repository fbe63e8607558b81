/**
 * throttle: of each key so many records or bytes a second pass; what is cut within a window is told in one summary. Twin of
 * `native/reduce/throttle.h`: a token bucket in whole millionths, here doubles below 2^53.
 */

import { none } from "./key_table.ts";
import { RuleMemory } from "./rule_memory.ts";

export const token = 1_000_000;

export class Throttle extends RuleMemory {
  readonly #tokensPerMs: number;
  readonly #tokensMax: number;
  #high = 0;
  #low = 0;
  #found = none;
  #cost = 0;
  /** What the bucket holds at the time that was asked about. */
  #tokens = 0;
  #cuts = false;

  /** @param tokensPerMs in millionths, as `tokensMax`; whole numbers */
  constructor(
    label: string,
    windowMs: number,
    memoryBytes: number,
    seed: bigint,
    tokensPerMs: number,
    tokensMax: number,
  ) {
    super("throttle", label, windowMs, memoryBytes, seed);
    this.#tokensPerMs = tokensPerMs;
    this.#tokensMax = tokensMax;
  }

  /**
   * Is a record too much that costs `tokens` (whole ones)? One that costs more than a full bucket passes when the bucket is full, and
   * what follows pays for it.
   */
  cuts(high: number, low: number, tokens: number, nowMs: number): boolean {
    this.#high = high;
    this.#low = low;
    this.#cost = tokens * token;
    this.#found = this.table.find(high, low);
    this.#tokens = this.#tokensMax;
    if (this.#found !== none) {
      const tokens = this.table.tokens[this.#found]!;
      // After it the bucket is full. A clock that was set back adds nothing.
      const fullMs = Math.floor((this.#tokensMax - tokens) / this.#tokensPerMs) + 1;
      const passedMs = Math.floor(Math.min(Math.max(nowMs - this.table.tokensAtMs[this.#found]!, 0), fullMs));
      this.#tokens = Math.min(this.#tokensMax, tokens + passedMs * this.#tokensPerMs);
    }
    this.#cuts = this.#tokens < Math.min(this.#cost, this.#tokensMax);
    return this.#cuts;
  }

  override settle(bytes: Buffer, start: number, end: number, nowMs: number, cut: boolean): void {
    const { table } = this;
    if (this.#found === none) this.#found = table.insert(this.#high, this.#low);
    else if (!cut) table.touch(this.#found);
    const found = this.#found;
    table.tokens[found] = this.#cuts ? this.#tokens : this.#tokens - this.#cost;
    table.tokensAtMs[found] = nowMs;
    if (!cut) return;
    if (table.records[found] === 0) {
      table.firstMs[found] = nowMs;
      table.addDue(found);
    }
    this.cut(found, bytes, start, end, nowMs);
  }

  override told(index: number): void {
    this.table.release(index);
  }
}
