/** The account: one snapshot, sums over manifests and dead workers, and an imbalance that shows what vanished. */

import { describe, expect, it } from "vitest";
import { countCell, countCellsFixed, countCellsPerRule, ruleCell } from "../engine/layout.ts";
import { createLedgerMemory, ledgerCell, ledgerOffsets, outputCell } from "./layout.ts";
import { LedgerWriter, readLedger } from "./ledger.ts";
import {
  addCounts,
  addDead,
  addStanding,
  emptySnapshot,
  imbalance,
  type LedgerMeaning,
  retiredOutputs,
  shapeOf,
} from "./snapshot.ts";

const meaning: LedgerMeaning = {
  rules: [{ id: "drop_debug", type: "filter", class: "reduce" }],
  outputs: ["console 0"],
};

function cellsOf(values: { received: number; dropped: number; delivered: number; queued: number }): Float64Array {
  const offsets = ledgerOffsets(shapeOf(meaning));
  const cells = new Float64Array(offsets.cells);
  const passed = values.received - values.dropped;
  cells[offsets.counts + countCell.receivedRecords] = values.received;
  cells[offsets.counts + countCell.passedRecords] = passed;
  cells[offsets.counts + countCellsFixed + ruleCell.droppedRecords] = values.dropped;
  cells[offsets.output(0) + outputCell.routedRecords] = passed;
  cells[offsets.output(0) + outputCell.manifestRecords] = passed;
  cells[offsets.output(0) + outputCell.deliveredRecords] = values.delivered;
  cells[offsets.output(0) + outputCell.queuedRecords] = values.queued;
  return cells;
}

function accountOf(cells: Float64Array) {
  const snapshot = emptySnapshot();
  addCounts(snapshot, cells, meaning);
  addStanding(snapshot, cells, meaning);
  return snapshot;
}

describe("the ledger", () => {
  it("shows a reader what was published, as one snapshot", () => {
    const shape = { rules: 1, outputs: 1 };
    const memory = createLedgerMemory(shape);
    const writer = new LedgerWriter(memory, shape);
    writer.publish((cells) => cells.fill(7));
    expect(new Set(readLedger(memory, shape))).toEqual(new Set([7]));
  });

  it("shows the last whole snapshot of a worker that ended in the middle of writing one", () => {
    const shape = { rules: 1, outputs: 1 };
    const memory = createLedgerMemory(shape);
    const writer = new LedgerWriter(memory, shape);
    for (const value of [7, 8])
      for (const half of [false, true])
        try {
          writer.publish((cells) => {
            cells.fill(half ? 99 : value, 0, half ? 5 : cells.length);
            if (half) throw new Error("terminated");
          });
        } catch {
          expect(new Set(readLedger(memory, shape))).toEqual(new Set([value]));
        }
    writer.publish((cells) => cells.fill(9));
    expect(new Set(readLedger(memory, shape))).toEqual(new Set([9]));
  });

  it("balances when every record is dropped, delivered or queued", () => {
    expect(imbalance(accountOf(cellsOf({ received: 10, dropped: 3, delivered: 5, queued: 2 })))).toBe(0);
  });

  it("balances what the quarantine could not take, and still when the worker that lost it has died", () => {
    const cells = cellsOf({ received: 10, dropped: 3, delivered: 7, queued: 0 });
    const { counts } = ledgerOffsets(shapeOf(meaning));
    cells[counts + countCell.receivedRecords] = 15;
    cells[counts + countCell.quarantinedOutputLimitRecords] = 2;
    cells[ledgerCell.lostQuarantineFullRecords] = 3;
    cells[ledgerCell.releasedRecords] = 1;
    const dead = emptySnapshot();
    addDead(dead, cells, meaning);
    for (const snapshot of [accountOf(cells), dead]) {
      expect(imbalance(snapshot)).toBe(0);
      expect(snapshot.lost.quarantine_full.records).toBe(3);
      expect(snapshot.released.records).toBe(1);
    }
    cells[ledgerCell.lostQuarantineFullRecords] = 2;
    expect(imbalance(accountOf(cells))).toBe(1);
  });

  it("balances what an output's spool had to give to the quarantine, or lost", () => {
    const cells = cellsOf({ received: 10, dropped: 3, delivered: 4, queued: 0 });
    const output = ledgerOffsets(shapeOf(meaning)).output(0);
    cells[output + outputCell.quarantinedRecords] = 2;
    cells[output + outputCell.lostQuarantineFullRecords] = 1;
    const snapshot = accountOf(cells);
    expect(imbalance(snapshot)).toBe(0);
    expect(snapshot.outputs.get("console 0")?.quarantined.records).toBe(2);
    expect(snapshot.outputs.get("console 0")?.lost.quarantine_full.records).toBe(1);
  });

  it("is off by the records that vanished behind the engine", () => {
    expect(imbalance(accountOf(cellsOf({ received: 10, dropped: 3, delivered: 5, queued: 1 })))).toBe(1);
  });

  it("is off by the records that an output was not offered", () => {
    const cells = cellsOf({ received: 10, dropped: 0, delivered: 10, queued: 0 });
    cells[ledgerOffsets(shapeOf(meaning)).output(0) + outputCell.manifestRecords] = 8;
    expect(imbalance(accountOf(cells))).toBe(2);
  });

  it("adds up a rule over manifests by its id", () => {
    const snapshot = emptySnapshot();
    addCounts(snapshot, cellsOf({ received: 10, dropped: 3, delivered: 7, queued: 0 }), meaning);
    addCounts(snapshot, cellsOf({ received: 5, dropped: 2, delivered: 3, queued: 0 }), meaning);
    expect(snapshot.rules.get("drop_debug")?.dropped.records).toBe(5);
  });

  it("counts what a dead worker's outputs still held as lost{worker}", () => {
    const snapshot = emptySnapshot();
    addDead(snapshot, cellsOf({ received: 10, dropped: 3, delivered: 5, queued: 2 }), meaning);
    expect(snapshot.outputs.get("console 0")?.lost.worker.records).toBe(2);
    expect(snapshot.outputs.get(retiredOutputs)?.queued.records).toBe(0);
    expect(imbalance(snapshot)).toBe(0);
  });
});

