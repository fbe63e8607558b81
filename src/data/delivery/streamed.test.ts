/** The console output, with a writer's ring whose room the test decides. */

import { describe, expect, it } from "vitest";
import { batchOf } from "../../../test/fixtures/batch.ts";
import type { Batch } from "../engine/batch.ts";
import { outputCell } from "../ledger/layout.ts";
import { Console, consoleQueueBytes } from "./console.ts";

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

const site = { changed: () => {}, nothingWaits: () => true };
const cell = (output: Console, name: keyof typeof outputCell) => {
  const cells = new Float64Array(16);
  output.write(cells, 0);
  return cells[outputCell[name]];
};

describe("a console", () => {
  it("hands records to the writer at once", () => {
    const feed = feedWithRoom(10);
    const output = new Console("k", "console 0", 10_000, feed, site);
    output.push(batchOf("a", "b"), 0, 2);
    expect(feed.written).toEqual(["a", "b"]);
    expect([output.idle, cell(output, "deliveredRecords"), cell(output, "deliveredBytes")]).toEqual([true, 2, 2]);
  });

  it("keeps what the writer has no room for, and hands it on in order when there is", async () => {
    const feed = feedWithRoom(1);
    const output = new Console("k", "console 0", 10_000, feed, site);
    output.push(batchOf("a", "b"), 0, 2);
    output.push(batchOf("c"), 0, 1);
    expect(cell(output, "queuedRecords")).toBe(2);
    feed.room = 10;
    await output.drain(new AbortController().signal);
    expect(feed.written).toEqual(["a", "b", "c"]);
    expect(output.idle).toBe(true);
  });

  it("takes no more when a reader that stopped has let its queue fill", () => {
    const output = new Console("k", "console 0", 1000, feedWithRoom(0), site);
    const shared = batchOf(...Array.from({ length: 20 }, () => "x"));
    output.push(shared, 0, 20);
    expect(output.accepting).toBe(false);
  });

  it("takes little more than the writer does, whatever QUEUE_BYTES allows", () => {
    const output = new Console("k", "console 0", 1 << 30, feedWithRoom(0), site);
    const shared = batchOf("x".repeat(400_000));
    for (let pushed = 0; output.accepting; pushed += 400_000) {
      expect(pushed).toBeLessThanOrEqual(consoleQueueBytes);
      output.push(shared, 0, 1);
    }
  });

  it("counts what nobody read before the deadline as lost{shutdown}", async () => {
    const output = new Console("k", "console 0", 1000, feedWithRoom(0), site);
    output.push(batchOf("a", "b"), 0, 2);
    const stop = new AbortController();
    stop.abort();
    await output.drain(stop.signal);
    expect([cell(output, "lostShutdownRecords"), cell(output, "queuedRecords")]).toEqual([2, 0]);
  });
});
