/** The pauses between tries. */

import { describe, expect, it } from "vitest";
import { pause, retryDelayMs } from "./retry.ts";

const limits = { delayMsMax: 30_000, afterMsMax: 3_600_000 };

describe("the pause before another try", () => {
  it("doubles its ceiling with each failure, up to 30 seconds", () => {
    const longest = (attempt: number) => retryDelayMs(attempt, undefined, 1, limits);
    expect([1, 2, 3, 4].map(longest)).toEqual([200, 400, 800, 1600]);
    expect(longest(50)).toBe(30_000);
  });

  it("is never zero, whatever the jitter", () => {
    expect(retryDelayMs(1, undefined, 0, limits)).toBe(50);
  });

  it("honours what the destination asked for, up to an hour", () => {
    expect(retryDelayMs(1, 5000, 0.5, limits)).toBe(5000);
    expect(retryDelayMs(1, 10 ** 9, 0.5, limits)).toBe(3_600_000);
  });

  it("ends at once when the program stops", async () => {
    const stop = new AbortController();
    const waited = pause(3_600_000, stop.signal);
    stop.abort();
    await waited;
    await pause(3_600_000, stop.signal);
  });
});
