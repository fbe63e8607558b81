/**
 * A circuit breaker for one output at one worker: a destination that keeps failing is asked by one request at a time, after growing
 * pauses, instead of by all of them.
 *
 * Closed: requests go. After `failuresMax` failures in a row, or when the destination says when to come back (Retry-After): open, nobody
 * asks until the pause is over. Then half open: one request is let through; its success closes the breaker, its failure opens it again.
 */

export type BreakerState = "closed" | "open" | "half_open";

/** A single refusal is a hiccup that its own payload sits out; five in a row are an outage. */
export const failuresMax = 5;

export class Breaker {
  readonly #nowMs: () => number;
  #failures = 0;
  #openUntilMs = 0;
  #open = false;
  #probing = false;
  #waiting: (() => void)[] = [];

  /** @param nowMs a clock that only goes forward */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  get state(): BreakerState {
    if (!this.#open) return "closed";
    return this.#probing || this.#nowMs() >= this.#openUntilMs ? "half_open" : "open";
  }
  /** In a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Resolves when a request may be made, or when `signal` aborts. Report its end with `succeeded`, `failed` or `abandoned`. */
  async permit(signal: AbortSignal): Promise<void> {
    while (this.#open && !signal.aborted) {
      const waitMs = this.#openUntilMs - this.#nowMs();
      if (waitMs <= 0 && !this.#probing) {
        this.#probing = true;
        return;
      }
      await this.#wait(Math.max(waitMs, 0), signal);
    }
  }

  succeeded(): void {
    this.#failures = 0;
    this.#open = false;
    // What the destination asked for before is over, too: `failed` keeps the later end.
    this.#openUntilMs = 0;
    this.#probing = false;
    this.#wake();
  }

  /**
   * @param delayMs the pause before the next request when the breaker is, or becomes, open
   * @param asked the destination asked for that pause
   */
  failed(delayMs: number, asked = false): void {
    this.#failures++;
    this.#probing = false;
    if (!asked && this.#failures < failuresMax) return;
    this.#open = true;
    this.#openUntilMs = Math.max(this.#openUntilMs, this.#nowMs() + delayMs);
    this.#wake();
  }

  /** A permitted request ended without an answer that says anything of the destination. */
  abandoned(): void {
    this.#probing = false;
    this.#wake();
  }

  #wake(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }

  /** Until the pause is over, the breaker changes, or `signal` aborts. While somebody probes only a change counts. */
  #wait(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer = waitMs > 0 ? setTimeout(() => done(), waitMs) : undefined;
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        const at = this.#waiting.indexOf(done);
        if (at >= 0) this.#waiting.splice(at, 1);
        resolve();
      };
      this.#waiting.push(done);
      signal.addEventListener("abort", done);
    });
  }
}
