/**
 * Finds good groups in a segment, whatever has happened to it: the walk that opening, reading and inspecting a spool share.
 * Twin: `native/spool/scan.h`.
 *
 * Memory is one window, however large a group is.
 */

import { crc32c } from "./crc32c.ts";
import {
  groupHeader,
  groupMagic,
  type ReadGroupHeader,
  readGroupHeader,
  readSegmentHeader,
  segmentHeader,
  segmentState,
  spoolVersion,
} from "./format.ts";
import type { SegmentHole, SegmentScan } from "./segment_files.ts";

/** Reads up to `length` bytes at `offset` into the start of `target`. @returns how many; fewer at the file's end */
export type ReadAt = (target: Buffer, offset: number, length: number) => Promise<number>;

export const windowBytes = 256 * 1024;
/** What is skipped, as zeros, where the device gives an error instead of bytes: its usual block. */
const unreadableBytes = 4096;

const magicBytes = Buffer.alloc(4);
magicBytes.writeUInt32LE(groupMagic);

/** A file's first `end` bytes through a window. What cannot be read counts as zeros: checksums tell. */
export class SegmentReader {
  readonly end: number;
  readonly #readAt: ReadAt;
  readonly #window = Buffer.allocUnsafe(windowBytes);
  #start = 0;
  #filled = 0;

  constructor(readAt: ReadAt, end: number) {
    this.#readAt = readAt;
    this.end = end;
  }

