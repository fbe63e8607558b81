/** Calls that ask data planes what rules do: with one in this process (a stand-in here), and without. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { engines } from "../../test/conformance/engines.ts";
import { checkPattern } from "../../test/fixtures/check_pattern.ts";
import { temporaryDirectory } from "../../test/fixtures/temporary_directory.ts";
import { evaluate } from "../data/engine/evaluate.ts";
import type { LiveActivity, LiveEffect, LiveRules } from "../plan/live.ts";
import { controlTelemetry } from "../telemetry/telemetry.ts";
import { Audit } from "./audit.ts";
import { Authentication } from "./auth/authentication.ts";
import { digestOf, newToken, tokenLine } from "./auth/token.ts";
import { callsOf } from "./calls.ts";
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
const activity: LiveActivity = {
  sinceMs: 0,
  received: 2000,
  reached: 2000,
  matched: 0,
  droppedRecords: 0,
  droppedBytes: 0,
};

let server: ControlServer | undefined;
afterEach(async () => server?.close());

async function start(
  live?: Partial<LiveRules>,
  directory = temporaryDirectory("live"),
  authentication?: Authentication,
) {
  const parts = {
    store: await Store.open(directory),
    check: checkPattern,
    audit: new Audit(directory),
    sightings: new Sightings(),
    log: { info() {}, warn() {}, error() {} },
    ...(live !== undefined && {
      telemetry: {
        ...controlTelemetry({ name: "portable", description: "portable" }),
        status: async () => ({ version: "1" }),
      },
      live: {
        effects: async () => [effect],
        activity: async () => new Map(),
        shares: () => new Map(),
        recent: async () => [],
        ...live,
      },
    }),
  };
  const publisher = { publish: async () => ({ subscribersNotified: 1 }), close: async () => {} };
  server = await startControl({
    ...{ host: "localhost", port: 0, shutdownTimeoutMs: 1000 },
    evaluate: (plan, records) => evaluate(kind, plan, records),
    ...parts,
    ...callsOf({ ...parts, publisher }),
    ...(authentication !== undefined && { authentication }),
  });
}

async function call(method: string, path: string, body?: object, token?: string) {
  const response = await fetch(`http://localhost:${server!.port}${path}`, {
    method,
    headers: {
      ...(body !== undefined && { "content-type": "application/json" }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape are looked into
  return { status: response.status, body: (await response.json()) as any };
}

async function publish(...rules: readonly object[]) {
  return publishWith(undefined, ...rules);
}

async function publishWith(token: string | undefined, ...rules: readonly object[]) {
  for (const rule of rules) expect((await call("POST", "/rules", rule, token)).status).toBe(200);
  return (await call("POST", "/publish", undefined, token)).body;
}

describe("without a data plane in the process", () => {
  it("an effect and recent records are asked for elsewhere, and lines are previewed all the same", async () => {
    await start();
    await publish(shy);
    const answer = await call("GET", "/rules/shy/effect");
    expect([answer.status, answer.body.error.fix]).toEqual([
      501,
      expect.stringContaining("ADMIN_PORT (9464) of streamgate data"),
    ]);
    expect((await call("POST", "/rules/preview", { recent: 3 })).status).toBe(501);
    expect((await call("POST", "/rules/preview", { lines: ["a"] })).body.lines).toHaveLength(1);
    // No warning would read as no errors.
    const warnings = [{ rule: "shy", kind: "effect_unknown", what: expect.stringContaining("not known here") }];
    expect((await call("POST", "/rules/shy/promote")).body).toMatchObject({ status: "promoted", warnings });
    expect((await publish()).warnings).toEqual(warnings);
    expect((await publish()).warnings).toEqual([]);
  });
});

describe("an effect's answer", () => {
  it("shows no example to a token that may only read", async () => {
    const [reader, writer] = [newToken(), newToken()];
    const file = join(temporaryDirectory("tokens"), "tokens");
    const entries = [
      { name: "reader", role: "read", digest: digestOf(reader) },
      { name: "writer", role: "write", digest: digestOf(writer) },
    ] as const;
    writeFileSync(file, entries.map(tokenLine).join("\n"), { mode: 0o600 });
    const log = { info() {}, warn() {} };
    await start(
      {},
      undefined,
      new Authentication({ controlHost: "localhost", controlAuth: "on", tokenFile: file }, log),
    );
    await publishWith(writer, shy);
    const [seen, shown] = await Promise.all(
      [reader, writer].map(async (token) => (await call("GET", "/rules/shy/effect", undefined, token)).body),
    );
    expect([seen.records, seen.examples, seen.examples_withheld]).toEqual([21, [], 3]);
    expect(shown.examples).toHaveLength(2);
  });

  it("shows nothing that a published rule hides, though the draft has lost it, and counts what is not shown", async () => {
    await start({});
    await publish(ssn, { id: "keep", type: "filter", protect: true, params: { value: "drop me" } }, shy);
    await call("DELETE", "/rules/ssn");
    const { body } = await call("GET", "/rules/shy/effect");
    expect(body).toMatchObject({ records: 21, error_or_above: 11, examples: ["x #"], examples_withheld: 2 });
    expect(body.by_service).toMatchObject([{ service: "svc #" }]);
    expect(JSON.stringify(body)).not.toContain(secret);
  });

  it.each([
    ["a transport", { transport: "udp" }],
    ["a sender", { source: ["10.0.0.0/8"] }],
    ["a time", { all: [{ value: "x" }, { not: { time_share: { share: 0.5, period_s: 60 } } }] }],
    ["another part of the record", { value: "x " }],
  ])("hides what a rule takes out that asks for %s, whatever the draft does before", async (_, when) => {
    await start({});
    await publish({ ...ssn, when }, shy);
    await call("POST", "/rules?before=ssn", {
      ...{ id: "trick", type: "redact", params: { pattern: "x ", replacement: "y " } },
    });
    const { body } = await call("GET", "/rules/shy/effect");
    expect(body.examples).toEqual(["y #", "drop me"]);
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

describe("an enforced rule's effect", () => {
  it("tells nothing of a route, which is counted by output, rather than that it did nothing", async () => {
    await start({ activity: async () => new Map([["away", activity]]) });
    await publish({ id: "away", type: "route", params: { outputs: [] } });
    const { body } = await call("GET", "/rules/away/effect");
    expect(body).toMatchObject({ mode: "enforce", flags: [], note: expect.stringContaining("by output") });
    expect(body).not.toHaveProperty("records");
    expect((await call("GET", "/status")).body.rule_flags).toEqual({});
  });
});

describe("a preview of recent records", () => {
  const card = "4111 1111 1111 1111";
  const recent = async () => [`paid ${card}`, "nothing", "drop me"].map((text) => Buffer.from(text));
  const tried = (params: object) => [{ id: "tried", type: "redact", params }];

  it.each([
    ["takes it apart", { pattern: "4111", replacement: "4.1.1.1" }],
    ["takes the rest away", { pattern: " 1111", replacement: "" }],
    ["writes it beside other text", { pattern: "(\\d{4}) ", replacement: "\\1_\\1" }],
  ])("shows no value that a detector finds, not even when the rule that is tried %s", async (_, params) => {
    await start({ recent });
    const { body } = await call("POST", "/rules/preview", { recent: 3, rules: tried(params) });
    expect(body.lines[0]).toMatchObject({ fate: "passed", output: "paid [credit_card]" });
    expect(body.lines[0].changed_by).toMatchObject([{ rule: "tried" }]);
    expect(JSON.stringify(body)).not.toMatch(/4\D*1\D*1\D*1\D*1/);
  });

  it("tells whether the rules leave something in a record, and shows nothing of one that a protect rule keeps back", async () => {
    await start({ recent });
    await publish({ id: "keep", type: "filter", protect: true, params: { value: "drop me" } });
    const lines = async (rules: readonly object[]) =>
      (await call("POST", "/rules/preview", { recent: 3, rules })).body.lines;
    const [first, second, third] = await lines([]);
    expect(first).toMatchObject({ output: "paid [credit_card]", concealed: true });
    expect(second).toMatchObject({ input: "nothing", output: "nothing" });
    expect(second).not.toHaveProperty("concealed");
    expect(third).toEqual({
      ...{ line: 3, fate: "passed", changed_by: [], would_act: [], outputs: ["console"], concealed: true },
    });
    expect((await lines(tried({ detector: "credit_card" })))[0]).not.toHaveProperty("concealed");
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

describe("promoting", () => {
  it("is refused for a rule that is switched off, and leaves one trace however often it is asked for", async () => {
    const directory = temporaryDirectory("live");
    await start({}, directory);
    await publish(shy, { ...shy, id: "off", enabled: false });
    const refused = await call("POST", "/rules/off/promote");
    expect([refused.status, refused.body.error.fix]).toEqual([409, expect.stringContaining("enabled")]);
    const first = await call("POST", "/rules/shy/promote");
    expect(first.body.warnings).toMatchObject([{ kind: "hits_errors", records: 11 }]);
    expect(await call("POST", "/rules/shy/promote")).toEqual(first);
    const audit = readFileSync(join(directory, "audit.jsonl"), "utf8");
    expect(audit.match(/"promote"/g)).toHaveLength(1);
  });
});

describe("calls that try rules", () => {
  it.each([
    ["/rules/preview", { lines: ["x"] }],
    ["/rules/test", { tests: [{ name: "t", input: "x", expect: "x" }] }],
  ])("%s names a wrong rule by its place in the body, and tells what is ignored", async (path, body) => {
    await start();
    const rules = [shy, { id: "slip", type: "filter", params: { value: "y", ignorecase: true } }];
    const { warnings } = (await call("POST", path, { ...body, rules })).body;
    expect(warnings).toEqual([expect.stringContaining('rules[1] "slip" params.ignorecase')]);
    const lost = [{ id: "lost", type: "route", params: { outputs: ["nowhere"] } }];
    expect(await call("POST", path, { ...body, rules: lost })).toMatchObject({
      status: 422,
      body: { error: { code: "SG_RULE_OUTPUT", where: 'rules[0] "lost" params.outputs' } },
    });
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
