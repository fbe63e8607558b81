/** A batch's memory as TypeScript sees it: views for reading, and the slices that outputs send. Layout: `layout.ts`. */

import { batchEntry, batchHeader, batchMemoryBytes } from "./layout.ts";

const recordsAt = batchHeader.offsets.records / 4;
const bytesAt = batchHeader.offsets.bytes / 4;
const holdersAt = batchHeader.offsets.holders / 4;
const entryWords = batchEntry.bytes / 4;

/** Memory for an empty batch that something other than the collector frees. */
export interface BatchMemory {
  readonly memory: ArrayBuffer;
  free(): void;
}

export class Batch {
  readonly recordsMax: number;
  readonly bytesMax: number;
  /** Header and index as u32 words. */
  readonly words: Uint32Array;
  /** The records' bytes. */
  readonly data: Buffer;
  readonly memory: ArrayBuffer;
  readonly #free: (() => void) | undefined;

  /** @param owned its memory, of exactly this size; absent: memory of its own */
  constructor(recordsMax: number, bytesMax: number, owned?: BatchMemory) {
    this.recordsMax = recordsMax;
    this.bytesMax = bytesMax;
    this.memory = owned?.memory ?? new ArrayBuffer(batchMemoryBytes(recordsMax, bytesMax));
    this.#free = owned?.free;
    const dataAt = batchHeader.bytes + recordsMax * batchEntry.bytes;
    this.words = new Uint32Array(this.memory, 0, dataAt / 4);
    this.data = Buffer.from(this.memory, dataAt, bytesMax);
    this.words[batchHeader.offsets.recordsMax / 4] = recordsMax;
    this.words[batchHeader.offsets.bytesMax / 4] = bytesMax;
  }

  /** Records written so far. */
  get records(): number {
    return this.words[recordsAt]!;
  }
  /** Bytes written so far, LFs included. */
  get bytes(): number {
    return this.words[bytesAt]!;
  }
  /** Whether a native thread still reads ranges of it: do not clear it then. */
  get held(): boolean {
    return Atomics.load(this.words, holdersAt) !== 0;
  }
  /** Empties it for another use. The bytes stay in memory until they are written over. */
  clear(): void {
    this.words[recordsAt] = 0;
    this.words[bytesAt] = 0;
  }
  /** Ends its use here. Native threads may still read what they were handed, then the memory goes. */
  free(): void {
    this.#free?.();
  }
  /** Byte offset at which record `index` starts; for `index === records` the end of the last one, its LF included. */
  startOf(index: number): number {
    if (index >= this.records) return this.bytes;
    return this.words[batchHeader.bytes / 4 + index * entryWords]!;
  }
  /** Bytes of records `from` (inclusive) to `to` (exclusive), LFs not counted. */
  recordBytes(from: number, to: number): number {
    return this.startOf(to) - this.startOf(from) - (to - from);
  }
  /** Records `from` (inclusive) to `to` (exclusive) as they lie: each followed by LF. A view, not a copy. */
  slice(from: number, to: number): Buffer {
    return this.data.subarray(this.startOf(from), this.startOf(to));
  }
}
