/** Medians and extremes of repeated runs, and quantiles of a histogram. */

export interface Span {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @returns undefined without values; of an even number of values the lower middle, so that it is one that was measured */
export function spanOf(values: readonly number[]): Span | undefined {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  return { median: sorted[(sorted.length - 1) >> 1]!, min: sorted[0]!, max: sorted.at(-1)! };
}

/** Lower bound and count of each bucket that is not empty, in rising order: what bench/native/latency.h prints. */
export type Histogram = readonly (readonly [lower: number, count: number])[];

/**
 * The least value that `share` of all values do not exceed: the lower bound of its bucket, which is at most 1/32 too low.
 * @param share 0 < share <= 1
 * @returns undefined when the histogram is empty
 */
export function quantileOf(histogram: Histogram, share: number): number | undefined {
  const total = countOf(histogram);
  const wanted = Math.max(1, Math.ceil(total * share));
  let seen = 0;
  for (const [lower, count] of histogram) {
    seen += count;
    if (seen >= wanted) return lower;
  }
  return undefined;
}

export function countOf(histogram: Histogram): number {
  return histogram.reduce((sum, [, count]) => sum + count, 0);
}
