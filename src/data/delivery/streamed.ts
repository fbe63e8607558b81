/**
 * The console: hands records to the process's one stdout writer, by reference where that is native. Lines of several workers
 * never mix, since it takes whole records, and a reader that stopped reading stops this queue alone, never an event loop.
 */

import { outputCell } from "../ledger/layout.ts";
import type { SharedBatch } from "./batch_pool.ts";
import { Delivery, type DeliverySite, type DeliveryStatus, drainLoss } from "./delivery.ts";
import { unlimitedCut } from "./packer.ts";
import { Queue } from "./queue.ts";
import type { StreamFeed } from "./stream/stream_writer.ts";

/**
 * What waits here besides what the writer has. Little, whatever QUEUE_BYTES allows: a destination in the same machine needs no more to be
 * kept busy, and at saturation all of it would be in use.
 */
export const streamedQueueBytes = 4 * 1024 * 1024;
/** The writer tells no producer that there is room again; a full queue is looked at this often. */
const lookAgainMsMin = 1;
const lookAgainMsMax = 16;

/** A stream is written by a thread of this machine; what it does not take is not spooled. */
export type StreamWhenFull = "block" | "drop_oldest" | "drop_newest";

/** What of a stream's configuration a reload may change while it runs; a file's own settings are its writer's. */
export interface StreamedTuning {
  readonly queueBytesMax: number;
  readonly whenFull: StreamWhenFull;
}

export interface StreamedOptions extends StreamedTuning {
  readonly key: string;
  readonly id: string;
  readonly feed: StreamFeed;
  readonly site: DeliverySite;
}

export class Streamed extends Delivery {
  readonly #feed: StreamFeed;
  readonly #queue: Queue;
  #whenFull: StreamWhenFull;
  #timer: NodeJS.Timeout | undefined;
  #waitMs = lookAgainMsMin;
  #drained: (() => void) | undefined;

  constructor(options: StreamedOptions) {
    super(options.key, options.id, options.site);
    this.#queue = new Queue(streamedQueueBytes);
    this.#feed = options.feed;
    this.#whenFull = options.whenFull;
    this.tune(options);
  }

  /** From the next records on. */
  tune({ queueBytesMax, whenFull }: StreamedTuning): void {
    this.#queue.bytesMax = Math.min(queueBytesMax, streamedQueueBytes);
    this.#whenFull = whenFull;
  }

  override get accepting(): boolean {
    return this.#whenFull !== "block" || !this.#queue.full;
  }
  override get idle(): boolean {
    return this.#queue.records === 0;
  }
  override get strained(): boolean {
    return this.#queue.charge * 2 >= this.#queue.bytesMax;
  }
  override get queuedBytes(): number {
    return this.#queue.charge;
  }
  override get status(): DeliveryStatus {
    return { lanes: [] };
  }

  protected override measure(): void {
    this.hold("queued", this.#queue.records, this.#queue.bytes);
    this.cells[outputCell.overLimit] = this.#queue.full ? 1 : 0;
  }

  protected override take(shared: SharedBatch, from: number, to: number, timeMs: number, receivedMs: number): void {
    let at = from;
    // Nothing waits before it: past the queue.
    if (this.idle) {
      const { batch } = shared;
      at = this.#feed.push(batch, from, to);
      if (at > from) {
        this.count("delivered", at - from, batch.recordBytes(from, at));
        this.acknowledged(receivedMs);
      }
      if (at === to) return;
    }
    if (this.#queue.full && this.#whenFull === "drop_newest") {
      this.count("lostQueueFull", to - at, shared.batch.recordBytes(at, to));
      return;
    }
    this.#queue.push(shared, at, to, timeMs, 0n, receivedMs);
    while (this.#whenFull === "drop_oldest" && this.#queue.full) {
      const { from: oldest, to: end } = this.#queue.peek()!;
      this.count("lostQueueFull", end - oldest, this.#queue.drop(end));
    }
    this.#timer ??= setTimeout(() => this.#later(), this.#waitMs);
  }

  override flush(): void {}

  #move(): void {
    this.#timer = undefined;
    let moved = false;
    for (let segment = this.#queue.peek(); segment !== undefined; segment = this.#queue.peek()) {
      const { from, to, receivedMs } = segment;
      const stopped = this.#feed.push(segment.shared.batch, from, to);
      if (stopped > from) {
        moved = true;
        this.count("delivered", stopped - from, this.#queue.drop(stopped));
        this.acknowledged(receivedMs);
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
    const rest = this.#queue.take(unlimitedCut);
    if (rest === undefined) return;
    this.count(drainLoss(signal), rest.records, rest.bytes);
    this.#queue.settle(rest.records, rest.bytes);
    rest.release();
  }
}
