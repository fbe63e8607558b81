/** The control API over HTTP: every call of the contract, every refusal. */

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkPattern } from "../../test/fixtures/check_pattern.ts";
import type { Publisher } from "../bus/bus.ts";
import { evaluate } from "../data/engine/evaluate.ts";
import { portableKind } from "../data/engine/portable/kind.ts";
import { StreamGateError } from "../errors.ts";
import type { Manifest, OutputConfig } from "../manifest/manifest.ts";
import { Audit } from "./audit.ts";
import { callsOf } from "./calls.ts";
import type { RouteContext } from "./routes/context.ts";
import { type ControlServer, startControl } from "./server.ts";
import { Sightings } from "./sightings.ts";
import { Store } from "./store.ts";

/** Takes every manifest, unless told to fail. */
class FakeBus implements Publisher {
  published: Manifest[] = [];
  failure: StreamGateError | undefined;
  async publish(manifest: Manifest) {
    if (this.failure !== undefined) throw this.failure;
    this.published.push(manifest);
    return { subscribersNotified: 3 };
  }
  async close() {}
}

const ruleDebug = { id: "drop_debug", type: "filter", params: { value: "DEBUG" } };
const ruleSsn = {
  id: "redact_ssn",
  type: "redact",
  params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "XXX-XX-XXXX" },
};
const outputHttp = { type: "http", url: "http://localhost:9000" };

let directory: string;
let bus: FakeBus;
let server: ControlServer;
let logged: string[];

async function start(port = 0, host = "localhost", testOutput?: RouteContext["testOutput"]): Promise<ControlServer> {
  const log = {
    info: (line: string) => logged.push(line),
    warn: (line: string) => logged.push(line),
    error: (line: string) => logged.push(line),
  };
  const parts = {
    store: await Store.open(directory),
    check: checkPattern,
    audit: new Audit(directory),
    sightings: new Sightings(),
    log,
  };
  return startControl({
    host,
    port,
    shutdownTimeoutMs: 10_000,
    ...parts,
    ...callsOf({ ...parts, publisher: bus }),
    evaluate: (plan, records) => evaluate(portableKind(), plan, records),
    ...(testOutput !== undefined && { testOutput }),
  });
}

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
  const response = await fetch(`http://localhost:${server.port}${path}`, {
    method,
    headers: { ...(typeof body === "object" && { "content-type": "application/json" }), ...headers },
    ...(text !== undefined && { body: text }),
  });
  const answer = await response.text();
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape are looked into
  const parsed: any = answer.startsWith("{") || answer.startsWith("[") ? JSON.parse(answer) : answer;
  return { status: response.status, body: parsed };
}
const ids = async () => (await call("GET", "/rules")).body.map(({ id }: { id: string }) => id);

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "sg-control-"));
  bus = new FakeBus();
  logged = [];
  server = await start();
});
afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

describe("GET /", () => {
  it("says that it is there", async () => {
    expect((await call("GET", "/")).body).toMatchObject({
      status: "ok",
      service: "streamgate-control-plane",
      published_version: null,
    });
  });
});

