/** Medians, extremes and quantiles. */
import { describe, expect, it } from "vitest";
import { countOf, quantileOf, spanOf } from "./statistics.ts";

describe("spanOf", () => {
  it("gives median and extremes, whatever the order", () => {
    expect(spanOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  });

  it("gives a value that was measured for an even number", () => {
    expect(spanOf([4, 1, 3, 2])?.median).toBe(2);
  });

  it("compares as numbers, not as text", () => {
    expect(spanOf([10, 9, 100])).toEqual({ median: 10, min: 9, max: 100 });
  });

  it("is undefined without values", () => {
    expect(spanOf([])).toBeUndefined();
  });
});

describe("quantileOf", () => {
  const histogram = [
    [10, 98],
    [20, 1],
    [30, 1],
  ] as const;

  it.each([
    [0.5, 10],
    [0.98, 10],
    [0.99, 20],
    [0.999, 30],
    [1, 30],
  ])("finds the bucket of %d", (share, lower) => {
    expect(quantileOf(histogram, share)).toBe(lower);
  });

  it("takes the only value for every share", () => {
    expect(quantileOf([[7, 1]], 0.001)).toBe(7);
  });

  it("is undefined for an empty histogram", () => {
    expect(quantileOf([], 0.5)).toBeUndefined();
    expect(countOf([])).toBe(0);
  });
});
