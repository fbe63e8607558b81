/**
 * The console: hands records to the ring of the process's one stdout writer. Lines of several workers never mix, since
 * the ring takes whole records, and a reader that stopped reading stops this queue alone, never an event loop.
 */

import type { Batch } from "../engine/batch.ts";
import { Delivery, type DeliverySite, drainLoss } from "./delivery.ts";

/** The stdout writer as a worker sees it. */
export interface StdoutFeed {
  /** Puts records `from` to `to` into the writer's ring. @returns where it stopped: less than `to` when the ring is full */
  push(batch: Batch, from: number, to: number): number;
}

/** The ring's consumer tells no producer that there is room again; a full ring is looked at this often. */
const lookAgainMsMin = 1;
const lookAgainMsMax = 16;

export class Console extends Delivery {
  readonly #feed: StdoutFeed;
  #timer: NodeJS.Timeout | undefined;
  #waitMs = lookAgainMsMin;
  #drained: (() => void) | undefined;

  constructor(key: string, name: string, queueBytes: number, feed: StdoutFeed, site: DeliverySite) {
    super(key, name, queueBytes, site);
    this.#feed = feed;
  }

  protected override pushed(): void {
    if (this.#timer === undefined) this.#move();
  }

  override flush(): void {}

  #move(): void {
    this.#timer = undefined;
    let moved = false;
    for (let segment = this.queue.peek(); segment !== undefined; segment = this.queue.peek()) {
      const { from, to } = segment;
      const stopped = this.#feed.push(segment.shared.batch, from, to);
      if (stopped > from) {
        moved = true;
        this.countDelivered(stopped - from, this.queue.drop(stopped));
      }
      if (stopped < to) {
        this.#waitMs = moved ? lookAgainMsMin : Math.min(lookAgainMsMax, this.#waitMs * 2);
        this.#timer = setTimeout(() => this.#later(), this.#waitMs);
        return;
      }
    }
    this.#waitMs = lookAgainMsMin;
  }

  #later(): void {
    this.#move();
    this.site.changed();
    if (this.idle) this.#drained?.();
  }

  override async drain(signal: AbortSignal): Promise<void> {
    if (this.idle) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = () => resolve();
    this.#drained = end;
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
    await promise;
    // The signal outlives this output when a reload has removed it, and must not keep it in memory.
    signal.removeEventListener("abort", end);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.idle) this.loseQueued(drainLoss(signal));
  }
}
