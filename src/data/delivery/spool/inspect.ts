/**
 * Looks into a lane's files without opening the lane: read only, whether a process writes to them or not, in bounded memory.
 *
 * What a running process is writing at this moment looks unfinished; it is told apart from damage by where it lies: behind the last group of
 * the last segment.
 */

import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { readCursor } from "./cursor.ts";
import {
  groupHeader,
  type ReadGroupHeader,
  readSegmentHeader,
  segmentHeader,
  segmentName,
  sequenceOfName,
  spoolVersion,
} from "./format.ts";
import { GroupFinder, SegmentReader } from "./scan.ts";
import { versionError } from "./version_error.ts";

/** A good group. Its bytes can be read until the generator is asked for the next. */
export interface InspectedGroup {
  readonly kind: "group";
  readonly segment: string;
  readonly offset: number;
  readonly header: ReadGroupHeader;
  /** The cursor has passed it: it waits to be deleted with its segment. */
  readonly done: boolean;
  /** Header, reason and body as they lie. */
  bytes(): Promise<Buffer>;
}

/** Bytes that belong to no good group. */
export interface InspectedDamage {
  readonly kind: "damage";
  readonly segment: string;
  readonly offset: number;
  readonly bytes: number;
  /** `unfinished`: at the end of the last segment, as a killed or a running process leaves it. */
  readonly what: "segment header" | "groups" | "unfinished";
}

export type Inspected = InspectedGroup | InspectedDamage;

/** The segments of a lane, oldest first. */
export async function segmentsOf(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  });
  return names
    .map(sequenceOfName)
    .filter((sequence) => sequence !== undefined)
    .sort((a, b) => (a < b ? -1 : 1))
    .map(segmentName);
}

/**
 * Walks over a lane.
 * @throws StreamGateError SG_SPOOL_VERSION; with the system's code when a file cannot be read
 */
export async function* inspectLane(directory: string): AsyncGenerator<Inspected, void, void> {
  const cursor = await readCursor(directory);
  const passed = cursor?.passed ?? 0n;
  const names = await segmentsOf(directory);
  for (const segment of names) {
    const path = join(directory, segment);
    let file: FileHandle;
    try {
      file = await open(path, "r");
    } catch (error) {
      // Delivered and deleted meanwhile.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
      throw error;
    }
    try {
      yield* inspectSegment(file, path, segment, passed, segment === names.at(-1));
    } finally {
      await file.close();
    }
  }
}

async function* inspectSegment(
  file: FileHandle,
  path: string,
  segment: string,
  passed: bigint,
  isLast: boolean,
): AsyncGenerator<Inspected, void, void> {
  const { size } = await file.stat();
  const reader = new SegmentReader(
    async (target, offset, length) => (await file.read(target, 0, length, offset)).bytesRead,
    size,
  );
  const header = size < segmentHeader.bytes ? undefined : readSegmentHeader(await reader.view(0, segmentHeader.bytes));
  if (header !== undefined && header.version !== spoolVersion) throw versionError(path, header.version);
  const headerBytes = Math.min(size, segmentHeader.bytes);
  if (header === undefined && size > 0)
    yield { kind: "damage", segment, offset: 0, bytes: headerBytes, what: "segment header" };
  const finder = new GroupFinder(reader, header?.epoch);
  let end = headerBytes;
  let from = header === undefined ? 0 : headerBytes;
  let sequenceMin = 0n;
  for (;;) {
    const found = await finder.find(from, sequenceMin);
    if (found === undefined) break;
    const { offset, header: group } = found;
    if (offset > end) yield { kind: "damage", segment, offset: end, bytes: offset - end, what: "groups" };
    yield {
      kind: "group",
      segment,
      offset,
      header: group,
      done: group.endSequence <= passed,
      async bytes() {
        const bytes = Buffer.allocUnsafe(group.totalBytes);
        for (let at = 0; at < bytes.length; ) {
          const { bytesRead } = await file.read(bytes, at, bytes.length - at, offset + at);
          if (bytesRead === 0) throw Object.assign(new Error(`${path} became shorter`), { code: "EIO" });
          at += bytesRead;
        }
        return bytes;
      },
    };
    end = from = offset + group.totalBytes;
    sequenceMin = group.endSequence;
  }
  if (end < size)
    yield { kind: "damage", segment, offset: end, bytes: size - end, what: isLast ? "unfinished" : "groups" };
}

/** The reason in a group's bytes. */
export function reasonIn(bytes: Buffer, { reasonBytes }: ReadGroupHeader): string {
  return bytes.toString("utf8", groupHeader.bytes, groupHeader.bytes + reasonBytes);
}

/** The records in a group's bytes: views. */
export function* recordsIn(bytes: Buffer, { reasonBytes }: ReadGroupHeader): Generator<Buffer> {
  for (let at = groupHeader.bytes + reasonBytes; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    yield bytes.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
}
