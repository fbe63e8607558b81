/** Times that are found at the heads of logs. */

import { describe, expect, it } from "vitest";
import { lastTimeIn, timeIn } from "./record_time.ts";

describe("timeIn", () => {
  it.each([
    ["2026-11-26T12:31:11Z INFO x", "2026-11-26T12:31:11.000Z"],
    ["<11>1 2026-11-26T12:31:11.123456+01:00 host app", "2026-11-26T11:31:11.123Z"],
    ["2026-11-26 12:31:11,5 ERROR x", "2026-11-26T12:31:11.500Z"],
    ["cut line\n2026-11-26T12:31:11+0200 x", "2026-11-26T10:31:11.000Z"],
    ['{"level":30,"time":1795696271123,"msg":"x"}', "2026-11-26T12:31:11.123Z"],
    ['{"ts":1795696271.5}', "2026-11-26T12:31:11.500Z"],
    ['10.0.0.1 - - [26/Nov/2026:12:31:11 +0100] "GET / HTTP/1.1" 200 2', "2026-11-26T11:31:11.000Z"],
  ])("reads %s", (line, time) => {
    expect(new Date(timeIn(Buffer.from(line))!).toISOString()).toBe(time);
  });

  it.each(["", "INFO x", '{"id":1795696271123}', "2026-13-45T12:31:11Z", "[26/Nop/2026:12:31:11 +0100]", "1795696271"])(
    "finds none in %j",
    (line) => {
      expect(timeIn(Buffer.from(line))).toBeUndefined();
    },
  );
});

describe("lastTimeIn", () => {
  it("reads the first time of the last line that has one", () => {
    const text = "2026-11-26T12:31:11Z a\n2026-11-26T12:31:12Z since 2026-01-01T00:00:00Z\n  at stack\n";
    expect(new Date(lastTimeIn(Buffer.from(text))!).toISOString()).toBe("2026-11-26T12:31:12.000Z");
    expect(lastTimeIn(Buffer.from("x\n"))).toBeUndefined();
  });
});
