/** The command line as a user meets it: help, refusals, check, sink. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { mainFile } from "../../test/fixtures/requirement.ts";
import { until } from "../../test/fixtures/wait.ts";
import { loadAddon } from "../data/engine/addon.ts";
import { portableKind } from "../data/engine/portable/kind.ts";
import { settingsOf, spellings } from "../settings/settings.ts";
import { version } from "../version.ts";

const streamgate = (...args: string[]) =>
  spawnSync(process.execPath, ["--no-warnings", mainFile, ...args], {
    encoding: "utf8",
    env: { PATH: process.env.PATH },
  });

describe("the command line", () => {
  it("lists every command", () => {
    const { stdout, status } = streamgate("--help");
    expect(status).toBe(0);
    for (const name of ["run", "control", "data", "pipe", "check", "sink", "spool", "dead-letter"])
      expect(stdout).toContain(`\n  ${name}`);
  });

  it("tells its version, the engine that runs, the kernel and Node", () => {
    const told = (env: Record<string, string>, ...args: string[]) =>
      spawnSync(process.execPath, ["--no-warnings", mainFile, ...args], {
        encoding: "utf8",
        env: { PATH: process.env.PATH, ...env },
      });
    const about = (engine: string) => `streamgate ${version} · ${engine} · node ${process.version}\n`;
    const portable = told({ STREAMGATE_ENGINE: "portable" }, "--version");
    expect([portable.stdout, portable.status]).toEqual([about(portableKind().description), 0]);
    const native = loadAddon();
    if ("addon" in native) {
      expect(told({}, "--version").stdout).toMatch(/ · native \(RE2 [\d.]+, (scalar|v128|avx2)\) · node /);
      expect(told({ STREAMGATE_SIMD: "scalar" }, "-V").stdout).toContain(", scalar) · ");
    } else {
      expect(told({}, "--version").stdout).toBe(about(portableKind().description));
      expect(told({ STREAMGATE_ENGINE: "native" }, "--version")).toMatchObject({
        stdout: about("no engine"),
        status: 1,
      });
    }
    const misspelt = told({ STREAMGATE_ENGINE: "fast" }, "--version");
    expect([misspelt.stdout, misspelt.status]).toEqual([about("no engine"), 2]);
    expect(misspelt.stderr).toContain("STREAMGATE_ENGINE");
  });

  it.each(["run", "control", "data", "pipe", "check", "sink"])("explains %s", (name) => {
    const { stdout, status } = streamgate(name, "--help");
    expect(status).toBe(0);
    expect(stdout).toContain(`Usage: streamgate ${name}`);
  });

  it.each([
    ["run", ["data", "control", "both"]],
    ["control", ["control", "both"]],
    ["data", ["data", "both"]],
    ["status", ["client"]],
  ] as const)("has a flag for every setting that %s takes, with its variable", (name, groups) => {
    const { stdout } = streamgate(name, "--help");
    for (const key of settingsOf(...groups)) {
      expect(stdout).toContain(`--${spellings[key].flag}`);
      expect(stdout).toContain(`[${spellings[key].env}`);
    }
  });

  it.each([
    [["rnu"], "unknown command 'rnu'"],
    [["--bogus"], "unknown option '--bogus'"],
    [["run", "--tcp-port", "x"], 'streamgate: --tcp-port: "x" is no whole number'],
    [["check"], "missing required argument"],
    [["pipe", "--engine", "fast"], 'streamgate: --engine: "fast" must be "native" or "portable"'],
    [["check", "--engine", "fast", "x"], '--engine: "fast" must be "native" or "portable"'],
    [["pipe", "--replacement", "x"], "--replacement: is given more often than --redact-pattern"],
    [["pipe", "--framing", "lines"], '--framing: "lines" is no framing'],
    [["sink", "--port", "70000"], '--port: "70000" is no number from 0 to 65535'],
  ])("refuses %j with status 2 and nothing on standard output", (args, message) => {
    const { status, stdout, stderr } = streamgate(...args);
    expect(stderr).toContain(message);
    expect([status, stdout]).toEqual([2, ""]);
  });
});

describe("streamgate check", () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "sg-check-"));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  const check = (value: unknown) => {
    const file = join(directory, "rules.json");
    writeFileSync(file, typeof value === "string" ? value : JSON.stringify(value));
    return streamgate("check", "--engine", "portable", file);
  };
  const rule = { id: "a", type: "filter", params: { value: "x" } };

  it("says what is in order", () => {
    expect(check([rule])).toMatchObject({ status: 0, stdout: "ok: 1 rule\n" });
    const manifest = {
      version: "1",
      pipelines: [{ processors: [rule, { ...rule, id: "b" }], outputs: [{ type: "console" }] }],
    };
    expect(check(manifest)).toMatchObject({ status: 0, stdout: "ok: 2 rules, 1 output\n" });
  });

  it("warns of what does nothing", () => {
    const { status, stderr } = check([{ ...rule, params: { value: "x", valeu: "y" } }]);
    expect([status, stderr]).toEqual([
      0,
      expect.stringContaining('warning: rules[0] "a" params.valeu: filter has no such parameter'),
    ]);
  });

  it.each([
    [
      [rule, { id: "b", type: "redact", params: { pattern: "[0-9" } }],
      'rules[1] "b" params.pattern: RE2 refuses it: missing ]: [0-9',
    ],
    [[rule, rule], 'rules[1] id: "a" is the id of rules[0] too'],
    [{ version: "1" }, "pipelines: is missing"],
    ["[1,]", "rules.json: is no JSON: wrong at line 1, column 4"],
    ["[".repeat(65) + "]".repeat(65), "rules.json: is nested deeper than 64 levels"],
  ])("refuses %j with status 1, the field and the reason", (value, message) => {
    const { status, stdout, stderr } = check(value);
    expect(stderr).toContain(message);
    expect([status, stdout]).toEqual([1, ""]);
  });

  it("takes an empty variable as one that is not set", () => {
    const file = join(directory, "empty.json");
    writeFileSync(file, "\uFEFF[]");
    const env = { PATH: process.env.PATH, STREAMGATE_ENGINE: "" };
    const { status, stdout } = spawnSync(process.execPath, ["--no-warnings", mainFile, "check", file], {
      encoding: "utf8",
      env,
    });
    expect([status, stdout]).toEqual([0, "ok: 0 rules\n"]);
  });

  it("ends quietly when nobody reads what it says", async () => {
    const file = join(directory, "unread.json");
    writeFileSync(file, "[]");
    const child = spawn(process.execPath, ["--no-warnings", mainFile, "check", "--engine", "portable", file]);
    child.stdout.destroy();
    let complaint = "";
    child.stderr.on("data", (chunk: Buffer) => {
      complaint += chunk;
    });
    expect([(await once(child, "close"))[0], complaint]).toEqual([0, ""]);
  });

  it("names a file that is not there", () => {
    const { status, stderr } = streamgate("check", join(directory, "none.json"));
    expect([status, stderr]).toEqual([1, expect.stringContaining("none.json: cannot be read: ENOENT")]);
  });
});

describe("streamgate sink", () => {
  let child: ChildProcess | undefined;
  let said = "";
  afterEach(() => {
    child?.kill("SIGKILL");
    said = "";
  });
  async function start(...args: string[]): Promise<string> {
    child = spawn(process.execPath, ["--no-warnings", mainFile, "sink", "--port", "0", ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    child.stdout!.on("data", (chunk: Buffer) => {
      said += chunk;
    });
    return await until("the sink listens", () => /listening on (http:\S+\d)/.exec(said)?.[1]);
  }

  it("prints method, path, headers and body, and answers 200", async () => {
    const url = await start();
    const response = await fetch(`${url}/in?x=1`, { method: "POST", headers: { "x-key": "k" }, body: "a\nb" });
    expect(response.status).toBe(200);
    await until("it is printed", () => said.includes("a\nb\n"));
    expect(said).toContain("POST /in?x=1 HTTP/1.1\n");
    expect(said).toContain("x-key: k\n");
  });

  it("decodes what is compressed, also twice, and refuses what it cannot decode", async () => {
    const url = await start();
    const send = (coding: string, body: Uint8Array) =>
      fetch(url, { method: "POST", headers: { "content-encoding": coding }, body: Buffer.from(body) });
    const codings = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync };
    for (const [coding, compress] of Object.entries(codings)) {
      expect((await send(coding, compress(`body in ${coding}`))).status).toBe(200);
      await until(`${coding} is printed`, () => said.includes(`body in ${coding}`));
    }
    await send("gzip, br", brotliCompressSync(gzipSync("body in both")));
    await until("both are undone", () => said.includes("body in both"));
    expect((await send("gzip", Buffer.from("plain"))).status).toBe(400);
    expect((await send("rot13", Buffer.from("plain"))).status).toBe(400);
  });

  it("ends quietly when nobody reads what it prints", async () => {
    const url = await start();
    const exited = once(child!, "exit");
    child!.stdout!.destroy();
    await fetch(url, { method: "POST", body: "x" }).catch(() => undefined);
    expect((await exited)[0]).toBe(0);
  });

  it("answers another status where it is told to, and ends at a signal", async () => {
    const url = await start("--status", "503");
    expect((await fetch(url, { method: "POST", body: "x", headers: { connection: "close" } })).status).toBe(503);
    child!.kill("SIGTERM");
    expect((await once(child!, "exit"))[0]).toBe(0);
  });
});
