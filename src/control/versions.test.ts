/** Versions over HTTP: who and why, differences, going back, the manifest whole, and two clients that write at once. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkPattern } from "../../test/fixtures/check_pattern.ts";
import { temporaryDirectory } from "../../test/fixtures/temporary_directory.ts";
import type { Publisher } from "../bus/bus.ts";
import { StreamGateError } from "../errors.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { Audit } from "./audit.ts";
import { callsOf } from "./calls.ts";
import { type ControlServer, startControl } from "./server.ts";
import { Sightings } from "./sightings.ts";
import { Store } from "./store.ts";

class FakeBus implements Publisher {
  published: Manifest[] = [];
  failure: Error | undefined;
  /** Holds publications up until it resolves. */
  gate: Promise<void> | undefined;
  async publish(manifest: Manifest) {
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    this.published.push(manifest);
    return { subscribersNotified: 1 };
  }
  async close() {}
}

let directory: string;
let bus: FakeBus;
let server: ControlServer;

async function start() {
  const parts = {
    store: await Store.open(directory),
    check: checkPattern,
    audit: new Audit(directory),
    sightings: new Sightings(),
    log: { info() {}, warn() {}, error() {} },
  };
  server = await startControl({
    ...{ host: "localhost", port: 0, shutdownTimeoutMs: 1000 },
    ...parts,
    ...callsOf({ ...parts, publisher: bus }),
    evaluate: () => [],
  });
}

beforeEach(async () => {
  directory = temporaryDirectory("versions");
  bus = new FakeBus();
  await start();
});
afterEach(() => server.close());

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`http://localhost:${server.port}${path}`, {
    method,
    headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape are looked into
  return { status: response.status, tag: response.headers.get("etag") ?? "", body: (await response.json()) as any };
}
const ok = async (...args: Parameters<typeof call>) => {
  const answer = await call(...args);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body;
};
const rule = (id: string, more: object = {}) => ({ id, type: "filter", params: { value: id }, ...more });
const redact = { id: "ssn", type: "redact", params: { pattern: "\\d{3}", replacement: "#" } };
const rulesRun = () => bus.published.at(-1)!.pipelines[0].processors.map(({ id }) => id);
const audited = () =>
  readFileSync(join(directory, "audit.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("versions", () => {
  it("say who published them, when and why, newest first, and are kept over a restart", async () => {
    await ok("POST", "/rules", rule("a"));
    await ok("POST", "/publish", { comment: "first" });
    await ok("POST", "/publish?comment=second");
    await ok("POST", "/publish");
    await server.close();
    await start();
    const list = await ok("GET", "/versions");
    expect(list).toEqual([
      expect.objectContaining({ version: "3", author: "local", status: "published", current: true, rules: 1 }),
      expect.objectContaining({ version: "2", comment: "second", current: false }),
      expect.objectContaining({ version: "1", comment: "first", outputs: 0 }),
    ]);
    expect(list[0]).not.toHaveProperty("comment");
    expect(Date.parse(list[0].time)).toBeGreaterThan(0);
    expect(await ok("GET", "/versions?limit=1")).toHaveLength(1);
    const one = await ok("GET", "/versions/1");
    expect(one).toMatchObject({ version: "1", comment: "first", manifest: { version: "1", pipelines: [{}] } });
  });

  it("show one that was refused as such, with the reason", async () => {
    bus.failure = new StreamGateError("SG_PUBLISH_REFUSED", { what: "no such file" });
    expect((await call("POST", "/publish", { comment: "bad" })).status).toBe(422);
    bus.failure = undefined;
    await ok("POST", "/publish");
    expect(await ok("GET", "/versions")).toMatchObject([
      { version: "2", status: "published" },
      {
        version: "1",
        status: "refused",
        comment: "bad",
        refused: { code: "SG_PUBLISH_REFUSED", what: "no such file" },
      },
    ]);
  });

  it("that a kill left in the middle are unconfirmed, and their numbers are not used again", async () => {
    await ok("POST", "/publish");
    const kept = JSON.parse(readFileSync(join(directory, "control/versions/000001.json"), "utf8"));
    writeFileSync(join(directory, "control/versions/000002.json"), JSON.stringify(kept));
    await server.close();
    await start();
    expect(await ok("GET", "/versions")).toMatchObject([
      { version: "2", status: "unconfirmed", current: false },
      { version: "1", status: "published", current: true },
    ]);
    expect((await ok("POST", "/publish")).manifest.version).toBe("3");
  });

  it("of an earlier program, which are manifests alone, are listed, shown and gone back to", async () => {
    await server.close();
    const manifest = {
      version: "4",
      timestamp: "2026-01-01T00:00:00.000Z",
      pipelines: [{ name: "default_pipeline", processors: [rule("old")], outputs: [], batch_size: 9 }],
    };
    mkdirSync(join(directory, "control/versions"), { recursive: true });
    for (const file of ["control/published.json", "control/versions/000004.json"])
      writeFileSync(join(directory, file), JSON.stringify(manifest));
    await start();
    expect(await ok("GET", "/versions")).toEqual([
      { version: "4", time: "2026-01-01T00:00:00.000Z", status: "published", current: true, rules: 1, outputs: 0 },
    ]);
    await ok("POST", "/publish");
    expect(rulesRun()).toEqual([]);
    expect((await ok("POST", "/versions/4/rollback")).manifest).toMatchObject({
      version: "6",
      pipelines: [{ processors: [rule("old")], batch_size: 9 }],
    });
  });

  it.each(["/versions/9", "/versions/x", "/versions/-1", "/diff?from=9", "/diff?to=nothing"])(
    "answers 404 to %s",
    async (path) => {
      expect((await call("GET", path)).body.error.code).toBe("SG_VERSION_MISSING");
      expect((await call("GET", path)).status).toBe(404);
    },
  );

  it.each([
    ["POST", "/publish", { coment: "x" }, "coment"],
    ["POST", "/publish", [], "body"],
    ["POST", "/publish", { comment: "x".repeat(1001) }, "comment"],
    ["POST", "/publish?wait=soon", undefined, "wait"],
    ["POST", "/publish?wait=61s", undefined, "wait"],
    ["POST", "/publish?revert=maybe", undefined, "revert"],
    ["GET", "/versions?limit=0", undefined, "limit"],
    ["PUT", "/manifest", { pipelines: [] }, "pipelines"],
  ])("refuses %s %s with %j, naming the field", async (method, path, body, field) => {
    const answer = await call(method, path, body);
    expect([answer.status, answer.body.error.where]).toEqual([422, field]);
    expect(bus.published).toEqual([]);
  });
});

