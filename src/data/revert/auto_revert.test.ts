/** Going back by itself over a plane that is a stand-in: what is compared with what, what is kept, and when it stays where it is. */

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkPattern } from "../../../test/fixtures/check_pattern.ts";
import { temporaryDirectory } from "../../../test/fixtures/temporary_directory.ts";
import type { Reverted } from "../../bus/plane_report.ts";
import { activePipeline, type Manifest, readManifest } from "../../manifest/manifest.ts";
import { emptySnapshot } from "../ledger/snapshot.ts";
import { AutoRevert } from "./auto_revert.ts";

const windowMs = 60_000;
const settings = {
  ...{ revert: "on" as const, revertWindowMs: windowMs, revertVolume: 0.05, revertErrors: 0.2, revertRecords: 100 },
};

/** Drops what enforced filters with the value `all` see; the rest passes. */
class Plane {
  applied: Manifest[] = [];
  refusal: Error | undefined;
  readonly #counts = emptySnapshot();
  async apply(manifest: Manifest) {
    if (this.refusal !== undefined) throw this.refusal;
    this.applied.push(manifest);
  }
  snapshot() {
    return structuredClone(this.#counts);
  }
  receive(records: number) {
    this.#counts.received.records += records;
    const { processors, outputs } = activePipeline(this.applied.at(-1)!);
    const dropping = processors.find(({ params, mode }) => params.value === "all" && mode !== "shadow");
    if (dropping !== undefined) {
      const none = () => ({ records: 0, bytes: 0 });
      const totals = this.#counts.rules.get(dropping.id) ?? {
        ...{ dropped: none(), changed: { records: 0, replacements: 0 }, quarantined: none(), summaries: none() },
        ...{ sampledWeight: 0, redacted: new Map() },
      };
      totals.dropped.records += records;
      this.#counts.rules.set(dropping.id, totals);
    }
    return outputs;
  }
}

let directory: string;
let plane: Plane;
let guard: AutoRevert;
let told: (Reverted | undefined)[];
let alerts: string[];
let logged: string[];

async function open(more: Partial<typeof settings> = {}, revert: "on" | "off" = "on") {
  const log = (first: unknown, second?: string) => void logged.push(second ?? String(first));
  guard = await AutoRevert.open({
    ...{ plane, directory, check: checkPattern, settings: { ...settings, ...more, revert } },
    log: { info: log, warn: log, error: log },
    tell: {
      reverted: (reverted) => void told.push(reverted),
      alert: (version, what) => void alerts.push(`${version}: ${what}`),
    },
  });
}
const drop = (id: string, value: string) => ({ id, type: "filter", params: { value } });
const redact = { id: "pii", type: "redact", params: { pattern: "x", replacement: "#" } };
const manifest = (version: string, rules: readonly object[], more: object = {}): Manifest =>
  readManifest({ version, ...more, pipelines: [{ processors: rules }] }, checkPattern).manifest;
