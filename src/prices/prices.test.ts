/** The price book: what records cost, whose price counts for an output, and prices as people write them. */

import { describe, expect, it } from "vitest";
import { outputTypes } from "../outputs/index.ts";
import { parsePrice, priceLists, priceOf, priceText } from "./index.ts";
import { costUsd } from "./price.ts";

describe("a price", () => {
  it("counts gigabytes of 10^9 bytes and millions of events", () => {
    const price = { perGbUsd: 0.1, perMillionEventsUsd: 1.7 };
    expect(costUsd({ records: 5_000_000, bytes: 1e9 }, price)).toBeCloseTo(0.1 + 5 * 1.7, 12);
    expect(costUsd({ records: 0, bytes: 0 }, price)).toBe(0);
  });

  it("is the output's own, its vendor's, or what is said for the rest", () => {
    const rest = { perGbUsd: 9, perMillionEventsUsd: 8 };
    expect(priceOf({ type: "datadog" }, rest)).toEqual({ perGbUsd: 0.1, perMillionEventsUsd: 1.7, from: "list" });
    expect(priceOf({ type: "http" }, rest)).toEqual({ ...rest, from: "setting" });
    expect(priceOf({ type: "console" })).toEqual({ perGbUsd: 0, perMillionEventsUsd: 0, from: "none" });
    const own = { type: "splunk_hec", prices: { per_gb_usd: 0.7 } };
    expect(priceOf(own, rest)).toEqual({ perGbUsd: 0.7, perMillionEventsUsd: 0, from: "output" });
    const events = { type: "http", prices: { per_million_events_usd: 1 } };
    expect(priceOf(events, rest)).toEqual({ perGbUsd: 9, perMillionEventsUsd: 1, from: "output" });
  });

  it.each([
    ["datadog", 0.1, 1.7],
    ["splunk", 4.93, 0],
    ["cloudwatch", 0.5, 0],
    ["0.08", 0.08, 0],
    ["2+1.25", 2, 1.25],
  ])("is written %s", (text, perGbUsd, perMillionEventsUsd) => {
    const price = parsePrice(text);
    expect(price).toMatchObject({ perGbUsd, perMillionEventsUsd });
    expect(parsePrice(priceText(price))).toEqual(price);
  });

  it.each(["", "dynatrace", "-1", "1e9", "1+", "0.1 + 2", "$1"])("is not written %j", (text) => {
    expect(() => parsePrice(text)).toThrow("is no price; known are datadog, splunk, cloudwatch");
  });

  it("of each vendor says what it is, of when, and from where, and names outputs that exist", () => {
    expect(parsePrice("none")).toBeUndefined();
    for (const list of priceLists.values()) {
      expect(list.source).toMatch(/^https:\/\//);
      expect(list.asOf).toMatch(/^\d{4}-\d\d-\d\d\b/);
      expect(list.description.length).toBeGreaterThan(20);
      for (const type of list.outputTypes) expect([...outputTypes.keys()]).toContain(type);
    }
  });
});
