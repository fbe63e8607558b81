/** Reads a quarantine as it lies on disk, its groups in the order of their segments. An instance may write to it meanwhile. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  groupId,
  groupMagic,
  isSegmentName,
  openGroup,
  quarantineVersion,
  type ReadGroup,
  readGroup,
  readSegmentHeader,
  segmentHeader,
  segmentKey,
} from "./format.ts";
import type { QuarantineKeys } from "./key.ts";

export interface FoundGroup {
  readonly kind: "group";
  readonly id: string;
  /** Path of its segment. */
  readonly segment: string;
  readonly group: ReadGroup;
  readonly keyId: bigint;
  /** @returns its entries (`readWithheld`), or why not: another key sealed it, or it was changed */
  open(keys: QuarantineKeys | undefined): Buffer | "no_key" | "changed";
}

export interface FoundDamage {
  readonly kind: "damage";
  readonly segment: string;
  readonly offset: number;
  readonly bytes: number;
  /** `unfinished`: the last group was not written whole, by a process that was killed or that still writes it. */
  readonly what: "damaged" | "unfinished" | "version";
}

export interface FoundSegment {
  readonly path: string;
  readonly bytes: number;
  readonly found: readonly (FoundGroup | FoundDamage)[];
}

/** Names of the segments, the oldest first; none where there is no such directory. @throws what the system says otherwise */
export async function segmentNames(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
    throw error;
  });
  return names.filter(isSegmentName).toSorted();
}

/** One segment after the other; each is read whole (16 MiB, or one larger group). */
export async function* scanQuarantine(directory: string): AsyncGenerator<FoundSegment> {
  for (const name of await segmentNames(directory)) {
    const path = join(directory, name);
    const file = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      // Rewritten or removed meanwhile.
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (file !== undefined) yield { path, bytes: file.length, found: [...groupsOf(path, file)] };
  }
}

function* groupsOf(segment: string, file: Buffer): Generator<FoundGroup | FoundDamage> {
  const header = readSegmentHeader(file);
  const damage = (offset: number, bytes: number, what: FoundDamage["what"]): FoundDamage => ({
    kind: "damage",
    segment,
    offset,
    bytes,
    what,
  });
  if (header === undefined || header.version !== quarantineVersion) {
    const what = header !== undefined ? "version" : file.length < segmentHeader.bytes ? "unfinished" : "damaged";
    yield damage(0, file.length, what);
    return;
  }
  const { salt, keyId } = header;
  let damagedFrom: number | undefined;
  for (let at = segmentHeader.bytes; at < file.length; ) {
    const group = readGroup(file, at);
    if (group !== undefined && group !== "unfinished") {
      if (damagedFrom !== undefined) yield damage(damagedFrom, at - damagedFrom, "damaged");
      damagedFrom = undefined;
      yield {
        kind: "group",
        id: groupId(salt, group.number),
        segment,
        group,
        keyId,
        open: (keys) => {
          const key = keys?.all.find(({ id }) => id === keyId);
          if (key === undefined) return "no_key";
          return openGroup(file, group, segmentKey(key.bytes, salt)) ?? "changed";
        },
      };
      at += group.bytes;
      continue;
    }
    const next = nextMagic(file, at + 1);
    if (next === undefined) {
      const unfinished = group === "unfinished" && damagedFrom === undefined;
      yield damage(damagedFrom ?? at, file.length - (damagedFrom ?? at), unfinished ? "unfinished" : "damaged");
      return;
    }
    damagedFrom ??= at;
    at = next;
  }
  if (damagedFrom !== undefined) yield damage(damagedFrom, file.length - damagedFrom, "damaged");
}

/** Where bytes stand next that may begin a group of this segment, whole. */
function nextMagic(file: Buffer, from: number): number | undefined {
  const wanted = Buffer.alloc(8);
  wanted.writeUInt32LE(groupMagic, 0);
  file.copy(wanted, 4, segmentHeader.offsets.salt, segmentHeader.offsets.salt + 4);
  for (let at = file.indexOf(wanted, from); at !== -1; at = file.indexOf(wanted, at + 1)) {
    const group = readGroup(file, at);
    if (group !== undefined && group !== "unfinished") return at;
  }
  return undefined;
}