describe("/rules", () => {
  it("adds at the end, inserts before, replaces in place, deletes", async () => {
    expect(await call("GET", "/rules")).toEqual({ status: 200, body: [] });
    expect(await call("POST", "/rules", ruleDebug)).toEqual({
      status: 200,
      body: { status: "added", rule: ruleDebug },
    });
    expect((await call("POST", "/rules", ruleSsn)).body).toEqual({ status: "added", rule: ruleSsn });
    await call("POST", "/rules?before=redact_ssn", { ...ruleDebug, id: "middle" });
    expect(await ids()).toEqual(["drop_debug", "middle", "redact_ssn"]);
    const changed = { id: "middle", type: "filter", params: { pattern: "a|b" } };
    expect(await call("PUT", "/rules/middle", changed)).toEqual({
      status: 200,
      body: { status: "updated", rule: changed },
    });
    expect((await call("PUT", "/rules/middle", { type: "filter", params: { value: "x" } })).body.rule.id).toBe(
      "middle",
    );
    expect(await ids()).toEqual(["drop_debug", "middle", "redact_ssn"]);
    expect(await call("DELETE", "/rules/middle")).toEqual({ status: 200, body: { status: "deleted", id: "middle" } });
    expect((await call("GET", "/rules")).body).toEqual([ruleDebug, ruleSsn]);
  });

  it.each(["a/b", "a b", "é✓", "%2F", "?x=1&y", "__proto__", "constructor", "x".repeat(256)])(
    "works with the id %s",
    async (id) => {
      await call("POST", "/rules", { ...ruleDebug, id });
      const path = `/rules/${encodeURIComponent(id)}`;
      expect((await call("PUT", path, { ...ruleDebug, id })).status).toBe(200);
      expect((await call("DELETE", path)).body).toEqual({ status: "deleted", id });
      expect(await ids()).toEqual([]);
    },
  );

  it("keeps fields that it does not know", async () => {
    await call("POST", "/rules", { ...ruleDebug, owner: "team-a" });
    expect((await call("GET", "/rules")).body[0].owner).toBe("team-a");
  });

  it.each([
    ["an id that exists", "POST", "/rules", ruleDebug, 400, "SG_RULE_DUPLICATE", "id"],
    ["an unknown place", "POST", "/rules?before=nope", { ...ruleDebug, id: "n" }, 404, "SG_RULE_MISSING", "before"],
    ["an unknown id to replace", "PUT", "/rules/nope", ruleDebug, 404, "SG_RULE_MISSING", "id"],
    ["an unknown id to delete", "DELETE", "/rules/nope", undefined, 404, "SG_RULE_MISSING", "id"],
    [
      "an id that is not the path's",
      "PUT",
      "/rules/drop_debug",
      { ...ruleDebug, id: "other" },
      422,
      "SG_RULE_PARAMS",
      "id",
    ],
    ["no body", "POST", "/rules", undefined, 422, "SG_RULE_PARAMS", "rule"],
    ["a list", "POST", "/rules", [], 422, "SG_RULE_PARAMS", "rule"],
    ["no id", "POST", "/rules", { type: "filter", params: { value: "x" } }, 422, "SG_RULE_PARAMS", "id"],
    ["an unknown type", "POST", "/rules", { id: "x", type: "toString", params: {} }, 422, "SG_RULE_TYPE", "type"],
    [
      "neither value nor pattern",
      "POST",
      "/rules",
      { id: "x", type: "filter", params: {} },
      422,
      "SG_RULE_PARAMS",
      "params",
    ],
    [
      "a misspelt parameter",
      "POST",
      "/rules",
      { id: "x", type: "filter", params: { value: "x", protekt: true } },
      422,
      "SG_RULE_PARAMS",
      "params.protekt",
    ],
    [
      "a pattern that RE2 refuses",
      "POST",
      "/rules",
      { id: "x", type: "redact", params: { pattern: "[0-9" } },
      422,
      "SG_RULE_PATTERN",
      "params.pattern",
    ],
    [
      "a rewrite that RE2 refuses",
      "POST",
      "/rules",
      { id: "x", type: "redact", params: { pattern: "a", replacement: "\\3" } },
      422,
      "SG_RULE_REWRITE",
      "params.replacement",
    ],
  ] as const)("refuses %s and changes nothing", async (_, method, path, body, status, code, where) => {
    await call("POST", "/rules", ruleDebug);
    const answer = await call(method, path, body);
    expect(answer.status).toBe(status);
    expect(answer.body.error).toMatchObject({ code, where });
    expect(answer.body.detail).toContain(answer.body.error.what);
    expect((await call("GET", "/rules")).body).toEqual([ruleDebug]);
  });

  it("repeats RE2's words", async () => {
    const { body } = await call("POST", "/rules", { id: "x", type: "redact", params: { pattern: "[0-9" } });
    expect(body.detail).toContain("missing ]: [0-9");
  });

  it("refuses what is no JSON, too large, too deep or of another type, without repeating it", async () => {
    const json = { "content-type": "application/json" };
    const broken = await call("POST", "/rules", '{"password":"hunter2",', json);
    expect(broken.status).toBe(422);
    expect(JSON.stringify(broken.body)).not.toContain("hunter2");
    expect((await call("POST", "/rules", "id=x", { "content-type": "application/x-www-form-urlencoded" })).status).toBe(
      415,
    );
    expect((await call("POST", "/rules", `"${"x".repeat(1_100_000)}"`, json)).status).toBe(413);
    expect((await call("POST", "/rules", "[".repeat(100_000) + "]".repeat(100_000), json)).status).toBe(422);
    expect(await ids()).toEqual([]);
  });

  it.each([".", ".."])("refuses the id %j, which no client could ask for in a path", async (id) => {
    const answer = await call("POST", "/rules", { ...ruleDebug, id });
    expect([answer.status, answer.body.error.where]).toEqual([422, "id"]);
  });

  it("treats a body's __proto__ as a plain key", async () => {
    const text = '{"id":"x","type":"filter","params":{"value":"v"},"__proto__":{"type":"redact"}}';
    expect((await call("POST", "/rules", text, { "content-type": "application/json" })).status).toBe(200);
    expect(({} as Record<string, unknown>).type).toBeUndefined();
    expect((await call("GET", "/rules")).body[0].type).toBe("filter");
  });

  it("takes changes that come at once, each of them", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => call("POST", "/rules", { ...ruleDebug, id: `r${i}` })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await ids()).toHaveLength(20);
  });
});

