/** The Redis bus against a real server: publications, outages, refusals. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { needsRedis, RedisServer } from "../../test/fixtures/redis.ts";
import { temporaryDirectory } from "../../test/fixtures/temporary_directory.ts";
import { until } from "../../test/fixtures/wait.ts";
import { passthrough } from "../manifest/manifest.ts";
import type { Publisher, Subscriber } from "./bus.ts";
import { publishThroughRedis } from "./redis_publisher.ts";
import { subscribeThroughRedis } from "./redis_subscriber.ts";
import { manifestKey, noticeChannel, redisTarget, retryDelayMs } from "./redis_target.ts";

const manifest = (version: string) => ({ ...passthrough, version });
const versionOf = (raw: unknown) => (raw as { version?: string } | undefined)?.version;

describe.skipIf(needsRedis.skip)(`the Redis bus${needsRedis.note}`, () => {
  let server: RedisServer;
  let logged: string[];
  let open: (Publisher | Subscriber)[];
  const log = { info: (line: string) => logged.push(line), warn: (line: string) => logged.push(line) };
  const target = () => redisTarget({ redisHost: "127.0.0.1", redisPort: server.port })!;
  const publisher = () => keep(publishThroughRedis(target(), log));
  const subscriber = () => keep(subscribeThroughRedis(target(), log));
  function keep<T extends Publisher | Subscriber>(one: T): T {
    open.push(one);
    return one;
  }
  /** Starts a subscriber that notes the versions it is given. */
  async function listen(handle?: (raw: unknown) => Promise<void>) {
    const seen: (string | undefined)[] = [];
    const one = subscriber();
    await one.start(async (raw) => {
      seen.push(versionOf(raw));
      await handle?.(raw);
    });
    return { seen, one };
  }

  beforeEach(async () => {
    logged = [];
    open = [];
    server = await RedisServer.start();
  });
  afterEach(async () => {
    await Promise.all(open.map((one) => one.close()));
    await server.stop();
  });

  it("writes the key and the notice that the original program uses, and counts who was told", async () => {
    const { seen } = await listen();
    expect(await publisher().publish(manifest("1"))).toEqual({ subscribersNotified: 1 });
    await until("the manifest arrives", () => seen.at(-1) === "1");
    await server.with(async (redis) => {
      expect(JSON.parse((await redis.get(manifestKey))!)).toEqual(manifest("1"));
      expect(manifestKey).toBe("streamgate_config");
      expect(noticeChannel).toBe("streamgate_updates");
    });
  });

  it("says that the bus is there and empty, once", async () => {
    const { seen, one } = await listen();
    expect(seen).toEqual([undefined]);
    expect(one.reached).toBe(true);
  });

  it("gives a late subscriber what was published before it came", async () => {
    await publisher().publish(manifest("1"));
    expect((await listen()).seen).toEqual(["1"]);
  });

  it("hears of a manifest that another program wrote", async () => {
    const { seen } = await listen();
    await server.with(async (redis) => {
      await redis.set(manifestKey, JSON.stringify(manifest("py")));
      await redis.publish(noticeChannel, "RELOAD");
    });
    await until("the manifest arrives", () => seen.at(-1) === "py");
  });

  it("delivers the last of a burst, one at a time, and not every one of them", async () => {
    let running = 0;
    const { seen } = await listen(async () => {
      expect(++running).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      running--;
    });
    const from = publisher();
    await Promise.all(Array.from({ length: 30 }, (_, i) => from.publish(manifest(String(i)))));
    await until("the last one arrives", () => seen.at(-1) === "29");
    expect(seen.length).toBeLessThan(30);
  });

  it("re-reads the key after an outage, so a publication in between is not missed", async () => {
    const { seen, one } = await listen();
    await publisher().publish(manifest("1"));
    await until("the first arrives", () => seen.at(-1) === "1");
    await server.stop();
    await until("the outage is seen", () => one.reached === false);
    await server.start();
    // Without a notice: only the reconnection can tell.
    await server.with((redis) => redis.set(manifestKey, JSON.stringify(manifest("2"))));
    await until("the second arrives", () => seen.at(-1) === "2");
    expect(logged.filter((line) => line.includes("is away"))).not.toEqual([]);
  });

  it("does not switch off what runs when Redis comes back with nothing in it", async () => {
    const { seen, one } = await listen();
    await publisher().publish(manifest("1"));
    await until("it arrives", () => seen.at(-1) === "1");
    await server.stop();
    await until("the outage is seen", () => one.reached === false);
    await server.start();
    await until("it is told", () => logged.some((line) => line.includes("holds no manifest any more")));
    expect(seen).toEqual([undefined, "1"]);
  });

  it("logs a manifest that is refused, or is no JSON, and goes on listening", async () => {
    const { seen } = await listen(async (raw) => {
      if (versionOf(raw) === "bad") throw new Error("rule 3 is wrong");
    });
    const from = publisher();
    await from.publish(manifest("bad"));
    await until("the refusal is logged", () => logged.some((line) => line.includes("rule 3 is wrong")));
    await server.with(async (redis) => {
      await redis.set(manifestKey, "{secret");
      await redis.publish(noticeChannel, "RELOAD");
    });
    await until("the damage is logged", () => logged.some((line) => line.includes("is no JSON")));
    expect(logged.join()).not.toContain("secret");
    await from.publish(manifest("good"));
    await until("the next one arrives", () => seen.at(-1) === "good");
  });

  it("starts without Redis, and delivers when Redis comes", async () => {
    await server.stop();
    const { seen, one } = await listen();
    expect([seen, one.reached]).toEqual([[], false]);
    await server.start();
    await until("it is told", () => seen.length > 0);
    expect(seen).toEqual([undefined]);
  });

  it("refuses to publish while Redis is away, says why, and publishes when it is back", async () => {
    const from = publisher();
    await from.publish(manifest("1"));
    await server.stop();
    await expect(from.publish(manifest("2"))).rejects.toMatchObject({
      code: "SG_BUS_AWAY",
      where: `redis://127.0.0.1:${server.port}`,
      what: expect.stringMatching(/ECONNREFUSED|closed/),
    });
    await server.start();
    await until("it publishes again", () => from.publish(manifest("3")).catch(() => undefined));
  });

  it("takes a password that has changed in its file with the next connection", async () => {
    const file = join(temporaryDirectory("redis-password"), "password");
    const change = (to: string) =>
      server.with(async (client) => {
        await client.call("ACL", "SETUSER", "gate", "on", "resetpass", `>${to}`, "~*", "&*", "+@all");
        // As an outage would: clients that are connected stay so.
        await client.call("CLIENT", "KILL", "USER", "gate");
      });
    await change("first");
    writeFileSync(file, "first\n");
    const account = { redisUsername: "gate", redisPassword: `file:${file}` };
    const given = redisTarget({ redisHost: "127.0.0.1", redisPort: server.port, ...account }, log)!;
    const from = keep(publishThroughRedis(given, log));
    await from.publish(manifest("1"));
    writeFileSync(file, "second\n");
    await change("second");
    await until("it publishes again", () => from.publish(manifest("2")).catch(() => undefined));
    expect(logged.join("\n")).not.toMatch(/first|second/);
  });
});

describe("redisTarget", () => {
  it("is none unless a host or a URL is set", () => {
    expect(redisTarget({ redisPort: 6379 })).toBeUndefined();
    expect(redisTarget({ redisPort: 6380, redisHost: "r" })).toMatchObject({
      name: "redis://r:6380",
      options: { host: "r", port: 6380 },
    });
  });

  it("reads a URL whole, and shows no password", () => {
    const target = redisTarget({
      redisPort: 1,
      redisHost: "ignored",
      redisUrl: "rediss://us%40er:p%3Aw@[::1]:7000/3",
    })!;
    expect(target.options).toMatchObject({
      host: "::1",
      port: 7000,
      username: "us@er",
      password: "p:w",
      db: 3,
      tls: {},
    });
    expect(target.name).toBe("rediss://::1:7000");
  });

  it("waits longer each time, up to five seconds, and never the same for all", () => {
    for (let attempt = 1; attempt < 40; attempt++) {
      const delay = retryDelayMs(attempt);
      expect(delay).toBeGreaterThanOrEqual(Math.min(2500, 50 * 2 ** (attempt - 1)));
      expect(delay).toBeLessThanOrEqual(Math.min(5000, 100 * 2 ** (attempt - 1)));
    }
  });
});
