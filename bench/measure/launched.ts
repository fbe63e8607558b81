/** A subject that was started: waits until it listens and rests, and ends it. */

import type { ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "../subjects/subject.ts";
import { startChild } from "./children.ts";
import { cpuSecondsOf } from "./process_tree.ts";

const startupMsMax = 30_000;
/** It rests when a look of this length shows less than two clock ticks of work. */
const restLookMs = 200;
const restMsMax = 5000;
const stopMsMax = 10_000;

export interface Launched {
  readonly pid: number;
  /** Ends it; resolves when it is gone, at once when it is already. */
  stop(): Promise<void>;
  /** Why it ended by itself; undefined while it runs. */
  ended(): string | undefined;
}

/** @throws Error with what it wrote to standard error when it does not listen in time */
export async function launch(
  command: Command,
  folder: string,
  port: number,
  protocol: "tcp" | "udp",
): Promise<Launched> {
  const errors = join(folder, "stderr");
  const stderr = openSync(errors, "a");
  const stdout = command.stdout === undefined ? undefined : openSync(command.stdout, "a");
  const child = startChild(command.file, command.args, {
    stdio: ["ignore", stdout ?? "ignore", stderr],
    env: { ...process.env, ...command.env },
  });
  closeSync(stderr);
  if (stdout !== undefined) closeSync(stdout);
  const launched = launchedFrom(child, errors);
  const startedAt = performance.now();
  while (!isBound(port, protocol)) {
    const why = launched.ended() ?? (performance.now() - startedAt > startupMsMax ? "it does not listen" : undefined);
    if (why !== undefined) {
      await launched.stop();
      throw new Error(`${why}: ${tailOf(errors)}`);
    }
    await sleep(20);
  }
  await resting(launched.pid);
  return launched;
}

function launchedFrom(child: ChildProcess, errors: string): Launched {
  let end: string | undefined;
  const gone = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      end = error.message;
      resolve();
    });
    child.once("exit", (code, signal) => {
      end = `it ended with ${signal ?? code}: ${tailOf(errors)}`;
      resolve();
    });
  });
  return {
    pid: child.pid ?? 0,
    ended: () => end,
    async stop() {
      if (end === undefined) child.kill("SIGTERM");
      const hard = setTimeout(() => child.kill("SIGKILL"), stopMsMax);
      await gone;
      clearTimeout(hard);
    },
  };
}

/** A port that nobody has, for both protocols at this moment. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    if (!isBound(port, "udp")) return port;
  }
}

/** Whether a socket of this machine listens there. Looked up, not tried: a subject would count the connection. */
function isBound(port: number, protocol: "tcp" | "udp"): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  // Local address, remote address, state; a TCP socket that listens is in state 0A.
  const line = protocol === "tcp" ? new RegExp(`:${hex} [0-9A-F]+:0000 0A `) : new RegExp(`:${hex} [0-9A-F]+:0000 `);
  return [protocol, `${protocol}6`].some((table) => {
    try {
      return line.test(readFileSync(`/proc/net/${table}`, "utf8"));
    } catch {
      return false;
    }
  });
}

async function resting(pid: number): Promise<void> {
  for (let waited = 0; waited < restMsMax; waited += restLookMs) {
    const before = cpuSecondsOf(pid);
    await sleep(restLookMs);
    if (cpuSecondsOf(pid) - before < 0.02) return;
  }
}

function tailOf(path: string): string {
  return readFileSync(path, "utf8").trim().split("\n").slice(-5).join("\n");
}