describe("/outputs", () => {
  const named = { ...outputHttp, id: "http-f1cd04" };
  const outputIds = async () => (await call("GET", "/outputs")).body.map(({ id }: { id: string }) => id);

  it("adds, lists, clears", async () => {
    expect(await call("POST", "/outputs", outputHttp)).toEqual({
      status: 200,
      body: { status: "added", output: named },
    });
    await call("POST", "/outputs", { type: "console" });
    expect((await call("GET", "/outputs")).body).toEqual([named, { type: "console", id: "console" }]);
    expect(await call("DELETE", "/outputs")).toEqual({ status: 200, body: { status: "cleared" } });
    expect((await call("GET", "/outputs")).body).toEqual([]);
  });

  it("keeps a filter as it was written, and refuses one by the part that is wrong", async () => {
    const filtered = {
      ...outputHttp,
      filter: { all: [{ severity: { at_least: "ERROR" } }, { not: { field: "a", in: ["x", 1] } }] },
    };
    expect(await call("POST", "/outputs", filtered)).toEqual({
      status: 200,
      body: { status: "added", output: { ...filtered, id: "http-f1cd04" } },
    });
    expect((await call("GET", "/outputs")).body).toEqual([{ ...filtered, id: "http-f1cd04" }]);
    const wrong = { ...outputHttp, filter: { not: { pattern: "[0-9" } } };
    expect(await call("POST", "/outputs", wrong)).toMatchObject({
      status: 422,
      body: { error: { code: "SG_CONDITION", where: "filter.not.pattern", what: "RE2 refuses it: missing ]: [0-9" } },
    });
  });

  it("gets, replaces in place and removes one by its id", async () => {
    await call("POST", "/outputs", outputHttp);
    await call("POST", "/outputs", { type: "console", id: "Mine.1" });
    expect(await call("GET", "/outputs/http-f1cd04")).toEqual({ status: 200, body: named });
    const changed = { type: "http", id: "http-f1cd04", url: "http://localhost:9001", compression: "gzip" };
    expect(await call("PUT", "/outputs/http-f1cd04", { ...changed, id: undefined })).toEqual({
      status: 200,
      body: { status: "updated", output: changed },
    });
    expect((await call("PUT", "/outputs/http-f1cd04", changed)).status).toBe(200);
    expect((await call("GET", "/outputs")).body).toEqual([changed, { type: "console", id: "Mine.1" }]);
    expect(await call("DELETE", "/outputs/http-f1cd04")).toEqual({
      status: 200,
      body: { status: "deleted", id: "http-f1cd04" },
    });
    expect(await outputIds()).toEqual(["Mine.1"]);
  });

  it("keeps ids over restarts, replacements and publications", async () => {
    for (const url of ["http://a", "http://b", "http://c"]) await call("POST", "/outputs", { type: "http", url });
    const [first, second, third] = await outputIds();
    await call("DELETE", `/outputs/${first}`);
    await call("PUT", `/outputs/${third}`, { type: "http", url: "http://d" });
    await call("POST", "/outputs", { type: "http", url: "http://c" });
    await server.close();
    server = await start();
    // The third keeps its id though it sends elsewhere now, so one that sends where it sent gets another.
    const ids = [second, third, `${third}-2`];
    expect(await outputIds()).toEqual(ids);
    const { manifest } = (await call("POST", "/publish")).body;
    expect(manifest.pipelines[0].outputs.map(({ id }: { id: string }) => id)).toEqual(ids);
  });

  it("refuses the same output twice, in whatever order its fields come and whatever its id", async () => {
    await call("POST", "/outputs", { ...outputHttp, headers: { a: "1", b: "2" } });
    const same = { headers: { b: "2", a: "1" }, url: outputHttp.url, type: "http" };
    for (const again of [same, { ...same, id: "other" }]) {
      const answer = await call("POST", "/outputs", again);
      expect([answer.status, answer.body.error.code]).toEqual([400, "SG_OUTPUT_DUPLICATE"]);
    }
    expect((await call("POST", "/outputs", { ...outputHttp, id: "second" })).status).toBe(200);
    const onto = await call("PUT", "/outputs/second", same);
    expect([onto.status, onto.body.error.code]).toEqual([400, "SG_OUTPUT_DUPLICATE"]);
  });

  it("refuses an id that another output has, in whatever case, and one that is not the path's", async () => {
    await call("POST", "/outputs", { ...outputHttp, id: "siem" });
    const taken = await call("POST", "/outputs", { type: "console", id: "SIEM" });
    expect([taken.status, taken.body.error]).toMatchObject([400, { code: "SG_OUTPUT_DUPLICATE", where: "id" }]);
    const renamed = await call("PUT", "/outputs/siem", { ...outputHttp, id: "other" });
    expect([renamed.status, renamed.body.error]).toMatchObject([422, { code: "SG_OUTPUT_PARAMS", where: "id" }]);
  });

  it.each([
    ["GET", "/outputs/nope"],
    ["PUT", "/outputs/nope"],
    ["DELETE", "/outputs/nope"],
    ["POST", "/outputs/nope/test"],
  ])("answers 404 to %s %s", async (method, path) => {
    await call("POST", "/outputs", outputHttp);
    const answer = await call(method, path, method === "PUT" ? outputHttp : undefined);
    expect([answer.status, answer.body.error]).toMatchObject([404, { code: "SG_OUTPUT_MISSING", where: "id" }]);
    expect(await outputIds()).toEqual(["http-f1cd04"]);
  });

  it("refuses a bad URL, an unknown type and field, and a 65th output", async () => {
    const refused = async (body: object) => {
      const answer = await call("POST", "/outputs", body);
      return [answer.status, answer.body.error.code, answer.body.error.where];
    };
    expect(await refused({ type: "http", url: "ftp://x" })).toEqual([422, "SG_OUTPUT_PARAMS", "url"]);
    expect(await refused({ type: "http" })).toEqual([422, "SG_OUTPUT_PARAMS", "url"]);
    expect(await refused({ type: "pager" })).toEqual([422, "SG_OUTPUT_TYPE", "type"]);
    expect(await refused({ type: "console", url: "http://x" })).toEqual([422, "SG_OUTPUT_PARAMS", "url"]);
    expect(await refused({ ...outputHttp, queue: { durabel: true } })).toEqual([
      422,
      "SG_OUTPUT_PARAMS",
      "queue.durabel",
    ]);
    for (const id of ["..", "retired"])
      expect(await refused({ ...outputHttp, id })).toEqual([422, "SG_OUTPUT_PARAMS", "id"]);
    for (let i = 0; i < 64; i++)
      expect((await call("POST", "/outputs", { type: "http", url: `http://h/${i}` })).status).toBe(200);
    expect(await refused(outputHttp)).toEqual([422, "SG_OUTPUT_COUNT", "outputs"]);
  });

  it("never shows a secret again, in no answer and in no line of the log, and hands it to data planes", async () => {
    const output = {
      id: "siem",
      type: "http",
      url: "http://localhost:9000",
      headers: { "x-api-key": "hunter2", "x-team": "core", "x-token": { env: "TOKEN" } },
      auth: { basic: { user: "u", password: "hunter2" } },
    };
    const answers = [
      await call("POST", "/outputs", output),
      await call("POST", "/outputs", output),
      await call("GET", "/outputs"),
      await call("GET", "/outputs/siem"),
      await call("PUT", "/outputs/siem", { ...output, compression: "gzip" }),
      await call("POST", "/publish"),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 400, 200, 200, 200, 200]);
    expect(JSON.stringify([answers, logged])).not.toContain("hunter2");
    expect(answers[3]!.body).toMatchObject({
      headers: { "x-api-key": "***", "x-team": "core", "x-token": { env: "TOKEN" } },
      auth: { basic: { user: "u", password: "***" } },
    });
    expect(bus.published[0]!.pipelines[0].outputs[0]).toMatchObject(output);
  });

  it("keeps a stored secret that comes back hidden, and refuses a hidden one where none is stored", async () => {
    const output = { type: "datadog", id: "dd", api_key: "hunter2" };
    await call("POST", "/outputs", output);
    const shown = (await call("GET", "/outputs/dd")).body;
    expect(await call("PUT", "/outputs/dd", { ...shown, service: "payments" })).toMatchObject({
      status: 200,
      body: { output: { api_key: "***", service: "payments" } },
    });
    await call("POST", "/publish");
    expect(bus.published[0]!.pipelines[0].outputs[0]).toEqual({ ...output, service: "payments" });
    const added = await call("POST", "/outputs", { type: "datadog", api_key: "***", service: "other" });
    expect([added.status, added.body.error]).toMatchObject([422, { where: "api_key", fix: expect.anything() }]);
    const invented = await call("PUT", "/outputs/dd", { ...shown, tls: { key: "***", cert: "***" } });
    expect([invented.status, invented.body.error.where]).toEqual([422, "tls.key"]);
  });

  it("gives no stored secret to another destination, whatever its place", async () => {
    const output = {
      type: "http",
      id: "siem",
      url: "https://siem.example.com/in",
      headers: { "x-api-key": "hunter2", "x-team": "core" },
    };
    await call("POST", "/outputs", output);
    const shown = (await call("GET", "/outputs/siem")).body;
    const moved = await call("PUT", "/outputs/siem", { ...shown, url: "https://attacker.example.com/in" });
    expect([moved.status, moved.body.error]).toMatchObject([
      422,
      { code: "SG_OUTPUT_PARAMS", where: 'headers["x-api-key"]', fix: "give the secret again" },
    ]);
    expect((await call("GET", "/outputs/siem")).body).toEqual(shown);
    const mended = { ...shown, url: "https://new.example.com/in", headers: { "x-api-key": "hunter3" } };
    expect((await call("PUT", "/outputs/siem", mended)).status).toBe(200);
    expect(JSON.stringify([moved, logged])).not.toContain("hunter2");
  });

  it("warns where certificates are not verified: in the answer, and in the log of each publication", async () => {
    const output = { id: "siem", type: "http", url: "https://h", tls: { insecure_skip_verify: true } };
    expect((await call("POST", "/outputs", output)).body.warnings).toEqual([expect.stringContaining("not verified")]);
    expect((await call("PUT", "/outputs/siem", output)).body.warnings).toHaveLength(1);
    await call("POST", "/publish");
    expect(logged.join("\n")).toContain("tls.insecure_skip_verify: the destination's certificate is not verified");
  });

  describe("/outputs/{id}/test", () => {
    it("sends a record to the draft's output with its secrets, and tells what came back without them", async () => {
      const tested: OutputConfig[] = [];
      await server.close();
      server = await start(0, "localhost", async (config) => {
        tested.push(config);
        return {
          status: "refused",
          http_status: 403,
          answer: `key hunter2 is wrong ${"x".repeat(2000)}`,
          verdict: { kind: "retry", reason: "HTTP 403" },
          took_ms: 12.5,
        };
      });
      await call("POST", "/outputs", { type: "datadog", id: "dd", api_key: "hunter2" });
      const { status, body } = await call("POST", "/outputs/dd/test");
      expect([status, tested]).toEqual([200, [{ type: "datadog", id: "dd", api_key: "hunter2" }]]);
      expect(body).toEqual({
        status: "refused",
        http_status: 403,
        answer: `key *** is wrong ${"x".repeat(1000)}`.slice(0, 1000),
        verdict: { kind: "retry", reason: "HTTP 403" },
        took_ms: 12.5,
      });
    });

    it("passes on why a secret cannot be read", async () => {
      await server.close();
      server = await start(0, "localhost", async () => {
        throw new StreamGateError("SG_OUTPUT_SECRET", { where: 'output "dd" api_key', what: "X is not set" });
      });
      await call("POST", "/outputs", { type: "datadog", id: "dd", api_key: { env: "X" } });
      const { status, body } = await call("POST", "/outputs/dd/test");
      expect([status, body.error.code]).toEqual([422, "SG_OUTPUT_SECRET"]);
    });

    it("says so where this process sends no records", async () => {
      await call("POST", "/outputs", outputHttp);
      const { status, body } = await call("POST", "/outputs/http-f1cd04/test");
      expect([status, body.error.fix]).toEqual([501, expect.stringContaining("both planes")]);
    });
  });
});

