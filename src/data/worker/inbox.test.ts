/** A worker's inbox: order and completeness while outputs fill and empty, and reloads between blocks, on both engines. */

import { describe, expect, it } from "vitest";
import { engines } from "../../../test/conformance/engines.ts";
import { MemoryQuarantine } from "../../../test/fixtures/quarantine.ts";
import { until } from "../../../test/fixtures/wait.ts";
import { readRules } from "../../manifest/manifest.ts";
import { compilePlan } from "../../plan/compile.ts";
import { forwardLog } from "../../telemetry/log.ts";
import { Outputs } from "../delivery/outputs.ts";
import type { Batch } from "../engine/batch.ts";
import type { EngineKind } from "../engine/engine.ts";
import { countCell, countCellsOf, frameCells } from "../engine/layout.ts";
import { createRingMemory } from "../ring/layout.ts";
import { Inbox, RemoteInbox } from "./inbox.ts";

/** A stdout writer's ring with room for so many records; `open` makes room without end. */
class Feed {
  room: number;
  readonly written: string[] = [];
  constructor(room: number) {
    this.room = room;
  }
  push(batch: Batch, from: number, to: number): number {
    const stopped = Math.min(to, from + this.room);
    this.room -= stopped - from;
    if (stopped > from) this.written.push(...batch.slice(from, stopped).toString().slice(0, -1).split("\n"));
    return stopped;
  }
}

interface Rig {
  inbox: Inbox;
  memory: SharedArrayBuffer;
  outputs: Outputs;
  feed: Feed;
  swap(rules: unknown[], outputs?: { type: string }[]): Promise<Float64Array>;
  settled(): Promise<void>;
}

function rig(
  kind: EngineKind,
  { room = Number.POSITIVE_INFINITY, queueBytes = 1 << 20, ringBytes = 1 << 19 } = {},
): Rig {
  const feed = new Feed(room);
  const memory = createRingMemory(ringBytes, 1000);
  const log = forwardLog(() => {});
  const outputs: Outputs = new Outputs({
    kind,
    queueBytes,
    worker: 0,
    workers: 1,
    disk: undefined,
    quarantine: new MemoryQuarantine(),
    stdout: feed,
    openFile: () => feed,
    log,
    site: { changed: () => inbox.outputsChanged(), nothingWaits: () => inbox.idle, overBudget: () => false },
  });
  const inbox: Inbox = new Inbox({
    kind,
    ringMemory: memory,
    producer: 0,
    outputs,
    quarantine: new MemoryQuarantine(),
    published: () => {},
  });
  const swap = async (rules: unknown[], configs: { type: string }[] = []) => {
    const plan = compilePlan(readRules(rules, (pattern) => kind.checkPattern(pattern)).rules);
    const counts = new Float64Array(countCellsOf(plan));
    inbox.swap(kind.prepare(plan), counts, await outputs.prepare(configs, 100, plan));
    return counts;
  };
  const settled = async () => {
    for (let turn = 0; turn < 2000 && !(inbox.idle && outputs.active.every((output) => output.idle)); turn++)
      await new Promise((resolve) => setTimeout(resolve, 1));
  };
  return { inbox, memory, outputs, feed, swap, settled };
}

/** A connection that holds at most one chunk, as TCP's does. */
async function send(kind: EngineKind, inbox: Inbox, text: string, chunkBytes: number): Promise<number> {
  const framer = kind.createFramer({ kind: "newline" }, 1 << 20, { transport: "tcp" }, new Float64Array(frameCells));
  const bytes = Buffer.from(text);
  let pauses = 0;
  for (let start = 0; start < bytes.length; start += chunkBytes) {
    const chunk = bytes.subarray(start, start + chunkBytes);
    let at = inbox.accept(framer, chunk, 0);
    if (at === chunk.length) continue;
    pauses++;
    await new Promise<void>((resolve) => {
      inbox.waitForRoom(() => {
        at = inbox.accept(framer, chunk, at);
        if (at < chunk.length) return false;
        resolve();
        return true;
      });
    });
  }
  if (!inbox.acceptEnd(framer))
    await new Promise<void>((resolve) => {
      inbox.waitForRoom(() => {
        const done = inbox.acceptEnd(framer);
        if (done) resolve();
        return done;
      });
    });
  framer.close();
  return pauses;
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => `line ${index}`);