describe("a diff", () => {
  it("tells what the draft would change, and what lies between two versions", async () => {
    await ok("POST", "/rules", rule("a"));
    await ok("POST", "/publish");
    await ok("POST", "/rules", rule("b"));
    await ok("POST", "/outputs", { type: "datadog", id: "dd", api_key: "s3cret" });
    const diff = await ok("GET", "/diff");
    expect(diff).toMatchObject({
      from: "1",
      to: "draft",
      same: false,
      rules: { added: [{ at: 1, item: rule("b") }] },
      outputs: { added: [{ at: 0, item: { id: "dd", api_key: "***" } }] },
    });
    await ok("POST", "/publish");
    expect(await ok("GET", "/diff")).toMatchObject({ from: "2", same: true });
    const back = await ok("GET", "/diff?from=2&to=1");
    expect(back).toMatchObject({ from: "2", to: "1", rules: { removed: [rule("b")] }, outputs: { removed: [{}] } });
    expect(JSON.stringify([diff, back])).not.toContain("s3cret");
  });
});

describe("a rollback", () => {
  it("is a new version that equals the earlier one; the draft follows when it was published", async () => {
    await ok("POST", "/rules", rule("a"));
    await ok("POST", "/publish");
    await ok("POST", "/rules", rule("b"));
    await ok("POST", "/publish");
    const answer = await ok("POST", "/versions/1/rollback", { comment: "b was wrong" });
    expect(answer).toMatchObject({ status: "published", draft: "followed", manifest: { version: "3" }, weakened: [] });
    expect(rulesRun()).toEqual(["a"]);
    expect((await ok("GET", "/rules")).map(({ id }: { id: string }) => id)).toEqual(["a"]);
    expect((await ok("GET", "/versions?limit=1"))[0]).toMatchObject({ rollback_of: "1", comment: "b was wrong" });
    expect(await ok("GET", "/diff?from=1&to=3")).toMatchObject({ same: true });
    expect(audited().at(-1)).toMatchObject({ action: "publish", what: { rollback_of: "1" }, who: { name: "local" } });
  });

  it("leaves a draft alone that holds what was not published, and says so", async () => {
    await ok("POST", "/publish");
    await ok("POST", "/rules", rule("mine"));
    expect(await ok("POST", "/versions/1/rollback")).toMatchObject({ draft: "kept" });
    expect(await ok("GET", "/rules")).toMatchObject([{ id: "mine" }]);
  });

  it("that protects less is allowed, named and audited", async () => {
    await ok("POST", "/publish");
    await ok("POST", "/rules", redact);
    await ok("POST", "/publish");
    expect((await ok("POST", "/versions/1/rollback")).weakened).toMatchObject([{ rule: "ssn", how: "deleted" }]);
    expect(audited().at(-1)).toMatchObject({ action: "weaken", what: { rule: "ssn", how: "deleted" } });
  });

  it("gives outputs their secrets back", async () => {
    await ok("POST", "/outputs", { type: "datadog", id: "dd", api_key: "s3cret" });
    await ok("POST", "/publish");
    await ok("DELETE", "/outputs");
    await ok("POST", "/publish");
    const answer = await ok("POST", "/versions/1/rollback");
    expect(bus.published.at(-1)!.pipelines[0].outputs).toEqual([{ type: "datadog", id: "dd", api_key: "s3cret" }]);
    expect(JSON.stringify(answer)).not.toContain("s3cret");
  });
});

