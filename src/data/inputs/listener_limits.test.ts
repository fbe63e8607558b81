/** How often connections are looked at, and what the log says of what befell them. */
import { describe, expect, it } from "vitest";
import { forwardLog } from "../../telemetry/log.ts";
import { ListenerBook, lookPlan, unguarded } from "./listener_limits.ts";

describe("looks at connections", () => {
  it("never take less than the timeout, and not much more", () => {
    for (const timeoutMs of [100, 999, 5000, 60_000, 3_600_000]) {
      const { everyMs, idleLooks, recordLooks } = lookPlan({ idleMs: timeoutMs, recordMs: 0 });
      // The first look may come at once after the last byte.
      expect((idleLooks - 1) * everyMs).toBeGreaterThanOrEqual(timeoutMs);
      expect(idleLooks * everyMs).toBeLessThanOrEqual(1.6 * timeoutMs + 40);
      expect(recordLooks).toBe(0);
    }
  });

  it("are not made where nothing times out", () => {
    expect(lookPlan({ idleMs: 0, recordMs: 0 }).everyMs).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("the book of what befell connections", () => {
  it("counts every one and says so once in a while, without holding back how many", () => {
    const lines: object[] = [];
    const guard = { ...unguarded(), changes: 0, changed: () => guard.changes++ };
    const book = new ListenerBook(
      guard,
      forwardLog((_level, fields) => lines.push(fields)),
    );
    book.happened("source", { address: "::ffff:192.0.2.1" });
    for (let time = 0; time < 5; time++) book.happened("source");
    book.happened("idle", { times: 3 });
    expect(guard.counts).toMatchObject({ refusedSource: 6, closedIdle: 3, refusedConnections: 0 });
    expect(guard.changes).toBe(7);
    expect(lines).toEqual([{ connections: 1, address: "192.0.2.1" }, { connections: 3 }]);
  });
});
