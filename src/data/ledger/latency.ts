/**
 * How long records take from a socket to the destination's acknowledgement: a histogram with one bucket for each bound and one for what
 * is beyond. One payload is one observation, by the age of its oldest record, so that it costs nothing per record.
 */

/** Upper bounds in seconds, the last bucket has none: a local file takes one millisecond, an outage that a spool sits out takes hours. */
export const latencyBoundsS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600,
] as const;
export const latencyBucketCount = latencyBoundsS.length + 1;

/** The bucket of an age, by its index. */
export function latencyBucket(seconds: number): number {
  let bucket = 0;
  while (bucket < latencyBoundsS.length && seconds > latencyBoundsS[bucket]!) bucket++;
  return bucket;
}
