/** Runs the bench's own C programs: the sender, the sink and the judge, each of which answers in one JSON object. */

import { get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { startChild } from "./children.ts";
import type { Histogram } from "./statistics.ts";

/** No single load takes longer; a subject that takes nothing more would hold the bench for ever. */
const runMsMax = 900_000;

/** @throws Error with what it wrote to standard error */
export async function runProgram<Answer>(file: string, args: readonly (string | number)[]): Promise<Answer> {
  const child = startChild(file, args.map(String), { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout!.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  child.stderr!.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const limit = setTimeout(() => child.kill("SIGKILL"), runMsMax);
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (...how) => resolve(how));
  });
  clearTimeout(limit);
  if (code !== 0) throw new Error(`${file.split("/").at(-1)} ended with ${signal ?? code}: ${stderr.trim()}`);
  return JSON.parse(stdout) as Answer;
}

export interface Sent {
  readonly lines: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly cpu_seconds: number;
  readonly late_ms_max: number;
  readonly late_ms_end: number;
}

export interface SinkStats {
  readonly requests: number;
  readonly bytes: number;
  readonly lines: number;
  /** CLOCK_MONOTONIC, what `process.hrtime` tells on Linux. */
  readonly last_ns: number;
  readonly cpu_seconds: number;
  readonly histogram: Histogram;
}

export interface Verdict {
  readonly lines: number;
  readonly lost: number;
  readonly doubled: number;
  readonly altered: number;
  readonly leaked: number;
}

export interface Sink {
  stats(): Promise<SinkStats>;
  stop(): void;
}

export async function startSink(file: string, port: number, options: readonly string[]): Promise<Sink> {
  const child = startChild(file, [String(port), ...options], { stdio: ["ignore", "ignore", "inherit"] });
  const stats = () =>
    new Promise<SinkStats>((resolve, reject) => {
      get({ port, host: "127.0.0.1", path: "/stats", agent: false }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part) => {
          text += part;
        });
        response.on("end", () => resolve(JSON.parse(text)));
      }).on("error", reject);
    });
  for (let attempt = 0; ; attempt++) {
    try {
      await stats();
      break;
    } catch (error) {
      if (attempt === 100) throw error;
      await sleep(20);
    }
  }
  return { stats, stop: () => void child.kill("SIGKILL") };
}
