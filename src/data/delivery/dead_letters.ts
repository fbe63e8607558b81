/**
 * Records that their destination refuses for good: kept with the reason in segments of the spool's format, never silently gone.
 * `streamgate dead-letter ls|export|retry` reads them.
 */

import { commonProtection, type Segment } from "./packer.ts";
import type { Lane, LaneAmount, LaneOptions } from "./spool/spool.ts";

export interface DeadLettersSite {
  /** Opens the lane, with the first record that needs it. */
  open(lost: (amount: LaneAmount) => void): Promise<Lane>;
  /** Kept letters had to make room: of those that this run has written. */
  gaveUp(amount: LaneAmount): void;
  /** The system's code: letters cannot be kept at the moment. */
  refused(code: string): void;
}

export class DeadLetters {
  readonly #site: DeadLettersSite;
  #lane: Promise<Lane> | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  /** Letters of earlier runs go first when room is needed; they are in nobody's account. */
  #earlierRecords = 0;
  #earlierBytes = 0;

  constructor(site: DeadLettersSite) {
    this.#site = site;
  }

  /** @returns whether they are kept; their batches are the caller's again */
  keep(ranges: readonly Readonly<Segment>[], reason: string): Promise<boolean> {
    const kept = this.#turn.then(() => this.#append(ranges, reason));
    this.#turn = kept;
    return kept;
  }

  async #append(ranges: readonly Readonly<Segment>[], reason: string): Promise<boolean> {
    try {
      this.#lane ??= this.#open();
      // A directory that could not be used may have been mended by the next letter.
      this.#lane.catch(() => {
        this.#lane = undefined;
      });
      const lane = await this.#lane;
      await lane.append(
        ranges.map(({ shared, from, to }) => ({ batch: shared.batch, from, to })),
        {
          firstSequence: lane.state.nextSequence,
          timeMs: ranges[0]!.timeMs,
          protection: commonProtection(ranges),
          reason,
        },
      );
      return true;
    } catch (error) {
      this.#site.refused((error as NodeJS.ErrnoException).code ?? (error as Error).name);
      return false;
    }
  }

  async #open(): Promise<Lane> {
    const lane = await this.#site.open((amount) => this.#lost(amount));
    this.#earlierRecords = lane.state.held.records;
    this.#earlierBytes = lane.state.held.bytes;
    return lane;
  }

  #lost({ records, bytes }: LaneAmount): void {
    const earlier = { records: Math.min(records, this.#earlierRecords), bytes: Math.min(bytes, this.#earlierBytes) };
    this.#earlierRecords -= earlier.records;
    this.#earlierBytes -= earlier.bytes;
    if (records > earlier.records)
      this.#site.gaveUp({ records: records - earlier.records, bytes: bytes - earlier.bytes });
  }

  configure(options: Omit<LaneOptions, "directory">): void {
    void this.#lane?.then((lane) => lane.configure(options)).catch(() => {});
  }

  async close(): Promise<void> {
    await this.#turn;
    await (await this.#lane?.catch(() => undefined))?.close();
  }
}
