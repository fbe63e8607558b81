/**
 * Many data planes in one process, as far as Redis and the control plane can tell: each has the bus's subscriber and reporter, and takes a
 * manifest at once. What they would do with records is left out. Started by `planes.ts` with `COUNT REDIS_PORT FIRST`; prints a line
 * `{"version":…,"applied":…,"at":…}` whenever all of them run a version, and answers nothing else.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { OwnReport } from "../src/bus/own_report.ts";
import { repeatMsDefault, reportThroughRedis } from "../src/bus/redis_reports.ts";
import { subscribeThroughRedis } from "../src/bus/redis_subscriber.ts";
import { redisTarget } from "../src/bus/redis_target.ts";
import { type Manifest, passthrough } from "../src/manifest/manifest.ts";

const [count = 0, port = 0, first = 0] = process.argv.slice(2).map(Number);
const target = redisTarget({ redisHost: "127.0.0.1", redisPort: port })!;
const quiet = { info: () => {}, warn: () => {} };
const running = new Map<string, number>();

const planes = Array.from({ length: count }, async (_, n) => {
  // Planes do not all start at once, so they do not all say at once that they live.
  await sleep(Math.random() * repeatMsDefault);
  const identity = { id: `light-${first + n}`, engine: "none", workers: 0 };
  const own = new OwnReport(identity, reportThroughRedis(target));
  await subscribeThroughRedis(target, quiet).start(async (raw) => {
    const { version } = await own.applying(raw, async () => (raw ?? passthrough) as Manifest);
    const applied = (running.get(version) ?? 0) + 1;
    running.set(version, applied);
    if (applied === count) process.stdout.write(`${JSON.stringify({ version, applied, at: Date.now() })}\n`);
  });
});
await Promise.all(planes);
process.stdout.write(`${JSON.stringify({ started: count })}\n`);
process.once("SIGTERM", () => process.exit(0));
