/** Which Redis, and how a connection to it behaves. Key and channel are the original program's, so either can read the other's. */

import type { RedisOptions } from "ioredis";
import type { Settings } from "../settings/settings.ts";

/** Holds the manifest as JSON. */
export const manifestKey = "streamgate_config";
/** Carries a notice that the key has changed. */
export const noticeChannel = "streamgate_updates";
export const notice = "RELOAD";

/** Reply shapes are left at their default; naming them would choose another type of client. */
type ConnectionOptions = Omit<RedisOptions, "replyMapping">;

export interface RedisTarget {
  readonly options: ConnectionOptions;
  /** For messages; holds no password. */
  readonly name: string;
}

/** An answer that takes longer means that the connection is dead, or as good as dead. */
const commandTimeoutMs = 3_000;
const connectTimeoutMs = 3_000;

/** @returns undefined when neither REDIS_URL nor REDIS_HOST is set: the bus is embedded */
export function redisTarget(settings: Pick<Settings, "redisUrl" | "redisHost" | "redisPort">): RedisTarget | undefined {
  const { redisUrl, redisHost, redisPort } = settings;
  if (redisUrl === undefined) {
    if (redisHost === undefined) return undefined;
    return { options: { ...behaviour, host: redisHost, port: redisPort }, name: `redis://${redisHost}:${redisPort}` };
  }
  const url = new URL(redisUrl);
  const database = Number(url.pathname.slice(1) || "0");
  const host = url.hostname.replace(/^\[|\]$/g, "") || "localhost";
  const port = Number(url.port || "6379");
  return {
    options: {
      ...behaviour,
      host,
      port,
      ...(url.username !== "" && { username: decodeURIComponent(url.username) }),
      ...(url.password !== "" && { password: decodeURIComponent(url.password) }),
      db: database,
      ...(url.protocol === "rediss:" && { tls: {} }),
    },
    name: `${url.protocol}//${host}:${port}`,
  };
}

const behaviour: ConnectionOptions = {
  lazyConnect: true,
  connectTimeout: connectTimeoutMs,
  commandTimeout: commandTimeoutMs,
  // Nothing waits unseen: a command without a connection fails at once, and its caller knows what that means.
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  autoResubscribe: false,
  // RESP2: every Redis that is about speaks it.
  protocol: 2,
  disableClientInfo: true,
  retryStrategy: retryDelayMs,
};

const retryDelayMsMin = 100;
const retryDelayMsMax = 5_000;

/** Exponential backoff; half of it is chance, so that a hundred data planes do not come back in step. */
export function retryDelayMs(attempt: number): number {
  const ceiling = Math.min(retryDelayMsMax, retryDelayMsMin * 2 ** Math.min(attempt - 1, 10));
  return Math.round(ceiling / 2 + (Math.random() * ceiling) / 2);
}
