/** The table of metrics: its names, and that labels stay few whatever manifests come and go. */

import { describe, expect, it } from "vitest";
import { type Amount, emptySnapshot, type RuleTotals, retiredOutputs, zeroAmount } from "../data/ledger/snapshot.ts";
import { Reloads } from "../data/worker/reloads.ts";
import { type DataFacts, dataMetrics, formerRules, rulesMax } from "./data_metrics.ts";
import { readMetric } from "./metric.ts";
import { processMetrics } from "./process_metrics.ts";

function rule(dropped: Amount): RuleTotals {
  return {
    dropped,
    changed: { records: 0, replacements: 0 },
    quarantined: zeroAmount(),
    redacted: new Map([["email", { records: 1, values: 2 }]]),
    summaries: zeroAmount(),
    sampledWeight: 0,
  };
}

function facts(more: Partial<DataFacts> = {}): DataFacts {
  return {
    snapshot: emptySnapshot(),
    ...{ workers: 1, living: 1, deaths: 0, rings: [], listening: true, draining: false, version: "1" },
    ...{ rules: [], outputs: [], reloads: new Reloads(), memory: { budgetBytes: 1, heldBytes: 0 }, ready: true },
    ...more,
  };
}

const read = (name: string, from: DataFacts) => {
  const metric = dataMetrics.find((one) => one.name === name);
  if (metric === undefined) throw new Error(`no metric ${name}`);
  return readMetric(metric, from).values;
};

describe("the table of metrics", () => {
  const all = [...dataMetrics, ...processMetrics];

  it("has each name once, in Prometheus' spelling: a counter ends in _total, nothing else does", () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const { name, type } of all) {
      expect(name).toMatch(/^(streamgate|process)_[a-z]+(_[a-z]+)*$/);
      expect(`${name} ${name.endsWith("_total")}`).toBe(`${name} ${type === "counter"}`);
    }
  });

  it("says of each what it means, in a sentence, and where it comes from", () => {
    for (const { help, source } of all) {
      expect(help).toMatch(/^[A-Z1].*\.$/);
      expect(source).toBeTruthy();
    }
  });

  it("gives the labels that it declares, and no others", () => {
    const snapshot = emptySnapshot();
    snapshot.rules.set("r", rule({ records: 1, bytes: 1 }));
    for (const metric of dataMetrics)
      for (const { labels } of readMetric(metric, facts({ snapshot, rules: ["r"] })).values)
        expect(
          Object.keys(labels)
            .filter((name) => name !== "le")
            .sort(),
        ).toEqual([...metric.labels].sort());
  });
});

describe("labels", () => {
  it("name rules that run, and former ones up to a bound; the others are one, and nothing is missing in the sum", () => {
    const snapshot = emptySnapshot();
    for (let index = 0; index < rulesMax + 500; index++)
      snapshot.rules.set(`r${index}`, rule({ records: 1, bytes: 10 }));
    const newest = `r${rulesMax + 499}`;
    for (const name of ["streamgate_records_dropped_total", "streamgate_records_redacted_total"]) {
      const values = read(name, facts({ snapshot, rules: [newest] }));
      expect(values).toHaveLength(rulesMax + 1);
      expect(values.some(({ labels }) => labels.rule === newest)).toBe(true);
      expect(values.find(({ labels }) => labels.rule === formerRules)?.value).toBe(500);
      expect(values.reduce((sum, { value }) => sum + value, 0)).toBe(rulesMax + 500);
    }
  });

  it("do not name removed outputs while there are none", () => {
    const lines = read("streamgate_records_delivered_total", facts());
    expect(lines.filter(({ labels }) => labels.output === retiredOutputs)).toEqual([]);
  });
});
