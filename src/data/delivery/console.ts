/**
 * The console: hands records to the process's one stdout writer, by reference where that is native. Lines of several workers
 * never mix, since it takes whole records, and a reader that stopped reading stops this queue alone, never an event loop.
 */

import type { SharedBatch } from "./batch_pool.ts";
import { Delivery, type DeliverySite, drainLoss } from "./delivery.ts";
import type { StreamFeed } from "./stream/stream_writer.ts";

/**
 * What waits here besides what the writer has. Little, whatever QUEUE_BYTES allows: a destination in the same machine needs no more to be
 * kept busy, and at saturation all of it would be in use.
 */
export const consoleQueueBytes = 4 * 1024 * 1024;
/** The writer tells no producer that there is room again; a full queue is looked at this often. */
const lookAgainMsMin = 1;
const lookAgainMsMax = 16;

export class Console extends Delivery {
  readonly #feed: StreamFeed;
  #timer: NodeJS.Timeout | undefined;
  #waitMs = lookAgainMsMin;
  #drained: (() => void) | undefined;

  constructor(key: string, name: string, queueBytes: number, feed: StreamFeed, site: DeliverySite) {
    super(key, name, Math.min(queueBytes, consoleQueueBytes), site);
    this.#feed = feed;
  }

  protected override take(shared: SharedBatch, from: number, to: number): void {
    let at = from;
    // Nothing waits before it: past the queue.
    if (this.idle) {
      const { batch } = shared;
      at = this.#feed.push(batch, from, to);
      if (at > from) this.countDelivered(at - from, batch.recordBytes(from, at));
      if (at === to) return;
    }
    this.queue.push(shared, at, to);
    this.#timer ??= setTimeout(() => this.#later(), this.#waitMs);
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
