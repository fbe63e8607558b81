/** The way of a log line from a worker, and the rate limit. */

import { describe, expect, it } from "vitest";
import { forwardLog, type LogFields, type LogLevel, RateLimit, writeLog } from "./log.ts";

describe("the log", () => {
  it("hands a line on with its level and fields, through a worker and back", () => {
    const lines: [LogLevel, LogFields, string][] = [];
    const main = forwardLog((...line) => lines.push(line));
    const worker = forwardLog(writeLog(main));
    worker.warn({ rule: "ssn" }, "withheld");
    worker.info("plain");
    expect(lines).toEqual([
      ["warn", { rule: "ssn" }, "withheld"],
      ["info", {}, "plain"],
    ]);
  });
});

describe("a rate limit", () => {
  it("lets one through a period and key, and tells how many it held back", () => {
    const limit = new RateLimit(1000);
    expect(limit.pass("a", 0)).toBe(0);
    expect(limit.pass("a", 1)).toBeUndefined();
    expect(limit.pass("a", 999)).toBeUndefined();
    expect(limit.pass("b", 999)).toBe(0);
    expect(limit.pass("a", 1000)).toBe(2);
    expect(limit.pass("a", 2000)).toBe(0);
  });
});