  /** @param length at most `windowBytes`, and not beyond `end`. @returns a view, good until the next call */
  async view(offset: number, length: number): Promise<Buffer> {
    if (offset < this.#start || offset + length > this.#start + this.#filled) await this.#fill(offset);
    return this.#window.subarray(offset - this.#start, offset - this.#start + length);
  }

  /** As many bytes at `offset` as the window gives at once; at least one before `end`. */
  async some(offset: number): Promise<Buffer> {
    if (offset < this.#start || offset >= this.#start + this.#filled) await this.#fill(offset);
    return this.#window.subarray(offset - this.#start, this.#filled);
  }

  async #fill(offset: number): Promise<void> {
    const wanted = Math.min(windowBytes, this.end - offset);
    this.#start = offset;
    this.#filled = 0;
    while (this.#filled < wanted) {
      let got = 0;
      try {
        got = await this.#readAt(this.#window.subarray(this.#filled), offset + this.#filled, wanted - this.#filled);
      } catch {
        got = 0;
      }
      if (got === 0) {
        got = Math.min(unreadableBytes, wanted - this.#filled);
        this.#window.fill(0, this.#filled, this.#filled + got);
      }
      this.#filled += got;
    }
  }
}

export interface FoundGroup {
  readonly offset: number;
  readonly header: ReadGroupHeader;
}

export class GroupFinder {
  /** Groups of another epoch are none; undefined: that of the first good one will be it. */
  epoch: number | undefined;
  readonly #reader: SegmentReader;
  /** Told of whole groups whose header is good and whose body is not. */
  readonly #damaged: (group: FoundGroup) => void;

  constructor(reader: SegmentReader, epoch: number | undefined, damaged: (group: FoundGroup) => void = () => {}) {
    this.#reader = reader;
    this.epoch = epoch;
    this.#damaged = damaged;
  }

  /** The first good group at or behind `offset`, with a sequence of at least `sequenceMin`. */
  async find(offset: number, sequenceMin: bigint): Promise<FoundGroup | undefined> {
    let at: number | undefined = offset;
    while (at !== undefined) {
      const header = await this.#headerAt(at, sequenceMin);
      if (header === undefined) {
        at = await this.#nextMagic(at + 1);
        continue;
      }
      const group = { offset: at, header };
      const end: number = at + header.totalBytes;
      if (end > this.#reader.end) {
        at = await this.#nextMagic(at + 1);
        continue;
      }
      if (await this.#isWhole(group)) {
        this.epoch = header.epoch;
        return group;
      }
      this.#damaged(group);
      // Most likely its length is right, and what its records hold is not looked at.
      if (end === this.#reader.end) return undefined;
      at = (await this.#headerAt(end, sequenceMin)) === undefined ? await this.#nextMagic(at + 1) : end;
    }
    return undefined;
  }

  async #headerAt(offset: number, sequenceMin: bigint): Promise<ReadGroupHeader | undefined> {
    if (offset + groupHeader.bytes > this.#reader.end) return undefined;
    const header = readGroupHeader(await this.#reader.view(offset, groupHeader.bytes));
    if (header === undefined || header.firstSequence < sequenceMin) return undefined;
    return this.epoch === undefined || header.epoch === this.epoch ? header : undefined;
  }

  async #nextMagic(from: number): Promise<number | undefined> {
    let offset = from;
    while (offset + groupHeader.bytes <= this.#reader.end) {
      const bytes = await this.#reader.some(offset);
      const found = bytes.indexOf(magicBytes);
      if (found >= 0) return offset + found;
      // It may lie across the window's end.
      offset += Math.max(1, bytes.length - (magicBytes.length - 1));
    }
    return undefined;
  }

  async #isWhole({ offset, header }: FoundGroup): Promise<boolean> {
    const end = offset + header.totalBytes;
    let crc = 0;
    for (let at = offset + groupHeader.bytes; at < end; ) {
      const bytes = await this.#reader.some(at);
      const part = bytes.subarray(0, end - at);
      crc = crc32c(part, crc);
      at += part.length;
    }
    return crc === header.bodyCrc;
  }
}

/** `SegmentFile.scan` over anything that can be read. */
export async function scanSegment(
  readAt: ReadAt,
  bytes: number,
  passed: bigint,
  expected: bigint,
): Promise<SegmentScan> {
  const reader = new SegmentReader(readAt, bytes);
  const header = bytes < segmentHeader.bytes ? undefined : readSegmentHeader(await reader.view(0, segmentHeader.bytes));
  const holes: SegmentHole[] = [];
  const scan = {
    state: header === undefined ? segmentState.headerDamaged : segmentState.good,
    version: header?.version ?? 0,
    epoch: header?.epoch ?? 0,
    found: 0,
    groups: 0,
    records: 0,
    bytes: 0,
    readOffset: 0,
    readSequence: 0n,
    endOffset: 0,
    endSequence: expected,
    tailSequence: 0n,
    tailBytes: 0,
    oldestMs: 0,
    newestMs: 0,
    holes,
  };
  if (header !== undefined && header.version !== spoolVersion) return { ...scan, state: segmentState.unknownVersion };
  // The first good group tells the epoch that the header would have. Looked for from the start again, as readers do, who know it: what lies
  // within a damaged group of another epoch counts for both or for neither.
  const epoch =
    header === undefined ? (await new GroupFinder(reader, undefined).find(0, 0n))?.header.epoch : header.epoch;
  const finder = new GroupFinder(reader, epoch, ({ header: { endSequence, recordBytes } }) => {
    if (endSequence <= scan.endSequence) return;
    scan.tailSequence = endSequence;
    scan.tailBytes += recordBytes;
  });
  let offset = header === undefined ? 0 : segmentHeader.bytes;
  // Within a segment sequences go on, even where they began anew because the cursor was lost.
  let sequenceMin = 0n;
  for (;;) {
    const group = await finder.find(offset, sequenceMin);
    if (group === undefined) break;
    const { firstSequence, priorSequence, endSequence, records, recordBytes, timeMs, totalBytes } = group.header;
    if (priorSequence > scan.endSequence)
      holes.push({ from: scan.endSequence, to: priorSequence, bytes: scan.tailBytes });
    scan.found++;
    if (endSequence > passed) {
      if (scan.groups++ === 0) {
        scan.readOffset = group.offset;
        scan.readSequence = firstSequence;
        scan.oldestMs = scan.newestMs = timeMs;
      }
      scan.records += records;
      scan.bytes += recordBytes;
      scan.oldestMs = Math.min(scan.oldestMs, timeMs);
      scan.newestMs = Math.max(scan.newestMs, timeMs);
    }
    scan.endOffset = offset = group.offset + totalBytes;
    sequenceMin = endSequence;
    if (endSequence > scan.endSequence) scan.endSequence = endSequence;
    scan.tailSequence = 0n;
    scan.tailBytes = 0;
    scan.epoch = group.header.epoch;
  }
  return scan;
}