describe("the manifest whole", () => {
  const manifest = (rules: object[], outputs: object[] = []) => ({
    pipelines: [{ name: "p", processors: rules, outputs, batch_size: 5, owner: "team" }, { name: "other" }],
    note: { kept: true },
  });

  it("is what is published, and becomes the draft, with the fields that nobody knows", async () => {
    expect(await ok("GET", "/manifest")).toMatchObject({ version: "0", pipelines: [{ processors: [] }] });
    await ok("POST", "/rules", rule("draft_only"));
    const answer = await ok("PUT", "/manifest?comment=from+git", manifest([rule("a")]));
    expect(answer).toMatchObject({ status: "published", draft: "followed", manifest: { version: "1" } });
    expect(bus.published.at(-1)).toMatchObject(manifest([rule("a")]));
    expect(await ok("GET", "/rules")).toMatchObject([{ id: "a" }]);
    expect(await ok("GET", "/config/batch_size")).toEqual({ batch_size: 5 });
    await ok("POST", "/rules", rule("b"));
    await ok("POST", "/publish");
    expect(bus.published.at(-1)).toMatchObject(manifest([rule("a"), rule("b")]));
    const { version: _, timestamp: __, ...content } = await ok("GET", "/manifest");
    expect(content).toEqual(manifest([rule("a"), rule("b")]));
    expect((await ok("GET", "/versions"))[1]).toMatchObject({ comment: "from git" });
  });

  it("that is published already is no new version, whatever its own version says", async () => {
    await ok("PUT", "/manifest", manifest([rule("a")]));
    const again = await ok("PUT", "/manifest?revert=off", { version: "x", timestamp: "y", ...manifest([rule("a")]) });
    expect(again).toMatchObject({ status: "unchanged", manifest: { version: "1" } });
    expect(bus.published).toHaveLength(1);
    await ok("POST", "/rules", rule("b"));
    expect(await ok("PUT", "/manifest", manifest([rule("a")]))).toMatchObject({ status: "published" });
    expect(await ok("GET", "/rules")).toMatchObject([{ id: "a" }]);
  });

  it("keeps a secret that comes back as it was shown, for the same destination only", async () => {
    const output = (more: object) => ({ type: "http", id: "h", url: "http://a.test/x", ...more });
    const headers = { authorization: "Bearer s3cret" };
    await ok("PUT", "/manifest", manifest([], [output({ headers })]));
    const shown = await ok("GET", "/manifest");
    expect(JSON.stringify(shown)).not.toContain("s3cret");
    shown.pipelines[0].processors = [rule("a")];
    await ok("PUT", "/manifest", shown);
    expect(bus.published.at(-1)!.pipelines[0].outputs).toEqual([output({ headers })]);
    shown.pipelines[0].outputs[0].url = "http://elsewhere.test/x";
    expect((await call("PUT", "/manifest", shown)).status).toBe(422);
  });

  it("is checked as everything else, and changes nothing when it is refused", async () => {
    await ok("POST", "/rules", rule("mine"));
    const bad = await call("PUT", "/manifest", manifest([{ id: "x", type: "filter", params: { pattern: "[" } }]));
    expect([bad.status, bad.body.error.code]).toEqual([422, "SG_RULE_PATTERN"]);
    bus.failure = new StreamGateError("SG_BUS_AWAY", { what: "away" });
    expect((await call("PUT", "/manifest", manifest([]))).status).toBe(503);
    expect(await ok("GET", "/rules")).toMatchObject([{ id: "mine" }]);
    expect(await ok("GET", "/manifest")).toMatchObject({ version: "0" });
  });
});

