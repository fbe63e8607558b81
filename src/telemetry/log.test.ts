/** The way of a log line from a worker, and the rate limit. */

import { describe, expect, it } from "vitest";
import { forwardLog, type LogFields, type LogLevel, LogThrottle, RateLimit, writeLog } from "./log.ts";

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

describe("a throttled log", () => {
  it("writes so many lines of a kind in a second, and then tells how many it held back", () => {
    const written: string[] = [];
    const throttle = new LogThrottle(2, (level, fields, message) =>
      written.push(`${level} ${message} ${JSON.stringify(fields)}`),
    );
    for (let number = 1; number <= 5; number++)
      throttle.write("warn", {}, `output "o${number}" refuses ${number} records`);
    throttle.write("error", {}, 'output "o1" refuses 1 records');
    throttle.write("warn", {}, "something else");
    expect(written).toEqual([
      'warn output "o1" refuses 1 records {}',
      'warn output "o2" refuses 2 records {}',
      'error output "o1" refuses 1 records {}',
      "warn something else {}",
    ]);
    expect(throttle.heldBack).toBe(3);
    throttle.end();
    expect(written.at(-1)).toBe('warn held back lines like: output "o1" refuses 1 records {"heldBack":3}');
    throttle.write("warn", {}, 'output "o9" refuses 9 records');
    expect(written.at(-1)).toBe('warn output "o9" refuses 9 records {}');
    throttle.end();
  });

  it("tells a bounded number of kinds apart", () => {
    const written: string[] = [];
    const throttle = new LogThrottle(1, (_, __, message) => written.push(message));
    for (let letter = 0; letter < 2000; letter++)
      throttle.write("info", {}, `kind ${"abcdefghij".repeat(3).slice(0, 1 + (letter % 30))}${"x".repeat(letter)}`);
    expect(written).toHaveLength(257);
    throttle.end();
  });
});
