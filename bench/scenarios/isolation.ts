/**
 * One healthy destination alone, then beside one that answers 503 and one that accepts and never answers, whose records wait on disk meanwhile;
 * then these two are well again. StreamGate only: its peers have no such queues to compare with.
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../measure/launched.ts";
import { arrival, onStage, type Stage, startMeter } from "../measure/load.ts";
import { runProgram, type Sent } from "../measure/native_run.ts";
import type { StreamGate } from "../subjects/streamgate.ts";
import { type Job, nothing } from "../work.ts";
import type { Scenario } from "./scenario.ts";

const job: Job = { input: "tcp", work: nothing, destination: { kind: "http", records: 10_000 }, connections: 4 };
/** What a busy gate is sent; at saturation the two cores of a small machine have nothing left for two more copies of every line. */
const pacedLinesPerSecond = 500_000;
const spoolBytesMax = 2 ** 40;
/** Nothing has come to either of the two for so long: they will not get more. */
const healMsMax = 30_000;
const pageKiB = 4;

export const isolation: Scenario = {
  name: "isolation",
  question:
    "How fast is a healthy destination beside one that refuses and one that never answers, and do these get everything in the end?",
  cells: ({ lines }) =>
    [undefined, pacedLinesPerSecond].map((linesPerSecond) => ({
      variant: linesPerSecond === undefined ? "two of three are out" : `the same, ${linesPerSecond / 1000}k lines/s`,
      job,
      takes: (subject) => subject.name === "streamgate",
      async run(bench, subject) {
        const controlPort = await freePort();
        const base = `http://127.0.0.1:${controlPort}`;
        const corpus = bench.corpus("text");
        const repeat = Math.max(1, Math.round(lines / corpus.lines));
        return onStage(
          bench,
          subject,
          job,
          false,
          async (stage) => {
            const send = async (linesBefore: number) => {
              const sent = await runProgram<Sent>(bench.programs.sender, [
                ...[stage.site.port, corpus.path, job.connections],
                ...(linesPerSecond === undefined
                  ? ["--repeat", repeat]
                  : ["--rate", linesPerSecond, "--lines-per-write", 100, "--seconds", lines / linesPerSecond]),
              ]);
              const sentNs = Number(process.hrtime.bigint());
              const end = await arrival(stage, { lines: linesBefore + sent.lines, bytes: 0 }, false);
              const seconds = (Math.max(end.atNs, sentNs) - sentNs) / 1e9 + sent.seconds;
              return { sent, rate: sent.lines / seconds, arrived: end.sink?.lines ?? 0 };
            };
            const alone = await send(0);
            const out = [await Impaired.start("refuses"), await Impaired.start("silent")];
            try {
              for (const { mode, url } of out)
                await post(`${base}/outputs`, {
                  ...{ type: "http", id: mode, url, queue: { spool_max_bytes: spoolBytesMax } },
                  retry: { timeout_ms: 5000, max_delay_ms: 1000 },
                });
              await post(`${base}/publish`);
              const meter = startMeter(stage.subject.pid);
              const rss = watchRss(stage);
              const beside = await send(alone.sent.lines);
              const { firstMiB, lastMiB, mostMiB } = rss();
              const figures = meter(beside.sent.lines, beside.sent.cpu_seconds);
              for (const one of out) one.mode = "takes";
              const missing = await healed(out, beside.sent.lines);
              return {
                ...figures,
                linesSent: beside.sent.lines,
                linesPerSecond: beside.rate,
                lost: missing + Math.max(0, alone.sent.lines + beside.sent.lines - beside.arrived),
                further: {
                  "lines/s alone": alone.rate,
                  "of that beside the two": beside.rate / alone.rate,
                  "resident at first, MiB": firstMiB,
                  "resident at last, MiB": lastMiB,
                  "resident at most, MiB": mostMiB,
                },
              };
            } finally {
              for (const one of out) one.close();
            }
          },
          (site) => (subject as StreamGate).commandWithControl(job, site, controlPort),
        );
      },
    })),
};

/** A destination that is out until it takes, and then counts the lines of each payload once. */
class Impaired {
  mode: "refuses" | "silent" | "takes";
  lines = 0;
  readonly #groups = new Set<string>();
  readonly #held: ServerResponse[] = [];
  readonly #server = createServer(async (request, response) => {
    let newlines = 0;
    for await (const chunk of request)
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) newlines++;
    const group = String(request.headers["x-streamgate-group"]);
    if (this.mode === "silent") return void this.#held.push(response);
    if (this.mode === "refuses") return void response.writeHead(503).end();
    if (!this.#groups.has(group)) this.lines += newlines + 1;
    this.#groups.add(group);
    response.end();
  });

  private constructor(mode: "refuses" | "silent") {
    this.mode = mode;
  }

  static async start(mode: "refuses" | "silent"): Promise<Impaired> {
    const one = new Impaired(mode);
    one.#server.listen(0, "127.0.0.1");
    await once(one.#server, "listening");
    return one;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  close(): void {
    for (const response of this.#held) response.destroy();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** @returns how many of the lines have not come to both, when they have or nothing comes any more */
async function healed(out: readonly Impaired[], due: number): Promise<number> {
  const arrived = () => out.reduce((sum, { lines }) => sum + lines, 0);
  let before = arrived();
  let quietSince = performance.now();
  while (arrived() < due * out.length && performance.now() - quietSince < healMsMax) {
    await sleep(50);
    if (arrived() !== before) quietSince = performance.now();
    before = arrived();
  }
  return out.reduce((sum, { lines }) => sum + Math.abs(due - lines), 0);
}

/** Looks twice a second at what is resident. */
function watchRss({ subject }: Stage): () => { firstMiB: number; lastMiB: number; mostMiB: number } {
  const looks: number[] = [];
  const look = () => {
    const pages = Number(readFileSync(`/proc/${subject.pid}/statm`, "latin1").split(" ")[1]);
    looks.push((pages * pageKiB) / 1024);
  };
  const timer = setInterval(look, 500);
  return () => {
    clearInterval(timer);
    look();
    return { firstMiB: looks[0]!, lastMiB: looks.at(-1)!, mostMiB: Math.max(...looks) };
  };
}

async function post(url: string, body?: object): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    ...(body !== undefined && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`POST ${url} answered ${response.status}: ${text}`);
}
