/** The pauses between tries. */

import { describe, expect, it } from "vitest";
import { pause, retryDelayMs, retryDelayMsMax } from "./retry.ts";

describe("the pause before another try", () => {
  it("doubles its ceiling with each failure, up to 30 seconds", () => {
    const longest = (attempt: number) => retryDelayMs(attempt, undefined, 1);
    expect([1, 2, 3, 4].map(longest)).toEqual([200, 400, 800, 1600]);
    expect(longest(50)).toBe(retryDelayMsMax);
  });

  it("is never zero, whatever the jitter", () => {
    expect(retryDelayMs(1, undefined, 0)).toBe(50);
  });

  it("honours what the destination asked for, up to an hour", () => {
    expect(retryDelayMs(1, 5000, 0.5)).toBe(5000);
    expect(retryDelayMs(1, 10 ** 9, 0.5)).toBe(3_600_000);
  });

  it("ends at once when the program stops", async () => {
    const stop = new AbortController();
    const waited = pause(3_600_000, stop.signal);
    stop.abort();
    await waited;
    await pause(3_600_000, stop.signal);
  });
});
