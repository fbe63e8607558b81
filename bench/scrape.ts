/**
 * Question: what does a scrape each second cost? `node bench/scrape.ts [--rounds n] [--seconds s] [--lines-per-s n]`, after `npm run build`.
 *
 * Prediction: nothing in the workers, whose counters are read from shared memory; a few milliseconds a scrape in the main thread, most of it text.
 *
 * One gate takes the same lines at the same rate by turns with a scrape a second (an HTTP client in this process, as Prometheus does it) and
 * without, and without once more: what that one differs from the other is the noise. CPU time is the kernel's count in nanoseconds, by thread
 * (/proc/PID/task/TID/schedstat), for the main thread and for all others together. Linux.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "10" },
    "lines-per-s": { type: "string", default: "200000" },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const linesPerS = Number(values["lines-per-s"]);

const stepMs = 20;
const arms = ["scraped", "alone", "alone again"] as const;
type Arm = (typeof arms)[number];
interface Cost {
  /** CPU seconds a million lines. */
  readonly main: number;
  readonly others: number;
}

const repository = fileURLToPath(new URL("..", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "streamgate-scrape-"));
const ports = { tcp: 21_081, udp: 21_082, control: 21_000, admin: 21_464 };
const gate = spawn(process.execPath, [join(repository, "dist/commands/main.js"), "run"], {
  stdio: ["ignore", "ignore", "pipe"],
  env: {
    PATH: process.env.PATH,
    TCP_PORT: String(ports.tcp),
    UDP_PORT: String(ports.udp),
    CONTROL_PORT: String(ports.control),
    ADMIN_PORT: String(ports.admin),
    STREAMGATE_DATA_DIR: directory,
  },
});
let said = "";
gate.stderr.setEncoding("utf8").on("data", (text: string) => {
  said += text;
});
try {
  while (!said.includes("listening on TCP")) {
    if (gate.exitCode !== null) throw new Error(said);
    await pause(50);
  }
  await configure();
  const costs: Record<Arm, Cost[]> = { scraped: [], alone: [], "alone again": [] };
  await run("alone"); // Warm.
  await scrape();
  let sent = 0;
  for (let round = 0; round < rounds; round++) {
    // Each arm is first, second and third alike often.
    for (let turn = 0; turn < arms.length; turn++) {
      const arm = arms[(round + turn) % arms.length]!;
      costs[arm].push(await run(arm));
      sent++;
    }
  }
  report(costs);
  const received = Number(/^streamgate_records_received_total\{listener="tcp"\} (\d+)$/m.exec(await scrape())?.[1]);
  const expected = (sent + 1) * linesPerS * seconds;
  console.log(`lines: ${expected} sent, ${received} received`);
  if (received !== expected) process.exitCode = 1;
} finally {
  gate.kill("SIGTERM");
  await once(gate, "close");
  rmSync(directory, { recursive: true, force: true });
}

/** Rules and outputs as a gate has them: so many series are written. */
async function configure(): Promise<void> {
  const post = async (path: string, body: unknown) => {
    const answer = await fetch(`http://127.0.0.1:${ports.control}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(await answer.text());
  };
  for (let index = 0; index < 20; index++)
    await post("/rules", { id: `drop_${index}`, type: "filter", params: { value: `NOISE${index}` } });
  await post("/rules", { id: "pii", type: "redact", params: { detectors: ["credit_card", "us_ssn", "email"] } });
  await post("/publish", {});
}

/** Sends for so many seconds. */
async function run(arm: Arm): Promise<Cost> {
  const line = `${"2026-01-31T12:00:00Z INFO checkout order placed ".padEnd(179, "x")}\n`;
  const linesAStep = Math.round((linesPerS * stepMs) / 1000);
  const chunk = Buffer.from(line.repeat(linesAStep));
  const socket = connect(ports.tcp, "127.0.0.1");
  await once(socket, "connect");
  const before = cpuOf(gate.pid!);
  const beganMs = performance.now();
  const timer = arm === "scraped" ? setInterval(() => void scrape(), 1000) : undefined;
  const steps = (seconds * 1000) / stepMs;
  for (let step = 0; step < steps; step++) {
    if (!socket.write(chunk)) await once(socket, "drain");
    const waitMs = beganMs + (step + 1) * stepMs - performance.now();
    if (waitMs > 0) await pause(waitMs);
  }
  socket.end();
  await once(socket, "close");
  clearInterval(timer);
  await pause(200);
  const after = cpuOf(gate.pid!);
  const millions = (steps * linesAStep) / 1e6;
  return { main: (after.main - before.main) / millions, others: (after.others - before.others) / millions };
}

async function scrape(): Promise<string> {
  return (await fetch(`http://127.0.0.1:${ports.admin}/metrics`)).text();
}

/** CPU seconds of the main thread, and of all others. */
function cpuOf(pid: number): { main: number; others: number } {
  const cpu = { main: 0, others: 0 };
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const [ns] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ");
    cpu[task === String(pid) ? "main" : "others"] += Number(ns) / 1e9;
  }
  return cpu;
}

function report(costs: Readonly<Record<Arm, readonly Cost[]>>): void {
  console.log(
    `${rounds} rounds of ${seconds} s at ${linesPerS} lines/s of 180 bytes; CPU seconds a million lines, median (least to most)`,
  );
  const all = (cost: Cost) => cost.main + cost.others;
  const parts: readonly [string, (cost: Cost) => number][] = [
    ["whole process", all],
    ["workers and native threads", ({ others }) => others],
    ["main thread", ({ main }) => main],
  ];
  for (const [name, part] of parts) {
    const of = (arm: Arm) => costs[arm].map(part);
    for (const arm of arms)
      console.log(
        `${name}, ${arm}: ${median(of(arm)).toFixed(4)} (${Math.min(...of(arm)).toFixed(4)} to ${Math.max(...of(arm)).toFixed(4)})`,
      );
    const ratio = (arm: Arm) => median(of(arm).map((cost, index) => cost / of("alone")[index]!)).toFixed(3);
    console.log(`${name}, ratio to alone: scraped ${ratio("scraped")}, alone again ${ratio("alone again")}`);
  }
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
