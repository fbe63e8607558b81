/** What a worker answers when requests overtake the code that an earlier one still loads, and what it has counted when it ends. */

import { describe, expect, it } from "vitest";
import { engines } from "../../../test/conformance/engines.ts";
import { compilePlan } from "../../plan/compile.ts";
import { forwardLog } from "../../telemetry/log.ts";
import type { EngineKind } from "../engine/engine.ts";
import { frameCells } from "../engine/layout.ts";
import { portableKind } from "../engine/portable/kind.ts";
import { createSources } from "../inputs/sources.ts";
import { createLedgerMemory } from "../ledger/layout.ts";
import { readLedger } from "../ledger/ledger.ts";
import { addCounts, addStanding, emptySnapshot, imbalance, shapeOf } from "../ledger/snapshot.ts";
import { createRingMemory, ringHeader } from "../ring/layout.ts";
import { RemoteInbox } from "./inbox.ts";
import { createMemoryAccount } from "./memory_budget.ts";
import type { Request } from "./messages.ts";
import { WorkerPlane } from "./worker_plane.ts";

function workerPlane(kind: EngineKind = portableKind(), ring = createRingMemory(1 << 19, 1000)): WorkerPlane {
  const start = {
    index: 0,
    engine: kind.name,
    rings: [ring],
    stdout: { kind: "ring", memory: createRingMemory(1 << 19, 1000) },
    tcpFraming: { kind: "newline" },
    maxRecordBytes: 1000,
    queueBytes: 1 << 20,
    memory: createMemoryAccount(1 << 24, 1),
    overload: "bypass",
    sources: createSources({ connections: 0, connectionsPerSource: 0, bytesPerSecond: 0 }, 1),
    listenerLimits: { idleMs: 0, recordMs: 0 },
    allowMetadataOutputs: false,
    shardKey: undefined,
    dataDir: undefined,
    quarantine: undefined,
  } as const;
  return new WorkerPlane(
    start,
    kind,
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

for (const kind of engines())
  describe(`a worker that ends on ${kind.name}`, () => {
    it("has run, delivered, or counted what its outputs had, and left the rest in the ring", async () => {
      const ring = createRingMemory(1 << 19, 1000);
      const plane = workerPlane(kind, ring);
      const plan = compilePlan([]);
      const meaning = { rules: plan.rules, outputs: ["http-0"] };
      const ledger = createLedgerMemory(shapeOf(meaning));
      const outputs = [{ type: "http", url: "http://127.0.0.1:9/" }];
      await plane.answer({ kind: "prepare", plan, outputs, batchSize: 100, ledger, files: {} });
      await plane.answer({ kind: "commit" });
      // Nobody answers there and there is no disk: the queue fills, then the ring.
      const remote = new RemoteInbox(kind, ring, 1);
      const framer = kind.createFramer({ kind: "newline" }, 1000, { transport: "tcp" }, new Float64Array(frameCells));
      const chunk = Buffer.from(`${"x".repeat(63)}\n`.repeat(1000));
      let pushed = 0;
      for (let full = 0; full < 20; ) {
        const at = remote.accept(framer, chunk, 0);
        pushed += at / 64;
        full = at === chunk.length ? 0 : full + 1;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      const account = () => {
        const snapshot = emptySnapshot();
        const cells = readLedger(ledger, shapeOf(meaning));
        addCounts(snapshot, cells, meaning);
        addStanding(snapshot, cells, meaning);
        const words = new BigUint64Array(ring, 0, ringHeader.bytes / 8);
        const at = (field: "pushedRecords" | "takenRecords") => Number(words[ringHeader.offsets[field] / 8]);
        const { received, outputs } = snapshot;
        const { queued, lost } = outputs.get("http-0")!;
        return {
          pushed: received.records + at("pushedRecords") - at("takenRecords"),
          queued: queued.records,
          lost: lost.shutdown.records > 0,
          imbalance: imbalance(snapshot),
        };
      };
      expect(await plane.answer({ kind: "drain", timeoutMs: 20 })).toBe(false);
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(account()).toEqual({ pushed, queued: 0, lost: true, imbalance: 0 });
    });
  });
