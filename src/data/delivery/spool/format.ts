/**
 * The spool on disk: what a segment, a group and the cursor look like, for both engines and for every command that reads them.
 *
 * `<directory>/<16 hex digits>.seg`, named by the first sequence in it; all numbers little-endian:
 *
 *     0               64            128
 *     | SegmentHeader | GroupHeader | reason | length record length record … | GroupHeader | reason | …
 *                                            └ body: `length` is four bytes, big-endian: the framing `length32`
 *
 * A group is good when the checksum of its header and that of reason and body are right (CRC32C, RFC 3720 appendix B.4). Behind a damaged
 * one the next is looked for at every byte, by its magic, its checksum, the segment's epoch, and a sequence that goes on. The epoch is
 * random, chosen when a lane is opened: a record that holds the bytes of a group is therefore not taken for one.
 *
 * `priorSequence` is where the lane stood before the group. Sequences between the end of one group and the `priorSequence` of the next were
 * in the lane and are missing; those between `priorSequence` and `firstSequence` never were in it. So losses are counted exactly
 * whatever was damaged or removed, as long as something behind it is left, or the cursor, which has the lane's end.
 *
 * `<directory>/cursor`, two slots that are written in turn, so that a torn write leaves the older one:
 *
 *     0            64                         4096         4160
 *     | CursorSlot | from to from to …        | CursorSlot | …
 *                    └ u64: ranges of sequences above the cursor that were given up or are known to be missing: accounted for already
 *
 * In every version of this format the first 16 bytes of a segment and of a slot mean the same, and the checksum covers the same 64 bytes
 * (4096 of a slot), so that an older program can tell a newer file from a damaged one.
 */

import { struct } from "../../../struct.ts";
import { crc32c } from "./crc32c.ts";

export const spoolVersion = 1;
/** `SGS1`. */
export const segmentMagic = 0x31534753;
/** `SGG1`. */
export const groupMagic = 0x31474753;
/** `SGC1`. */
export const cursorMagic = 0x31434753;
/** Of a dead letter's reason, in UTF-8: enough for a vendor's sentence, too little for what it quotes to fill the disk. */
export const reasonBytesMax = 1000;
export const cursorSlotBytes = 4096;

export const segmentHeader = struct("SegmentHeader", "The first 64 bytes of a segment of the spool.", 64, {
  magic: { type: "u32", doc: "0x31534753, 'SGS1'." },
  version: { type: "u32", doc: "spoolVersion." },
  crc: { type: "u32", doc: "CRC32C of these 64 bytes with this field 0." },
  epoch: { type: "u32", doc: "Random, of the lane's opening that wrote the segment; every group in it has the same." },
  firstSequence: { type: "u64", doc: "Of its first group, as in the file's name." },
  createdMs: { type: "f64", doc: "Milliseconds since 1970." },
});

export const groupHeader = struct("GroupHeader", "What every group of the spool starts with.", 64, {
  magic: { type: "u32", doc: "0x31474753, 'SGG1'." },
  headerCrc: { type: "u32", doc: "CRC32C of these 64 bytes with this field 0." },
  bodyCrc: { type: "u32", doc: "CRC32C of reason and body." },
  bodyBytes: { type: "u32", doc: "recordBytes + 4 × records." },
  records: { type: "u32", doc: "At least 1." },
  recordBytes: { type: "u32", doc: "Without lengths." },
  reasonBytes: { type: "u32", doc: "Between header and body; dead letters only." },
  epoch: { type: "u32", doc: "The segment's." },
  firstSequence: { type: "u64", doc: "Of its first record." },
  priorSequence: { type: "u64", doc: "One past the last record that the lane had taken before." },
  protection: { type: "u64", doc: "Identity of the protect rules that its records have passed." },
  timeMs: { type: "f64", doc: "When its first record was received, milliseconds since 1970." },
});

