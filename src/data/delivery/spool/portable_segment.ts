/** Segments by Node's file calls: for the portable engine, and for commands that rewrite a spool. Twin: `native/spool/segment_file.h`. */

import { type FileHandle, open } from "node:fs/promises";
import { crc32c } from "./crc32c.ts";
import { encodeGroupHeader, groupHeader, type ReadGroupHeader, readGroupHeader, sealGroup } from "./format.ts";
import { GroupFinder, SegmentReader, scanSegment } from "./scan.ts";
import type { GroupToWrite, ReadGroup, SegmentFile, SegmentFiles, SegmentScan, Written } from "./segment_files.ts";

export const portableSegments: SegmentFiles = {
  async create(path, header) {
    const file = await open(path, "wx+", 0o600);
    try {
      await writeWhole(file, header, 0);
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
    return new PortableSegment(file);
  },
  async open(path) {
    return new PortableSegment(await open(path, "r"));
  },
};

/** A group's bytes: header, reason, body. */
export function encodeGroup({ fields, reason, ranges }: GroupToWrite): Buffer {
  const group = Buffer.allocUnsafe(groupHeader.bytes + reason.length + 4 * fields.records + fields.recordBytes);
  encodeGroupHeader(fields).copy(group);
  group.set(reason, groupHeader.bytes);
  let at = groupHeader.bytes + reason.length;
  for (const { batch, from, to } of ranges) {
    for (let index = from; index < to; index++) {
      const start = batch.startOf(index);
      const length = batch.startOf(index + 1) - start - 1;
      at = group.writeUInt32BE(length, at);
      at += batch.data.copy(group, at, start, start + length);
    }
  }
  sealGroup(group);
  return group;
}

class PortableSegment implements SegmentFile {
  readonly #file: FileHandle;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(file: FileHandle) {
    this.#file = file;
  }

  append(offset: number, groups: readonly GroupToWrite[], sync: boolean): Promise<Written> {
    // Now, not in turn: from here on the batches are the caller's again.
    const encoded = groups.map(encodeGroup);
    return this.#next(async () => {
      let written = 0;
      try {
        let at = offset;
        for (const group of encoded) {
          await writeWhole(this.#file, group, at);
          at += group.length;
          written++;
        }
        if (sync)
          await this.#file.datasync().catch((error) => {
            written = 0;
            throw error;
          });
      } catch (error) {
        return { groups: written, error: error as Error };
      }
      return { groups: written };
    });
  }

  sync(): Promise<void> {
    return this.#next(() => this.#file.datasync());
  }

  truncate(bytes: number): Promise<void> {
    return this.#next(() => this.#file.truncate(bytes));
  }

  scan(bytes: number, passed: bigint, expected: bigint): Promise<SegmentScan> {
    return this.#next(() => scanSegment(this.#readAt, bytes, passed, expected));
  }

  read(offset: number, end: number, epoch: number, sequenceMin: bigint): Promise<ReadGroup | undefined> {
    return this.#next(async () => {
      // As good as always the group is there, and is read once.
      const header = offset + groupHeader.bytes <= end ? await this.#readWhole(offset, groupHeader.bytes) : undefined;
      const fields = header === undefined ? undefined : readGroupHeader(header);
      if (
        fields !== undefined &&
        fields.epoch === epoch &&
        fields.firstSequence >= sequenceMin &&
        offset + fields.totalBytes <= end
      ) {
        const group = await this.#readBody(offset, fields);
        if (group !== undefined) return group;
      }
      const finder = new GroupFinder(new SegmentReader(this.#readAt, end), epoch);
      const found = await finder.find(offset, sequenceMin);
      return found === undefined ? undefined : this.#readBody(found.offset, found.header);
    });
  }

  close(): Promise<void> {
    return this.#next(() => this.#file.close());
  }

  async #readBody(offset: number, fields: ReadGroupHeader): Promise<ReadGroup | undefined> {
    const { totalBytes, reasonBytes, bodyCrc } = fields;
    const bytes = await this.#readWhole(offset + groupHeader.bytes, totalBytes - groupHeader.bytes);
    if (bytes === undefined || crc32c(bytes) !== bodyCrc) return undefined;
    return {
      fields,
      endOffset: offset + totalBytes,
      reason: bytes.subarray(0, reasonBytes),
      body: bytes.subarray(reasonBytes),
    };
  }

  /** What cannot be read is as bad as what is wrong: undefined. */
  async #readWhole(offset: number, length: number): Promise<Buffer | undefined> {
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let at = 0; at < length; ) {
      const got = await this.#readAt(bytes.subarray(at), offset + at, length - at).catch(() => 0);
      if (got === 0) return undefined;
      at += got;
    }
    return bytes;
  }

  readonly #readAt = async (target: Buffer, offset: number, length: number) =>
    (await this.#file.read(target, 0, length, offset)).bytesRead;

  #next<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

async function writeWhole(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, offset + at);
    if (bytesWritten === 0) throw Object.assign(new Error("nothing could be written"), { code: "EIO" });
    at += bytesWritten;
  }
}