describe("two clients that write at once", () => {
  it("one is answered 412, and nothing of its write is left", async () => {
    const { tag } = await call("GET", "/rules");
    const answers = await Promise.all(["a", "b"].map((id) => call("POST", "/rules", rule(id), { "if-match": tag })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
    const refused = answers.find(({ status }) => status === 412)!;
    expect(refused.body.error).toMatchObject({ code: "SG_CHANGED", where: "If-Match", fix: expect.any(String) });
    const won = answers.find(({ status }) => status === 200)!;
    expect(await ok("GET", "/rules")).toEqual([won.body.rule]);
    // The winner goes on with the tag of its answer.
    expect((await call("PUT", `/rules/${won.body.rule.id}`, won.body.rule, { "if-match": won.tag })).status).toBe(200);
  });

  it("of two whole manifests one is refused, and of two publications of one state", async () => {
    const { tag } = await call("GET", "/manifest");
    const put = (id: string) =>
      call("PUT", "/manifest", { pipelines: [{ processors: [rule(id)] }] }, { "if-match": tag });
    const answers = await Promise.all([put("a"), put("b")]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
    expect(bus.published).toHaveLength(1);
    const now = (await call("GET", "/manifest")).tag;
    const both = await Promise.all([1, 2].map(() => call("POST", "/publish", undefined, { "if-match": now })));
    expect(both.map(({ status }) => status).sort()).toEqual([200, 412]);
  });

  it("a draft's tag does not mind a publication, a manifest's does", async () => {
    const draft = (await call("GET", "/outputs")).tag;
    const whole = (await call("GET", "/manifest")).tag;
    await ok("POST", "/publish");
    expect((await call("POST", "/rules", rule("a"), { "if-match": whole })).status).toBe(412);
    expect((await call("POST", "/rules", rule("a"), { "if-match": `"d99", ${draft}` })).status).toBe(200);
    expect((await call("POST", "/publish", undefined, { "if-match": draft })).status).toBe(412);
    expect((await call("POST", "/publish", undefined, { "if-match": "*" })).status).toBe(200);
  });

  it.each([
    ["PUT", "/rules/a", rule("a")],
    ["DELETE", "/rules/a", undefined],
    ["POST", "/rules/a/promote", undefined],
    ["POST", "/outputs", { type: "console" }],
    ["PUT", "/outputs/h", { type: "http", url: "http://b.test" }],
    ["DELETE", "/outputs/h", undefined],
    ["DELETE", "/outputs", undefined],
    ["POST", "/config/batch_size?size=7", undefined],
    ["POST", "/publish", undefined],
    ["PUT", "/manifest", { pipelines: [{}] }],
    ["POST", "/versions/1/rollback", undefined],
  ])("%s %s asks for the state it was told to", async (method, path, body) => {
    await ok("POST", "/rules", rule("a", { mode: "shadow" }));
    await ok("POST", "/outputs", { type: "http", id: "h", url: "http://a.test" });
    await ok("POST", "/publish");
    const before = await ok("GET", "/diff");
    const stale = await call(method, path, body, { "if-match": '"d0"' });
    expect([stale.status, stale.body.error.code]).toEqual([412, "SG_CHANGED"]);
    expect(await ok("GET", "/diff")).toEqual(before);
    expect(bus.published).toHaveLength(1);
    const { tag } = await call("GET", "/manifest");
    expect((await call(method, path, body, { "if-match": tag })).status).toBe(200);
  });

  it("an edit that is answered while a manifest is put is not lost in it", async () => {
    let open = () => {};
    bus.gate = new Promise((resolve) => {
      open = resolve;
    });
    const put = call("PUT", "/manifest", { pipelines: [{ processors: [rule("a")] }] });
    const edit = call("POST", "/rules", rule("b"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    open();
    expect((await Promise.all([put, edit])).map(({ status }) => status)).toEqual([200, 200]);
    const ids = (await ok("GET", "/rules")).map(({ id }: { id: string }) => id);
    // Whichever came first: an edit before the put is replaced by it, as it was told; one after it stands on it.
    expect([["a"], ["a", "b"]]).toContainEqual(ids);
  });
});
