/** What a worker answers when requests overtake the code that an earlier one still loads. */

import { describe, expect, it } from "vitest";
import { compilePlan } from "../../plan/compile.ts";
import { forwardLog } from "../../telemetry/log.ts";
import { portableKind } from "../engine/portable/kind.ts";
import { createLedgerMemory } from "../ledger/layout.ts";
import { shapeOf } from "../ledger/snapshot.ts";
import { createRingMemory } from "../ring/layout.ts";
import { createMemoryAccount } from "./memory_budget.ts";
import type { Request } from "./messages.ts";
import { WorkerPlane } from "./worker_plane.ts";

function workerPlane(): WorkerPlane {
  const start = {
    index: 0,
    engine: "portable",
    rings: [createRingMemory(1 << 19, 1000)],
    stdout: { kind: "ring", memory: createRingMemory(1 << 19, 1000) },
    tcpFraming: { kind: "newline" },
    maxRecordBytes: 1000,
    queueBytes: 1 << 20,
    memory: createMemoryAccount(1 << 24, 1),
    overload: "bypass",
    shardKey: undefined,
    dataDir: undefined,
  } as const;
  return new WorkerPlane(
    start,
    portableKind(),
    forwardLog(() => {}),
  );
}

/** A manifest with an HTTP output, whose code is loaded while it is made ready. */
function prepare(): Extract<Request, { kind: "prepare" }> {
  const plan = compilePlan([]);
  const ledger = createLedgerMemory(shapeOf({ rules: plan.rules, outputs: ["http-0"] }));
  return {
    kind: "prepare",
    plan,
    outputs: [{ type: "http", url: "http://127.0.0.1:9/" }],
    batchSize: 100,
    ledger,
    files: {},
  };
}

describe("a worker's two-phase reload", () => {
  it("has nothing prepared after a discard that came while the outputs' code was loading", async () => {
    const plane = workerPlane();
    const preparing = plane.answer(prepare());
    await plane.answer({ kind: "discard" });
    await expect(preparing).rejects.toThrow("discarded");
    await expect(plane.answer({ kind: "commit" })).rejects.toThrow("nothing is prepared");
  });

  it("runs the later of two manifests that are made ready at once", async () => {
    const plane = workerPlane();
    const [first, second] = await Promise.allSettled([plane.answer(prepare()), plane.answer(prepare())]);
    expect([first.status, second.status]).toEqual(["rejected", "fulfilled"]);
    await expect(plane.answer({ kind: "commit" })).resolves.toBeUndefined();
  });
});