describe("/config/batch_size", () => {
  it("is 100 until it is set, in the query or in a body", async () => {
    expect((await call("GET", "/config/batch_size")).body).toEqual({ batch_size: 100 });
    expect((await call("POST", "/config/batch_size?size=1")).body).toEqual({ status: "updated", batch_size: 1 });
    expect((await call("POST", "/config/batch_size", { size: 10_000 })).body).toEqual({
      status: "updated",
      batch_size: 10_000,
    });
    expect((await call("POST", "/config/batch_size", { batch_size: 7 })).body.batch_size).toBe(7);
    expect(
      (await call("POST", "/config/batch_size?size=8", "", { "content-type": "application/x-www-form-urlencoded" }))
        .body.batch_size,
    ).toBe(8);
    expect((await call("GET", "/config/batch_size")).body).toEqual({ batch_size: 8 });
  });

  it.each(["0", "10001", "-1", "1.5", "x", ""])("refuses %j", async (size) => {
    const answer = await call("POST", `/config/batch_size?size=${size}`);
    expect([answer.status, answer.body.error.where]).toEqual([422, "size"]);
  });
});

describe("POST /publish", () => {
  it("hands over the draft as the next version, whatever body comes with it", async () => {
    await call("POST", "/rules", ruleDebug);
    await call("POST", "/outputs", outputHttp);
    const first = await call("POST", "/publish", "", { "content-type": "application/x-www-form-urlencoded" });
    expect(first.status).toBe(200);
    expect(first.body).toMatchObject({
      status: "published",
      subscribers_notified: 3,
      manifest: {
        version: "1",
        pipelines: [
          {
            name: "default_pipeline",
            processors: [ruleDebug],
            outputs: [{ ...outputHttp, id: "http-f1cd04" }],
            batch_size: 100,
          },
        ],
      },
    });
    expect(bus.published).toEqual([first.body.manifest]);
    expect((await call("POST", "/publish")).body.manifest.version).toBe("2");
    expect((await call("POST", "/publish", {})).body.manifest.version).toBe("3");
    // A body may say something, so one that cannot be read is not taken for silence.
    expect((await call("POST", "/publish", "not json", { "content-type": "application/json" })).status).toBe(422);
    expect((await call("GET", "/")).body.published_version).toBe("3");
  });

  it("answers 503 and why when the bus is away, 422 when a data plane refuses; the published one stays", async () => {
    await call("POST", "/publish");
    bus.failure = new StreamGateError("SG_BUS_AWAY", { where: "redis://r:1", what: "connect ECONNREFUSED" });
    const away = await call("POST", "/publish");
    expect([away.status, away.body.error.code]).toEqual([503, "SG_BUS_AWAY"]);
    expect(away.body.detail).toContain("ECONNREFUSED");
    bus.failure = new StreamGateError("SG_PUBLISH_REFUSED", { what: "worker 2 refuses it" });
    expect((await call("POST", "/publish")).status).toBe(422);
    expect((await call("GET", "/")).body.published_version).toBe("1");
    bus.failure = undefined;
    expect((await call("POST", "/publish")).body.manifest.version).toBe("4");
  });

  it("changes nothing in data planes before it is called", async () => {
    await call("POST", "/rules", ruleDebug);
    await call("DELETE", "/outputs");
    expect(bus.published).toEqual([]);
  });
});