for (const kind of engines()) {
  describe(`a worker's inbox on ${kind.name}`, () => {
    it("runs a chunk at once when nothing waits and the outputs take it", async () => {
      const { inbox, feed, swap } = rig(kind);
      await swap([]);
      const framer = kind.createFramer({ kind: "newline" }, 1000, { transport: "tcp" }, new Float64Array(frameCells));
      expect(inbox.accept(framer, Buffer.from("a\nb\nc"), 0)).toBe(5);
      expect(feed.written).toEqual(["a", "b"]);
      expect(inbox.acceptEnd(framer)).toBe(true);
      expect(feed.written).toEqual(["a", "b", "c"]);
    });

    it.each([1, 7, 1000, 65_536])(
      "keeps every record and the order while the reader comes and goes, chunks of %i bytes",
      async (chunkBytes) => {
        const { inbox, feed, swap, settled } = rig(kind, { room: 0, queueBytes: 20_000 });
        const counts = await swap([]);
        const lines = numbers(chunkBytes < 1000 ? 3000 : 100_000);
        const reader = setInterval(() => {
          feed.room += 4000;
        }, 1);
        const pauses = await send(kind, inbox, lines.join("\n"), chunkBytes);
        feed.room = Number.POSITIVE_INFINITY;
        await settled();
        clearInterval(reader);
        expect(feed.written.length).toBe(lines.length);
        expect(feed.written).toEqual(lines);
        expect(counts[countCell.receivedRecords]).toBe(lines.length);
        if (chunkBytes >= 1000) expect(pauses).toBeGreaterThan(0);
      },
    );

    it("holds a bounded amount while nobody reads, and counts nothing twice afterwards", async () => {
      const { inbox, feed, swap, settled, outputs } = rig(kind, { room: 0, queueBytes: 20_000 });
      const counts = await swap([{ id: "r", type: "redact", params: { pattern: "line", replacement: "LINE" } }]);
      const lines = numbers(100_000);
      let sent = false;
      const sending = send(kind, inbox, lines.join("\n"), 65_536).then(() => {
        sent = true;
      });
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(sent).toBe(false);
      expect(outputs.accepting).toBe(false);
      expect(counts[countCell.receivedRecords]).toBeLessThan(50_000);
      feed.room = Number.POSITIVE_INFINITY;
      await sending;
      await settled();
      expect(feed.written).toEqual(lines.map((line) => line.replace("line", "LINE")));
      expect(counts[countCell.receivedRecords]).toBe(lines.length);
    });

    it("gives a new plan every record that comes after the swap, and none before", async () => {
      const { inbox, feed, swap, settled } = rig(kind);
      const before = await swap([{ id: "a", type: "redact", params: { pattern: "x", replacement: "A" } }]);
      await send(kind, inbox, "x1\nx2\n", 100);
      const after = await swap([{ id: "a", type: "redact", params: { pattern: "x", replacement: "B" } }]);
      await send(kind, inbox, "x3\n", 100);
      await settled();
      expect(feed.written).toEqual(["A1", "A2", "B3"]);
      expect([before[countCell.receivedRecords], after[countCell.receivedRecords]]).toEqual([2, 1]);
    });

    it("swaps while an output is stuck, neither losing nor doubling a record", async () => {
      const { inbox, feed, swap, settled } = rig(kind, { room: 0, queueBytes: 20_000 });
      await swap([{ id: "a", type: "redact", params: { pattern: "line", replacement: "old" } }]);
      const lines = numbers(100_000);
      const sending = send(kind, inbox, lines.join("\n"), 65_536);
      await new Promise((resolve) => setTimeout(resolve, 10));
      await swap([{ id: "a", type: "redact", params: { pattern: "line", replacement: "new" } }]);
      feed.room = Number.POSITIVE_INFINITY;
      await sending;
      await settled();
      expect(feed.written.map((line) => line.slice(4))).toEqual(lines.map((line) => line.slice(5)));
      const turn = feed.written.findIndex((line) => line.startsWith("new"));
      expect(turn).toBeGreaterThan(0);
      expect(feed.written.slice(turn).every((line) => line.startsWith("new"))).toBe(true);
    });

    it("takes what another thread pushes after the outputs were full and have room again", async () => {
      const { memory, feed, swap, settled } = rig(kind, { room: 0, queueBytes: 20_000 });
      await swap([]);
      await settled();
      const remote = new RemoteInbox(kind, memory, 1);
      const framer = kind.createFramer({ kind: "newline" }, 1000, { transport: "tcp" }, new Float64Array(frameCells));
      const push = (lines: string[]) => {
        const chunk = Buffer.from(`${lines.join("\n")}\n`);
        expect(remote.accept(framer, chunk, 0)).toBe(chunk.length);
      };
      const lines = numbers(1000);
      push(lines);
      await new Promise((resolve) => setTimeout(resolve, 20));
      feed.room = Number.POSITIVE_INFINITY;
      await settled();
      push(["one more"]);
      await until("the last line is out", () => feed.written.length > lines.length);
      expect(feed.written).toEqual([...lines, "one more"]);
    });

    it("takes a record that is larger than a batch", async () => {
      const { inbox, feed, swap, settled } = rig(kind, { ringBytes: 1 << 22 });
      await swap([]);
      const large = "y".repeat(900_000);
      await send(kind, inbox, `a\n${large}\nb\n`, 65_536);
      await settled();
      expect(feed.written.map((line) => line.length)).toEqual([1, 900_000, 1]);
    });
  });
}
