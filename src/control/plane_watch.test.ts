/** What is written of the data planes' own words: once each, and no more than a little, whatever somebody says through Redis. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { temporaryDirectory } from "../../test/fixtures/temporary_directory.ts";
import type { PlaneReport } from "../bus/plane_report.ts";
import { watchPlanes } from "./plane_watch.ts";
import { Planes } from "./planes.ts";

const start = Date.parse("2026-01-31T12:00:00.000Z");
const at = (seconds: number) => new Date(start + seconds * 1000).toISOString();
const alert = (seconds: number) => ({ at: at(seconds), version: "2", what: `seen at ${seconds}` });
const report = (id: string, more: Partial<PlaneReport>): PlaneReport => ({
  ...{ id, program: "1.0.0", engine: "portable", workers: 1, started_at: at(-100), reported_at: at(0) },
  ...more,
});

let directory: string;
let reports: readonly PlaneReport[];
let looks: number;
let changed: () => void;
let logged: string[];
let unwatch: () => void;

function watch() {
  const planes = new Planes({
    async list() {
      looks++;
      return reports;
    },
    watch(onChange) {
      changed = onChange;
      return () => {};
    },
    async close() {},
  });
  unwatch = watchPlanes({ planes, directory, log: { warn: (message) => void logged.push(message) } });
}
/** The planes say this; resolves when all of it is written: looks come one after the other. */
async function say(...next: readonly PlaneReport[]) {
  reports = next;
  for (let times = 0; times < 2; times++) {
    const before = looks;
    changed();
    while (looks === before) await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
const written = () =>
  existsSync(join(directory, "planes.jsonl"))
    ? readFileSync(join(directory, "planes.jsonl"), "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
    : [];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: start });
  directory = temporaryDirectory("plane-watch");
  mkdirSync(join(directory, "control"));
  reports = [];
  looks = 0;
  logged = [];
});
afterEach(() => {
  unwatch();
  vi.useRealTimers();
});

describe("what data planes did", () => {
  it("is written once, over restarts, in a file that is not the audit's", async () => {
    const reverted = { version: "2", to: "1", at: at(-5), why: "all is dropped", outputs: false };
    const edge = report("edge", { reverted, alerts: [alert(-9), alert(-8)] });
    watch();
    await say(edge);
    await say(edge);
    unwatch();
    watch();
    await say(edge);
    expect(written().map(({ action, what }) => [action, what.plane, what.at])).toEqual([
      ["revert", "edge", at(-5)],
      ["plane_alert", "edge", at(-9)],
      ["plane_alert", "edge", at(-8)],
    ]);
    expect([logged.length, existsSync(join(directory, "audit.jsonl"))]).toEqual([3, false]);
  });

  it.each(["zzz", "9999-01-01T00:00:00.000Z", "2026-13-31T12:00:00.000Z"])(
    "is heard after somebody said %s in its name, also in a file of before",
    async (forged) => {
      writeFileSync(
        join(directory, "control", "heard.json"),
        JSON.stringify({ edge: { reverted: forged, alert: forged } }),
      );
      watch();
      const reverted = { version: "2", to: "1", at: forged, why: "", outputs: false };
      await say(report("edge", { reverted, alerts: [{ at: forged, version: "2", what: "forged" }] }));
      await say(report("edge", { reverted: { ...reverted, at: at(-1) }, alerts: [alert(-2)] }));
      expect(written().map(({ what }) => what.at)).toEqual([at(-1), at(-2)]);
    },
  );

  it("is heard when its time has come, of a plane whose clock is ahead", async () => {
    watch();
    await say(report("edge", { alerts: [alert(3)] }));
    expect(written()).toEqual([]);
    vi.setSystemTime(start + 3000);
    await say(report("edge", { alerts: [alert(3)] }));
    expect(written()).toMatchObject([{ what: { at: at(3) } }]);
  });

  it("is twenty lines a minute, and the number of the others", async () => {
    watch();
    const flood = (from: number) =>
      Array.from({ length: 1000 }, (_, index) =>
        report(`plane-${index}`, { alerts: [4, 3, 2, 1, 0].map((before) => alert(from - before)) }),
      );
    await say(...flood(-10));
    await say(...flood(-5));
    expect([written().length, logged.length]).toEqual([20, 21]);
    vi.setSystemTime(start + 61_000);
    await say(...flood(60));
    expect(written()).toHaveLength(41);
    expect(written()[20]).toMatchObject({ action: "plane_left_out", what: { count: 9980, since: at(0) } });
  });
});
