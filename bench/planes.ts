/**
 * Many data planes on one Redis: from a publication to all of them running it, what Redis and the control plane pay for a plane, and what
 * happens when Redis comes back after an outage. Real planes are processes; light ones (`light_planes.ts`) have the bus alone. docs/scale.md
 *
 *     node bench/planes.ts [--light 200] [--real 0] [--publications 5] [--idle 20]
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { freePort } from "../test/fixtures/ports.ts";
import { RedisServer } from "../test/fixtures/redis.ts";
import { mainFile } from "../test/fixtures/requirement.ts";
import { until } from "../test/fixtures/wait.ts";
import { cpuSecondsOf, peakRssMiBOf } from "./measure/process_tree.ts";

const { values } = parseArgs({
  options: {
    light: { type: "string", default: "200" },
    real: { type: "string", default: "0" },
    publications: { type: "string", default: "5" },
    idle: { type: "string", default: "20" },
  },
});
const [light, real, publications, idle] = [values.light, values.real, values.publications, values.idle].map(Number) as [
  number,
  number,
  number,
  number,
];
const planes = light + real;
/** Of one process. */
const lightMax = 250;
const waitMs = 180_000;

const folder = mkdtempSync(join(tmpdir(), "streamgate-planes-"));
const children: ChildProcess[] = [];
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});
const redis = await RedisServer.start();
const asking = new Redis({ port: redis.port, host: "127.0.0.1", maxRetriesPerRequest: 0 });
asking.on("error", () => {});
const controlPort = await freePort();
const base = { ...process.env, REDIS_HOST: "127.0.0.1", REDIS_PORT: String(redis.port) };

function start(args: readonly string[], env: Record<string, string> = {}, stdout: "ignore" | "pipe" = "ignore") {
  const child = spawn(process.execPath, [...args], { stdio: ["ignore", stdout, "ignore"], env: { ...base, ...env } });
  children.push(child);
  return child;
}

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape are looked into.
const call = async (method: string, path: string): Promise<any> => {
  const response = await fetch(`http://127.0.0.1:${controlPort}${path}`, { method });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
};
const told = (name: string, ...figures: readonly (string | number)[]) => console.log([name, ...figures].join("\t"));
const infoOf = async (section: string, field: string) =>
  Number(new RegExp(`^${field}:([\\d.]+)`, "m").exec(await asking.info(section))?.[1]);
const redisCpu = async () => (await infoOf("cpu", "used_cpu_sys")) + (await infoOf("cpu", "used_cpu_user"));

const control = start([mainFile, "control"], {
  CONTROL_PORT: String(controlPort),
  GRPC_PORT: "0",
  STREAMGATE_DATA_DIR: join(folder, "control"),
});
await until("control listens", () => call("GET", "/").then(Boolean, () => false));
const bareBytes = await infoOf("memory", "used_memory");

const allRun: { version: string; at: number; from: number }[] = [];
for (let first = 0; first < light; first += lightMax) {
  const count = Math.min(lightMax, light - first);
  const child = start(
    [join(import.meta.dirname, "light_planes.ts"), String(count), String(redis.port), String(first)],
    {},
    "pipe",
  );
  createInterface({ input: child.stdout! }).on("line", (line) => {
    const told = JSON.parse(line);
    if (told.version !== undefined) allRun.push({ ...told, from: first });
  });
}
const adminPorts: number[] = [];
async function startReal(n: number) {
  adminPorts[n] = await freePort();
  return start([mainFile, "data"], {
    TCP_PORT: String(await freePort()),
    UDP_PORT: String(await freePort()),
    ADMIN_PORT: String(adminPorts[n]),
    PLANE_ID: `real-${n}`,
    STREAMGATE_WORKERS: "1",
    STREAMGATE_DATA_DIR: join(folder, `real${n}`),
  });
}
const realPlanes: ChildProcess[] = [];
for (let n = 0; n < real; n++) realPlanes.push(await startReal(n));
await until("all planes report", async () => (await call("GET", "/planes")).length >= planes, waitMs);
told("planes", `light ${light}`, `real ${real}`);
told("Redis memory, KB a plane", Math.round(((await infoOf("memory", "used_memory")) - bareBytes) / 1024 / planes));
told("Redis connections", await infoOf("clients", "connected_clients"));

