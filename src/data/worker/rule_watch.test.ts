/** Which rules match anything, and when they last did, over looks and publications. */

import { describe, expect, it } from "vitest";
import type { Rule } from "../../manifest/manifest.ts";
import type { LiveEffect } from "../../plan/live.ts";
import { emptySnapshot, type Snapshot } from "../ledger/snapshot.ts";
import { RuleWatch } from "./rule_watch.ts";

const rule: Rule = { id: "r", type: "filter", params: { value: "x" } };
const totals = (dropped: number, changed = 0, quarantined = 0) => ({
  dropped: { records: dropped, bytes: dropped * 10 },
  changed: { records: changed, replacements: changed },
  quarantined: { records: quarantined, bytes: 0 },
  summaries: { records: 0, bytes: 0 },
  redacted: new Map(),
  sampledWeight: 0,
});
const snapshot = (received: number, dropped = 0, changed = 0, more: Snapshot["rules"] = new Map()): Snapshot => ({
  ...emptySnapshot(),
  received: { records: received, bytes: 0 },
  rules: new Map([["r", totals(dropped, changed)], ...more]),
});
const effect = (records: number): LiveEffect => ({
  rule: "r",
  sinceMs: 0,
  bySeverity: [
    { records, bytes: 0 },
    { records: 0, bytes: 0 },
  ],
  savedBytes: 0,
  services: [],
  otherServices: { records: 0, bytes: 0 },
  examples: [],
});

describe("a rule's activity", () => {
  it("counts from when the rule began, and knows when it last matched", () => {
    const watch = new RuleWatch();
    watch.use([rule], snapshot(100, 7), 1000);
    expect(watch.activity.get("r")).toMatchObject({ sinceMs: 1000, received: 0, matched: 0 });
    watch.look(snapshot(150, 7), [], 2000);
    expect(watch.activity.get("r")).toEqual({
      sinceMs: 1000,
      received: 50,
      reached: 50,
      matched: 0,
      droppedRecords: 0,
      droppedBytes: 0,
    });
    watch.look(snapshot(160, 9, 1), [], 3000);
    watch.look(snapshot(170, 9, 1), [], 4000);
    expect(watch.activity.get("r")).toEqual({
      sinceMs: 1000,
      received: 70,
      reached: 70,
      matched: 3,
      droppedRecords: 2,
      droppedBytes: 20,
      lastMatchedMs: 3000,
    });
  });

  it("goes on over a publication that leaves the rule as it was, and begins anew with another one", () => {
    const watch = new RuleWatch();
    watch.use([rule], snapshot(0), 1000);
    watch.look(snapshot(10, 1), [], 2000);
    watch.use([{ ...rule, enabled: true }], snapshot(10, 1), 3000);
    expect(watch.activity.get("r")).toMatchObject({ sinceMs: 1000, matched: 1 });
    for (const other of [
      { ...rule, when: { value: "y" } },
      { ...rule, params: { value: "z" } },
      { ...rule, mode: "shadow" as const },
    ]) {
      watch.use([other], snapshot(10, 1), 4000);
      expect(watch.activity.get("r")).toMatchObject({ sinceMs: 4000, received: 0, matched: 0 });
    }
    watch.use([{ ...rule, enabled: false }], snapshot(10, 1), 5000);
    expect(watch.activity.size).toBe(0);
  });

  it("of a rule in shadow is what it would have done", () => {
    const watch = new RuleWatch();
    watch.use([{ ...rule, mode: "shadow" }], snapshot(0), 1000);
    watch.look(snapshot(10), [effect(4)], 2000);
    expect(watch.activity.get("r")).toMatchObject({ matched: 4, received: 10, lastMatchedMs: 2000 });
  });

  it("knows how many records reach a rule behind others, also when their order changes", () => {
    const watch = new RuleWatch();
    const behind: Rule = { ...rule, id: "behind" };
    const now = (received: number, dropped: number, withheld: number) =>
      snapshot(received, dropped, 0, new Map([["behind", totals(0, 0, withheld)]]));
    const reached = () => ["r", "behind"].map((id) => watch.activity.get(id)!.reached);
    watch.use([rule, behind], now(100, 40, 5), 1000);
    watch.look(now(200, 70, 6), [], 2000);
    expect(reached()).toEqual([100, 70]);
    watch.use([behind, rule], now(210, 71, 6), 3000);
    expect(reached()).toEqual([110, 79]);
    watch.look(now(220, 71, 10), [], 4000);
    expect(reached()).toEqual([116, 89]);
  });
});
