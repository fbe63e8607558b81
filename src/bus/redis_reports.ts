/**
 * Reports of data planes in Redis:
 *
 *     streamgate_plane:ID       the report as JSON; it expires `expiryMs` after the plane has last said something
 *     streamgate_planes         sorted set of the ids, by when they last did; the newest `planesMax`
 *     streamgate_plane_reports  channel: the id of one that has something new to say
 *
 * A plane says the same again every `repeatMsDefault`, without a notice, so one that was killed is gone after `expiryMs`, and a Redis that lost
 * its memory knows all of them again soon. Planes that were killed leave an id in the set until somebody lists it. With MANIFEST_KEY reports
 * are signed.
 */

import { Redis } from "ioredis";
import { StreamGateError } from "../errors.ts";
import type { BusLog, PlaneReporter, PlaneReports } from "./bus.ts";
import { type PlaneReport, readReport, withoutSignature } from "./plane_report.ts";
import type { RedisTarget } from "./redis_target.ts";
import type { SignedReports } from "./signed_reports.ts";

export const planeKeyPrefix = "streamgate_plane:";
export const planesKey = "streamgate_planes";
export const reportsChannel = "streamgate_plane_reports";

export const expiryMs = 30_000;
export const repeatMsDefault = 10_000;
const planesMax = 1000;
/** An end in order does not wait longer than this for Redis. */
const farewellMs = 500;

/** The data plane's side. It connects in the background; while Redis is away nothing is said, and the latest when it is back. */
export function reportThroughRedis(
  target: RedisTarget,
  signed?: SignedReports,
  repeatMs = repeatMsDefault,
): PlaneReporter {
  const redis = new Redis(target.options);
  let latest: PlaneReport | undefined;
  let saidMs = 0;
  const say = (news: boolean) => {
    if (latest === undefined || redis.status !== "ready") return;
    const { id } = latest;
    const now = Date.now();
    // Each is said later than the one before, whatever the clock does: of signed ones an earlier one is not taken.
    saidMs = Math.max(now, saidMs + 1);
    const report = { ...latest, reported_at: new Date(saidMs).toISOString() };
    const saying = redis
      .multi()
      .set(planeKeyPrefix + id, signed === undefined ? JSON.stringify(report) : signed.sign(report), "PX", expiryMs)
      .zadd(planesKey, now, id)
      .zremrangebyrank(planesKey, 0, -planesMax - 1);
    // Whoever hears a notice reads the reports of all planes, so only news is worth one.
    if (news) saying.publish(reportsChannel, id);
    // It is said again; what Redis has to say about it, the subscriber's log has.
    saying.exec().catch(() => {});
  };
  redis.on("error", () => {});
  // Redis may have forgotten what it was told.
  redis.on("ready", () => say(true));
  redis.connect().catch(() => {});
  const timer = setInterval(() => say(false), repeatMs).unref();
  return {
    report(report) {
      latest = report;
      say(true);
    },
    async close() {
      clearInterval(timer);
      const id = latest?.id;
      latest = undefined;
      if (id !== undefined && redis.status === "ready") {
        const farewell = redis
          .multi()
          .del(planeKeyPrefix + id)
          .zrem(planesKey, id)
          .publish(reportsChannel, id)
          .exec();
        const late = new Promise((resolve) => setTimeout(resolve, farewellMs).unref());
        await Promise.race([farewell.catch(() => {}), late]);
      }
      redis.disconnect();
    },
  };
}

/** The control plane's side: one connection listens, one reads. */
export function reportsThroughRedis(target: RedisTarget, log: BusLog, signed?: SignedReports): PlaneReports {
  const reader = new Redis(target.options);
  const listener = new Redis(target.options);
  const watchers = new Set<() => void>();
  const tell = () => {
    for (const watcher of watchers) watcher();
  };
  let lastError = "no connection yet";
  let closed = false;
  for (const redis of [reader, listener])
    redis.on("error", (error: Error) => {
      lastError = error.message || String((error as NodeJS.ErrnoException).code);
    });
  listener.on("ready", () => {
    listener.subscribe(reportsChannel).then(tell, (error: Error) => {
      if (closed) return;
      log.warn(
        `${target.name} does not let the control plane hear of reports (${error.message}); they are read when asked`,
      );
    });
  });
  listener.on("message", tell);
  for (const redis of [reader, listener]) redis.connect().catch(() => {});
  const isAway = (cause?: Error) =>
    new StreamGateError(
      "SG_BUS_AWAY",
      {
        where: target.name,
        what: `Redis does not answer: ${cause?.message ?? lastError}`,
        fix: "start Redis, or mend REDIS_HOST, REDIS_PORT or REDIS_URL; data planes run on meanwhile",
      },
      { cause },
    );
  return {
    async list() {
      if (reader.status !== "ready") throw isAway();
      try {
        const ids = await reader.zrevrange(planesKey, 0, planesMax - 1);
        if (ids.length === 0) return [];
        const texts = await reader.mget(ids.map((id) => planeKeyPrefix + id));
        const gone = ids.filter((_, index) => texts[index] === null);
        if (gone.length > 0) await reader.zrem(planesKey, ...gone);
        const found = ids.map((id, index) => ({ id, text: texts[index] ?? "" }));
        if (signed !== undefined) return signed.admit(found, log);
        return found.flatMap(({ text }) => readReport(text) ?? []).map(withoutSignature);
      } catch (error) {
        throw isAway(error as Error);
      }
    },
    watch(onChange) {
      watchers.add(onChange);
      return () => watchers.delete(onChange);
    },
    async close() {
      closed = true;
      watchers.clear();
      reader.disconnect();
      listener.disconnect();
    },
  };
}
