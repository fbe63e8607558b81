/** Cuts payloads: what one output sends at once, from ranges of batches, by that output's limits. */

import type { Body } from "../../outputs/output.ts";
import type { SharedBatch } from "./batch_pool.ts";

/** Records `from` (inclusive) to `to` (exclusive) of a batch. */
export interface Segment {
  readonly shared: SharedBatch;
  from: number;
  to: number;
  /** When they left the rules, milliseconds since 1970: the time that outputs state for a record. */
  readonly timeMs: number;
  /** When the first of them came, and the last, as far as that is known: what latency is measured from. */
  receivedMs: number;
  lastReceivedMs: number;
  /** Identity of the protect rules that they have passed (`protection.ts`); 0: not known. */
  readonly protection: bigint;
}

export interface Cut {
  /** `payload.max_records`, or the destination's limit when that is less. */
  readonly recordsMax: number;
  /** Of the payload with the newlines between records. A single larger record goes alone. */
  readonly bytesMax: number;
}

export const unlimitedCut: Cut = { recordsMax: Number.MAX_SAFE_INTEGER, bytesMax: Number.MAX_SAFE_INTEGER };

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
  get segments(): readonly Readonly<Segment>[] {
    return this.#segments;
  }
  /** Of the first record. */
  get timeMs(): number {
    return this.#segments[0]?.timeMs ?? 0;
  }
  /** When its record `index` came. */
  receivedMs(index: number): number {
    let at = 0;
    for (const { from, to, receivedMs } of this.#segments) {
      at += to - from;
      if (index < at) return receivedMs;
    }
    return this.timeMs;
  }
  get protection(): bigint {
    return commonProtection(this.#segments);
  }

  /** Up to which record of `segment` the payload may grow; `segment.from` when it is full. No step per record: a binary search. */
  reach(segment: Readonly<Segment>, cut: Cut): number {
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
  add(shared: SharedBatch, from: number, to: number, timeMs: number, protection = 0n, receivedMs = timeMs): void {
    shared.hold();
    this.#segments.push({ shared, from, to, timeMs, receivedMs, lastReceivedMs: receivedMs, protection });
    this.#records += to - from;
    this.#bytes += shared.batch.recordBytes(from, to);
  }

  /** Its records `from` (inclusive) to `to` (exclusive), counted from its first, as ranges that lie in its segments. */
  ranges(from: number, to: number): Segment[] {
    const ranges: Segment[] = [];
    let at = 0;
    for (const { shared, from: first, to: end, ...about } of this.#segments) {
      const records = end - first;
      const low = Math.max(0, from - at);
      const high = Math.min(records, to - at);
      if (low < high) ranges.push({ shared, from: first + low, to: first + high, ...about });
      at += records;
    }
    return ranges;
  }

  /** Its records `from` to `to` as a payload of their own, which holds their batches too. */
  part(from: number, to: number): Payload {
    const part = new Payload();
    for (const range of this.ranges(from, to))
      part.add(range.shared, range.from, range.to, range.timeMs, range.protection, range.receivedMs);
    return part;
  }

  /** Bytes of its records `from` to `to`, newlines not counted. */
  bytesOf(from: number, to: number): number {
    if (from === 0 && to === this.#records) return this.#bytes;
    return this.ranges(from, to).reduce((sum, range) => sum + range.shared.batch.recordBytes(range.from, range.to), 0);
  }

  /** How many records from `from` on, up to `to`, are within `cut`: at least one. */
  fitting(from: number, to: number, cut: Cut): number {
    const probe = new Payload();
    for (const range of this.ranges(from, to)) {
      const reached = probe.reach(range, cut);
      if (reached > range.from) probe.add(range.shared, range.from, reached, range.timeMs);
      if (reached < range.to) break;
    }
    const { records } = probe;
    probe.release();
    return from + records;
  }

  /** Records `from` to `to` joined by newline, none at the end: views of the batches, which the payload holds until `release`. */
  body(from = 0, to = this.#records): Body {
    const ranges = this.ranges(from, to);
    const parts = ranges.map((range) => range.shared.batch.slice(range.from, range.to));
    const last = parts.pop()!;
    parts.push(last.subarray(0, last.length - newlineBytes));
    return { parts, bytes: this.bytesOf(from, to) + (to - from - 1) * newlineBytes };
  }

  release(): void {
    for (const { shared } of this.#segments.splice(0)) shared.release();
  }
}

/**
 * What all of these records have passed; 0 where they differ, which no rules have as their identity: on disk they are then taken for records
 * of an older manifest.
 */
export function commonProtection(segments: readonly Readonly<Segment>[]): bigint {
  const protection = segments[0]?.protection ?? 0n;
  return segments.every((segment) => segment.protection === protection) ? protection : 0n;
}
