/**
 * The ring over a `SharedArrayBuffer`, in TypeScript: any number of producers, one consumer. The memory, and what each state of
 * a block's `length` means, is drawn in `layout.ts`; `native/ring/` reads and writes the same bytes.
 *
 * Every access to a cursor, to `wake` and to a block's first word is an Atomics call (sequentially consistent, so no weaker than
 * what `native/ring/protocol.h` argues for each); all other words of a block are plain, and ordered by them: a producer's writes
 * come before the commit, the consumer's zeroes before its store of `head`. A block's first word is always read and written
 * whole, 8 bytes: ECMAScript orders two threads by an Atomics access only when both name the same range of bytes ("synchronizes
 * with", ECMA-262 section 29.7), and a padding block's word is written as kind and length at once.
 */

import { isIPv4, isIPv6 } from "node:net";
import { StreamGateError } from "../../errors.ts";
import type { Batch } from "../engine/batch.ts";
import type { Framer, Ring } from "../engine/engine.ts";
import { PortableFramer } from "../frame/framer.ts";
import { lf } from "../frame/newline.ts";
import type { Source } from "../frame/source.ts";
import {
  blockAlignment,
  blockHeader,
  blockKind,
  producersMax,
  ringHeader,
  ringMagic,
  ringMemoryBytes,
  ringVersion,
  transport,
} from "./layout.ts";

/** Most bytes of records in one block, unless it is a single larger one. */
const blockBodyBytesMax = 65_536;
/** Most records in one block: as many as one-byte records fill a body with. */
const blockRecordsMax = blockBodyBytesMax / 2;

/** The kind of a block whose header is being written: its length is known, its epoch not yet. */
const kindUnknown = 0;

const tailAt = ringHeader.offsets.tail / 8;
const headAt = ringHeader.offsets.head / 8;
const wakeAt = ringHeader.offsets.wake / 4;
const waitingAt = ringHeader.offsets.waiting / 4;
const pushedRecordsAt = ringHeader.offsets.pushedRecords / 8;
const pushedBytesAt = ringHeader.offsets.pushedBytes / 8;
const takenRecordsAt = ringHeader.offsets.takenRecords / 8;
const takenBytesAt = ringHeader.offsets.takenBytes / 8;
const abandonedClaimsAt = ringHeader.offsets.abandonedClaims / 8;
const abandonedBytesAt = ringHeader.offsets.abandonedBytes / 8;
const epochsAt = ringHeader.offsets.producerEpochs / 4;

/** The block at the head as its consumer reads it. Valid until `release`. */
export interface BlockView {
  readonly records: number;
  readonly receivedAtMs: number;
  /** A `transport`. */
  readonly transport: number;
  /** Of the peer, 4 or 16 bytes; empty: unknown, or several. */
  readonly address: Uint8Array;
  /** Bytes of the records, without their LFs. */
  readonly recordBytes: number;
  /** Length of record i, without its LF, at `lengths[lengthsAt + i]`. */
  readonly lengths: Uint32Array;
  readonly lengthsAt: number;
  /** The records, each followed by one LF. */
  readonly body: Buffer;
}

export class SharedRing implements Ring {
  readonly memory: SharedArrayBuffer;
  readonly producer: number;
  readonly #capacityBytes: number;
  readonly #slots: number;
  readonly #cursors: BigUint64Array;
  readonly #words: Int32Array;
  readonly #unsigned: Uint32Array;
  readonly #blocks: BigInt64Array;
  readonly #bytes: Buffer;
  readonly #view: DataView;
  /** Start and end of the records gathered for one block, in the chunk. */
  readonly #gathered = new Int32Array(2 * blockRecordsMax);
  #closed = false;
  /** Where head and tail stood when a forced skip first saw the claim at the head. Equal: not seen. */
  #suspectHead = 0n;
  #suspectTail = 0n;