export const cursorSlot = struct("CursorSlot", "The first 64 bytes of a slot of the cursor.", 64, {
  magic: { type: "u32", doc: "0x31434753, 'SGC1'." },
  version: { type: "u32", doc: "spoolVersion." },
  crc: { type: "u32", doc: "CRC32C of the slot's 4096 bytes with this field 0." },
  gaps: { type: "u32", doc: "Ranges that follow." },
  generation: { type: "u64", doc: "The greater of two valid slots counts." },
  passedSequence: { type: "u64", doc: "Everything before it is done with." },
  nextSequence: { type: "u64", doc: "One past the last record that the lane had taken." },
});

/** Not on disk: what the native scan of a segment answers, followed by its holes, each three u64 (`SegmentHole`). */
export const segmentScan = struct("SegmentScan", "What a scan of a segment found; `holes` × 3 u64 follow.", 128, {
  state: { type: "u32", doc: "segmentState." },
  version: { type: "u32", doc: "As the header says." },
  epoch: { type: "u32", doc: "The header's; where that is damaged the first good group's." },
  holes: { type: "u32", doc: "Ranges of sequences that are missing: from, to, record bytes as far as known." },
  found: { type: "u64", doc: "Good groups." },
  groups: { type: "u64", doc: "Of these, those that end behind `passed`: held." },
  records: { type: "u64", doc: "Of what is held." },
  bytes: { type: "u64", doc: "Record bytes of what is held." },
  readOffset: { type: "u64", doc: "Where the first held group starts." },
  readSequence: { type: "u64", doc: "Its first sequence." },
  endOffset: { type: "u64", doc: "Where the last good group ends." },
  endSequence: { type: "u64", doc: "One past its last record; of none: `expected`." },
  tailSequence: { type: "u64", doc: "End of a whole group behind it whose body is damaged; 0: none." },
  tailBytes: { type: "u64", doc: "Record bytes of such groups." },
  oldestMs: { type: "f64", doc: "Least time of what is held." },
  newestMs: { type: "f64", doc: "Greatest." },
});

export const segmentState = { good: 0, headerDamaged: 1, unknownVersion: 2 } as const;

export interface SegmentHeaderFields {
  readonly epoch: number;
  readonly firstSequence: bigint;
  readonly createdMs: number;
}

export interface GroupHeaderFields {
  readonly records: number;
  readonly recordBytes: number;
  readonly reasonBytes: number;
  readonly epoch: number;
  readonly firstSequence: bigint;
  readonly priorSequence: bigint;
  readonly protection: bigint;
  readonly timeMs: number;
}

export function segmentName(firstSequence: bigint): string {
  return `${firstSequence.toString(16).padStart(16, "0")}.seg`;
}

/** @returns the sequence in a segment's name; undefined for any other file */
export function sequenceOfName(name: string): bigint | undefined {
  return /^[0-9a-f]{16}\.seg$/.test(name) ? BigInt(`0x${name.slice(0, 16)}`) : undefined;
}

/** Bytes that a group takes in its segment. */
export function groupBytes(records: number, recordBytes: number, reasonBytes: number): number {
  return groupHeader.bytes + reasonBytes + 4 * records + recordBytes;
}

export function encodeSegmentHeader(fields: SegmentHeaderFields): Buffer {
  const bytes = Buffer.alloc(segmentHeader.bytes);
  const at = segmentHeader.offsets;
  bytes.writeUInt32LE(segmentMagic, at.magic);
  bytes.writeUInt32LE(spoolVersion, at.version);
  bytes.writeUInt32LE(fields.epoch, at.epoch);
  bytes.writeBigUInt64LE(fields.firstSequence, at.firstSequence);
  bytes.writeDoubleLE(fields.createdMs, at.createdMs);
  bytes.writeUInt32LE(crc32c(bytes), at.crc);
  return bytes;
}

export interface ReadSegmentHeader extends SegmentHeaderFields {
  readonly version: number;
}

/** @param bytes the first 64 of a file, or fewer. @returns undefined when they are no header, or a damaged one */
export function readSegmentHeader(bytes: Uint8Array): ReadSegmentHeader | undefined {
  if (bytes.length < segmentHeader.bytes) return undefined;
  const header = Buffer.from(bytes.subarray(0, segmentHeader.bytes));
  const at = segmentHeader.offsets;
  const crc = header.readUInt32LE(at.crc);
  header.writeUInt32LE(0, at.crc);
  if (header.readUInt32LE(at.magic) !== segmentMagic || crc32c(header) !== crc) return undefined;
  return {
    version: header.readUInt32LE(at.version),
    epoch: header.readUInt32LE(at.epoch),
    firstSequence: header.readBigUInt64LE(at.firstSequence),
    createdMs: header.readDoubleLE(at.createdMs),
  };
}

