/** The examples of docs/library.md, run as they are. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { environment } from "../fixtures/gate.ts";
import { nodeFile, repository } from "../fixtures/requirement.ts";
import { until } from "../fixtures/wait.ts";

const folder = mkdtempSync(join(tmpdir(), "streamgate-examples-"));
const started: ChildProcess[] = [];
afterAll(() => {
  for (const child of started) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

function start(name: string, ...args: string[]) {
  const child = spawn(nodeFile, [join(repository, "examples/library", name), ...args], {
    env: environment({ PORT: "0" }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(child);
  const told = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    told.out += part;
  });
  child.stderr.setEncoding("utf8").on("data", (part: string) => {
    told.err += part;
  });
  return { child, told, ended: once(child, "close").then(([status]) => status as number | null) };
}

describe("the examples", () => {
  it.concurrent.each(["fastify.mjs", "express.cjs"])("%s logs requests without what the rules hide", async (name) => {
    const { child, told, ended } = start(name);
    const address = () => /http:\/\/[^"\s]+:\d+/.exec(told.out)?.[0];
    await until(`${name} listens (${told.err})`, () => address() !== undefined);
    for (const path of ["/healthz", "/users/jane@example.com"])
      expect(await (await fetch(`${address()}${path}`, { headers: { connection: "close" } })).text()).not.toBe("");
    await until("both requests are logged", () => told.out.includes("/users/"));
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    expect(told.out).toContain("/users/[email]");
    expect(told.out).not.toMatch(/jane|4111 1111|healthz/);
    expect(told.err).toBe("");
  });

  it.concurrent("file.mjs runs a file through the rules", async () => {
    const [from, to] = [join(folder, "app.log"), join(folder, "clean.log")];
    writeFileSync(from, "GET /healthz\npaid with 4111 1111 1111 1111\n".repeat(5000));
    const { told, ended } = start("file.mjs", from, to);
    expect(await ended).toBe(0);
    expect(readFileSync(to, "utf8")).toBe("paid with [credit_card]\n".repeat(5000));
    expect(told.out).toBe(
      "10000 records came, 5000 passed, 0 were withheld\nhealth: 5000 dropped, 0 replaced in 0\npersonal_data: 0 dropped, 5000 replaced in 5000\n",
    );
  });
});
