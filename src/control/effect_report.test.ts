/** What an effect amounts to: in dollars a month over several outputs, and which rules deserve a second look. */

import { describe, expect, it } from "vitest";
import type { Rule } from "../manifest/manifest.ts";
import type { LiveEffect } from "../plan/live.ts";
import { effectReport, flagsOf, rateOf } from "./effect_report.ts";

const hourMs = 3_600_000;
const drop: Rule = { id: "d", type: "filter", params: { value: "x" } };
const redact: Rule = { id: "r", type: "redact", params: { pattern: "x" } };
const amount = (records: number) => ({ records, bytes: records * 100 });
const effect: LiveEffect = {
  rule: "d",
  sinceMs: 0,
  // unknown, trace, debug, info, warn, error, fatal
  bySeverity: [0, 0, 6e6, 0, 0, 3e6, 1e6].map(amount),
  savedBytes: 1e9,
  services: [
    { name: "pay", ...amount(9e6) },
    { name: "", ...amount(1e6) },
  ],
  otherServices: amount(0),
  examples: [],
};

describe("an effect in dollars", () => {
  it("is of every output, as far as its filter lets records through", () => {
    const outputs = [
      { type: "datadog", id: "dd", api_key: "k" },
      { type: "http", id: "h", url: "http://h", prices: { per_gb_usd: 1, per_million_events_usd: 2 } },
      { type: "file", id: "f", path: "/f" },
    ];
    const half = { records: 0.25, bytes: 0.5 };
    const rate = rateOf(outputs, new Map([["h", half]]), { perGbUsd: 10, perMillionEventsUsd: 0 });
    expect(rate.price).toEqual({ perGbUsd: 0.1 + 0.5 + 10, perMillionEventsUsd: 1.7 + 0.25 * 2 });
    expect(rate.outputs.map(({ output, share, price }) => [output, share, price.from])).toEqual([
      ["dd", { records: 1, bytes: 1 }, "list"],
      ["h", half, "output"],
      ["f", { records: 1, bytes: 1 }, "setting"],
    ]);
    expect(rateOf([], new Map()).outputs).toMatchObject([{ output: "console", price: { from: "none" } }]);
  });

  it("is that of the hours it was seen, times 730, by severity and by service", () => {
    const rate = rateOf([{ type: "datadog", id: "dd" }], new Map());
    const report = effectReport(drop, effect, rate, 2 * hourMs);
    // 10⁷ records and 10⁹ bytes in two hours.
    const usd = (0.1 * 1 + 1.7 * 10) * 365;
    expect(report).toMatchObject({ hours: 2, records: 1e7, saved_bytes: 1e9, error_or_above: 4e6 });
    expect(report.a_month.usd).toBeCloseTo(usd, 6);
    expect(report.a_month).toMatchObject({ records: 1e7 * 365, bytes: 1e9 * 365, by_output: [{ output: "dd" }] });
    expect(Object.entries(report.by_severity).map(([level, one]) => [level, one.usd_a_month])).toEqual([
      ["fatal", expect.closeTo(usd / 10, 5)],
      ["error", expect.closeTo((usd * 3) / 10, 5)],
      ["debug", expect.closeTo((usd * 6) / 10, 5)],
    ]);
    expect(report.by_service).toMatchObject([{ service: "pay" }, { service: null }]);
  });

  it("of a rule that takes no record away is that of the bytes", () => {
    const rate = rateOf([{ type: "datadog", id: "dd" }], new Map());
    const report = effectReport(redact, { ...effect, savedBytes: 2e9 }, rate, 730 * hourMs);
    expect(report.a_month).toMatchObject({ records: 0, bytes: 2e9, usd: 0.2 });
    expect(report.by_severity.debug).toEqual(amount(6e6));
  });
});

describe("flags", () => {
  const activity = { sinceMs: 0, received: 5000, reached: 5000, matched: 0, droppedRecords: 0, droppedBytes: 0 };
  const day = 24 * hourMs;

  it("are for a rule that acted on nothing for a day in which records came", () => {
    expect(flagsOf(drop, activity, day - 1)).toEqual([]);
    expect(flagsOf(drop, activity, day)).toEqual(["matched_nothing_24h"]);
    expect(flagsOf(drop, { ...activity, received: 0 }, day)).toEqual([]);
    expect(flagsOf(drop, { ...activity, matched: 1, lastMatchedMs: 1 }, day)).toEqual([]);
    expect(flagsOf(drop, { ...activity, matched: 1, lastMatchedMs: 1 }, day + 1)).toEqual(["matched_nothing_24h"]);
  });

  it("are not for a route, of which nobody counts what it does", () => {
    const route: Rule = { id: "r", type: "route", params: { outputs: [] } };
    expect(flagsOf(route, activity, day)).toEqual([]);
    expect(flagsOf({ ...route, mode: "shadow" }, activity, day)).toEqual(["matched_nothing_24h"]);
  });

  it("are for a redact that changes every record, of a thousand at least", () => {
    const everything = { ...activity, matched: 5000, lastMatchedMs: 1 };
    expect(flagsOf(redact, everything, 2)).toEqual(["matches_everything"]);
    expect(flagsOf(drop, everything, 2)).toEqual([]);
    expect(flagsOf(redact, { ...everything, reached: 5001 }, 2)).toEqual([]);
    expect(flagsOf(redact, { ...everything, reached: 999, matched: 999 }, 2)).toEqual([]);
    // Others were dropped before it.
    expect(flagsOf(redact, { ...everything, received: 9000 }, 2)).toEqual(["matches_everything"]);
  });
});