  /** @throws StreamGateError SG_LAYOUT when the memory is no ring */
  constructor(memory: SharedArrayBuffer, producer: number) {
    const header = memory.byteLength >= ringHeader.bytes ? new Uint32Array(memory, 0, ringHeader.bytes / 4) : undefined;
    const capacityBytes = header?.[ringHeader.offsets.capacityBytes / 4] ?? 0;
    if (
      header === undefined ||
      header[ringHeader.offsets.magic / 4] !== ringMagic ||
      header[ringHeader.offsets.version / 4] !== ringVersion ||
      capacityBytes === 0 ||
      (capacityBytes & (capacityBytes - 1)) !== 0 ||
      memory.byteLength !== ringMemoryBytes(capacityBytes)
    ) {
      throw new StreamGateError("SG_LAYOUT", { what: "this memory is no ring", fix: "make it with createRingMemory" });
    }
    if (!Number.isInteger(producer) || producer < 0 || producer >= producersMax)
      throw new StreamGateError("SG_LAYOUT", { what: `producer ${producer} is not 0 to ${producersMax - 1}` });
    this.memory = memory;
    this.producer = producer;
    this.#capacityBytes = capacityBytes;
    this.#slots = header[ringHeader.offsets.slots / 4]!;
    this.#cursors = new BigUint64Array(memory, 0, ringHeader.bytes / 8);
    this.#words = new Int32Array(memory);
    this.#unsigned = new Uint32Array(memory);
    this.#blocks = new BigInt64Array(memory);
    this.#bytes = Buffer.from(memory);
    this.#view = new DataView(memory);
  }

  isEmpty(): boolean {
    return this.bytes === 0;
  }

