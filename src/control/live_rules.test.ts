/** Calls that ask data planes what rules do: with one in this process (a stand-in here), and without. */

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { engines } from "../../test/conformance/engines.ts";
import { checkPattern } from "../../test/fixtures/check_pattern.ts";
import { temporaryDirectory } from "../../test/fixtures/temporary_directory.ts";
import { evaluate } from "../data/engine/evaluate.ts";
import type { LiveActivity, LiveEffect, LiveRules } from "../plan/live.ts";
import { Audit } from "./audit.ts";
import { type ControlServer, startControl } from "./server.ts";
import { Sightings } from "./sightings.ts";
import { Store } from "./store.ts";

const kind = engines()[0]!;
const secret = "123-45-6789";
const ssn = { id: "ssn", type: "redact", params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "#" } };
const shy = { id: "shy", type: "filter", mode: "shadow", params: { value: "x" } };
const effect: LiveEffect = {
  rule: "shy",
  sinceMs: 0,
  bySeverity: Array.from({ length: 7 }, (_, level) => ({ records: level, bytes: level * 10 })),
  savedBytes: 210,
  services: [{ name: `svc ${secret}`, records: 21, bytes: 210 }],
  otherServices: { records: 0, bytes: 0 },
  examples: [`x ${secret}`, "drop me", `${"x".repeat(2048)}`].map((text) => Buffer.from(text)),
};
const activity: LiveActivity = { sinceMs: 0, received: 2000, matched: 0, droppedRecords: 0, droppedBytes: 0 };

let server: ControlServer | undefined;
afterEach(async () => server?.close());

async function start(live?: Partial<LiveRules>, directory = temporaryDirectory("live")) {
  server = await startControl({
    ...{ host: "localhost", port: 0, shutdownTimeoutMs: 1000, check: checkPattern },
    evaluate: (plan, records) => evaluate(kind, plan, records),
    store: await Store.open(directory),
    publisher: { publish: async () => ({ subscribersNotified: 1 }), close: async () => {} },
    audit: new Audit(directory),
    sightings: new Sightings(),
    log: { info() {}, warn() {}, error() {} },
    ...(live !== undefined && {
      status: async () => ({ version: "1" }),
      live: {
        effects: async () => [effect],
        activity: async () => new Map(),
        shares: () => new Map(),
        recent: async () => [],
        ...live,
      },
    }),
  });
}

async function call(method: string, path: string, body?: object) {
  const response = await fetch(`http://localhost:${server!.port}${path}`, {
    method,
    ...(body !== undefined && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape are looked into
  return { status: response.status, body: (await response.json()) as any };
}

async function publish(...rules: readonly object[]) {
  for (const rule of rules) expect((await call("POST", "/rules", rule)).status).toBe(200);
  return (await call("POST", "/publish")).body;
}

describe("without a data plane in the process", () => {
  it("an effect and recent records are asked for elsewhere, and lines are previewed all the same", async () => {
    await start();
    await publish(shy);
    const answer = await call("GET", "/rules/shy/effect");
    expect([answer.status, answer.body.error.fix]).toEqual([501, expect.stringContaining("streamgate run")]);
    expect((await call("POST", "/rules/preview", { recent: 3 })).status).toBe(501);
    expect((await call("POST", "/rules/preview", { lines: ["a"] })).body.lines).toHaveLength(1);
    expect((await call("POST", "/rules/shy/promote")).body).toMatchObject({ status: "promoted", warnings: [] });
  });
});

describe("an effect's answer", () => {
  it("shows nothing that a published rule hides, though the draft has lost it, and counts what is not shown", async () => {
    await start({});
    await publish(ssn, { id: "keep", type: "filter", protect: true, params: { value: "drop me" } }, shy);
    await call("DELETE", "/rules/ssn");
    const { body } = await call("GET", "/rules/shy/effect");
    expect(body).toMatchObject({ records: 21, error_or_above: 11, examples: ["x #"], examples_withheld: 2 });
    expect(body.by_service).toMatchObject([{ service: "svc #" }]);
    expect(JSON.stringify(body)).not.toContain(secret);
  });

  it("flags rules that act never or always, as /status does", async () => {
    const rules = new Map([
      ["shy", activity],
      ["ssn", { ...activity, matched: 2000, lastMatchedMs: Date.now() }],
    ]);
    await start({ activity: async () => rules });
    await publish(ssn, shy);
    expect((await call("GET", "/rules/shy/effect")).body.flags).toEqual(["matched_nothing_24h"]);
    expect((await call("GET", "/rules/ssn/effect")).body).toMatchObject({
      mode: "enforce",
      flags: ["matches_everything"],
    });
    const { body } = await call("GET", "/status");
    expect(body).toEqual({ version: "1", rule_flags: { ssn: ["matches_everything"], shy: ["matched_nothing_24h"] } });
  });
});

describe("a publication", () => {
  it("warns of a rule seen to act on errors only when it enforces that very rule, and only once", async () => {
    await start({});
    await publish(shy);
    await call("PUT", "/rules/shy", { ...shy, mode: "enforce", params: { value: "y" } });
    expect((await publish()).warnings).toEqual([]);
    await call("PUT", "/rules/shy", { ...shy, mode: "enforce" });
    expect((await publish()).warnings).toMatchObject([{ rule: "shy", kind: "hits_errors", records: 11 }]);
    expect((await publish()).warnings).toEqual([]);
  });

  it("that cannot be audited changes nothing", async () => {
    const directory = temporaryDirectory("live");
    await start(undefined, directory);
    await publish(ssn);
    rmSync(join(directory, "audit.jsonl"));
    mkdirSync(join(directory, "audit.jsonl"));
    await call("DELETE", "/rules/ssn");
    expect(await call("POST", "/publish")).toMatchObject({ status: 500, body: { error: { code: "SG_DATA_DIR" } } });
    expect((await call("GET", "/")).body.published_version).toBe("1");
  });
});

describe("a preview is refused", () => {
  it.each([
    [{}, "lines"],
    [{ lines: ["a"], recent: 1 }, "lines"],
    [{ lines: [] }, "lines"],
    [{ recent: 0 }, "recent"],
    [{ recent: 201 }, "recent"],
    [{ lines: ["a"], line: 1 }, "line"],
    [[], "body"],
  ])("when it is %j, naming the field", async (body, where) => {
    await start();
    expect(await call("POST", "/rules/preview", body)).toMatchObject({
      status: 422,
      body: { error: { code: "SG_INPUT", where } },
    });
  });

  it("when a rule is, with the rule's own error", async () => {
    await start();
    const rules = [{ id: "a", type: "filter", params: { pattern: "[" } }];
    expect(await call("POST", "/rules/preview", { lines: ["a"], rules })).toMatchObject({
      status: 422,
      body: { error: { code: "SG_RULE_PATTERN", where: expect.stringContaining('"a" params.pattern') } },
    });
  });
});