/** So many records a second, for so many seconds. */
async function pass(seconds: number, records = 100) {
  for (let second = 0; second < seconds; second++) {
    plane.receive(records);
    await vi.advanceTimersByTimeAsync(1000);
  }
}
const running = () => activePipeline(plane.applied.at(-1)!).processors;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });
  directory = temporaryDirectory("revert");
  plane = new Plane();
  told = [];
  alerts = [];
  logged = [];
  await open();
});
afterEach(async () => {
  await guard.close();
  vi.useRealTimers();
});
/** Files are written in real time. */
async function settle(what: () => boolean) {
  for (let times = 0; times < 200 && !what(); times++) {
    await vi.advanceTimersByTimeAsync(1000);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(what()).toBe(true);
}

describe("a version that drops everything", () => {
  const good = manifest("1", [drop("a", "some")]);
  const bad = manifest("2", [drop("a", "all"), redact]);

  it("is gone back from, with what it protects, and stays so over a restart until another comes", async () => {
    await guard.apply(good);
    await pass(10);
    await guard.apply(bad);
    expect(guard.status).toMatchObject({ state: "watching", compared_with: "1" });
    await pass(5);
    await settle(() => guard.status.state === "reverted");
    expect(running()).toEqual([drop("a", "some"), redact]);
    expect(plane.applied.at(-1)!.version).toBe("2");
    expect(told).toMatchObject([{ version: "2", to: "1", outputs: false }]);
    expect(logged.join()).toContain("Gone back to the reduce rules of version 1");

    await guard.close();
    await open();
    await guard.apply(bad);
    expect(running()).toEqual([drop("a", "some"), redact]);
    expect(guard.status).toMatchObject({ state: "reverted", reverted: { version: "2" }, reverts: 0 });
    // The next version is compared with what runs, and runs whole.
    await pass(10);
    const next = manifest("3", [drop("a", "other")]);
    await guard.apply(next);
    expect(running()).toEqual([drop("a", "other")]);
    expect([told.at(-1), existsSync(join(directory, "reverted.json"))]).toEqual([undefined, false]);
  });

  it("does not become the measure of one that follows before it is found out", async () => {
    await guard.apply(good);
    await pass(10);
    await guard.apply(bad);
    plane.receive(50);
    await guard.apply(manifest("3", [drop("a", "all"), redact, drop("b", "some")]));
    expect(guard.status).toMatchObject({ compared_with: "1" });
    await pass(5);
    await settle(() => guard.status.state === "reverted");
    expect(told).toMatchObject([{ version: "3", to: "1" }]);
    expect(running()).toEqual([drop("a", "some"), redact]);
  });

  it("is compared with the version that runs where too little was seen of the settled one", async () => {
    await guard.apply(manifest("0", []));
    await guard.apply(good);
    await pass(5);
    await guard.apply(bad);
    expect(guard.status).toMatchObject({ compared_with: "1" });
    await pass(5);
    await settle(() => guard.status.state === "reverted");
  });

  it("is not gone back from after its window, nor by the first that ever runs", async () => {
    await guard.apply(bad);
    expect(guard.status.state).toBe("settled");
    await guard.apply(good);
    await pass(10);
    await guard.apply(manifest("3", [drop("a", "all")]));
    await vi.advanceTimersByTimeAsync(windowMs + 2000);
    expect(guard.status.state).toBe("settled");
    await pass(20);
    expect([told, guard.status.reverts]).toEqual([[], 0]);
  });

  it("is left alone with REVERT=off, and where its publication says so", async () => {
    await guard.close();
    await open({}, "off");
    await guard.apply(good);
    await pass(10);
    await guard.apply(bad);
    await pass(10);
    expect([guard.status.state, plane.applied.length]).toEqual(["off", 2]);
    await guard.close();
    await open();
    await guard.apply(good);
    await pass(10);
    await guard.apply(manifest("4", [drop("a", "all")], { revert: { volume: false, errors: false } }));
    expect(guard.status.state).toBe("settled");
  });

  it("stays when the plane refuses to go back, which is told once", async () => {
    await guard.apply(good);
    await pass(10);
    await guard.apply(bad);
    plane.refusal = new Error("no room");
    await pass(5);
    await settle(() => alerts.length > 0);
    await pass(5);
    expect(alerts).toEqual([expect.stringMatching(/^2: .*not gone back: no room$/)]);
    expect([told, existsSync(join(directory, "reverted.json"))]).toEqual([[], false]);
  });
});

it("a version that is refused changes nothing: what ran before is still looked at", async () => {
  await guard.apply(manifest("1", []));
  await pass(10);
  await guard.apply(manifest("2", [drop("a", "all")]));
  plane.refusal = new Error("no such file");
  await expect(guard.apply(manifest("3", []))).rejects.toThrow("no such file");
  plane.refusal = undefined;
  expect(guard.status).toMatchObject({ state: "watching", compared_with: "1" });
});

it("does not start with a state file that cannot be read: the bad version would run again", async () => {
  await guard.close();
  writeFileSync(join(directory, "reverted.json"), "{");
  await expect(open()).rejects.toMatchObject({ code: "SG_STATE_DAMAGED" });
});
