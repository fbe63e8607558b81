/** Cuts payloads: what one output sends at once, from ranges of batches, by that output's limits. */

import type { Body } from "../../outputs/output.ts";
import type { SharedBatch } from "./batch_pool.ts";

/** Records `from` (inclusive) to `to` (exclusive) of a batch. */
export interface Segment {
  readonly shared: SharedBatch;
  from: number;
  to: number;
}

export interface Cut {
  /** `batch_size`, or the destination's limit when that is less. */
  readonly recordsMax: number;
  /** Of the payload with the newlines between records. A single larger record goes alone. */
  readonly bytesMax: number;
}

const newlineBytes = 1;

export class Payload {
  readonly #segments: Segment[] = [];
  #records = 0;
  #bytes = 0;

  get records(): number {
    return this.#records;
  }
  /** Record bytes, newlines not counted. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Up to which record of `segment` the payload may grow; `segment.from` when it is full. No step per record: a binary search. */
  reach(segment: Segment, cut: Cut): number {
    const { batch } = segment.shared;
    const recordsTo = Math.min(segment.to, segment.from + cut.recordsMax - this.#records);
    const start = batch.startOf(segment.from);
    const used = this.#bytes + this.#records;
    const fits = (to: number) => used + batch.startOf(to) - start - 1 <= cut.bytesMax;
    if (recordsTo <= segment.from || fits(recordsTo)) return Math.max(segment.from, recordsTo);
    let low = segment.from;
    let high = recordsTo;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (fits(middle)) low = middle;
      else high = middle;
    }
    return low === segment.from && this.#records === 0 ? low + 1 : low;
  }

  /** Adds the range and holds its batch. */
  add(shared: SharedBatch, from: number, to: number): void {
    shared.hold();
    this.#segments.push({ shared, from, to });
    this.#records += to - from;
    this.#bytes += shared.batch.recordBytes(from, to);
  }

  /** Records joined by newline, none at the end: views of the batches, which the payload holds until `release`. */
  body(): Body {
    const parts = this.#segments.map(({ shared, from, to }) => shared.batch.slice(from, to));
    const last = parts.pop()!;
    parts.push(last.subarray(0, last.length - newlineBytes));
    return { parts, bytes: this.#bytes + (this.#records - 1) * newlineBytes };
  }

  release(): void {
    for (const { shared } of this.#segments.splice(0)) shared.release();
  }
}
