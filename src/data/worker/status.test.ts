/** What several workers say of one output, as one answer. */

import { describe, expect, it } from "vitest";
import type { DeliveryStatus } from "../delivery/delivery.ts";
import { emptySnapshot, type OutputTotals, zeroAmount } from "../ledger/snapshot.ts";
import { statusOf } from "./status.ts";

function statusOfOutput(...each: readonly Partial<DeliveryStatus>[]) {
  const snapshot = emptySnapshot();
  const held = ["delivered", "queued", "spooled", "deadLettered", "quarantined"] as const;
  const amounts = ["filtered", "routed", "recovered", ...held] as const;
  const totals = Object.fromEntries(amounts.map((field) => [field, zeroAmount()]));
  snapshot.outputs.set("siem", { ...totals, lost: {}, rewrittenBytes: 0 } as unknown as OutputTotals);
  const answers = each.map((status, worker) => ({
    worker,
    status: { outputs: { siem: { lanes: [], ...status } }, skipped: [] },
  }));
  const parts = { version: "1", engine: "portable", workers: each.length, snapshot, answers, extra: {} };
  return (statusOf(parts).outputs as Record<string, Record<string, unknown>>).siem!;
}

describe("GET /status, of an output", () => {
  it("sums dead letters over workers, cause by cause", () => {
    const told = statusOfOutput(
      { dead_letters_by_cause: { too_old: 2, http_400: 1 } },
      { dead_letters_by_cause: {} },
      { dead_letters_by_cause: { too_old: 3, other: 4 } },
    );
    expect(told.dead_letters_by_cause).toEqual({ too_old: 5, http_400: 1, other: 4 });
  });

  it("tells no more causes of many workers than of one", () => {
    const causes = (from: number) => Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`http_${from + i}`, 1]));
    const told = statusOfOutput({ dead_letters_by_cause: causes(400) }, { dead_letters_by_cause: causes(416) });
    expect(told.dead_letters_by_cause).toEqual({ ...causes(400), other: 16 });
  });

  it("says nothing of causes where nothing was refused, or nobody refuses", () => {
    expect(statusOfOutput({ dead_letters_by_cause: {} }, {})).not.toHaveProperty("dead_letters_by_cause");
  });
});
