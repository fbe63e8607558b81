/** As process 1, which a container's command is: there a signal that nobody handles is ignored by the system. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { environment } from "../fixtures/gate.ts";
import { mainFile, nodeFile } from "../fixtures/requirement.ts";
import { until } from "../fixtures/wait.ts";

const own = ["--pid", "--fork", "--kill-child"];
const canUnshare = spawnSync("unshare", [...own, "true"]).status === 0;
const note = canUnshare ? "" : " (skipped: no process namespace of one's own: that takes Linux, unshare and root)";

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** @returns the child, and how to signal what is process 1 in it */
function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn("unshare", [...own, nodeFile, mainFile, ...args], {
    env: environment(env),
    stdio: ["pipe", "pipe", "pipe"],
  });
  children.push(child);
  const first = () => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim();
  return { child, signal: (name: NodeJS.Signals) => process.kill(Number(first()), name) };
}

const gate = () => ({
  ...{ TCP_PORT: "0", UDP_PORT: "0", CONTROL_PORT: "0", GRPC_PORT: "0", STREAMGATE_WORKERS: "1" },
  STREAMGATE_DATA_DIR: mkdtempSync(join(tmpdir(), "streamgate-test-")),
});

describe.skipIf(!canUnshare)(`process 1${note}`, () => {
  it("ends at a SIGTERM that comes while a gate starts", async () => {
    const env = gate();
    const { child, signal } = start(["run"], env);
    await until("it has its data directory", () => existsSync(join(env.STREAMGATE_DATA_DIR, "lock.1")));
    signal("SIGTERM");
    // 0 where it has become a gate in between.
    expect([143, 0]).toContain((await once(child, "exit"))[0]);
  });

  it("drains a gate at SIGTERM and ends with 0", async () => {
    const { child, signal } = start(["run"], gate());
    let said = "";
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    await until("it listens", () => said.includes("listening on"));
    signal("SIGTERM");
    expect((await once(child, "exit"))[0]).toBe(0);
    expect(said).toContain("everything that came is delivered");
  });
});
