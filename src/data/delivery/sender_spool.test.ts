/** What a sender's lanes hold together, what they give up at the end of a run, and what the next run finds. */

import { mkdtempSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { appendRecords } from "../../../test/fixtures/batch.ts";
import { laneKinds, removeDirectory } from "../../../test/fixtures/lane.ts";
import { MemoryQuarantine } from "../../../test/fixtures/quarantine.ts";
import type { EngineKind } from "../engine/engine.ts";
import { BatchPool } from "./batch_pool.ts";
import { Payload } from "./packer.ts";
import { protectionOf } from "./protection.ts";
import { SenderSpool } from "./sender_spool.ts";
import { Replay } from "./spool/replay.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sg-sender-spool-"));
});
afterEach(() => removeDirectory(root));

const recordsEach = 10;

function payload(kind: EngineKind, name: string): Payload {
  const records = Array.from({ length: recordsEach }, (_, record) => `${name} ${record} `.padEnd(1_000, "."));
  const shared = new BatchPool(kind.createBatch).take(recordsEach * 1_001);
  appendRecords(shared, ...records);
  const made = new Payload();
  made.add(shared, 0, recordsEach, Date.now());
  shared.release();
  return made;
}

async function open(kind: EngineKind, spoolBytesMax: number) {
  const fields = {
    bytesMax: 1 << 20,
    whenFull: "spill",
    durable: false,
    fsync: "never",
    fsyncIntervalMs: 1_000,
    segmentBytes: 1 << 20,
    spoolBytesMax,
    spoolAgeMsMax: Number.POSITIVE_INFINITY,
    deadLetterBytesMax: 1 << 20,
  } as const;
  const replay = new Replay(kind, protectionOf({ rules: [], operations: [] }), new MemoryQuarantine());
  const spool = await SenderSpool.open("out", kind, { dataDir: root, worker: 0, workers: 1 }, fields, replay);
  const told = { recovered: 0, lost: {} as Record<string, number> };
  spool.belongsTo({
    lost: (as, { records }) => {
      told.lost[as] = (told.lost[as] ?? 0) + records;
    },
    recovered: ({ records }) => {
      told.recovered += records;
    },
    replayed() {},
    spoolRefused() {},
    spoolChanged() {},
    deadLettersLost() {},
    complain() {},
  });
  return { spool, told };
}

function diskBytes(): number {
  const files = readdirSync(join(root, "spool", "out"), { recursive: true, encoding: "utf8" });
  return files
    .filter((name) => name.endsWith(".seg"))
    .reduce((sum, name) => sum + statSync(join(root, "spool", "out", name)).size, 0);
}

for (const kind of laneKinds)
  describe(`a sender's spool on ${kind.name}`, () => {
    it("counts what memory holds beyond the spool's room at the end of a run, and the next run finds the rest", async () => {
      const { spool, told } = await open(kind, 100_000);
      const own = payload(kind, "younger");
      spool.queue.stage(own.segments[0]!);
      expect(await spool.queue.writeAll({ recordsMax: 100, bytesMax: 1 << 20 })).toBe(true);
      const older = Array.from({ length: 30 }, (_, group) => payload(kind, `older ${group}`));
      expect(await spool.queue.writeAhead(older)).toBe(true);
      const held = spool.queue.records;
      expect(told.lost.lostSpoolFull).toBeGreaterThan(0);
      expect(held + told.lost.lostSpoolFull!).toBe(31 * recordsEach);
      await spool.close();
      expect(diskBytes()).toBeLessThanOrEqual(100_000);

      const next = await open(kind, 100_000);
      expect(next.told).toEqual({ recovered: held, lost: {} });
      await next.spool.close();
    });

    it("counts all of it where other lanes have taken the room", async () => {
      const { spool, told } = await open(kind, 20_000);
      const own = payload(kind, "younger");
      spool.queue.stage(own.segments[0]!);
      expect(await spool.queue.writeAll({ recordsMax: 100, bytesMax: 1 << 20 })).toBe(true);
      expect(await spool.queue.writeAhead([payload(kind, "a"), payload(kind, "b")])).toBe(true);
      expect([spool.queue.records, told.lost]).toEqual([recordsEach, { lostSpoolFull: 2 * recordsEach }]);
      await spool.close();
    });
  });
