/** A spool lane, on both engines: what is written is read in order, settled in any order, and there after a restart. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { filledBatch } from "../../../../test/fixtures/batch.ts";
import { type Given, LaneDriver, laneKinds, recordsOf, removeDirectory } from "../../../../test/fixtures/lane.ts";
import { encodeSegmentHeader, segmentHeader } from "./format.ts";
import { groupId, type LaneOptions } from "./spool.ts";

let root: string;
let directory: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sg-lane-"));
  directory = join(root, "payments", "w0");
});
afterEach(() => removeDirectory(root));

const names = () => readdirSync(directory).sort();
const segments = () => names().filter((name) => name.endsWith(".seg"));

for (const kind of laneKinds) {
  describe(`a lane on ${kind.name}`, () => {
    const open = (options: Partial<LaneOptions> = {}, given: Given = {}) =>
      LaneDriver.open(kind, directory, options, given);

    it("gives back what it was given, in order, with what is kept beside it", async () => {
      const driver = await open({}, { epoch: 0x1f3a09c2 });
      await driver.append(["one", "", "three\nlines\n"], { timeMs: 5, protection: 2n ** 64n - 1n });
      await driver.append(["four"], { timeMs: 6, reason: "413 too large" });
      const [first, second, ...none] = await driver.readAll();
      expect(recordsOf(first!)).toEqual(["one", "", "three\nlines\n"]);
      expect(first).toMatchObject({
        firstSequence: 0n,
        timeMs: 5,
        protection: 2n ** 64n - 1n,
        reason: "",
        records: 3,
        bytes: 15,
        epoch: 0x1f3a09c2,
      });
      expect(second).toMatchObject({ firstSequence: 3n, records: 1, bytes: 4, reason: "413 too large" });
      expect(none).toEqual([]);
      expect(groupId("payments", "w0", second!.epoch, second!.firstSequence)).toBe("payments-w0-1f3a09c2-3");
      await driver.lane.close();
    });

    it("takes ranges of several batches as one group", async () => {
      const driver = await open();
      const [a, b] = [filledBatch(kind, ["a0", "a1", "a2"]), filledBatch(kind, ["b0", "b1"])];
      await driver.lane.append(
        [
          { batch: a, from: 1, to: 3 },
          { batch: b, from: 0, to: 0 },
          { batch: b, from: 0, to: 1 },
        ],
        { firstSequence: 0n, timeMs: 1, protection: 0n },
      );
      const [group] = await driver.readAll();
      expect(recordsOf(group!)).toEqual(["a1", "a2", "b0"]);
      expect([a.held, b.held]).toEqual([false, false]);
      await driver.lane.close();
    });

    it("takes records that are larger than any buffer of its own", async () => {
      const driver = await open();
      const large = ["x".repeat(700_000), "é".repeat(200_000), "", "tail"];
      await driver.append(["small"]);
      await driver.append(large, { reason: "why" });
      await driver.append(["small again"]);
      expect((await driver.readAll()).map(recordsOf)).toEqual([["small"], large, ["small again"]]);
      await driver.lane.close();
    });

    it("makes nothing on disk before the first group", async () => {
      const driver = await open();
      expect(await driver.lane.read()).toBeUndefined();
      await driver.lane.flush();
      await driver.lane.close();
      expect(readdirSync(root)).toEqual([]);
    });

    it("tells what waits, what is held and what is durable", async () => {
      const driver = await open();
      const appended = [driver.append(["a", "bb"]), driver.append(["ccc"])];
      expect(driver.state).toMatchObject({ pending: { records: 3, bytes: 6 }, held: { records: 0, bytes: 0 } });
      await Promise.all(appended);
      expect(driver.state).toMatchObject({
        pending: { records: 0, bytes: 0 },
        held: { records: 3, bytes: 6 },
        groups: 2,
        nextSequence: 3n,
        durableSequence: 0n,
        oldestMs: 1_000,
        diskBytes: statSync(join(directory, segments()[0]!)).size,
      });
      await driver.lane.flush();
      expect(driver.state.durableSequence).toBe(3n);
      const group = await driver.lane.read();
      expect(driver.state.held).toEqual({ records: 3, bytes: 6 });
      driver.lane.settle(group!.firstSequence);
      driver.lane.settle(group!.firstSequence);
      driver.lane.settle(99n);
      expect(driver.state).toMatchObject({ held: { records: 1, bytes: 3 }, groups: 1 });
      await driver.lane.close();
    });

    it.each(["always", "never"] as const)("counts as durable what is written, with fsync %s", async (fsync) => {
      const driver = await open({ fsync });
      await driver.append(["a"]);
      expect(driver.state.durableSequence).toBe(1n);
      await driver.lane.close();
    });

    it("brings data and cursor to the disk by itself within the interval", async () => {
      const driver = await open({ fsyncIntervalMs: 5 });
      await driver.append(["a"]);
      await driver.append(["b"]);
      await expect.poll(() => driver.state.durableSequence).toBe(2n);
      driver.lane.settle((await driver.lane.read())!.firstSequence);
      driver.lane.settle((await driver.lane.read())!.firstSequence);
      // All is done with: nothing is left to keep.
      await expect.poll(segments).toEqual([]);
      await driver.lane.close();
    });

    it("repeats after a restart what was not settled, and only that", async () => {
      const before = await open();
      for (const name of ["a", "b", "c", "d"]) await before.append([name, `${name}!`]);
      const groups = await before.readAll();
      before.lane.settle(groups[0]!.firstSequence);
      before.lane.settle(groups[2]!.firstSequence);
      await before.lane.close();
      await before.lane.close();

      const after = await open();
      expect(after.state).toMatchObject({ recovered: { records: 6, bytes: 9 }, nextSequence: 8n, durableSequence: 8n });
      await after.append(["e"]);
      const again = await after.readAll();
      expect(again.map(recordsOf)).toEqual([["b", "b!"], ["c", "c!"], ["d", "d!"], ["e"]]);
      expect(again.slice(0, 3).map(({ epoch, firstSequence }) => [epoch, firstSequence])).toEqual(
        groups.slice(1).map(({ epoch, firstSequence }) => [epoch, firstSequence]),
      );
      expect(again[3]!.epoch).not.toBe(again[2]!.epoch);
      expect(after.lost).toEqual({});
      await after.lane.close();
    });

    it("goes on counting when it was drained and its segments are gone", async () => {
      const before = await open();
      await before.append(["a", "b"]);
      await before.drain();
      await before.lane.close();
      expect(names()).toEqual(["cursor"]);
      const after = await open();
      expect(after.state).toMatchObject({ nextSequence: 2n, recovered: { records: 0, bytes: 0 }, diskBytes: 0 });
      await after.append(["c"]);
      expect(segments()).toEqual(["0000000000000002.seg"]);
      await after.lane.close();
    });

    it("begins another segment when one is full, and deletes what the cursor has passed", async () => {
      const driver = await open({ segmentBytesMax: 400 });
      for (let i = 0; i < 6; i++) await driver.append(["x".repeat(80)]);
      expect(segments()).toEqual(["0000000000000000.seg", "0000000000000002.seg", "0000000000000004.seg"]);
      const groups = await driver.readAll();
      driver.lane.settle(groups[1]!.firstSequence);
      await driver.lane.flush();
      expect(segments()).toHaveLength(3);
      driver.lane.settle(groups[0]!.firstSequence);
      await driver.lane.flush();
      expect(segments()).toHaveLength(2);
      expect(driver.lost).toEqual({});
      await driver.lane.close();
    });

    it("leaves out sequences that were never given to it, without calling them damaged", async () => {
      const before = await open();
      await before.append(["a"]);
      await before.append(["b"], { firstSequence: 10n });
      await expect(before.append(["c"], { firstSequence: 5n })).rejects.toMatchObject({ code: "SG_SPOOL" });
      await before.append(["d"]);
      await before.lane.close();
      const after = await open();
      expect(after.lost).toEqual({});
      expect((await after.readAll()).map(({ firstSequence }) => firstSequence)).toEqual([0n, 10n, 11n]);
      await after.lane.close();
    });

    it("keeps at most 1,000 bytes of a reason, cut at a character", async () => {
      const driver = await open();
      await driver.append(["a"], { reason: `${"x".repeat(999)}é!` });
      expect((await driver.lane.read())!.reason).toBe("x".repeat(999));
      await driver.lane.close();
    });

    it("refuses appends and ends reads once it is closed", async () => {
      const driver = await open();
      await driver.append(["a"]);
      await driver.lane.close();
      await expect(driver.append(["b"])).rejects.toMatchObject({ code: "SG_SPOOL" });
      expect(await driver.lane.read()).toBeUndefined();
    });

    it("writes what is on its way before it closes", async () => {
      const before = await open();
      const appended = ["a", "b", "c"].map((name) => before.append([name]));
      await before.lane.close();
      await Promise.all(appended);
      const after = await open();
      expect(await after.drain()).toEqual(["a", "b", "c"]);
      await after.lane.close();
    });

    describe("that is full", () => {
      const size = { segmentBytesMax: 1000, bytesMax: 4000 };
      const record = (i: number) => `${i}`.padEnd(400, ".");

      it("gives up the oldest segments, counted, and keeps within its limit", async () => {
        const driver = await open(size);
        for (let i = 0; i < 20; i++) {
          await driver.append([record(i)]);
          expect(driver.state.diskBytes).toBeLessThanOrEqual(4000);
        }
        const { records } = driver.lost.spoolFull!;
        expect(driver.lost).toEqual({ spoolFull: { records, bytes: records * 400 } });
        expect(driver.state.held.records).toBe(20 - records);
        const left = await driver.readAll();
        expect(left.flatMap(recordsOf)).toEqual(Array.from({ length: 20 - records }, (_, i) => record(records + i)));
        await driver.lane.close();
        const after = await open(size);
        expect(after.lost).toEqual({});
        await after.lane.close();
      });

      it("keeps what is in flight, and gives up what lies behind it, once", async () => {
        const driver = await open(size);
        for (let i = 0; i < 6; i++) await driver.append([record(i)]);
        const first = await driver.lane.read();
        for (let i = 6; i < 20; i++) await driver.append([record(i)]);
        const left = (await driver.readAll()).flatMap(recordsOf);
        expect(left[0]).toBe(record(1));
        expect(left.at(-1)).toBe(record(19));
        expect(driver.lost.spoolFull!.records).toBe(20 - 1 - left.length);
        await driver.lane.close();
        // What was given up in the middle is not missed again.
        const after = await open(size);
        expect(after.lost).toEqual({});
        expect(await after.drain()).toEqual([recordsOf(first!)[0], ...left]);
        await after.lane.close();
      });

      it("refuses a group when all it could give up is in flight, and takes it when that is settled", async () => {
        const driver = await open(size);
        for (let i = 0; i < 8; i++) await driver.append([record(i)]);
        const groups = await driver.readAll();
        await expect(driver.append([record(8)])).rejects.toMatchObject({ code: "SPOOL_FULL" });
        expect(driver.state).toMatchObject({ pending: { records: 0 }, held: { records: 8 }, nextSequence: 8n });
        for (const { firstSequence } of groups) driver.lane.settle(firstSequence);
        await driver.append([record(8)]);
        expect(await driver.drain()).toEqual([record(8)]);
        expect(driver.lost).toEqual({});
        await driver.lane.close();
      });

      it("refuses a group that is larger than all of it, and loses nothing for it", async () => {
        const driver = await open(size);
        await driver.append([record(0)]);
        await expect(driver.append(["x".repeat(5000)])).rejects.toMatchObject({ code: "SPOOL_FULL" });
        await driver.append([record(1)]);
        expect(await driver.drain()).toEqual([record(0), record(1)]);
        expect(driver.lost).toEqual({});
        await driver.lane.close();
      });
    });

    it("gives up what is too old: whole segments by themselves, single groups when they are read", async () => {
      let nowMs = 1_000;
      const driver = await open({ ageMsMax: 500, segmentBytesMax: 400 }, { now: () => nowMs });
      for (const timeMs of [1_000, 1_010, 1_020, 1_600]) await driver.append(["x".repeat(100)], { timeMs });
      nowMs = 1_515;
      const groups = await driver.readAll();
      expect(groups.map(({ timeMs }) => timeMs)).toEqual([1_020, 1_600]);
      expect(driver.lost).toEqual({ spoolExpired: { records: 2, bytes: 200 } });
      await driver.lane.close();
      nowMs = 3_000;
      const after = await open({ ageMsMax: 500, fsyncIntervalMs: 5 }, { now: () => nowMs });
      await expect.poll(() => after.lost).toEqual({ spoolExpired: { records: 2, bytes: 200 } });
      await expect.poll(segments).toEqual([]);
      await after.lane.close();
    });

    it("refuses a segment and a cursor of a version that it does not know, naming the file", async () => {
      const before = await open();
      await before.append(["a"]);
      await before.lane.close();
      const path = join(directory, segments()[0]!);
      const good = readFileSync(path);
      // Version 2, with its checksum right.
      const { crc32c } = await import("./crc32c.ts");
      const bytes = Buffer.from(good);
      bytes.writeUInt32LE(2, segmentHeader.offsets.version);
      bytes.writeUInt32LE(0, segmentHeader.offsets.crc);
      bytes.writeUInt32LE(crc32c(bytes.subarray(0, 64)), segmentHeader.offsets.crc);
      writeFileSync(path, bytes);
      await expect(open()).rejects.toMatchObject({ code: "SG_SPOOL_VERSION", where: path });
      writeFileSync(path, good);
      const cursor = readFileSync(join(directory, "cursor"));
      for (const slot of [0, 4096]) {
        cursor.writeUInt32LE(2, slot + 4);
        cursor.writeUInt32LE(0, slot + 8);
        cursor.writeUInt32LE(crc32c(cursor.subarray(slot, slot + 4096)), slot + 8);
      }
      writeFileSync(join(directory, "cursor"), cursor);
      await expect(open()).rejects.toMatchObject({ code: "SG_SPOOL_VERSION", where: join(directory, "cursor") });
    });

    it.each([1, 2_315, 4_096, 5_000, 8_191])(
      "repeats, and never loses, when its cursor was cut at %i",
      async (bytes) => {
        const before = await open();
        for (const name of ["a", "b", "c"]) await before.append([name]);
        for (let i = 0; i < 2; i++) {
          before.lane.settle((await before.lane.read())!.firstSequence);
          await before.lane.flush();
        }
        await before.lane.close();
        truncateSync(join(directory, "cursor"), bytes);
        for (const name of ["d", "e"]) {
          const again = await open();
          const records = (await again.readAll()).flatMap(recordsOf);
          expect(["a", "b", "c", "d"].join()).toContain(records.join());
          expect(records).toContain("c");
          expect(again.lost).toEqual({});
          await again.append([name]);
          await again.lane.close();
        }
        const after = await open();
        const records = await after.drain();
        expect(records.slice(-3)).toEqual(["c", "d", "e"]);
        expect(after.lost).toEqual({});
        await after.lane.close();
      },
    );

    it("does not miss a record that it never had, when a segment keeps nothing but its name", async () => {
      const before = await open({ segmentBytesMax: 200 });
      for (const name of ["a", "b"]) await before.append([name.repeat(100)]);
      await before.lane.close();
      rmSync(join(directory, "cursor"));
      truncateSync(join(directory, "0000000000000001.seg"), 100);
      const after = await open();
      expect([after.lost, after.state.nextSequence]).toEqual([{}, 2n]);
      await after.append(["c"]);
      await after.lane.close();
      const again = await open();
      expect(again.lost).toEqual({});
      expect(await again.drain()).toEqual(["a".repeat(100), "c"]);
      await again.lane.close();
    });

    it("removes segments that hold nothing", async () => {
      const before = await open();
      await before.append(["a"]);
      await before.lane.close();
      writeFileSync(join(directory, "0000000000000001.seg"), "");
      writeFileSync(
        join(directory, "0000000000000002.seg"),
        encodeSegmentHeader({ epoch: 1, firstSequence: 2n, createdMs: 0 }),
      );
      const after = await open();
      expect(segments()).toEqual(["0000000000000000.seg"]);
      expect(await after.drain()).toEqual(["a"]);
      await after.lane.close();
    });

    it("says SG_SPOOL when its directory cannot be used", async () => {
      writeFileSync(join(root, "file"), "");
      await expect(LaneDriver.open(kind, join(root, "file", "w0"))).rejects.toMatchObject({
        code: "SG_SPOOL",
        what: expect.stringContaining("ENOTDIR"),
      });
    });
  });
}
