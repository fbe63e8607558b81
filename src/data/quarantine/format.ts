/**
 * The quarantine on disk: what a segment and a group look like, and how a group is sealed.
 *
 * `<data>/quarantine/<13 digits, created, ms>-<tag>.qseg`, appended to by one thread only; all numbers little-endian:
 *
 *     0                         64
 *     | QuarantineSegmentHeader | QuarantineGroupHeader | meta | ciphertext | tag (16) | QuarantineGroupHeader | …
 *
 * `meta` is JSON (`GroupMeta`): which rules could not finish how many records, and why. It is readable without the key and authenticated
 * with it. What is encrypted are the entries as an engine withheld them (`WithheldEntry`, `src/data/engine/layout.ts`): records, their
 * sources, their times; an entry's `rule` is an index into the rules of `meta`.
 *
 * AES-256-GCM (NIST SP 800-38D). Each segment has a key of its own, HKDF-SHA256 (RFC 5869) of the key in the key file with 32 random bytes
 * in the segment's header as salt, and each group's nonce is its number in the segment, which is never used twice: a segment has one writer,
 * is never appended to after it was closed, and a group whose write failed takes its number with it. So no limit on the number of groups
 * follows from the birthday bound, which 96 random bits under one key would have at 2³² groups. Segment header, group header and meta are
 * authenticated with the ciphertext, so no group can be moved, renumbered or described as another.
 *
 * A group needs no checksum: without the key its header is believed when its magic, its segment's tag and its sizes fit.
 */

import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import { struct } from "../../struct.ts";
import { quarantineCause } from "../engine/layout.ts";

export const quarantineVersion = 1;
/** `SGQ1`. */
const segmentMagic = 0x31514753;
/** `SGQG`. */
export const groupMagic = 0x47514753;
const tagBytes = 16;
const keyBytes = 32;
const saltBytes = 32;

export const segmentHeader = struct("QuarantineSegmentHeader", "The first 64 bytes of a segment.", 64, {
  magic: { type: "u32", doc: "0x31514753, 'SGQ1'." },
  version: { type: "u32", doc: "quarantineVersion." },
  keyId: { type: "u64", doc: "Which key of the key file: `keyId` of key.ts." },
  createdMs: { type: "f64", doc: "Milliseconds since 1970." },
  salt: {
    type: "u8",
    count: saltBytes,
    doc: "Random; the segment's key is made with it. Its first four bytes are the segment's tag.",
  },
});

export const groupHeader = struct("QuarantineGroupHeader", "In front of every group.", 48, {
  magic: { type: "u32", doc: "0x47514753, 'SGQG'." },
  tag: { type: "u32", doc: "The segment's: bytes of another segment are not taken for a group of this one." },
  number: { type: "u32", doc: "In its segment, ascending; the nonce." },
  metaBytes: { type: "u32", doc: "Bytes of meta." },
  cipherBytes: { type: "u32", doc: "Bytes of the ciphertext, the GCM tag of 16 bytes behind it not counted." },
  records: { type: "u32", doc: "At least 1." },
  recordBytes: { type: "f64", doc: "Of the records, as received." },
  firstMs: { type: "f64", doc: "When the first of them was received, milliseconds since 1970." },
  lastMs: { type: "f64", doc: "When the last was." },
});

/** Why a record was withheld, as people and `GET /status` read it: `match_limit`. */
export type CauseName = string;
const causeNames: ReadonlyMap<number, CauseName> = new Map(
  Object.entries(quarantineCause).map(([name, code]) => [code, name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)]),
);
export function causeName(code: number): CauseName {
  return causeNames.get(code) ?? `cause_${code}`;
}

/** Records of a group that one rule withheld for one cause. */
export interface Held {
  /** Index into `rules`. */
  readonly rule: number;
  readonly cause: CauseName;
  records: number;
  /** As received. */
  bytes: number;
}

export interface GroupMeta {
  /** Ids. */
  readonly rules: readonly string[];
  readonly held: readonly Held[];
  /** Withheld when this output's spool was read: the others have had the records. Absent: no output has had them. */
  readonly output?: string;
}

export interface SegmentFields {
  readonly keyId: bigint;
  readonly createdMs: number;
  readonly salt: Buffer;
}

export interface GroupFields {
  readonly number: number;
  readonly records: number;
  readonly recordBytes: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly meta: GroupMeta;
}

export function segmentName({ createdMs, salt }: SegmentFields): string {
  return `${String(Math.floor(createdMs)).padStart(13, "0")}-${tagText(salt)}.qseg`;
}

export function isSegmentName(name: string): boolean {
  return /^\d{13,}-[0-9a-f]{8}\.qseg$/.test(name);
}

/** What a group is called: its segment's tag and its number. */
export function groupId(salt: Buffer, number: number): string {
  return `${tagText(salt)}-${number}`;
}

function tagText(salt: Buffer): string {
  return salt.toString("hex", 0, 4);
}

export function encodeSegmentHeader({ keyId, createdMs, salt }: SegmentFields): Buffer {
  const bytes = Buffer.alloc(segmentHeader.bytes);
  const at = segmentHeader.offsets;
  bytes.writeUInt32LE(segmentMagic, at.magic);
  bytes.writeUInt32LE(quarantineVersion, at.version);
  bytes.writeBigUInt64LE(keyId, at.keyId);
  bytes.writeDoubleLE(createdMs, at.createdMs);
  salt.copy(bytes, at.salt);
  return bytes;
}

