/** Outputs over reloads and at the end of a run: what one that a reload has removed still holds is delivered, kept, or counted. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { batchOf } from "../../../test/fixtures/batch.ts";
import { MemoryQuarantine } from "../../../test/fixtures/quarantine.ts";
import { Sink } from "../../../test/fixtures/sink.ts";
import { until } from "../../../test/fixtures/wait.ts";
import type { OutputConfig } from "../../outputs/output.ts";
import { forwardLog } from "../../telemetry/log.ts";
import type { Batch } from "../engine/batch.ts";
import { portableKind } from "../engine/portable/kind.ts";
import { outputCell, outputCells } from "../ledger/layout.ts";
import { Outputs } from "./outputs.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const plan = { rules: [], operations: [] };

function rig() {
  const dataDir = mkdtempSync(join(tmpdir(), "sg-outputs-"));
  closers.push(() => rmSync(dataDir, { recursive: true, force: true }));
  const file = { room: 0, records: 0 };
  const take = (state: { room: number; records: number }) => ({
    push(_batch: Batch, from: number, to: number) {
      const stopped = Math.min(to, from + state.room);
      state.room -= stopped - from;
      state.records += stopped - from;
      return stopped;
    },
  });
  const outputs = new Outputs({
    kind: portableKind(),
    queueBytes: 1 << 20,
    worker: 0,
    workers: 1,
    disk: { dataDir, worker: 0, workers: 1 },
    quarantine: new MemoryQuarantine(),
    stdout: take({ room: Number.POSITIVE_INFINITY, records: 0 }),
    openFile: () => take(file),
    log: forwardLog(() => {}),
    site: { changed: () => {}, nothingWaits: () => true, overBudget: () => false },
  });
  const prepare = (...configs: OutputConfig[]) => outputs.prepare(configs, 100, plan);
  /** Of the first output that runs, and of those that are removed. */
  const cell = (name: keyof typeof outputCell) => {
    const cells = new Float64Array(2 * outputCells + 64 * outputCells);
    outputs.write(cells, 0, (index) => (1 + index) * outputCells);
    return { retired: cells[outputCell[name]]!, first: cells[outputCells + outputCell[name]]! };
  };
  return { outputs, prepare, cell, file };
}

async function removedWhileItsDestinationRefuses() {
  const made = rig();
  const sink = await Sink.start();
  closers.push(() => sink.close());
  sink.status = 503;
  const http = { type: "http", id: "out", url: sink.url, retry: { max_delay: "10ms" } };
  made.outputs.swap(await made.prepare(http));
  made.outputs.push(batchOf("a", "b"), 0, 2);
  made.outputs.flush();
  await until("it has been refused", () => sink.refused > 0);
  made.outputs.swap(await made.prepare());
  return { ...made, sink, http };
}

describe("an output that a reload has removed", () => {
  it("drains on while a manifest that has it again is made ready and refused elsewhere", async () => {
    const { outputs, prepare, cell, sink, http } = await removedWhileItsDestinationRefuses();
    await outputs.discard(await prepare(http));
    expect(cell("queuedRecords").retired).toBe(2);
    sink.status = 200;
    await until("it has delivered", () => cell("deliveredRecords").retired === 2);
    expect(sink.lines()).toEqual(["a", "b"]);
    expect(await outputs.drain(1000)).toBe(true);
  });

  it("goes on with what it holds when it comes back, also when it had nothing left meanwhile", async () => {
    for (const early of [false, true]) {
      const { outputs, prepare, cell, sink, http } = await removedWhileItsDestinationRefuses();
      const prepared = await prepare(http);
      if (early) {
        sink.status = 200;
        await until("it has delivered", () => sink.lines().length === 2);
      }
      outputs.swap(prepared);
      sink.status = 200;
      outputs.push(batchOf("c"), 0, 1);
      outputs.flush();
      await until("it has delivered", () => cell("deliveredRecords").first === 3);
      expect(sink.lines()).toEqual(["a", "b", "c"]);
      expect(cell("routedRecords")).toEqual({ retired: 0, first: 3 });
      expect(await outputs.drain(1000)).toBe(true);
    }
  });

  it("has until the deadline of a shutdown when it has no spool", async () => {
    const { outputs, prepare, cell, file } = rig();
    outputs.swap(await prepare({ type: "file", id: "f", path: "/nowhere" }));
    outputs.push(batchOf("a", "b"), 0, 2);
    outputs.swap(await prepare());
    const draining = outputs.drain(10_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    file.room = 2;
    expect(await draining).toBe(true);
    expect([file.records, cell("lostShutdownRecords").retired]).toEqual([2, 0]);
  });
});
