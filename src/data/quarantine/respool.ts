/**
 * Puts records that were withheld from one output back into its spool, as a lane of their own which the output adopts within seconds. They count
 * as having passed no protect rule, so the ones that run then see them before they leave.
 */

import { randomInt } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory, syncDirectory } from "../../persistence/durable_file.ts";
import { encodeGroupHeader, encodeSegmentHeader, sealGroup, segmentName } from "../delivery/spool/format.ts";
import { readWithheld } from "../engine/withheld.ts";

/** No plan has this identity (`src/data/delivery/protection.ts`), but for a chance of 2⁻⁶⁴. */
const passedNothing = 0n;

/** @param timeMs when its first record was received */
export async function putIntoSpool(dataDir: string, output: string, entries: Buffer, timeMs: number): Promise<void> {
  const parent = join(dataDir, "spool", output);
  const name = `r${Date.now()}-${randomInt(2 ** 32).toString(16)}`;
  const temporary = join(parent, `.${name}`);
  const epoch = randomInt(2 ** 32);
  const records = [...readWithheld(entries)].map(({ record }) => record);
  const recordBytes = records.reduce((sum, { length }) => sum + length, 0);
  const header = encodeGroupHeader({
    records: records.length,
    recordBytes,
    reasonBytes: 0,
    epoch,
    firstSequence: 0n,
    priorSequence: 0n,
    protection: passedNothing,
    timeMs,
  });
  const body = records.flatMap((record) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(record.length);
    return [length, record];
  });
  const group = Buffer.concat([header, ...body]);
  sealGroup(group);
  try {
    await makeDirectory(temporary);
    const file = await open(join(temporary, segmentName(0n)), "wx", 0o600);
    try {
      await file.writeFile(encodeSegmentHeader({ epoch, firstSequence: 0n, createdMs: timeMs }));
      await file.writeFile(group);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncDirectory(temporary);
    await rename(temporary, join(parent, name));
    await syncDirectory(parent);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
}
