/** Which Redis, and how a connection to it behaves. Key and channel are the original program's, so either can read the other's. */

import type { RedisOptions } from "ioredis";
import { secretText } from "../settings/secret_text.ts";
import type { Settings } from "../settings/settings.ts";
import { clientTls } from "../tls/client_files.ts";
import type { BusLog } from "./bus.ts";

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

/** What says which Redis; user and password also in the URL. */
type RedisSettings = Pick<Settings, "redisPort"> &
  Partial<
    Pick<
      Settings,
      "redisUrl" | "redisHost" | "redisUsername" | "redisPassword" | "redisTlsCa" | "redisTlsCert" | "redisTlsKey"
    >
  >;

/**
 * @returns undefined when neither REDIS_URL nor REDIS_HOST is set: the bus is embedded
 * @throws StreamGateError SG_TLS, SG_SETTING when a file cannot be used
 */
export function redisTarget(settings: RedisSettings, log: BusLog = silent): RedisTarget | undefined {
  const { redisUrl, redisHost, redisPort, redisUsername, redisPassword } = settings;
  if (redisUrl === undefined && redisHost === undefined) return undefined;
  const url = redisUrl === undefined ? undefined : new URL(redisUrl);
  const host = (url === undefined ? redisHost : url.hostname.replace(/^\[|\]$/g, "")) || "localhost";
  const port = url === undefined ? redisPort : Number(url.port || "6379");
  const username = redisUsername ?? decodeURIComponent(url?.username ?? "");
  const password =
    redisPassword === undefined ? decodeURIComponent(url?.password ?? "") : secretText("REDIS_PASSWORD", redisPassword);
  const { redisTlsCa, redisTlsCert, redisTlsKey } = settings;
  const tls = url?.protocol === "rediss:" || redisTlsCa !== undefined || redisTlsCert !== undefined;
  const named = (setting: string, path: string | undefined) => (path === undefined ? undefined : { setting, path });
  const paths = {
    ca: named("REDIS_TLS_CA", redisTlsCa),
    cert: named("REDIS_TLS_CERT", redisTlsCert),
    key: named("REDIS_TLS_KEY", redisTlsKey),
  };
  return {
    options: {
      ...behaviour,
      host,
      port,
      ...(username !== "" && { username }),
      ...(password !== "" && { password }),
      ...(redisPassword?.startsWith("file:") && { retryStrategy: readsAgain(redisPassword, log) }),
      ...(url !== undefined && { db: Number(url.pathname.slice(1) || "0") }),
      ...(tls && { tls: clientTls(paths, host, log) }),
    },
    name: `${tls ? "rediss" : "redis"}://${host}:${port}`,
  };
}

/**
 * A password that was changed in its file is sent with the next connection. The client asks its options for the delay before each, as a method
 * of theirs, and sends the password that they hold by then.
 */
function readsAgain(setting: string, log: BusLog) {
  return function (this: ConnectionOptions, attempt: number): number {
    try {
      this.password = secretText("REDIS_PASSWORD", setting);
    } catch (error) {
      // Halfway through a change: the one before is tried once more.
      if (attempt === 1) log.warn(`${(error as Error).message}; the password before goes on`);
    }
    return retryDelayMs(attempt);
  };
}

const silent: BusLog = { info: () => {}, warn: () => {} };

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
