/** What one run of one subject gave. A figure that was not measured is absent. */

export interface Run {
  readonly linesSent?: number;
  readonly linesPerSecond?: number;
  /** As sent, in 10⁶ bytes. */
  readonly megabytesPerSecond?: number;
  /** Of the subject and its children, all threads, start-up left out. */
  readonly cpuSecondsPerMillion?: number;
  /** Peak of the resident sets. */
  readonly rssMiB?: number;
  readonly lost?: number;
  readonly doubled?: number;
  /** Lines that came out and that nothing explains: torn, or changed otherwise than asked. */
  readonly altered?: number;
  readonly leaked?: number;
  /** From when a line was due at the sender to when it was read behind the subject. */
  readonly latencyMs?: {
    readonly p50: number;
    readonly p99: number;
    readonly p999: number;
    /** How many were timed: of fewer than 100 the p99 is the maximum. Absent: many. */
    readonly lines?: number;
  };
  /** What the sender sent over what it should have, where there is a rate; below 1 it had not the time. */
  readonly rateReached?: number;
  /** Further figures of the scenario, by name with unit. */
  readonly further?: Readonly<Record<string, number>>;
  /** What other processes used of the machine meanwhile, 0 to 1. */
  readonly foreignShare?: number;
  /** Why there are no figures. */
  readonly failed?: string;
}

/** Whether records were lost, repeated or changed, or values let through. */
export function isWrong(run: Run): boolean {
  return run.failed !== undefined || [run.lost, run.doubled, run.altered, run.leaked].some((count) => (count ?? 0) > 0);
}
