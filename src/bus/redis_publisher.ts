/** The control plane's side of the Redis bus: writes the manifest and the notice in one transaction. */

import { Redis } from "ioredis";
import { StreamGateError } from "../errors.ts";
import type { Manifest } from "../manifest/manifest.ts";
import type { BusLog, Publisher } from "./bus.ts";
import { manifestKey, notice, noticeChannel, type RedisTarget } from "./redis_target.ts";
import type { SignedManifests } from "./signed_manifests.ts";

/** How long a publication waits for a connection that is just being made. */
const readyTimeoutMs = 1_500;

/**
 * Connects in the background and stays connected as far as Redis lets it; the control plane runs without it.
 * @param signed absent: manifests go out unsigned
 */
export function publishThroughRedis(target: RedisTarget, log: BusLog, signed?: SignedManifests): Publisher {
  const redis = new Redis(target.options);
  let lastError = "no connection yet";
  let away = false;
  redis.on("error", (error: Error) => {
    lastError = error.message || String((error as NodeJS.ErrnoException).code);
    if (!away) log.warn(`${target.name} is away (${lastError}); publishing waits for it, trying again`);
    away = true;
  });
  redis.on("ready", () => {
    if (away) log.info(`${target.name} is back`);
    away = false;
  });
  redis.on("close", () => {
    if (!away) lastError = "the connection was closed";
  });
  redis.connect().catch(() => undefined); // reported by the error event

  const notPublished =
    "nothing was published; start Redis, or mend REDIS_HOST, REDIS_PORT or REDIS_URL, and publish again";
  const isAway = (what: string, fix = notPublished, cause?: unknown) =>
    new StreamGateError("SG_BUS_AWAY", { where: target.name, what, fix }, { cause });

  let readiness: Promise<boolean> | undefined;
  const ready = () => {
    readiness ??= isReady(redis).finally(() => {
      readiness = undefined;
    });
    return readiness;
  };

  return {
    async publish(manifest: Manifest) {
      const text = JSON.stringify(signed === undefined ? manifest : signed.sign(manifest));
      if (!(await ready())) throw isAway(`Redis does not answer: ${lastError}`);
      let replies: [error: Error | null, result: unknown][] | null;
      try {
        replies = await redis.multi().set(manifestKey, text).publish(noticeChannel, notice).exec();
      } catch (error) {
        // The connection has ended and ioredis has not noticed yet: nothing was sent. Its own words are about its queue.
        if (/isn't writeable/.test((error as Error).message))
          throw isAway("Redis does not answer: the connection was closed");
        // Without a connection ioredis speaks of its own queue, which says nothing to the reader.
        const reason = redis.status === "ready" ? (error as Error).message : lastError;
        // It was sent and the answer is missing: Redis may have done it all the same.
        throw isAway(`Redis does not confirm it: ${reason}`, "it may be published or not: publish again", error);
      }
      const refused = replies?.find(([error]) => error !== null)?.[0];
      if (replies === null || refused)
        throw isAway(`Redis does not take it: ${refused?.message ?? "the transaction was discarded"}`);
      return { subscribersNotified: Number(replies[1]?.[1] ?? 0) };
    },
    async close() {
      redis.disconnect();
    },
  };
}

/** Waits a moment for a connection in the making. While a retry is pending, the wait for it is cut short. */
async function isReady(redis: Redis): Promise<boolean> {
  if (redis.status === "ready") return true;
  if (redis.status === "end") return false;
  return await new Promise<boolean>((resolve) => {
    const settle = (ready: boolean) => {
      clearTimeout(timer);
      redis.removeListener("ready", onReady);
      resolve(ready);
    };
    const onReady = () => settle(true);
    const timer = setTimeout(() => settle(false), readyTimeoutMs);
    redis.once("ready", onReady);
    if (redis.status === "reconnecting") redis.connect().catch(() => undefined);
  });
}