  get blocks(): number {
    const head = Atomics.load(this.#cursors, headAt);
    return (high(Atomics.load(this.#cursors, tailAt)) - high(head)) >>> 0;
  }

  get bytes(): number {
    // Head first: a head that has passed an older tail would make the ring look larger than it is.
    const head = Atomics.load(this.#cursors, headAt);
    return ((low(Atomics.load(this.#cursors, tailAt)) - low(head)) >>> 0) * blockAlignment;
  }

  pushChunk(framer: Framer, chunk: Uint8Array, from: number, receivedAtMs: number): number {
    this.#check();
    const portable = portableFramer(framer);
    const bytes = asBuffer(chunk);
    portable.begin(bytes);
    let at = from;
    for (;;) {
      portable.mark();
      const gathered = this.#gather(portable, at);
      if (gathered.records > 0 && !this.#pushGathered(gathered, bytes, portable.source, receivedAtMs)) {
        portable.rewind();
        return at;
      }
      at = portable.at;
      if (gathered.last) {
        portable.keep();
        return bytes.length;
      }
    }
  }

  pushEnd(framer: Framer, receivedAtMs: number): boolean {
    this.#check();
    const portable = portableFramer(framer);
    if (!portable.nextEnd()) return true;
    const { bytes, start, end } = portable;
    this.#gathered[0] = start;
    this.#gathered[1] = end;
    const gathered: Gathered = { records: 1, bodyBytes: end - start + 1, carried: undefined, last: true };
    if (!this.#pushGathered(gathered, bytes, portable.source, receivedAtMs)) return false;
    portable.accept();
    return true;
  }

  pushBatch(batch: Batch, from: number, to: number): number {
    this.#check();
    const source: Source = { transport: "unknown" };
    let next = from;
    while (next < to) {
      let records = 0;
      let bodyBytes = 0;
      while (next + records < to && records < blockRecordsMax) {
        const start = batch.startOf(next + records);
        const bytes = batch.startOf(next + records + 1) - start;
        if (records > 0 && !this.sharesBlock(records + 1, bodyBytes + bytes)) break;
        this.#gathered[2 * records] = start;
        this.#gathered[2 * records + 1] = start + bytes - 1;
        bodyBytes += bytes;
        records++;
      }
      if (!this.#pushGathered({ records, bodyBytes, carried: undefined, last: true }, batch.data, source, 0))
        return next;
      next += records;
    }
    return next;
  }

  /**
   * Pushes records of one chunk as one block. @returns false when the ring is full
   * @param ranges start and end of each in `chunk`
   * @param carried memory of the first record instead of the chunk
   */
  pushRecords(
    ranges: Int32Array,
    records: number,
    carried: Buffer | undefined,
    chunk: Buffer,
    source: Source,
    receivedAtMs: number,
  ): boolean {
    this.#check();
    let bodyBytes = records;
    for (let i = 0; i < records; i++) bodyBytes += ranges[2 * i + 1]! - ranges[2 * i]!;
    this.#gathered.set(ranges.subarray(0, 2 * records));
    return this.#pushGathered({ records, bodyBytes, carried, last: true }, chunk, source, receivedAtMs);
  }

  /** May so many records be one block? At most a quarter of the ring, so that blocks of many producers share a small one. */
  sharesBlock(records: number, bodyBytes: number): boolean {
    return bodyBytes <= blockBodyBytesMax && blockBytes(records, bodyBytes) <= this.#capacityBytes / 4;
  }

  /** Collects records for one block without changing the ring. */
  #gather(framer: PortableFramer, from: number): Gathered {
    const gathered = this.#gathered;
    let carried: Buffer | undefined;
    let records = 0;
    let bodyBytes = 0;
    let at = from;
    while (records < blockRecordsMax) {
      if (!framer.next(at)) return { records, bodyBytes, carried, last: true };
      const bytes = framer.end - framer.start + 1;
      if (records > 0 && !this.sharesBlock(records + 1, bodyBytes + bytes))
        return { records, bodyBytes, carried, last: false };
      gathered[2 * records] = framer.start;
      gathered[2 * records + 1] = framer.end;
      // Only the first record of a chunk can lie in the framer's own memory.
      if (framer.carriesRecord) carried = framer.bytes;
      records++;
      bodyBytes += bytes;
      framer.accept();
      at = framer.after;
      framer.at = at;
    }
    return { records, bodyBytes, carried, last: false };
  }

  #pushGathered(gathered: Gathered, chunk: Buffer, source: Source, receivedAtMs: number): boolean {
    const { records, bodyBytes, carried } = gathered;
    const lengthsBytes = align(4 * records);
    const total = blockBytes(records, bodyBytes);
    const offset = this.#claim(total);
    if (offset < 0) return false;
    const block = ringHeader.bytes + offset;
    const fields = blockHeader.offsets;
    this.#beginBlock(block, total);
    this.#unsigned[(block + fields.records) / 4] = records;
    this.#unsigned[(block + fields.bodyBytes) / 4] = bodyBytes;
    this.#view.setUint8(block + fields.transport, transport[source.transport]);
    this.#view.setUint16(block + fields.port, source.port ?? 0, true);
    this.#view.setFloat64(block + fields.receivedAtMs, receivedAtMs, true);
    this.#setAddress(block, source.address);

    const ranges = this.#gathered;
    const lengthsAt = (block + blockHeader.bytes) / 4;
    let to = block + blockHeader.bytes + lengthsBytes;
    for (let i = 0; i < records; i++) {
      const start = ranges[2 * i]!;
      const end = ranges[2 * i + 1]!;
      const from = i === 0 && carried !== undefined ? carried : chunk;
      this.#unsigned[lengthsAt + i] = end - start;
      from.copy(this.#bytes, to, start, end);
      to += end - start;
      this.#bytes[to++] = lf;
    }

    // Before the commit, so that pushed is never less than taken.
    Atomics.add(this.#cursors, pushedRecordsAt, BigInt(records));
    Atomics.add(this.#cursors, pushedBytesAt, BigInt(bodyBytes - records));
    this.#storeWord(block, total, blockKind.records);
    Atomics.add(this.#words, wakeAt, 1);
    if (Atomics.load(this.#words, waitingAt) === 1) Atomics.notify(this.#words, wakeAt);
    return true;
  }

  /** @returns the block's offset behind the ring's header; -1 when the ring is full */
  #claim(total: number): number {
    const capacity = this.#capacityBytes;
    if (total > capacity)
      throw new StreamGateError("SG_LAYOUT", {
        what: `a block of ${total} bytes is larger than its ring of ${capacity}`,
        fix: "make the ring larger than the longest record (RING_BYTES, MAX_RECORD_BYTES)",
      });
    for (;;) {
      // Head first: a stale head makes the ring look fuller than it is, a head that has passed a stale tail beyond measure.
      const head = Atomics.load(this.#cursors, headAt);
      const tail = Atomics.load(this.#cursors, tailAt);
      const position = low(tail);
      const used = ((position - low(head)) >>> 0) * blockAlignment;
      if ((high(tail) - high(head)) >>> 0 >= this.#slots) return -1;
      const offset = (position * blockAlignment) % capacity;
      const toEnd = capacity - offset;
      if (total <= toEnd) {
        if (used + total > capacity) return -1;
        if (this.#moveTail(tail, total, 1)) return offset;
        continue;
      }
      if (used + toEnd + total <= capacity) {
        if (!this.#moveTail(tail, toEnd + total, 1)) continue;
        this.#storeWord(ringHeader.bytes + offset, toEnd, blockKind.padding);
        return 0;
      }
      // A large block can miss even an empty ring because of where the tail stands. Claim the padding alone: once the
      // consumer has passed it the block fits at the ring's start.
      if (used + toEnd > capacity || offset === 0 || used > 0) return -1;
      if (this.#moveTail(tail, toEnd, 0)) {
        this.#storeWord(ringHeader.bytes + offset, toEnd, blockKind.padding);
        this.#wake();
        return -1;
      }
    }
  }

  #wake(): void {
    Atomics.add(this.#words, wakeAt, 1);
    Atomics.notify(this.#words, wakeAt);
  }

  #moveTail(tail: bigint, bytes: number, blocks: number): boolean {
    const next = cursor((low(tail) + bytes / blockAlignment) >>> 0, (high(tail) + blocks) >>> 0);
    return Atomics.compareExchange(this.#cursors, tailAt, tail, next) === tail;
  }

  /** Writes a block's length, kind and producer at once. */
  #storeWord(block: number, length: number, kind: number): void {
    const word = (BigInt(length) & 0xffff_ffffn) | (BigInt(kind) << 32n) | (BigInt(this.producer) << 48n);
    Atomics.store(this.#blocks, block / 8, BigInt.asIntN(64, word));
  }

  /** Begins a block. While the epoch is not there yet the kind is 0, so that nobody takes a live claim for one of an older epoch. */
  #beginBlock(block: number, total: number): void {
    this.#storeWord(block, -total, kindUnknown);
    this.#unsigned[(block + blockHeader.offsets.epoch) / 4] = Atomics.load(this.#unsigned, epochsAt + this.producer);
    this.#storeWord(block, -total, blockKind.records);
  }

  #setAddress(block: number, address: string | undefined): void {
    const family = block + blockHeader.offsets.family;
    const at = block + blockHeader.offsets.address;
    if (address === undefined) return;
    const plain = address.startsWith("::ffff:") && isIPv4(address.slice(7)) ? address.slice(7) : address;
    if (isIPv4(plain)) {
      this.#view.setUint8(family, 4);
      plain.split(".").forEach((part, i) => {
        this.#view.setUint8(at + i, Number(part));
      });
    } else if (isIPv6(plain)) {
      this.#view.setUint8(family, 6);
      ipv6Words(plain).forEach((word, i) => {
        this.#view.setUint16(at + 2 * i, word);
      });
    }
  }

  /** Consumer only. The committed block at the head; undefined when there is none. Passes padding. */
  peek(): BlockView | undefined {
    this.#check();
    for (;;) {
      const block = this.#headBlock();
      const word = this.#loadWord(block);
      const length = lengthIn(word);
      if (length <= 0) return undefined;
      if (kindIn(word) === blockKind.padding) {
        this.#advance(block, length, 0);
        continue;
      }
      const records = this.#unsigned[(block + blockHeader.offsets.records) / 4]!;
      const bodyBytes = this.#unsigned[(block + blockHeader.offsets.bodyBytes) / 4]!;
      const bodyAt = block + blockHeader.bytes + align(4 * records);
      return {
        records,
        receivedAtMs: this.#view.getFloat64(block + blockHeader.offsets.receivedAtMs, true),
        transport: this.#view.getUint8(block + blockHeader.offsets.transport),
        address: this.#address(block),
        recordBytes: bodyBytes - records,
        lengths: this.#unsigned,
        lengthsAt: (block + blockHeader.bytes) / 4,
        body: this.#bytes.subarray(bodyAt, bodyAt + bodyBytes),
      };
    }
  }

  #address(block: number): Uint8Array {
    const family = this.#view.getUint8(block + blockHeader.offsets.family);
    const at = block + blockHeader.offsets.address;
    return this.#bytes.subarray(at, at + (family === 4 ? 4 : family === 6 ? 16 : 0));
  }

  /** Consumer only. Gives the block at the head back to the producers. */
  release(view: BlockView): void {
    const block = this.#headBlock();
    const length = lengthIn(this.#loadWord(block));
    Atomics.add(this.#cursors, takenRecordsAt, BigInt(view.records));
    Atomics.add(this.#cursors, takenBytesAt, BigInt(view.recordBytes));
    this.#advance(block, length, 1);
  }

  skipAbandoned(force: boolean): boolean {
    this.#check();
    const block = this.#headBlock();
    const head = Atomics.load(this.#cursors, headAt);
    const tail = Atomics.load(this.#cursors, tailAt);
    if (low(head) === low(tail)) return false;
    const word = this.#loadWord(block);
    const length = lengthIn(word);
    if (length > 0) return false;
    if (length < 0 && kindIn(word) !== kindUnknown) {
      const producer = Number((word >> 48n) & 0xffffn) % producersMax;
      const epoch = this.#unsigned[(block + blockHeader.offsets.epoch) / 4]!;
      if (Atomics.load(this.#unsigned, epochsAt + producer) === epoch) return false;
      // Between the two loads it may have committed, and died after that; now its last word is there.
      if (this.#loadWord(block) !== word) return false;
    } else {
      if (!force) return false;
      if (this.#suspectHead !== head || this.#suspectHead === this.#suspectTail) {
        this.#suspectHead = head;
        this.#suspectTail = tail;
        return false;
      }
    }
    this.#abandon(block, length < 0 ? -length : this.#unwrittenBytes(head));
    return true;
  }

  close(): void {
    this.#closed = true;
  }

  /**
   * Bytes of the claim at the head that has no header: up to the next word that is not zero, or the tail as it was when that claim was
   * first seen. The consumer zeroes what it passes, so such a word is the first of another claim. A claim that lies between and
   * whose producer lives would have been written within the second that the caller has waited.
   */
  #unwrittenBytes(head: bigint): number {
    const start = (low(head) * blockAlignment) % this.#capacityBytes;
    const claimed = ((low(this.#suspectTail) - low(head)) >>> 0) * blockAlignment;
    let bytes = blockAlignment;
    while (bytes < claimed) {
      const offset = (start + bytes) % this.#capacityBytes;
      if (this.#loadWord(ringHeader.bytes + offset) !== 0n) break;
      bytes += blockAlignment;
    }
    return bytes;
  }

  #loadWord(block: number): bigint {
    return Atomics.load(this.#blocks, block / 8);
  }

  #abandon(block: number, bytes: number): void {
    Atomics.add(this.#cursors, abandonedClaimsAt, 1n);
    Atomics.add(this.#cursors, abandonedBytesAt, BigInt(bytes));
    this.#advance(block, bytes, 1);
    this.#suspectHead = this.#suspectTail;
  }

  #headBlock(): number {
    const position = low(Atomics.load(this.#cursors, headAt));
    return ringHeader.bytes + ((position * blockAlignment) % this.#capacityBytes);
  }

  /** Zeroes `bytes` at the head and moves it. */
  #advance(block: number, bytes: number, blocks: number): void {
    const end = ringHeader.bytes + this.#capacityBytes;
    const first = Math.min(bytes, end - block);
    this.#bytes.fill(0, block, block + first);
    if (first < bytes) this.#bytes.fill(0, ringHeader.bytes, ringHeader.bytes + bytes - first);
    const head = Atomics.load(this.#cursors, headAt);
    const position = (low(head) + bytes / blockAlignment) >>> 0;
    const tail = Atomics.load(this.#cursors, tailAt);
    // Several dead claims may have been passed as one; where the ring has become empty the sequence is known again.
    const sequence = position === low(tail) ? high(tail) : (high(head) + blocks) >>> 0;
    Atomics.store(this.#cursors, headAt, cursor(position, sequence));
  }

  #check(): void {
    if (this.#closed) throw new StreamGateError("SG_ENGINE_CLOSED", { what: "this ring is closed" });
  }
}

interface Gathered {
  readonly records: number;
  /** Bytes of the records and their LFs. */
  readonly bodyBytes: number;
  /** Memory of the first record where it is not the chunk. */
  readonly carried: Buffer | undefined;
  /** No whole record is left in the chunk. */
  readonly last: boolean;
}

function portableFramer(framer: Framer): PortableFramer {
  if (!(framer instanceof PortableFramer))
    throw new StreamGateError("SG_LAYOUT", { what: "a framer of another engine cannot be used here" });
  if (framer.closed) throw new StreamGateError("SG_ENGINE_CLOSED", { what: "this framer is closed" });
  return framer;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bytes that a block of these records occupies, their LFs included in `bodyBytes`. */
function blockBytes(records: number, bodyBytes: number): number {
  return align(blockHeader.bytes + align(4 * records) + bodyBytes);
}

function align(bytes: number): number {
  return Math.ceil(bytes / blockAlignment) * blockAlignment;
}

/** Length and kind in a block's first word. */
function lengthIn(word: bigint): number {
  return Number(BigInt.asIntN(32, word));
}

function kindIn(word: bigint): number {
  return Number((word >> 32n) & 0xffffn);
}

function low(value: bigint): number {
  return Number(value & 0xffff_ffffn);
}

function high(value: bigint): number {
  return Number(value >> 32n);
}

function cursor(position: number, sequence: number): bigint {
  return (BigInt(sequence) << 32n) | BigInt(position);
}

/** The eight 16-bit groups of a valid IPv6 address, RFC 4291 section 2.2. */
function ipv6Words(address: string): number[] {
  const text = (address.split("%")[0] ?? "").replace(
    /(\d+)\.(\d+)\.(\d+)\.(\d+)$/,
    (_, a, b, c, d) => `${((a << 8) | +b).toString(16)}:${((c << 8) | +d).toString(16)}`,
  );
  const [before = "", after] = text.split("::");
  const words = (part: string) => (part === "" ? [] : part.split(":").map((word) => Number.parseInt(word, 16)));
  if (after === undefined) return words(before);
  const [left, right] = [words(before), words(after)];
  return [...left, ...new Array(8 - left.length - right.length).fill(0), ...right];
}
