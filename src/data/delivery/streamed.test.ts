/** The console output, with a writer's ring whose room the test decides. */

import { describe, expect, it } from "vitest";
import { batchOf } from "../../../test/fixtures/batch.ts";
import type { Batch } from "../engine/batch.ts";
import { outputCell, outputCells } from "../ledger/layout.ts";
import type { StreamFeed } from "./stream/stream_writer.ts";
import { Streamed, type StreamWhenFull, streamedQueueBytes } from "./streamed.ts";

/** A writer's ring with room for so many records. */
function feedWithRoom(room: number) {
  const feed = {
    room,
    written: [] as string[],
    push(batch: Batch, from: number, to: number): number {
      const stopped = Math.min(to, from + feed.room);
      feed.room -= stopped - from;
      if (stopped > from) feed.written.push(...batch.slice(from, stopped).toString().trimEnd().split("\n"));
      return stopped;
    },
  };
  return feed;
}

const site = { changed: () => {}, nothingWaits: () => true, overBudget: () => false };
function streamed(queueBytesMax: number, feed: StreamFeed, whenFull: StreamWhenFull = "block"): Streamed {
  return new Streamed({ key: "k", id: "console", queueBytesMax, whenFull, feed, site });
}
const cell = (output: Streamed, name: keyof typeof outputCell) => {
  const cells = new Float64Array(outputCells);
  output.write(cells, 0);
  return cells[outputCell[name]];
};

describe("a console", () => {
  it("hands records to the writer at once", () => {
    const feed = feedWithRoom(10);
    const output = streamed(10_000, feed);
    output.push(batchOf("a", "b"), 0, 2, 0);
    expect(feed.written).toEqual(["a", "b"]);
    expect([output.idle, cell(output, "deliveredRecords"), cell(output, "deliveredBytes")]).toEqual([true, 2, 2]);
  });

  it("keeps what the writer has no room for, and hands it on in order when there is", async () => {
    const feed = feedWithRoom(1);
    const output = streamed(10_000, feed);
    output.push(batchOf("a", "b"), 0, 2, 0);
    output.push(batchOf("c"), 0, 1, 0);
    expect(cell(output, "queuedRecords")).toBe(2);
    feed.room = 10;
    await output.drain(new AbortController().signal);
    expect(feed.written).toEqual(["a", "b", "c"]);
    expect(output.idle).toBe(true);
  });

  it("takes no more when a reader that stopped has let its queue fill", () => {
    const output = streamed(1000, feedWithRoom(0));
    const shared = batchOf(...Array.from({ length: 20 }, () => "x"));
    output.push(shared, 0, 20, 0);
    expect(output.accepting).toBe(false);
  });

  it("takes little more than the writer does, whatever QUEUE_BYTES allows", () => {
    const output = streamed(1 << 30, feedWithRoom(0));
    const shared = batchOf("x".repeat(400_000));
    for (let pushed = 0; output.accepting; pushed += 400_000) {
      expect(pushed).toBeLessThanOrEqual(streamedQueueBytes);
      output.push(shared, 0, 1, 0);
    }
  });

  it("counts what nobody read before the deadline as lost{shutdown}", async () => {
    const output = streamed(1000, feedWithRoom(0));
    output.push(batchOf("a", "b"), 0, 2, 0);
    const stop = new AbortController();
    stop.abort();
    await output.drain(stop.signal);
    expect([cell(output, "lostShutdownRecords"), cell(output, "queuedRecords")]).toEqual([2, 0]);
  });

  it("drops the oldest or the newest, as it is told, counts them, and holds nobody up", async () => {
    for (const [policy, kept] of [
      ["drop_oldest", "newest"],
      ["drop_newest", "oldest"],
    ] as const) {
      const feed = feedWithRoom(0);
      const output = streamed(1000, feed, policy);
      for (let batch = 0; batch < 100; batch++) {
        expect(output.accepting).toBe(true);
        output.push(batchOf(`${batch}`), 0, 1, 0);
      }
      const lost = cell(output, "lostQueueFullRecords")!;
      expect(lost).toBeGreaterThan(0);
      expect(lost + cell(output, "queuedRecords")!).toBe(100);
      feed.room = 1000;
      await output.drain(new AbortController().signal);
      expect(feed.written.includes(kept === "newest" ? "99" : "0")).toBe(true);
      expect(cell(output, "deliveredRecords")! + lost).toBe(100);
    }
  });

  it("goes by the policy and the room that a reload gave it", () => {
    const feed = feedWithRoom(0);
    const output = streamed(1_000_000, feed);
    output.push(batchOf("a"), 0, 1, 0);
    output.tune({ queueBytesMax: 10, whenFull: "block" });
    expect(output.accepting).toBe(false);
    output.tune({ queueBytesMax: 10, whenFull: "drop_newest" });
    output.push(batchOf("b"), 0, 1, 0);
    expect([output.accepting, cell(output, "queuedRecords"), cell(output, "lostQueueFullRecords")]).toEqual([
      true,
      1,
      1,
    ]);
  });
});