describe("the control server", () => {
  it("remembers draft and published version over a restart", async () => {
    await call("POST", "/rules", ruleDebug);
    await call("POST", "/publish");
    await call("POST", "/rules", ruleSsn);
    await server.close();
    server = await start();
    expect(await ids()).toEqual(["drop_debug", "redact_ssn"]);
    expect((await call("GET", "/")).body.published_version).toBe("1");
  });

  it("listens on loopback addresses only, and answers on each", async () => {
    for (const address of server.addresses) {
      expect(address).toMatch(/^(127\.0\.0\.1|\[::1\]):\d+$/);
      expect((await fetch(`http://${address}/`)).status).toBe(200);
    }
  });

  it("refuses a port that is served already, and says what to do", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    await expect(start(port)).rejects.toMatchObject({
      code: "SG_PORT_IN_USE",
      fix: expect.stringContaining("CONTROL_PORT"),
    });
    other.close();
  });

  it.each(["[::1]"])("refuses %s, which is no address of this machine, and says so", async (host) => {
    await expect(start(0, host)).rejects.toMatchObject({
      code: "SG_SETTING",
      what: expect.stringContaining("no such"),
    });
  });

  it("documents every call, with examples, without the network", async () => {
    const { body } = await call("GET", "/openapi.json");
    expect(Object.keys(body.paths).sort()).toEqual([
      "/",
      "/config/batch_size",
      "/diff",
      "/healthz",
      "/manifest",
      "/metrics",
      "/outputs",
      "/outputs/{id}",
      "/outputs/{id}/test",
      "/planes",
      "/publish",
      "/readyz",
      "/rules",
      "/rules/preview",
      "/rules/test",
      "/rules/{id}",
      "/rules/{id}/effect",
      "/rules/{id}/promote",
      "/status",
      "/tail",
      "/versions",
      "/versions/{version}",
      "/versions/{version}/rollback",
    ]);
    expect(JSON.stringify(body.paths["/rules"].post)).toContain("DEBUG");
    for (const methods of Object.values(body.paths)) {
      for (const operation of Object.values(methods as object)) {
        expect(operation.summary).toBeTruthy();
        for (const [status, response] of Object.entries<{ description: string }>(operation.responses)) {
          const told = `${operation.summary}: ${status} ${JSON.stringify(response)}`;
          expect(told).not.toContain("Default Response");
          expect(told).toContain('"example');
        }
      }
    }
    // Either of the two is enough.
    const { post } = body.paths["/config/batch_size"];
    expect([post.parameters[0].required, post.requestBody.required ?? false]).toEqual([false, false]);
    const page = await call("GET", "/docs");
    expect(page.body).toContain("swagger-ui");
    expect(page.body).not.toMatch(/(src|href)="https?:/);
    expect((await call("GET", "/docs/static/swagger-ui-bundle.js")).status).toBe(200);
  });

  it("answers in one shape where there is nothing, and to a broken path", async () => {
    expect((await call("GET", "/nope")).body.error.code).toBe("SG_INPUT");
    expect((await call("PATCH", "/rules")).status).toBe(404);
    expect((await call("DELETE", "/rules/%zz")).status).toBe(400);
  });

  it("refuses a page from another site that reaches for it through a browser", async () => {
    const raw = connect(server.port, "127.0.0.1");
    raw.end(
      "POST /publish HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    const [chunk] = (await once(raw, "data")) as [Buffer];
    expect(chunk.toString()).toMatch(/^HTTP\/1\.1 403/);
    expect(bus.published).toEqual([]);
  });

  it("hides the words of its own faults, and logs them", async () => {
    bus.publish = async () => {
      throw new Error("secret detail");
    };
    const answer = await call("POST", "/publish");
    expect(answer.status).toBe(500);
    expect(answer.body.detail).not.toContain("secret");
    expect(logged.join()).toContain("secret detail");
  });
});
