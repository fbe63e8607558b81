/**
 * How many requests of one output a worker has under way at once: fixed, or adapted to what the destination bears.
 *
 * Additive increase, multiplicative decrease (Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for Congestion Avoidance",
 * 1989), as TCP does: one more for each round of answers that came quickly while all slots were in use; half as many when the destination
 * refuses, three quarters when its answers take twice as long as they used to.
 */

/** Each worker's share of `concurrency` (`auto`: of `concurrencyMax`), at least one. */
export function paceMax(concurrency: number | "auto", workers: number, index: number): number {
  const all = concurrency === "auto" ? concurrencyMax : concurrency;
  return Math.max(1, Math.floor(all / workers) + (index < all % workers ? 1 : 0));
}

export const concurrencyMax = 16;
/** Answers slower than this many times the usual are a sign of load. */
const slowFactor = 2;
/** Below that, twice as slow is noise. */
const slowMsMin = 20;

export class Pace {
  readonly #adapts: boolean;
  #max: number;
  #limit: number;
  #busy = 0;
  /** Smoothed latency while it was quick. */
  #usualMs = 0;
  /** No second decrease for requests that left before the first one. */
  #settledAt = 0;
  #started = 0;

  constructor(max: number, adapts: boolean) {
    this.#max = max;
    this.#adapts = adapts;
    this.#limit = adapts ? 1 : max;
  }

  /** Whole requests that may be under way. */
  get limit(): number {
    return Math.max(1, Math.floor(this.#limit));
  }
  get busy(): number {
    return this.#busy;
  }
  get free(): boolean {
    return this.#busy < this.limit;
  }

  begin(): void {
    this.#busy++;
  }
  end(): void {
    this.#busy--;
  }

  /** A request leaves. @returns its number, for its end */
  leaves(): number {
    return this.#started++;
  }

  succeeded(request: number, latencyMs: number): void {
    if (!this.#adapts) return;
    if (this.#usualMs > 0 && latencyMs > slowMsMin && latencyMs > slowFactor * this.#usualMs) {
      this.#decrease(request, 0.75);
      // What is slow for long is the usual: a destination that has become slower is not throttled for ever.
      this.#usualMs += (latencyMs - this.#usualMs) / 32;
      return;
    }
    this.#usualMs = this.#usualMs === 0 ? latencyMs : this.#usualMs + (latencyMs - this.#usualMs) / 8;
    if (this.#busy >= this.limit) this.#limit = Math.min(this.#max, this.#limit + 1 / this.#limit);
  }

  failed(request: number): void {
    if (this.#adapts) this.#decrease(request, 0.5);
  }

  #decrease(request: number, factor: number): void {
    if (request < this.#settledAt) return;
    this.#limit = Math.max(1, this.#limit * factor);
    this.#settledAt = this.#started;
  }
}
