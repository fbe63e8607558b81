/** How many requests are under way: shares, growth, retreat. */

import { describe, expect, it } from "vitest";
import { Pace, paceMax } from "./pace.ts";

/** So many rounds of answers that take `latencyMs` while all slots are in use. */
function rounds(pace: Pace, count: number, latencyMs: number): void {
  for (let round = 0; round < count; round++) {
    const { limit } = pace;
    const requests = Array.from({ length: limit }, () => {
      pace.begin();
      return pace.leaves();
    });
    for (const request of requests) pace.succeeded(request, latencyMs);
    for (const _ of requests) pace.end();
  }
}

describe("a worker's share of the concurrency", () => {
  it.each([
    [16, 1, [16]],
    [5, 2, [3, 2]],
    [1, 3, [1, 1, 1]],
    ["auto", 3, [6, 5, 5]],
  ] as const)("of %s over %i workers is %j", (concurrency, workers, shares) => {
    expect(shares.map((_, index) => paceMax(concurrency, workers, index))).toEqual(shares);
  });
});

describe("an adaptive pace", () => {
  it("begins with one and grows by one a round, up to its share", () => {
    const pace = new Pace(8, true);
    expect(pace.limit).toBe(1);
    rounds(pace, 1, 50);
    expect(pace.limit).toBe(2);
    rounds(pace, 40, 50);
    expect(pace.limit).toBe(8);
  });

  it("halves when the destination refuses, once for all that left before", () => {
    const pace = new Pace(16, true);
    rounds(pace, 60, 50);
    const requests = Array.from({ length: 16 }, () => pace.leaves());
    for (const request of requests) pace.failed(request);
    expect(pace.limit).toBe(8);
    pace.failed(pace.leaves());
    expect(pace.limit).toBe(4);
  });

  it("gives way when answers take twice as long as they used to", () => {
    const pace = new Pace(16, true);
    rounds(pace, 60, 50);
    rounds(pace, 1, 200);
    expect(pace.limit).toBeLessThan(16);
  });

  it("never goes below one", () => {
    const pace = new Pace(16, true);
    for (let failure = 0; failure < 20; failure++) pace.failed(pace.leaves());
    expect(pace.limit).toBe(1);
    expect(pace.free).toBe(true);
  });
});

describe("a fixed pace", () => {
  it("stays what it is", () => {
    const pace = new Pace(3, false);
    pace.failed(pace.leaves());
    expect(pace.limit).toBe(3);
    for (let request = 0; request < 3; request++) pace.begin();
    expect(pace.free).toBe(false);
  });
});
