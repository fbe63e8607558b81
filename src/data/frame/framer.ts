/**
 * Cuts one byte stream into records, whatever the sizes of its chunks. What each framing means is said in `framing.ts`.
 *
 * Records that lie whole in a chunk are handed out in place; only what a chunk leaves unfinished is copied, at most
 * MAX_RECORD_BYTES and a few bytes. A caller asks `next`, reads the record, and calls `accept`; a record that it cannot
 * take it leaves, and the state then fits the chunk from `at` on. When `next` finds no more, `keep` stores the rest.
 */

import type { Framer } from "../engine/engine.ts";
import { frameCell } from "../engine/layout.ts";
import { Carry } from "./carry.ts";
import { delimiterEnd } from "./delimiter.ts";
import type { Framing, FramingKind } from "./framing.ts";
import { cr, lf, startsWithPriority } from "./newline.ts";
import { readCount } from "./octet_counting.ts";
import { trimAtCut } from "./oversize.ts";
import type { Source } from "./source.ts";

/** How the record at hand ends. `undecided`: its first bytes have not told yet. */
const phase = { undecided: 0, line: 1, lineOrNul: 2, nul: 3, delimiter: 4, counted: 5, broken: 6 } as const;

/** Longest undecided start: 7 digits and a space. */
const headBytesMax = 8;
/** Longest delimiter less one. */
const tailBytesMax = 15;
/** A carry buffer larger than this is given back once its record has gone. */
const carryBytesKept = 4096;

const nothing = Buffer.alloc(0);

/**
 * What a caller has settled of a group that it gave back by `rewind` (`src/data/shard/router.ts`), so that it settles the rest
 * alone when the same bytes come again. All zero between groups. The framer only keeps it.
 */
export interface GroupProgress {
  /** In the group. */
  records: number;
  /** Of the caller's own records: how many, from the first. */
  own: number;
  /** Workers that have all of their records. */
  readonly owners: Set<number>;
}

interface Mark {
  phase: number;
  headBytes: number;
  kept: number;
  total: number;
  tailBytes: number;
  headerBytes: number;
  length: number;
  losses: Float64Array;
}

export class PortableFramer implements Framer {
  readonly framing: Framing;
  readonly maxRecordBytes: number;
  readonly source: Source;
  readonly progress: GroupProgress = { records: 0, own: 0, owners: new Set() };
  closed = false;

  /** The record that `next` found: bytes `start` to `end` of `bytes`. Valid until the framer is used again. */
  bytes: Buffer = nothing;
  start = 0;
  end = 0;
  /** Where the chunk continues: when the record is left alone, and when it was accepted. */
  at = 0;
  after = 0;
  /** Whether the byte behind the record in the chunk is its LF, so that runs of records can be copied at once. */
  followedByLf = false;

  readonly #kind: FramingKind;
  readonly #delimiter: Buffer;
  readonly #losses: Float64Array;
  #phase: number = phase.undecided;
  /** Bytes of an undecided start that earlier chunks brought. */
  readonly #head = new Uint8Array(headBytesMax);
  #headBytes = 0;
  /** The first bytes of the record at hand, at most maxRecordBytes, from earlier chunks. */
  readonly #carry = new Carry();
  #kept = 0;
  /** Bytes of the record that earlier chunks brought, terminators begun included. */
  #total = 0;
  /** The last of those bytes, for terminators that straddle chunks. */
  readonly #tail = new Uint8Array(tailBytesMax);
  #tailBytes = 0;
  /** Of a counted frame: its header's length, and its body's. */
  #headerBytes = 0;
  #length = 0;
  /** First NUL at or after the place of the last search; reset for each chunk. */
  #nulAt = -1;
  #lostBytes = 0;
  readonly #mark: Mark;
  #chunk: Buffer = nothing;
  #base = 0;
  readonly #byteAt = (index: number): number => {
    if (index < this.#headBytes) return this.#head[index]!;
    const place = this.#base + index - this.#headBytes;
    return place < this.#chunk.length ? this.#chunk[place]! : -1;
  };