/** @returns undefined when the bytes are no header; `version` may be one that is not known */
export function readSegmentHeader(bytes: Buffer): (SegmentFields & { readonly version: number }) | undefined {
  const at = segmentHeader.offsets;
  if (bytes.length < segmentHeader.bytes || bytes.readUInt32LE(at.magic) !== segmentMagic) return undefined;
  return {
    version: bytes.readUInt32LE(at.version),
    keyId: bytes.readBigUInt64LE(at.keyId),
    createdMs: bytes.readDoubleLE(at.createdMs),
    salt: Buffer.from(bytes.subarray(at.salt, at.salt + saltBytes)),
  };
}

/** @param key 32 bytes of the key file */
export function segmentKey(key: Uint8Array, salt: Uint8Array): Buffer {
  return Buffer.from(hkdfSync("sha256", key, salt, "streamgate quarantine segment", keyBytes));
}

/** Bytes that a group takes in its segment. */
export function groupBytes(meta: Buffer, entriesBytes: number): number {
  return groupHeader.bytes + meta.length + entriesBytes + tagBytes;
}

export function encodeMeta(meta: GroupMeta): Buffer {
  return Buffer.from(JSON.stringify(meta), "utf8");
}

/**
 * A group's bytes, sealed.
 * @param header the segment's, encoded
 * @param key the segment's
 * @param meta `encodeMeta(fields.meta)`
 */
export function sealGroup(header: Buffer, key: Buffer, fields: GroupFields, meta: Buffer, entries: Uint8Array): Buffer {
  const group = Buffer.alloc(groupBytes(meta, entries.length));
  const at = groupHeader.offsets;
  group.writeUInt32LE(groupMagic, at.magic);
  group.writeUInt32LE(tagOf(header), at.tag);
  group.writeUInt32LE(fields.number, at.number);
  group.writeUInt32LE(meta.length, at.metaBytes);
  group.writeUInt32LE(entries.length, at.cipherBytes);
  group.writeUInt32LE(fields.records, at.records);
  group.writeDoubleLE(fields.recordBytes, at.recordBytes);
  group.writeDoubleLE(fields.firstMs, at.firstMs);
  group.writeDoubleLE(fields.lastMs, at.lastMs);
  meta.copy(group, groupHeader.bytes);
  const bodyAt = groupHeader.bytes + meta.length;
  const cipher = createCipheriv("aes-256-gcm", key, nonceOf(fields.number), { authTagLength: tagBytes });
  cipher.setAAD(Buffer.concat([header, group.subarray(0, bodyAt)]));
  cipher.update(entries).copy(group, bodyAt);
  cipher.final();
  cipher.getAuthTag().copy(group, bodyAt + entries.length);
  return group;
}

export interface ReadGroup extends GroupFields {
  readonly offset: number;
  /** From header to GCM tag. */
  readonly bytes: number;
}

/**
 * @param file a segment's bytes, from its header on
 * @returns undefined when no group starts there; `"unfinished"` when one does that goes on behind the last byte
 */
export function readGroup(file: Buffer, offset: number): ReadGroup | "unfinished" | undefined {
  const at = groupHeader.offsets;
  if (offset + groupHeader.bytes > file.length) return file.length > offset ? "unfinished" : undefined;
  if (file.readUInt32LE(offset + at.magic) !== groupMagic) return undefined;
  if (file.readUInt32LE(offset + at.tag) !== tagOf(file)) return undefined;
  const metaBytes = file.readUInt32LE(offset + at.metaBytes);
  const bytes = groupHeader.bytes + metaBytes + file.readUInt32LE(offset + at.cipherBytes) + tagBytes;
  if (offset + bytes > file.length) return "unfinished";
  let meta: GroupMeta;
  try {
    const metaAt = offset + groupHeader.bytes;
    meta = JSON.parse(file.toString("utf8", metaAt, metaAt + metaBytes)) as GroupMeta;
    if (!Array.isArray(meta.rules) || !Array.isArray(meta.held)) return undefined;
  } catch {
    return undefined;
  }
  return {
    offset,
    bytes,
    meta,
    number: file.readUInt32LE(offset + at.number),
    records: file.readUInt32LE(offset + at.records),
    recordBytes: file.readDoubleLE(offset + at.recordBytes),
    firstMs: file.readDoubleLE(offset + at.firstMs),
    lastMs: file.readDoubleLE(offset + at.lastMs),
  };
}

/** The entries of a group. @returns undefined when the key is another one, or a bit of it, its header or its meta was changed */
export function openGroup(file: Buffer, { offset, bytes, number }: ReadGroup, key: Buffer): Buffer | undefined {
  const metaBytes = file.readUInt32LE(offset + groupHeader.offsets.metaBytes);
  const bodyAt = offset + groupHeader.bytes + metaBytes;
  const decipher = createDecipheriv("aes-256-gcm", key, nonceOf(number), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.concat([file.subarray(0, segmentHeader.bytes), file.subarray(offset, bodyAt)]));
  decipher.setAuthTag(file.subarray(offset + bytes - tagBytes, offset + bytes));
  const entries = decipher.update(file.subarray(bodyAt, offset + bytes - tagBytes));
  try {
    decipher.final();
  } catch {
    entries.fill(0);
    return undefined;
  }
  return entries;
}

/** The segment's tag, out of its encoded header. */
function tagOf(header: Buffer): number {
  return header.readUInt32LE(segmentHeader.offsets.salt);
}

function nonceOf(number: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32LE(number, 0);
  return nonce;
}
