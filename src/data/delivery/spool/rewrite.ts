/** Writes groups that exist already into new segments: a repaired one in a damaged one's place, and a lane of dead letters to try again. */

import { randomInt } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeDirectory, syncDirectory } from "../../../persistence/durable_file.ts";
import { encodeGroupHeader, encodeSegmentHeader, groupHeader, sealGroup, segmentName } from "./format.ts";
import { type Inspected, inspectLane } from "./inspect.ts";
import { movedName } from "./moved.ts";
import type { LanePlace } from "./places.ts";

export interface Repaired {
  readonly segments: number;
  readonly groupsKept: number;
  /** Bytes that belonged to no good group. */
  readonly bytesDropped: number;
}

/**
 * Rewrites the damaged segments of a lane that no process uses, with their good groups. What is missing shows in the sequences that are left,
 * so that the next start counts it.
 */
export async function repairLane(directory: string, nowMs: number): Promise<Repaired> {
  const damaged = new Map<string, number>();
  for await (const found of inspectLane(directory))
    if (found.kind === "damage") damaged.set(found.segment, (damaged.get(found.segment) ?? 0) + found.bytes);
  let groupsKept = 0;
  let bytesDropped = 0;
  let fresh: { readonly file: FileHandle; readonly segment: string; at: number } | undefined;
  const temporaryOf = (segment: string) => join(directory, `.${segment}.repair`);
  const finish = async () => {
    if (fresh === undefined) return;
    await fresh.file.sync();
    await fresh.file.close();
    await rename(temporaryOf(fresh.segment), join(directory, fresh.segment));
    damaged.delete(fresh.segment);
    fresh = undefined;
  };
  const segments = damaged.size;
  for (const bytes of damaged.values()) bytesDropped += bytes;
  for await (const found of inspectLane(directory)) {
    if (fresh !== undefined && fresh.segment !== found.segment) await finish();
    if (found.kind === "damage" || !(fresh?.segment === found.segment || damaged.has(found.segment))) continue;
    if (fresh === undefined) {
      await rm(temporaryOf(found.segment), { force: true });
      const file = await open(temporaryOf(found.segment), "wx", 0o600);
      const header = encodeSegmentHeader({
        epoch: found.header.epoch,
        firstSequence: BigInt(`0x${found.segment.slice(0, 16)}`),
        createdMs: nowMs,
      });
      await file.writeFile(header);
      fresh = { file, segment: found.segment, at: header.length };
    }
    await fresh.file.writeFile(await found.bytes());
    groupsKept++;
  }
  await finish();
  // Those in which nothing was good.
  for (const segment of damaged.keys()) await rm(join(directory, segment), { force: true });
  if (segments > 0) await syncDirectory(directory);
  return { segments, groupsKept, bytesDropped };
}

/** As large as the segments of a lane that is spooled to. */
const segmentBytesMax = 16 * 1024 * 1024;

export interface Moved {
  readonly groups: number;
  readonly records: number;
  /** The lane that was made; undefined when there was nothing to move. */
  readonly directory?: string;
}

/**
 * Moves dead letters of one output into a new lane of its spool, without their reasons. The lane appears whole, under its name, before the first
 * dead letter goes; killed in between, some are there twice.
 * @param isClosed says of a segment whether no process writes to it any more
 */
export async function retryDeadLetters(
  places: readonly LanePlace[],
  isClosed: (place: LanePlace, segment: string) => boolean,
  nowMs: number,
): Promise<Moved> {
  const [first] = places;
  if (first === undefined) return { groups: 0, records: 0 };
  const parent = join(first.root, "spool", first.output);
  const name = `r${nowMs}-${randomInt(2 ** 32).toString(16)}`;
  const temporary = join(parent, `.${name}`);
  const epoch = randomInt(2 ** 32);
  const moved = new Map<string, { readonly directory: string; readonly ranges: { from: bigint; to: bigint }[] }>();
  let file: FileHandle | undefined;
  let at = 0;
  let sequence = 0n;
  let groups = 0;
  try {
    for (const place of places)
      for await (const found of inspectLane(place.directory)) {
        if (!takes(found, place, isClosed)) continue;
        const original = await found.bytes();
        const { records, recordBytes, protection, timeMs, reasonBytes, endSequence } = found.header;
        const body = original.subarray(groupHeader.bytes + reasonBytes);
        const group = Buffer.concat([
          encodeGroupHeader({
            records,
            recordBytes,
            reasonBytes: 0,
            epoch,
            firstSequence: sequence,
            priorSequence: sequence,
            protection,
            timeMs,
          }),
          body,
        ]);
        sealGroup(group);
        if (file !== undefined && at + group.length > segmentBytesMax) {
          await file.sync();
          await file.close();
          file = undefined;
        }
        if (file === undefined) {
          await makeDirectory(temporary);
          file = await open(join(temporary, segmentName(sequence)), "wx", 0o600);
          const header = encodeSegmentHeader({ epoch, firstSequence: sequence, createdMs: nowMs });
          await file.writeFile(header);
          at = header.length;
        }
        await file.writeFile(group);
        at += group.length;
        sequence += BigInt(records);
        groups++;
        const path = join(place.directory, found.segment);
        const ranges = moved.get(path)?.ranges ?? [];
        const last = ranges.at(-1);
        // What is missing between two groups was not moved, and is missed.
        if (last !== undefined && found.header.priorSequence <= last.to) last.to = endSequence;
        else ranges.push({ from: found.header.firstSequence, to: endSequence });
        moved.set(path, { directory: place.directory, ranges });
      }
    if (file === undefined) return { groups: 0, records: 0 };
    await file.sync();
    await file.close();
    file = undefined;
    await syncDirectory(temporary);
    await rename(temporary, join(parent, name));
    await syncDirectory(parent);
  } catch (error) {
    await file?.close().catch(() => undefined);
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
  for (const [path, { directory, ranges }] of moved) {
    // Said before the segment goes, so that the lane does not miss it.
    for (const range of ranges) await (await open(join(directory, movedName(range)), "w", 0o600)).close();
    await syncDirectory(directory);
    await rm(path, { force: true });
    await syncDirectory(dirname(path));
  }
  return { groups, records: Number(sequence), directory: join(parent, name) };
}

function takes(
  found: Inspected,
  place: LanePlace,
  isClosed: (place: LanePlace, segment: string) => boolean,
): found is Inspected & { kind: "group" } {
  return found.kind === "group" && !found.done && isClosed(place, found.segment);
}
