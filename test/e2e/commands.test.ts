/** Help texts, `check`, `sink`, and the control API's contract as a client sees it. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { disposeGates, environment, Gate, runCommand } from "../fixtures/gate.ts";
import { freePort } from "../fixtures/ports.ts";
import { mainFile, nodeFile } from "../fixtures/requirement.ts";
import { isListening } from "../fixtures/tcp.ts";
import { until } from "../fixtures/wait.ts";

const folder = mkdtempSync(join(tmpdir(), "streamgate-commands-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(disposeGates);

function file(value: unknown): string {
  const path = join(folder, `file-${Math.random().toString(36).slice(2)}.json`);
  writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
  return path;
}

describe("help", () => {
  it("names every command", async () => {
    const { status, stdout } = await runCommand(["--help"]);
    expect(status).toBe(0);
    for (const command of ["run", "control", "data", "pipe", "check", "sink"])
      expect(stdout.toString()).toMatch(new RegExp(`^\\s+${command}\\b`, "m"));
  });

  it.each([
    ["run", "--tcp-port"],
    ["control", "--control-port"],
    ["data", "--udp-port"],
    ["pipe", "--stats"],
    ["check", "FILE"],
    ["sink", "--port"],
  ])("of %s tells %s", async (command, word) => {
    const { status, stdout } = await runCommand([command, "--help"]);
    expect(status).toBe(0);
    expect(stdout.toString().toUpperCase()).toContain(word.toUpperCase());
  });

  it("prints a version", async () => {
    expect((await runCommand(["--version"])).stdout.toString()).toMatch(/\d+\.\d+\.\d+/);
  });

  it.each([
    [["no-such-command"]],
    [["pipe", "--no-such-flag"]],
    [["run", "--tcp-port", "99999"]],
    [["run", "--tcp-port", "http"]],
  ])("refuses %j", async (args) => {
    const { status, stdout, stderr } = await runCommand(args);
    expect(status).toBeGreaterThan(0);
    expect(stdout.length).toBe(0);
    expect(stderr).toContain(args.at(-1));
  });
});

describe("check", () => {
  it("accepts good rules and a good manifest", async () => {
    const rules = [{ id: "a", type: "filter", params: { value: "x" } }];
    expect((await runCommand(["check", file(rules)])).status).toBe(0);
    const pipelines = [{ name: "default_pipeline", processors: rules, outputs: [{ type: "console" }], batch_size: 10 }];
    const { status, stdout } = await runCommand(["check", file({ version: "1", timestamp: "0", pipelines })]);
    expect(status).toBe(0);
    expect(stdout.toString()).toContain("1 rule");
    const configuration = await runCommand(["check", file({ rules, outputs: [{ type: "console" }] })]);
    expect([configuration.status, configuration.stdout.toString()]).toEqual([0, "ok: 1 rule, 1 output\n"]);
  });

  it.each([
    [
      "a pattern that RE2 refuses",
      [{ id: "a", type: "redact", params: { pattern: "(?=x)", replacement: "" } }],
      ["pattern", "(?="],
    ],
    ["a missing field", [{ id: "a", type: "redact", params: {} }], ["pattern"]],
    [
      "an unknown operator",
      [{ id: "a", type: "attribute_filter", params: { attribute: "a", operator: "like", value: "b" } }],
      ["operator"],
    ],
    ["no JSON", "{nope", ["JSON"]],
    [
      "a bad URL",
      { version: "1", pipelines: [{ name: "p", processors: [], outputs: [{ type: "http", url: "ftp://x" }] }] },
      ["url"],
    ],
  ])("exits 1 on %s and names the field and the reason", async (_name, value, words) => {
    const { status, stdout, stderr } = await runCommand(["check", file(value)]);
    expect(status).toBe(1);
    for (const word of words) expect(stdout.toString() + stderr).toContain(word);
  });
});

describe("sink", () => {
  it("prints method, path, headers and body, decodes gzip, answers 200", async () => {
    const port = await freePort();
    const child = spawn(nodeFile, [mainFile, "sink", "--port", String(port)], {
      env: environment(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
    });
    try {
      await until("it listens", () => isListening(port));
      const plain = await fetch(`http://127.0.0.1:${port}/v1/input?a=b`, {
        method: "POST",
        headers: { "x-mark": "m1" },
        body: "plain body",
      });
      const packed = await fetch(`http://127.0.0.1:${port}/packed`, {
        method: "PUT",
        headers: { "content-encoding": "gzip" },
        body: gzipSync("packed body"),
      });
      expect([plain.status, packed.status]).toEqual([200, 200]);
      await until("both are printed", () => printed.includes("plain body") && printed.includes("packed body"));
      for (const word of ["POST", "/v1/input?a=b", "x-mark", "m1", "PUT", "/packed"]) expect(printed).toContain(word);
      // A container calls the machine that it runs on by such an address, and never by the loopback one.
      const addresses = Object.values(networkInterfaces()).flatMap((one) => one ?? []);
      const other = addresses.find(({ family, internal }) => family === "IPv4" && !internal)?.address;
      if (other !== undefined) expect(await isListening(port, other)).toBe(true);
    } finally {
      child.kill("SIGKILL");
    }
  });
});

describe("control API", () => {
  let gate: Gate;
  beforeEach(async () => {
    gate = await Gate.start();
  });
  const filter = (id: string, value = id) => ({ id, type: "filter", params: { value } });
  const ids = async () => (await gate.api("GET", "/rules")).body.map(({ id }: { id: string }) => id);

  it("tells that it is well", async () => {
    expect((await gate.api("GET", "/")).body).toMatchObject({ status: "ok", service: "streamgate-control-plane" });
  });

  it("adds at the end or before another, replaces in place, deletes", async () => {
    expect((await gate.api("POST", "/rules", filter("a"))).body).toMatchObject({ status: "added", rule: filter("a") });
    await gate.api("POST", "/rules", filter("c"));
    expect((await gate.api("POST", "/rules?before=c", filter("b"))).status).toBe(200);
    expect(await ids()).toEqual(["a", "b", "c"]);
    expect((await gate.api("PUT", "/rules/b", filter("b", "new"))).body).toMatchObject({
      status: "updated",
      rule: filter("b", "new"),
    });
    expect((await gate.api("GET", "/rules")).body[1]).toMatchObject(filter("b", "new"));
    expect((await gate.api("DELETE", "/rules/a")).body).toEqual({ status: "deleted", id: "a" });
    expect(await ids()).toEqual(["b", "c"]);
  });

  it("answers 400 to duplicates and 404 to what is not there", async () => {
    await gate.api("POST", "/rules", filter("a"));
    expect((await gate.api("POST", "/rules", filter("a"))).status).toBe(400);
    expect((await gate.api("PUT", "/rules/zz", filter("zz"))).status).toBe(404);
    expect((await gate.api("DELETE", "/rules/zz")).status).toBe(404);
    expect((await gate.api("POST", "/rules?before=zz", filter("b"))).status).toBe(404);
    const output = { type: "http", url: "http://127.0.0.1:9" };
    expect((await gate.api("POST", "/outputs", output)).body).toMatchObject({ status: "added", output });
    expect((await gate.api("POST", "/outputs", output)).status).toBe(400);
    expect((await gate.api("DELETE", "/outputs")).body).toEqual({ status: "cleared" });
    expect((await gate.api("GET", "/outputs")).body).toEqual([]);
    expect((await gate.api("GET", "/no/such/path")).status).toBe(404);
  });

  it.each([
    ["an unknown type", "/rules", { id: "x", type: "filtre", params: {} }, ["type", "filter"]],
    [
      "a pattern RE2 refuses",
      "/rules",
      { id: "x", type: "redact", params: { pattern: "(?<!a)b", replacement: "" } },
      ["pattern", "(?<"],
    ],
    [
      "a rewrite RE2 refuses",
      "/rules",
      { id: "x", type: "redact", params: { pattern: "a", replacement: "\\1" } },
      ["replacement"],
    ],
    ["a missing parameter", "/rules", { id: "x", type: "filter", params: {} }, ["value"]],
    ["no id", "/rules", { type: "filter", params: { value: "x" } }, ["id"]],
    ["a bad URL", "/outputs", { type: "http", url: "nowhere" }, ["url"]],
    ["an unknown output", "/outputs", { type: "kafka" }, ["kafka"]],
    ["a batch size of 0", "/config/batch_size", { size: 0 }, ["1"]],
    ["a batch size of 10,001", "/config/batch_size", { size: 10_001 }, ["10"]],
  ])("answers 422 to %s, naming the field and what would be right", async (_name, path, body, words) => {
    const answer = await gate.api("POST", path, body);
    expect(answer.status).toBe(422);
    for (const word of words) expect(JSON.stringify(answer.body)).toContain(word);
    expect(await ids()).toEqual([]);
  });

  it("takes 64 outputs and refuses the 65th", async () => {
    for (let index = 0; index < 64; index++)
      expect((await gate.api("POST", "/outputs", { type: "http", url: `http://127.0.0.1:9/${index}` })).status).toBe(
        200,
      );
    const answer = await gate.api("POST", "/outputs", { type: "http", url: "http://127.0.0.1:9/64" });
    expect(answer.status).toBe(422);
    expect(JSON.stringify(answer.body)).toContain("64");
  });

  it("limits bodies and takes an empty publish of any content type", async () => {
    const long = await gate.api("POST", "/rules", filter("long", "x".repeat(3_000_000)));
    expect(long.status).toBe(413);
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const published = await fetch(`${gate.url}/publish`, { method: "POST", headers, body: "" });
    expect(published.status).toBe(200);
    expect(await published.json()).toMatchObject({
      status: "published",
      manifest: { pipelines: [{ batch_size: 100 }] },
    });
    const broken = await fetch(`${gate.url}/rules`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{nope",
    });
    expect(broken.status).toBe(422);
  });

  it("sets the batch size by query or body", async () => {
    expect((await gate.api("GET", "/config/batch_size")).body).toEqual({ batch_size: 100 });
    expect((await gate.api("POST", "/config/batch_size?size=7")).body).toEqual({ status: "updated", batch_size: 7 });
    expect((await gate.api("POST", "/config/batch_size", { size: 9 })).body).toEqual({
      status: "updated",
      batch_size: 9,
    });
    expect((await gate.api("GET", "/config/batch_size")).body).toEqual({ batch_size: 9 });
  });

  it("documents itself", async () => {
    const { body } = await gate.api("GET", "/openapi.json");
    for (const path of ["/rules", "/rules/{id}", "/outputs", "/config/batch_size", "/publish"])
      expect(Object.keys(body.paths)).toContain(path);
    const docs = await fetch(`${gate.url}/docs`);
    expect(docs.status).toBe(200);
    expect(docs.headers.get("content-type")).toContain("text/html");
  });
});
