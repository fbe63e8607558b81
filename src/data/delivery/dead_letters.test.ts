/** Dead letters of this run and of earlier ones in one lane: which of them make room, and which are taken away to be tried again. */

import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { appendRecords } from "../../../test/fixtures/batch.ts";
import { laneKinds, removeDirectory } from "../../../test/fixtures/lane.ts";
import { until } from "../../../test/fixtures/wait.ts";
import type { EngineKind } from "../engine/engine.ts";
import { BatchPool } from "./batch_pool.ts";
import { DeadLetters } from "./dead_letters.ts";
import { rotateName } from "./spool/moved.ts";
import { openLane } from "./spool/open.ts";
import { findLanes } from "./spool/places.ts";
import { retryDeadLetters } from "./spool/rewrite.ts";
import type { Lane } from "./spool/spool.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sg-dead-letters-"));
});
afterEach(() => removeDirectory(root));

function open(kind: EngineKind) {
  const gaveUp = { records: 0 };
  let lane: Lane | undefined;
  const letters = new DeadLetters({
    open: async ({ lost, moved }) => {
      lane = await openLane(kind.name)(
        {
          directory: join(root, "dead_letters", "out", "w0"),
          fsync: "interval",
          fsyncIntervalMs: 5,
          segmentBytesMax: 1 << 20,
          bytesMax: 40_000,
          ageMsMax: 0,
        },
        { lost: (_cause, amount) => lost(amount), moved, changed() {} },
      );
      return lane;
    },
    gaveUp: ({ records }) => {
      gaveUp.records += records;
    },
    refused: () => {},
  });
  const keep = async (count: number) => {
    for (let letter = 0; letter < count; letter++) {
      const shared = new BatchPool(kind.createBatch).take(2_000);
      appendRecords(shared, "x".repeat(1_000));
      expect(
        await letters.keep(
          [{ shared, from: 0, to: 1, receivedMs: 0, lastReceivedMs: 0, timeMs: 0, protection: 0n }],
          "no",
        ),
      ).toBe(true);
      shared.release();
    }
  };
  return { letters, keep, gaveUp, held: () => lane!.state.held.records };
}

for (const kind of laneKinds)
  describe(`dead letters on ${kind.name}`, () => {
    it("counts letters of this run that make room, not those of earlier runs", async () => {
      const former = open(kind);
      await former.keep(20);
      await former.letters.close();
      const { letters, keep, gaveUp, held } = open(kind);
      await keep(50);
      expect(gaveUp.records).toBe(50 - held());
      await letters.close();
    });

    it("does so also after those of earlier runs were taken away to be tried again", async () => {
      const former = open(kind);
      await former.keep(20);
      await former.letters.close();
      const { letters, keep, gaveUp, held } = open(kind);
      await keep(1);
      const rotate = join(root, "dead_letters", "out", "w0", rotateName);
      writeFileSync(rotate, "");
      await until("the segment is ended", () => !existsSync(rotate));
      const moved = await retryDeadLetters(await findLanes(root, "dead_letters"), () => true, Date.now());
      expect(moved.records).toBe(21);
      await until("the lane has seen it", () => held() === 0);
      await keep(60);
      expect(gaveUp.records).toBe(60 - held());
      await letters.close();
    });
  });
