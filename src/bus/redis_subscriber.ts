/**
 * The data plane's side of the Redis bus. One connection listens for notices, one reads the key.
 *
 * A notice says only that the key may have changed, so a missed one costs nothing as long as the key is read again: on every
 * (re)connection of either, and every `rereadMs` besides, in case a connection died without a word.
 */

import { Redis } from "ioredis";
import { parseJson } from "../json.ts";
import type { BusLog, Subscriber } from "./bus.ts";
import { manifestKey, noticeChannel, type RedisTarget } from "./redis_target.ts";

const rereadMsDefault = 30_000;

export function subscribeThroughRedis(target: RedisTarget, log: BusLog, rereadMs = rereadMsDefault): Subscriber {
  return new RedisSubscriber(target, log, rereadMs);
}

class RedisSubscriber implements Subscriber {
  readonly #target: RedisTarget;
  readonly #log: BusLog;
  readonly #rereadMs: number;
  readonly #reader: Redis;
  readonly #listener: Redis;
  #onManifest: ((raw: unknown | undefined) => Promise<void>) | undefined;
  #onUnreadable: ((error: Error) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The text that was delivered last, taken or refused: the same text again is no news. */
  #delivered: string | undefined;
  #toldEmpty = false;
  #away = false;
  #closed = false;
  #reading: Promise<void> | undefined;
  #again = false;
  reached = false;

  constructor(target: RedisTarget, log: BusLog, rereadMs: number) {
    this.#target = target;
    this.#log = log;
    this.#rereadMs = rereadMs;
    this.#reader = new Redis(target.options);
    this.#listener = new Redis(target.options);
  }

  async start(
    onManifest: (raw: unknown | undefined) => Promise<void>,
    onUnreadable?: (error: Error) => void,
  ): Promise<void> {
    this.#onManifest = onManifest;
    this.#onUnreadable = onUnreadable;
    for (const redis of [this.#reader, this.#listener]) redis.on("error", (error: Error) => this.#lost(error));
    this.#listener.on("ready", () => {
      // Subscribed first and read then: what is published in between is seen by one of the two.
      this.#listener.subscribe(noticeChannel).then(
        () => this.#read(),
        (error: Error) => {
          // A connection that cannot subscribe hears nothing; a new one may (a Redis that was still loading, an ACL mended).
          this.#lost(error);
          if (!this.#closed) this.#listener.disconnect(true);
        },
      );
    });
    this.#listener.on("message", () => void this.#read());
    this.#reader.on("ready", () => void this.#read());
    this.#timer = setInterval(() => void this.#read(), this.#rereadMs);
    const listening = this.#listener.connect().catch(() => undefined);
    await this.#reader.connect().catch(() => undefined);
    await listening;
    await this.#read();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#reader.disconnect();
    this.#listener.disconnect();
    await this.#reading;
  }

  /** Reads the key and delivers it. Calls that come while one runs become one more: a burst of notices costs two reads. */
  #read(): Promise<void> {
    if (this.#reading !== undefined) {
      this.#again = true;
      return this.#reading;
    }
    this.#reading = (async () => {
      do {
        this.#again = false;
        await this.#readOnce();
      } while (this.#again && !this.#closed);
    })().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readOnce(): Promise<void> {
    if (this.#closed || this.#reader.status !== "ready") return;
    let text: string | null;
    try {
      text = await this.#reader.get(manifestKey);
    } catch (error) {
      this.#lost(error as Error);
      return;
    }
    if (this.#away) this.#log.info(`${this.#target.name} is back`);
    this.#away = false;
    this.reached = true;
    try {
      await this.#deliver(text);
    } catch (error) {
      this.#log.warn(
        `the manifest in ${this.#target.name} is refused, what ran before runs on: ${(error as Error).message}`,
      );
    }
  }

  async #deliver(text: string | null): Promise<void> {
    if (text === null) {
      if (this.#delivered === undefined) {
        if (!this.#toldEmpty) await this.#onManifest?.(undefined);
      } else if (!this.#toldEmpty) {
        // A Redis that lost its memory is no reason to stop protecting.
        this.#log.warn(`${this.#target.name} holds no manifest any more; the one that runs runs on`);
      }
      this.#toldEmpty = true;
      return;
    }
    this.#toldEmpty = false;
    if (text === this.#delivered) return;
    this.#delivered = text;
    let raw: unknown;
    try {
      raw = parseJson(text);
    } catch (error) {
      const unreadable = new Error(`${manifestKey} ${(error as Error).message}`);
      this.#onUnreadable?.(unreadable);
      throw unreadable;
    }
    await this.#onManifest?.(raw);
  }

  #lost(error: Error): void {
    this.reached = false;
    if (this.#closed || this.#away) return;
    this.#away = true;
    const reason = error.message || String((error as NodeJS.ErrnoException).code);
    this.#log.warn(`${this.#target.name} is away (${reason}); what runs runs on, trying again`);
  }
}
