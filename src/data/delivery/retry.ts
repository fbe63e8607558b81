/** How long to wait before a payload is tried again: exponential backoff with full jitter. */

/**
 * Full jitter (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015): many gates that lost the same vendor do not come
 * back at the same instant.
 */
const retryDelayMsBase = 200;

export interface RetryLimits {
  /** Longest pause of ours. */
  readonly delayMsMax: number;
  /** Longest pause that a destination may ask for. */
  readonly afterMsMax: number;
}

/**
 * @param attempt failures so far, 1 for the first
 * @param afterMs what the destination asked for (Retry-After); honoured as the least, up to `afterMsMax`
 * @param random 0 (inclusive) to 1 (exclusive)
 */
export function retryDelayMs(
  attempt: number,
  afterMs: number | undefined,
  random: number,
  { delayMsMax, afterMsMax }: RetryLimits,
): number {
  const ceiling = Math.min(delayMsMax, retryDelayMsBase * 2 ** Math.min(attempt - 1, 20));
  // The first pause is never zero: a destination that refuses at once would be asked in a tight loop.
  const floor = Math.min(ceiling, retryDelayMsBase / 4);
  return Math.max(floor + random * (ceiling - floor), Math.min(afterMs ?? 0, afterMsMax));
}

/** Resolves after `delayMs`, or at once when `signal` aborts. */
export function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal.addEventListener("abort", done);
  });
}
