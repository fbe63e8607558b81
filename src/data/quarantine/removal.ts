/**
 * Takes groups out of segments that nobody appends to any more: the segment is written again without them and takes its old name, or goes when
 * none is left. So what was purged is not on disk any longer, as far as a file system lets one say so.
 */

import { open, readFile, rename, rm, truncate } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { syncDirectory } from "../../persistence/durable_file.ts";
import type { GroupAmount } from "./account.ts";
import { segmentHeader } from "./format.ts";
import type { FoundSegment } from "./scan.ts";

const nothing: GroupAmount = { groups: 0, records: 0, recordBytes: 0, diskBytes: 0 };

/**
 * @param gone of the segment's groups, those that go
 * @returns what is not there any more
 */
export async function removeGroups(
  { path, bytes, found }: FoundSegment,
  gone: (id: string) => boolean,
): Promise<GroupAmount> {
  const groups = found.filter((one) => one.kind === "group");
  const going = groups.filter(({ id }) => gone(id));
  if (going.length === 0 && groups.length > 0) return nothing;
  const amount = {
    groups: going.length,
    records: going.reduce((sum, { group }) => sum + group.records, 0),
    recordBytes: going.reduce((sum, { group }) => sum + group.recordBytes, 0),
  };
  if (going.length === groups.length) {
    await rm(path, { force: true });
    await syncDirectory(dirname(path));
    return { ...amount, diskBytes: bytes };
  }
  const file = await readFile(path);
  const staying = groups.filter(({ id }) => !gone(id));
  const rest = Buffer.concat([
    file.subarray(0, segmentHeader.bytes),
    // As they are: neither a group's nonce nor what it is authenticated with says where in the segment it lies.
    ...staying.map(({ group: { offset, bytes: size } }) => file.subarray(offset, offset + size)),
  ]);
  const temporary = join(dirname(path), `.${basename(path)}.tmp`);
  await rm(temporary, { force: true });
  const target = await open(temporary, "wx", 0o600);
  try {
    await target.writeFile(rest);
    await target.sync();
  } finally {
    await target.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
  return { ...amount, diskBytes: bytes - rest.length };
}

/** Cuts off what a killed process did not finish. @returns bytes that went */
export async function cutUnfinished({ path, bytes, found }: FoundSegment): Promise<number> {
  const last = found.at(-1);
  if (last?.kind !== "damage" || last.what !== "unfinished") return 0;
  if (found.length === 1) {
    await rm(path, { force: true });
    return bytes;
  }
  await truncate(path, last.offset);
  return last.bytes;
}