  constructor(framing: Framing, maxRecordBytes: number, source: Source, losses: Float64Array) {
    this.framing = framing;
    this.maxRecordBytes = maxRecordBytes;
    this.source = source;
    this.#kind = framing.kind;
    this.#delimiter = Buffer.from(framing.delimiter ?? nothing);
    this.#losses = losses;
    this.#mark = {
      phase: 0,
      headBytes: 0,
      kept: 0,
      total: 0,
      tailBytes: 0,
      headerBytes: 0,
      length: 0,
      losses: new Float64Array(losses.length),
    };
  }

  get pendingBytes(): number {
    return this.#headBytes + this.#kept;
  }

  get begunBytes(): number {
    return this.#headerBytes + this.#headBytes + this.#total;
  }

  close(): void {
    this.closed = true;
    this.#reset();
    this.bytes = nothing;
    this.#chunk = nothing;
  }

  /** Whether the record found lies in the framer's own memory, not in the chunk. */
  get carriesRecord(): boolean {
    return this.bytes === this.#carry.bytes && this.bytes !== nothing;
  }

  /** Call once before the first `next` of a chunk, and again when the same memory holds other bytes. */
  begin(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#nulAt = -1;
  }

  /**
   * Looks for the next whole record in the chunk.
   * @returns false when there is none; `at` is then where the unfinished rest begins: call `keep`
   */
  next(from: number): boolean {
    const chunk = this.#chunk;
    this.at = from;
    for (;;) {
      if (this.at >= chunk.length) return false;
      if (this.#phase === phase.undecided && !this.#decide()) return false;
      if (this.#phase === phase.broken) return false;
      if (!this.#findEnd()) return false;
      if (this.end > this.start) return true;
      this.accept();
      this.at = this.after;
    }
  }

  /** Takes the record that `next` or `nextEnd` found. */
  accept(): void {
    if (this.#lostBytes > 0) {
      this.#losses[frameCell.cutRecords]! += 1;
      this.#losses[frameCell.lostOversizeBytes]! += this.#lostBytes;
      if (this.end === this.start) this.#losses[frameCell.lostOversizeRecords]! += 1;
      this.#lostBytes = 0;
    }
    this.#phase = phase.undecided;
    this.#headBytes = 0;
    this.#total = 0;
    this.#kept = 0;
    this.#tailBytes = 0;
    this.#headerBytes = 0;
  }

  /** Stores the chunk's unfinished rest. */
  keep(): void {
    const chunk = this.#chunk;
    const from = this.at;
    // Not before: until now a caller may have held a record that lies in it.
    if (this.#carry.bytes.length > carryBytesKept && this.#kept === 0) this.#carry.free();
    if (from < chunk.length) {
      if (this.#phase === phase.broken) this.#losses[frameCell.lostFrameBytes]! += chunk.length - from;
      else if (this.#phase === phase.undecided) {
        this.#head.set(chunk.subarray(from), this.#headBytes);
        this.#headBytes += chunk.length - from;
      } else this.#store(chunk, from, chunk.length);
      this.at = chunk.length;
    }
    this.#chunk = nothing;
    this.bytes = nothing;
  }

  /**
   * The stream has ended: looks for a last record in what is held. Accept it as any other; a frame that can be no record is
   * booked as lost and forgotten.
   */
  nextEnd(): boolean {
    this.#chunk = nothing;
    this.followedByLf = false;
    this.at = 0;
    this.after = 0;
    if (this.#phase === phase.undecided && this.#headBytes > 0) {
      if (this.#kind === "auto") this.#takeHead(phase.line);
      else {
        this.#losses[frameCell.lostFrameRecords]! += 1;
        this.#headBytes = 0;
      }
    }
    if (this.#phase === phase.counted && this.#kind !== "auto") {
      this.#losses[frameCell.lostFrameRecords]! += 1;
      this.#losses[frameCell.lostFrameBytes]! += this.#total;
      this.#total = 0;
    }
    if (this.#phase === phase.undecided || this.#phase === phase.broken || this.#total === 0) {
      this.#reset();
      return false;
    }
    this.#recordOf(this.#carry.bytes, 0, this.#kept, this.#total);
    if (this.end > this.start) return true;
    this.accept();
    return false;
  }

  /** Remembers the state, so that records accepted after it can be given back by `rewind`. `keep` ends its life. */
  mark(): void {
    const mark = this.#mark;
    mark.phase = this.#phase;
    mark.headBytes = this.#headBytes;
    mark.kept = this.#kept;
    mark.total = this.#total;
    mark.tailBytes = this.#tailBytes;
    mark.headerBytes = this.#headerBytes;
    mark.length = this.#length;
    mark.losses.set(this.#losses);
  }

  /** Back to the mark. The carry's first bytes are still there: records only write behind `kept`. */
  rewind(): void {
    const mark = this.#mark;
    this.#phase = mark.phase;
    this.#headBytes = mark.headBytes;
    this.#kept = mark.kept;
    this.#total = mark.total;
    this.#tailBytes = mark.tailBytes;
    this.#headerBytes = mark.headerBytes;
    this.#length = mark.length;
    this.#losses.set(mark.losses);
    this.#lostBytes = 0;
  }

  #reset(): void {
    this.#phase = phase.undecided;
    this.#headBytes = 0;
    this.#kept = 0;
    this.#total = 0;
    this.#tailBytes = 0;
    this.#headerBytes = 0;
    this.#carry.free();
  }

  /** Tells from its first bytes how the record at `at` ends, and moves `at` behind a header. @returns false: undecided */
  #decide(): boolean {
    switch (this.#kind) {
      case "newline":
        this.#phase = phase.line;
        return true;
      case "nul":
        this.#phase = phase.nul;
        return true;
      case "delimiter":
        this.#phase = phase.delimiter;
        return true;
      case "datagram":
        this.#phase = phase.counted;
        this.#length = this.#chunk.length - this.at;
        return true;
      case "length32":
        return this.#decideLength32();
      case "octet":
        return this.#decideOctet();
      case "auto":
        return this.#decideAuto();
    }
  }

  #decideLength32(): boolean {
    this.#base = this.at;
    let length = 0;
    while (length === 0) {
      for (let i = 0; i < 4; i++) {
        const byte = this.#byteAt(i);
        if (byte === -1) return false;
        length = length * 256 + byte;
      }
      // Of an empty frame there is nothing but its header.
      if (length === 0) this.#skipHead(4);
    }
    this.#beginCounted(4, length);
    return true;
  }

  #decideOctet(): boolean {
    this.#base = this.at;
    // Some senders put a line end behind each frame; it belongs to none.
    for (;;) {
      const byte = this.#byteAt(0);
      if (byte === lf) this.#skipHead(1);
      else if (byte === cr) {
        const next = this.#byteAt(1);
        if (next === -1) return false;
        if (next !== lf) break;
        this.#skipHead(2);
      } else break;
    }
    const header = readCount(this.#byteAt, false);
    if (header.kind === "needMore") return false;
    if (header.kind === "none") {
      this.#phase = phase.broken;
      this.#losses[frameCell.lostFrameRecords]! += 1;
      this.#losses[frameCell.lostFrameBytes]! += this.#headBytes;
      this.#headBytes = 0;
      return true;
    }
    this.#beginCounted(header.bodyAt, header.length);
    return true;
  }

  #decideAuto(): boolean {
    this.#base = this.at;
    const first = this.#byteAt(0);
    if (first >= 0x31 && first <= 0x39) {
      const header = readCount(this.#byteAt, true);
      if (header.kind === "needMore") return false;
      if (header.kind === "count") {
        this.#beginCounted(header.bodyAt, header.length);
        return true;
      }
    } else if (first === 0x3c) {
      const priority = startsWithPriority(this.#byteAt);
      if (priority === "needMore") return false;
      if (priority) {
        this.#takeHead(phase.lineOrNul);
        return true;
      }
    }
    this.#takeHead(phase.line);
    return true;
  }

  #beginCounted(headerBytes: number, length: number): void {
    this.#skipHead(headerBytes);
    this.#phase = phase.counted;
    this.#headerBytes = headerBytes;
    this.#length = length;
  }

  /** Moves past `count` bytes of the head and the chunk. */
  #skipHead(count: number): void {
    const fromHead = Math.min(count, this.#headBytes);
    this.#head.copyWithin(0, fromHead, this.#headBytes);
    this.#headBytes -= fromHead;
    this.#base += count - fromHead;
    this.at = this.#base;
  }

  /** The head turns out to be the first bytes of a record. */
  #takeHead(next: number): void {
    this.#phase = next;
    const headBytes = this.#headBytes;
    this.#headBytes = 0;
    if (headBytes > 0) this.#store(Buffer.from(this.#head.subarray(0, headBytes)), 0, headBytes);
  }

  /** Looks for the end of the record whose bytes continue at `at`. */
  #findEnd(): boolean {
    const chunk = this.#chunk;
    const at = this.at;
    let end: number;
    let stripped: number;
    this.followedByLf = false;
    switch (this.#phase) {
      case phase.counted: {
        end = at + (this.#length - this.#total);
        if (end > chunk.length) return false;
        this.after = end;
        stripped = this.#kind === "datagram" ? datagramEndBytes(chunk, at, end) : 0;
        break;
      }
      case phase.delimiter: {
        const after = delimiterEnd(this.#delimiter, this.#tail, this.#tailBytes, chunk, at);
        if (after < 0) return false;
        end = after;
        this.after = after;
        stripped = this.#delimiter.length;
        break;
      }
      case phase.nul: {
        end = this.#nulFrom(at);
        if (end < 0) return false;
        this.after = end + 1;
        stripped = 0;
        break;
      }
      default: {
        end = chunk.indexOf(lf, at);
        if (this.#phase === phase.lineOrNul) {
          const nul = this.#nulFrom(at);
          if (nul >= 0 && (end < 0 || nul < end)) {
            this.after = nul + 1;
            end = nul;
            stripped = 0;
            break;
          }
        }
        if (end < 0) return false;
        this.after = end + 1;
        const last = end > at ? chunk[end - 1] : this.#tailBytes > 0 ? this.#tail[this.#tailBytes - 1] : -1;
        stripped = last === cr ? 1 : 0;
        this.followedByLf = stripped === 0 && this.#total === 0;
      }
    }
    if (this.#total === 0) {
      const length = end - at - stripped;
      this.#recordOf(chunk, at, Math.min(length, this.maxRecordBytes), length);
      if (this.#lostBytes > 0) this.followedByLf = false;
    } else {
      const total = this.#total + (end - at) - stripped;
      const room = this.maxRecordBytes - this.#kept;
      const added = Math.min(room, end - at);
      this.#carry.reserve(this.#kept + added, this.#kept, this.maxRecordBytes);
      chunk.copy(this.#carry.bytes, this.#kept, at, at + added);
      this.#recordOf(this.#carry.bytes, 0, Math.min(total, this.#kept + added), total);
    }
    return true;
  }

  /** Sets the record: `kept` bytes at `start` of one that has `total`. */
  #recordOf(bytes: Buffer, start: number, kept: number, total: number): void {
    this.bytes = bytes;
    this.start = start;
    this.#lostBytes = 0;
    this.end = start + kept;
    if (total > this.maxRecordBytes) {
      this.end = trimAtCut(bytes, start, start + this.maxRecordBytes);
      this.#lostBytes = total - (this.end - start);
    }
  }

  #nulFrom(at: number): number {
    if (this.#nulAt < at) {
      const found = this.#chunk.indexOf(0, at);
      this.#nulAt = found < 0 ? Number.POSITIVE_INFINITY : found;
    }
    return this.#nulAt === Number.POSITIVE_INFINITY ? -1 : this.#nulAt;
  }

  #store(bytes: Buffer, from: number, to: number): void {
    const count = to - from;
    const added = Math.min(this.maxRecordBytes - this.#kept, count);
    if (added > 0) {
      this.#carry.reserve(this.#kept + added, this.#kept, this.maxRecordBytes);
      bytes.copy(this.#carry.bytes, this.#kept, from, from + added);
      this.#kept += added;
    }
    this.#total += count;
    const tail = this.#tail;
    if (count >= tailBytesMax) {
      tail.set(bytes.subarray(to - tailBytesMax, to));
      this.#tailBytes = tailBytesMax;
    } else {
      const old = Math.min(this.#tailBytes, tailBytesMax - count);
      tail.copyWithin(0, this.#tailBytes - old, this.#tailBytes);
      tail.set(bytes.subarray(from, to), old);
      this.#tailBytes = old + count;
    }
  }
}

/** Bytes of one line end or NUL at the end of a datagram. */
function datagramEndBytes(chunk: Buffer, from: number, end: number): number {
  if (end === from) return 0;
  const last = chunk[end - 1];
  if (last === 0) return 1;
  if (last !== lf) return 0;
  return end - from >= 2 && chunk[end - 2] === cr ? 2 : 1;
}
