/**
 * Measures StreamGate beside its peers: the same seeded lines over TCP connections, as fast as each takes them, kept lines to a file.
 *
 *     npm run bench -- [--quick] [--lines N] [--runs N] [--connections N] [--peer rsyslog=/path/to/rsyslogd] [--json FILE]
 *
 * CPU-seconds per million lines are the program's own (all threads, start-up subtracted) and the figure that holds on a noisy machine.
 * Subjects take turns, so that a change of the machine's speed meets all of them; each cell is the median, with the extremes behind it.
 * A subject that loses lines or lets a planted value through says so in its row: wrong answers are not fast.
 */

import { execFileSync, spawn } from "node:child_process";
import {
  createReadStream,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { availableParallelism, cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Corpus, writeCorpus } from "./corpus.ts";
import { compile } from "./programs.ts";
import { floor } from "./subjects/floor.ts";
import { rsyslog } from "./subjects/rsyslog.ts";
import { streamgate } from "./subjects/streamgate.ts";
import { type Scenario, type Subject, scenarios } from "./subjects/subject.ts";
import { syslogNg } from "./subjects/syslog_ng.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    lines: { type: "string" },
    runs: { type: "string" },
    connections: { type: "string", default: "4" },
    peer: { type: "string", multiple: true, default: [] },
    json: { type: "string" },
  },
});
const lines = Number(values.lines ?? (values.quick ? 200_000 : 5_000_000));
const runs = Number(values.runs ?? (values.quick ? 1 : 3));
const peers = new Map(values.peer.map((peer) => peer.split("=", 2) as [string, string]));
const seed = 20_261_123;

interface Run {
  readonly scenario: Scenario;
  readonly subject: string;
  readonly linesPerSecond: number;
  readonly cpuSecondsPerMillion: number;
  readonly rssMiB: number;
  readonly lost: number;
  readonly leaked: number;
}

// tmpfs where there is one: a disk would be measured otherwise.
const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "streamgate-bench-"));
const clockTicks = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
try {
  const sender = compile("sender", folder);
  const subjects = [
    floor(compile("floor", folder)),
    streamgate("native"),
    streamgate("portable"),
    syslogNg(peers.get("syslog-ng")),
    rsyslog(peers.get("rsyslog")),
  ];
  for (const subject of subjects) {
    const reason = subject.missing();
    if (reason !== undefined) console.log(`${subject.name}: left out, ${reason}`);
  }
  const corpus = writeCorpus(join(folder, "corpus.log"), lines, seed);
  console.log(
    `${corpus.lines} lines, ${corpus.bytes} bytes, seed ${seed}, ${values.connections} connections, ${runs} runs; ` +
      `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, Linux ${release()}, Node ${process.version}\n`,
  );
  const measured: Run[] = [];
  for (const scenario of scenarios)
    for (let run = 0; run < runs; run++)
      for (const subject of subjects.filter((one) => one.missing() === undefined && one.scenarios.includes(scenario)))
        measured.push(await measure(subject, scenario, sender, corpus));
  console.log(table(measured));
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ lines, runs, seed, measured }, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function measure(subject: Subject, scenario: Scenario, sender: string, corpus: Corpus): Promise<Run> {
  const site = { port: await freePort(), folder: mkdtempSync(join(folder, "site-")), output: join(folder, "out.log") };
  writeFileSync(site.output, "");
  const { file, args, stdout } = subject.command(scenario, site);
  const child = spawn(file, args, {
    stdio: [
      "ignore",
      stdout === undefined ? "ignore" : openSync(stdout, "a"),
      openSync(join(site.folder, "stderr"), "a"),
    ],
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  try {
    await listening(site.port, child, join(site.folder, "stderr"));
    await sleep(500);
    const before = cpuSeconds(child.pid!);
    const startedAt = performance.now();
    const sending = spawn(sender, ["127.0.0.1", String(site.port), corpus.path, values.connections], {
      stdio: "ignore",
    });
    await new Promise((resolve) => sending.once("close", resolve));
    const doneAt = await settled(site.output);
    const cpu = cpuSeconds(child.pid!) - before;
    const rssMiB = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024;
    const { kept, leaked } = await judge(site.output, scenario, corpus);
    return {
      scenario,
      subject: subject.name,
      linesPerSecond: (corpus.lines / (doneAt - startedAt)) * 1000,
      cpuSecondsPerMillion: (cpu / corpus.lines) * 1e6,
      rssMiB,
      lost: (scenario === "raw" ? corpus.lines : corpus.kept) - kept,
      leaked,
    };
  } finally {
    child.kill("SIGTERM");
    const hard = setTimeout(() => child.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(hard);
    rmSync(site.folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listening(port: number, child: { exitCode: number | null }, stderr: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (child.exitCode !== null) break;
    const there = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
      socket.on("connect", () => socket.destroy());
    });
    if (there) return;
    await sleep(100);
  }
  throw new Error(`it does not listen on ${port}:\n${readFileSync(stderr, "utf8")}`);
}

/** User and system time of all threads: proc_pid_stat(5), fields 14 and 15. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / clockTicks;
}

/** @returns when the file grew for the last time, once it has not for a second */
async function settled(path: string): Promise<number> {
  let size = -1;
  let at = performance.now();
  while (performance.now() - at < 1000) {
    const now = statSync(path).size;
    if (now !== size) {
      size = now;
      at = performance.now();
    }
    await sleep(10);
  }
  return at;
}

async function judge(path: string, scenario: Scenario, { planted }: Corpus): Promise<{ kept: number; leaked: number }> {
  let kept = 0;
  let leaked = 0;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    kept++;
    const value = /value=(.*) trace=/.exec(line)?.[1];
    if (scenario !== "raw" && value !== undefined && planted.has(value)) leaked++;
  }
  return { kept, leaked };
}

function table(measured: readonly Run[]): string {
  const rows = [["scenario", "subject", "CPU-s / M lines", "lines/s", "peak RSS MiB", "lost", "leaked values"]];
  const span = (numbers: number[], digits: number) => {
    const sorted = numbers.toSorted((a, b) => a - b);
    const [low, median, high] = [sorted[0]!, sorted[sorted.length >> 1]!, sorted.at(-1)!];
    const text = (value: number) => value.toFixed(digits);
    return sorted.length === 1 ? text(median) : `${text(median)} (${text(low)}–${text(high)})`;
  };
  for (const cell of new Set(measured.map(({ scenario, subject }) => `${scenario}\0${subject}`))) {
    const [scenario, subject] = cell.split("\0") as [Scenario, string];
    const own = measured.filter((run) => run.scenario === scenario && run.subject === subject);
    const of = (key: "cpuSecondsPerMillion" | "linesPerSecond" | "rssMiB" | "lost" | "leaked", digits = 0) =>
      span(
        own.map((run) => run[key]),
        digits,
      );
    const leaked = scenario === "raw" ? "–" : of("leaked");
    rows.push([
      scenario,
      subject,
      of("cpuSecondsPerMillion", 2),
      of("linesPerSecond"),
      of("rssMiB"),
      of("lost"),
      leaked,
    ]);
  }
  const [head, ...body] = rows.map((row) => `| ${row.join(" | ")} |`);
  return [head, `|${"---|".repeat(rows[0]!.length)}`, ...body].join("\n");
}