await sleep(3000);
{
  const [redisBefore, controlBefore, bytesIn, bytesOut, commands] = [
    await redisCpu(),
    cpuSecondsOf(control.pid!),
    await infoOf("stats", "total_net_input_bytes"),
    await infoOf("stats", "total_net_output_bytes"),
    await infoOf("stats", "total_commands_processed"),
  ];
  await sleep(idle * 1000);
  told("idle: Redis CPU, % of a core", ((((await redisCpu()) - redisBefore) / idle) * 100).toFixed(2));
  told(
    "idle: control plane CPU, % of a core",
    (((cpuSecondsOf(control.pid!) - controlBefore) / idle) * 100).toFixed(2),
  );
  told("idle: commands a second", Math.round(((await infoOf("stats", "total_commands_processed")) - commands) / idle));
  told(
    "idle: Redis in, out, KB/s",
    Math.round(((await infoOf("stats", "total_net_input_bytes")) - bytesIn) / idle / 1024),
    Math.round(((await infoOf("stats", "total_net_output_bytes")) - bytesOut) / idle / 1024),
  );
}

for (let n = 0; n < publications; n++) {
  const [redisBefore, controlBefore, out] = [
    await redisCpu(),
    cpuSecondsOf(control.pid!),
    await infoOf("stats", "total_net_output_bytes"),
  ];
  const rule = { id: `rule_${n}`, type: "filter", params: { value: `NOISE_${n}` } };
  await fetch(`http://127.0.0.1:${controlPort}/rules`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(rule),
  });
  const began = Date.now();
  const published = await call("POST", "/publish?wait=60s");
  const answeredMs = Date.now() - began;
  const { version } = published.manifest;
  const of = allRun.filter((one) => one.version === version);
  const lastMs = Math.max(0, ...of.map(({ at }) => at - began));
  told(
    `publication ${version}`,
    `notified ${published.subscribers_notified}`,
    `${published.planes.status} ${published.planes.applied.length}`,
    `last light plane runs it after ${lastMs} ms`,
    `answer after ${answeredMs} ms`,
    `Redis CPU ${(((await redisCpu()) - redisBefore) * 1000).toFixed(0)} ms`,
    `control CPU ${((cpuSecondsOf(control.pid!) - controlBefore) * 1000).toFixed(0)} ms`,
    `Redis out ${Math.round(((await infoOf("stats", "total_net_output_bytes")) - out) / 1024)} KB`,
  );
  await sleep(1000);
}

{
  await redis.stop();
  await sleep(8000);
  const began = Date.now();
  await redis.start();
  let peak = 0;
  let before = 0;
  const ends = until(
    "all are back",
    async () => {
      try {
        const made = await infoOf("stats", "total_connections_received");
        peak = Math.max(peak, made - before);
        before = made;
        return Number(((await asking.call("PUBSUB", "NUMSUB", "streamgate_updates")) as unknown[])[1]) >= planes;
      } catch {
        return false;
      }
    },
    waitMs,
  );
  await ends;
  told("Redis back after 8 s: all subscribed again after", `${Date.now() - began} ms`);
  // It has forgotten all reports.
  await until("all report again", async () => (await call("GET", "/planes").catch(() => [])).length >= planes, waitMs);
  told("… and reported again after", `${Date.now() - began} ms`);
  const { planes: after, subscribers_notified: notified } = await call("POST", "/publish?wait=60s");
  told("… publication then", `notified ${notified}`, `${after.status} ${after.applied.length}`);
}
if (real > 0) {
  await redis.stop();
  const ended = once(realPlanes[0]!, "exit");
  realPlanes[0]!.kill("SIGTERM");
  await ended;
  const began = Date.now();
  await startReal(0);
  await until("it runs its last good manifest", () =>
    fetch(`http://127.0.0.1:${adminPorts[0]}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  told("a plane started without Redis is ready with its last good manifest after", `${Date.now() - began} ms`);
}
told("control plane, MiB", peakRssMiBOf(control.pid!));
asking.disconnect();
for (const child of children) child.kill("SIGKILL");
await redis.stop();
rmSync(folder, { recursive: true, force: true });
process.exit(0);