describe("what redact rules replaced", () => {
  const redacting: LedgerMeaning = {
    rules: [
      { id: "pii", type: "redact", class: "protect" },
      { id: "ssn", type: "redact", class: "protect" },
    ],
    outputs: ["console"],
    patterns: [1],
    selectors: [
      { rule: 0, detector: "email" },
      { rule: 0, detector: undefined },
      { rule: 0, detector: "iban" },
    ],
  };

  it("is told by rule and detector, scopes left out, and adds up over manifests", () => {
    const cells = new Float64Array(ledgerOffsets(shapeOf(redacting)).cells);
    const { counts, selectors } = ledgerOffsets(shapeOf(redacting));
    cells[counts + countCellsFixed + countCellsPerRule + ruleCell.changedRecords] = 3;
    cells[counts + countCellsFixed + countCellsPerRule + ruleCell.replacements] = 4;
    cells.set([5, 6, 0, 0, 7, 8], selectors);
    const snapshot = emptySnapshot();
    addCounts(snapshot, cells, redacting);
    addCounts(snapshot, cells, redacting);
    expect(Object.fromEntries(snapshot.rules.get("pii")!.redacted)).toEqual({
      email: { records: 10, values: 12 },
      iban: { records: 14, values: 16 },
    });
    expect(Object.fromEntries(snapshot.rules.get("ssn")!.redacted)).toEqual({ pattern: { records: 6, values: 8 } });
  });
});

describe("how an output fares", () => {
  it("is the sum of the workers', its oldest record the oldest of them, and nothing of one that died", () => {
    const cells = new Float64Array(ledgerOffsets(shapeOf(meaning)).cells);
    const output = ledgerOffsets(shapeOf(meaning)).output(0);
    cells[output + outputCell.breakerOpen] = 1;
    cells[output + outputCell.spoolOldestMs] = 5000;
    cells[output + outputCell.latencyBuckets + 2] = 3;
    const other = cells.slice();
    other[output + outputCell.spoolOldestMs] = 4000;
    const snapshot = emptySnapshot();
    addStanding(snapshot, cells, meaning);
    addStanding(snapshot, other, meaning);
    addDead(snapshot, cells, meaning);
    const { fares, latency } = snapshot.outputs.get("console 0")!;
    expect(fares).toMatchObject({ breaker: { closed: 0, half_open: 0, open: 2 }, spoolOldestMs: 4000 });
    // What it acknowledged stays acknowledged.
    expect(latency.buckets[2]).toBe(9);
  });
});
