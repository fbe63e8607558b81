/** One output's queue in memory at one worker: ranges of batches in order, bounded in bytes. What happens when it is full: `backlog.ts`. */

import type { SharedBatch } from "./batch_pool.ts";
import { type Cut, Payload, type Segment } from "./packer.ts";

/**
 * What a queued record costs beside its bytes, in bytes: its share of the memory of the batch that it keeps from being used again.
 * 64 = batchBytes ÷ batchRecords, so that a queue of tiny records holds no more memory than one of large records.
 */
const recordCharge = 64;
/** Neighbours whose times differ by less are one range, which has the first one's time. */
const sameTimeMs = 1000;

export class Queue {
  #bytesMax: number;
  #segments: Segment[] = [];
  /** Index of the first segment in use; the array is cut when half of it is behind. */
  #first = 0;
  #records = 0;
  #bytes = 0;
  /** Payloads taken and not yet settled count as queued. */
  #outRecords = 0;
  #outBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytesMax(): number {
    return this.#bytesMax;
  }
  set bytesMax(bytes: number) {
    this.#bytesMax = bytes;
  }

  /** Records that wait, those in flight left out. */
  get waitingRecords(): number {
    return this.#records;
  }
  get waitingBytes(): number {
    return this.#bytes;
  }
  /** Those in flight included. */
  get records(): number {
    return this.#records + this.#outRecords;
  }
  /** Record bytes without LFs, those in flight included. */
  get bytes(): number {
    return this.#bytes + this.#outBytes;
  }
  /** What counts against the bound: bytes, and memory that records keep from being used again. */
  get charge(): number {
    return this.bytes + this.records * recordCharge;
  }
  get full(): boolean {
    return this.charge >= this.#bytesMax;
  }

  /** Takes the range as it is, also beyond the bound: the worker asks `full` before it makes more. */
  push(
    shared: SharedBatch,
    from: number,
    to: number,
    timeMs: number,
    protection = 0n,
    receivedMs = timeMs,
    lastReceivedMs = receivedMs,
  ): number {
    const bytes = shared.batch.recordBytes(from, to);
    this.#records += to - from;
    this.#bytes += bytes;
    const last = this.#segments.at(-1);
    const joins =
      last !== undefined && this.#segments.length > this.#first && last.shared === shared && last.to === from;
    if (joins && timeMs - last.timeMs < sameTimeMs && last.protection === protection) {
      last.to = to;
      last.lastReceivedMs = lastReceivedMs;
    } else {
      shared.hold();
      this.#segments.push({ shared, from, to, timeMs, receivedMs, lastReceivedMs, protection });
    }
    return bytes;
  }

  /** The oldest records as a payload within `cut`, at least one record; undefined when none waits. `settle` its records afterwards. */
  take(cut: Cut): Payload | undefined {
    if (this.#records === 0) return undefined;
    const payload = new Payload();
    while (this.#first < this.#segments.length) {
      const segment = this.#segments[this.#first]!;
      const to = payload.reach(segment, cut);
      if (to === segment.from) break;
      payload.add(segment.shared, segment.from, to, segment.timeMs, segment.protection, segment.receivedMs);
      moveOn(segment, to);
      if (to < segment.to) break;
      segment.shared.release();
      this.#first++;
    }
    if (this.#first * 2 >= this.#segments.length) {
      this.#segments = this.#segments.slice(this.#first);
      this.#first = 0;
    }
    this.#records -= payload.records;
    this.#bytes -= payload.bytes;
    this.#outRecords += payload.records;
    this.#outBytes += payload.bytes;
    return payload;
  }

  /** These of a payload's records are done with. `release` the payload when all are. */
  settle(records: number, bytes: number): void {
    this.#outRecords -= records;
    this.#outBytes -= bytes;
  }

  /** The oldest range, for an output that copies records itself; follow with `drop`. */
  peek(): Segment | undefined {
    return this.#segments[this.#first];
  }

  /** Takes the oldest range's records up to `to` off. @returns their bytes without LFs */
  drop(to: number): number {
    const segment = this.#segments[this.#first]!;
    const bytes = segment.shared.batch.recordBytes(segment.from, to);
    this.#records -= to - segment.from;
    this.#bytes -= bytes;
    moveOn(segment, to);
    if (segment.from === segment.to) {
      segment.shared.release();
      this.#first++;
      if (this.#first * 2 >= this.#segments.length) {
        this.#segments = this.#segments.slice(this.#first);
        this.#first = 0;
      }
    }
    return bytes;
  }
}

/** Its records before `to` are gone. When the next one came is known to lie between two times: as if they had come evenly. */
function moveOn(segment: Segment, to: number): void {
  const share = (to - segment.from) / (segment.to - segment.from);
  segment.receivedMs += (segment.lastReceivedMs - segment.receivedMs) * share;
  segment.from = to;
}
