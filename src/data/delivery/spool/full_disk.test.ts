/** A lane on a disk that is full: the append is refused with the system's code, nothing is lost, and it goes on when there is room. */

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LaneDriver, laneKinds, recordsOf, removeDirectory } from "../../../../test/fixtures/lane.ts";
import { requirement } from "../../../../test/fixtures/requirement.ts";

/** A file system of a mebibyte, where this process may mount one; else what the system said. */
function mountSmallDisk(): { path: string; problem?: string } {
  const path = mkdtempSync(join(tmpdir(), "sg-full-"));
  const { status, stderr, error } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", path]);
  if (status === 0) return { path };
  return { path, problem: `cannot mount a tmpfs: ${error?.message ?? stderr.toString().trim()}` };
}

const disk = mountSmallDisk();
const { skip, note } = requirement(disk.problem);

describe.skipIf(skip)(`a full disk${note}`, () => {
  beforeAll(() => {
    if (disk.problem !== undefined) throw new Error(disk.problem);
  });
  afterAll(() => {
    if (disk.problem === undefined) spawnSync("umount", [disk.path]);
    rmSync(disk.path, { recursive: true, force: true });
  });

  for (const kind of laneKinds)
    for (const fsync of ["always", "interval"] as const)
      it(`refuses what does not fit on ${kind.name} with fsync ${fsync}, keeps what does, and goes on when there is room`, async () => {
        const directory = join(disk.path, `${kind.name}-${fsync}`, "w0");
        mkdirSync(join(directory, ".."));
        const driver = await LaneDriver.open(kind, directory, { fsync, segmentBytesMax: 300_000 });
        const record = (i: number) => `${i}`.padEnd(50_000, ".");
        let written = 0;
        const write = async () => {
          await driver.append([record(written)]);
          written++;
        };
        const fill = async () => {
          for (;;) await write();
        };
        await expect(fill()).rejects.toMatchObject({ code: "ENOSPC" });
        expect(written).toBeGreaterThan(5);
        // Many at once: the first refusal is for all that wait.
        const refused = await Promise.allSettled([1, 2, 3].map(() => driver.append(["x".repeat(400_000)])));
        expect(refused.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
        expect(driver.state).toMatchObject({
          pending: { records: 0 },
          held: { records: written },
          nextSequence: BigInt(written),
        });
        expect(driver.lost).toEqual({});
        // The cursor moves on a full disk, and that makes room.
        const first = [];
        for (let i = 0; i < 5; i++) first.push((await driver.lane.read())!);
        expect(first.flatMap(recordsOf)).toEqual([0, 1, 2, 3, 4].map(record));
        for (const { firstSequence } of first) driver.lane.settle(firstSequence);
        await driver.lane.flush();
        await write();
        await write();
        await driver.lane.close();
        const after = await LaneDriver.open(kind, directory, { fsync });
        expect(after.lost).toEqual({});
        expect(await after.drain()).toEqual(Array.from({ length: written - 5 }, (_, i) => record(5 + i)));
        await after.lane.close();
        removeDirectory(join(directory, ".."));
      });
});
