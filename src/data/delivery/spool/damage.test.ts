/**
 * A spool whose files were damaged at random: it opens every time, only damaged groups are lost, and what is lost is counted.
 *
 * `SPOOL_DAMAGES` says how many spools are damaged (default 150), `SPOOL_SEED` with which seed. What has to be left is found by comparing
 * bytes before and after, not by the code under test.
 */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LaneDriver, laneKinds, recordsOf, removeDirectory } from "../../../../test/fixtures/lane.ts";
import { cursorSlotBytes, segmentHeader } from "./format.ts";

const damages = Number(process.env.SPOOL_DAMAGES ?? 80);
const seed = Number(process.env.SPOOL_SEED ?? 20_261_126);
const perCase = 25;

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "sg-damage-"));
});
afterAll(() => removeDirectory(root));

/** Numbers from 0 to `below` − 1, the same for the same seed (mulberry32). */
function randomOf(start: number): (below: number) => number {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

interface Written {
  readonly first: number;
  readonly records: readonly string[];
}

interface Placed extends Written {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
}

function segmentsOf(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(".seg"))
    .sort();
}

/** Where each group lies in files that are not damaged yet. */
function place(directory: string, written: readonly Written[]): Placed[] {
  const byFirst = new Map(written.map((group) => [group.first, group]));
  return segmentsOf(directory).flatMap((file) => {
    const bytes = readFileSync(join(directory, file));
    const placed: Placed[] = [];
    for (let offset = segmentHeader.bytes; offset < bytes.length; ) {
      const first = Number(bytes.readBigUInt64LE(offset + 32));
      const total = 64 + bytes.readUInt32LE(offset + 24) + bytes.readUInt32LE(offset + 12);
      placed.push({ ...byFirst.get(first)!, file, offset, bytes: total });
      offset += total;
    }
    return placed;
  });
}

function damage(directory: string, random: (below: number) => number): string {
  const names = readdirSync(directory).filter((name) => name !== "cursor" || random(3) === 0);
  const name = names[random(names.length)];
  if (name === undefined) return "nothing";
  const path = join(directory, name);
  const bytes = readFileSync(path);
  const at = random(Math.max(1, bytes.length));
  const length = 1 + random([8, 100, 1000, bytes.length + 1][random(4)]!);
  switch (random(6)) {
    case 0:
      rmSync(path);
      return `${name} removed`;
    case 1:
      truncateSync(path, at);
      return `${name} cut at ${at}`;
    case 2:
      bytes.fill(0, at, Math.min(at + length, bytes.length));
      writeFileSync(path, bytes);
      return `${name} zeros at ${at}, ${length}`;
    case 3:
      for (let i = at; i < Math.min(at + length, bytes.length); i++) bytes[i] = random(256);
      writeFileSync(path, bytes);
      return `${name} noise at ${at}, ${length}`;
    case 4:
      // As when a block is lost and what follows moves up.
      writeFileSync(path, Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]));
      return `${name} without ${length} at ${at}`;
    default:
      if (bytes.length > 0) bytes[at]! ^= 1 << random(8);
      writeFileSync(path, bytes);
      return `${name} bit at ${at}`;
  }
}

interface CursorSlot {
  readonly generation: number;
  readonly passed: number;
  readonly next: number;
}

/** The newest slot that is as it was. */
function cursorLeft(before: Buffer, after: Buffer): { slot: CursorSlot | undefined; newest: boolean } {
  const all = [0, cursorSlotBytes]
    .filter((at) => before.length >= at + cursorSlotBytes && before.readUInt32LE(at) !== 0)
    .map((at) => ({
      intact: after.subarray(at, at + cursorSlotBytes).equals(before.subarray(at, at + cursorSlotBytes)),
      generation: Number(before.readBigUInt64LE(at + 16)),
      passed: Number(before.readBigUInt64LE(at + 24)),
      next: Number(before.readBigUInt64LE(at + 32)),
    }))
    .sort((a, b) => b.generation - a.generation);
  const slot = all.find(({ intact }) => intact);
  return { slot, newest: slot !== undefined && slot === all[0] };
}

function readMaybe(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}

/** Whether the group is in the file still, at its place or, when bytes before it are gone, nearer the start. */
function isLeft({ offset, bytes }: Placed, before: Buffer, after: Buffer): boolean {
  return after.includes(before.subarray(offset, offset + bytes));
}

const options = { fsync: "never" } as const;