/** A group's header with both checksums 0: `sealGroup`, or the native writer, puts them in when the body is known. */
export function encodeGroupHeader(fields: GroupHeaderFields): Buffer {
  const bytes = Buffer.alloc(groupHeader.bytes);
  const at = groupHeader.offsets;
  bytes.writeUInt32LE(groupMagic, at.magic);
  bytes.writeUInt32LE(fields.recordBytes + 4 * fields.records, at.bodyBytes);
  bytes.writeUInt32LE(fields.records, at.records);
  bytes.writeUInt32LE(fields.recordBytes, at.recordBytes);
  bytes.writeUInt32LE(fields.reasonBytes, at.reasonBytes);
  bytes.writeUInt32LE(fields.epoch, at.epoch);
  bytes.writeBigUInt64LE(fields.firstSequence, at.firstSequence);
  bytes.writeBigUInt64LE(fields.priorSequence, at.priorSequence);
  bytes.writeBigUInt64LE(fields.protection, at.protection);
  bytes.writeDoubleLE(fields.timeMs, at.timeMs);
  return bytes;
}

/** Puts the checksums into a group that lies in memory from its header to its end. */
export function sealGroup(group: Buffer): void {
  group.writeUInt32LE(crc32c(group.subarray(groupHeader.bytes)), groupHeader.offsets.bodyCrc);
  group.writeUInt32LE(0, groupHeader.offsets.headerCrc);
  group.writeUInt32LE(crc32c(group.subarray(0, groupHeader.bytes)), groupHeader.offsets.headerCrc);
}

export interface ReadGroupHeader extends GroupHeaderFields {
  readonly bodyCrc: number;
  readonly bodyBytes: number;
  /** One past its last record. */
  readonly endSequence: bigint;
  /** Bytes in the segment, header included. */
  readonly totalBytes: number;
}

/** @param bytes at least 64. @returns undefined when no good header of a group starts at `offset` */
export function readGroupHeader(bytes: Buffer, offset = 0): ReadGroupHeader | undefined {
  const at = groupHeader.offsets;
  if (bytes.readUInt32LE(offset + at.magic) !== groupMagic) return undefined;
  const header = Buffer.from(bytes.subarray(offset, offset + groupHeader.bytes));
  const crc = header.readUInt32LE(at.headerCrc);
  header.writeUInt32LE(0, at.headerCrc);
  if (crc32c(header) !== crc) return undefined;
  const records = header.readUInt32LE(at.records);
  const recordBytes = header.readUInt32LE(at.recordBytes);
  const reasonBytes = header.readUInt32LE(at.reasonBytes);
  const bodyBytes = header.readUInt32LE(at.bodyBytes);
  if (records === 0 || bodyBytes !== recordBytes + 4 * records || reasonBytes > reasonBytesMax) return undefined;
  const firstSequence = header.readBigUInt64LE(at.firstSequence);
  return {
    records,
    recordBytes,
    reasonBytes,
    bodyBytes,
    bodyCrc: header.readUInt32LE(at.bodyCrc),
    epoch: header.readUInt32LE(at.epoch),
    firstSequence,
    priorSequence: header.readBigUInt64LE(at.priorSequence),
    protection: header.readBigUInt64LE(at.protection),
    timeMs: header.readDoubleLE(at.timeMs),
    endSequence: firstSequence + BigInt(records),
    totalBytes: groupHeader.bytes + reasonBytes + bodyBytes,
  };
}

/** A reason as it is kept: cut at a character, so that what is left is UTF-8. */
export function encodeReason(reason: string): Buffer {
  const bytes = Buffer.from(reason, "utf8");
  if (bytes.length <= reasonBytesMax) return bytes;
  let end = reasonBytesMax;
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}