for (const kind of laneKinds) {
  describe(`a damaged spool on ${kind.name}`, () => {
    const cases = Array.from(
      { length: Math.ceil(damages / perCase / laneKinds.length) },
      (_, index) => index * perCase,
    );

    it.each(cases)(`opens, gives what is left and counts what is not (seed ${seed}, from %i)`, async (from) => {
      for (let iteration = from; iteration < from + perCase; iteration++) {
        const random = randomOf(seed + iteration);
        const directory = join(root, `${kind.name}-${iteration}`);
        mkdirSync(directory);
        const size = { ...options, segmentBytesMax: 300 + random(3000) };
        const written: Written[] = [];
        let sequence = 0;
        const some = async (driver: LaneDriver) => {
          const records = Array.from({ length: 1 + random(5) }, () => `${sequence}`.padEnd(random(300), "."));
          await driver.append(records);
          written.push({ first: sequence, records });
          sequence += records.length;
        };

        const before = await LaneDriver.open(kind, directory, size);
        for (let i = 3 + random(25); i > 0; i--) await some(before);
        for (let i = random(8); i > 0; i--) before.lane.settle((await before.lane.read())?.firstSequence ?? 0n);
        await before.lane.flush();
        for (let i = random(8); i > 0; i--) await some(before);
        await before.lane.close();

        const placed = place(directory, written);
        const files = new Map(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name))]));
        const story: string[] = [];
        for (let i = 1 + random(3); i > 0; i--) story.push(damage(directory, random));
        const said = `seed ${seed + iteration}: ${story.join(", ")}`;

        const now = (name: string) => readMaybe(join(directory, name));
        const { slot, newest } = cursorLeft(files.get("cursor")!, now("cursor"));
        const passed = slot?.passed ?? 0;
        const left = placed.filter(
          (group) =>
            group.first + group.records.length > passed && isLeft(group, files.get(group.file)!, now(group.file)),
        );

        const reopened = await LaneDriver.open(kind, directory, size);
        const { recovered, held, nextSequence } = reopened.state;
        const lost = reopened.lost.spoolDamaged ?? { records: 0, bytes: 0 };
        expect({ said, ...recovered }).toEqual({
          said,
          records: held.records + lost.records,
          bytes: held.bytes + lost.bytes,
        });
        const groups = await reopened.readAll();
        expect({ said, groups: groups.map(recordsOf) }).toEqual({ said, groups: left.map(({ records }) => records) });
        expect({ said, lost: reopened.lost.spoolDamaged ?? { records: 0, bytes: 0 } }).toEqual({ said, lost });
        expect(reopened.state.held.records).toBe(left.reduce((sum, { records }) => sum + records.length, 0));

        // What must be missing: sequences from the cursor on that are in no group that is left.
        const leftRecords = left.reduce((sum, { records }) => sum + records.length, 0);
        const last = placed.at(-1);
        const endKnown = newest || (left.length > 0 && left.at(-1) === last);
        if (endKnown && slot !== undefined)
          expect({ said, lost: lost.records }).toEqual({ said, lost: sequence - passed - leftRecords });
        else expect(lost.records, said).toBeLessThanOrEqual(sequence - leftRecords);
        expect(Number(nextSequence), said).toBeGreaterThanOrEqual(
          (left.at(-1)?.first ?? 0) + (left.at(-1)?.records.length ?? 0),
        );

        // It goes on, and what was counted once is not counted again.
        await reopened.append(["after the damage"]);
        await reopened.lane.close();
        const again = await LaneDriver.open(kind, directory, size);
        expect({ said, lost: again.lost }).toEqual({ said, lost: {} });
        expect({ said, records: await again.drain() }).toEqual({
          said,
          records: [...left.flatMap(({ records }) => records), "after the damage"],
        });
        await again.lane.close();
        rmSync(directory, { recursive: true });
      }
    });

    it("counts exactly what was damaged after it was opened", async () => {
      for (let iteration = 0; iteration < Math.min(40, damages); iteration++) {
        const random = randomOf(seed + iteration);
        const directory = join(root, `${kind.name}-later-${iteration}`);
        const size = { ...options, segmentBytesMax: 300 + random(3000) };
        const driver = await LaneDriver.open(kind, directory, size);
        for (let i = 5 + random(20); i > 0; i--)
          await driver.append(Array.from({ length: 1 + random(5) }, (_, n) => `${n}`.padEnd(random(300), ".")));
        const { held } = driver.state;
        const said = `seed ${seed + iteration}: ${damage(directory, random)}`;
        const groups = await driver.readAll();
        const got = groups.reduce(
          (sum, { records, bytes }) => ({ records: sum.records + records, bytes: sum.bytes + bytes }),
          { records: 0, bytes: 0 },
        );
        const lost = driver.lost.spoolDamaged ?? { records: 0, bytes: 0 };
        expect({ said, records: lost.records, bytes: lost.bytes }).toEqual({
          said,
          records: held.records - got.records,
          bytes: held.bytes - got.bytes,
        });
        for (const { firstSequence } of groups) driver.lane.settle(firstSequence);
        await driver.append(["on it goes"]);
        expect({ said, left: await driver.drain() }).toEqual({ said, left: ["on it goes"] });
        expect(driver.state.held).toEqual({ records: 0, bytes: 0 });
        await driver.lane.close();
      }
    });
  });
}
