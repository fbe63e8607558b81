/** Redis over TLS, with a user and a password, against a real server: what is verified, what is shown, what no log says. */

import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Authority, type Certificate, needsOpenssl } from "../../test/fixtures/certificates.ts";
import { needsRedisTls, RedisServer } from "../../test/fixtures/redis.ts";
import { repository } from "../../test/fixtures/requirement.ts";
import { temporaryDirectory } from "../../test/fixtures/temporary_directory.ts";
import { until } from "../../test/fixtures/wait.ts";
import { passthrough } from "../manifest/manifest.ts";
import type { Publisher, Subscriber } from "./bus.ts";
import { publishThroughRedis } from "./redis_publisher.ts";
import { reportsThroughRedis, reportThroughRedis } from "./redis_reports.ts";
import { subscribeThroughRedis } from "./redis_subscriber.ts";
import { redisTarget } from "./redis_target.ts";

const redisTls = needsRedisTls();
const needs = needsOpenssl.skip ? needsOpenssl : redisTls;
const password = "p:w/of this@test";

describe.skipIf(needs.skip)(`Redis over TLS${needs.note}`, () => {
  let authority: Authority;
  let other: Authority;
  let own: Certificate;
  let client: Certificate;
  let server: RedisServer | undefined;
  const open: (Publisher | Subscriber)[] = [];
  const logged: string[] = [];
  const log = { info: (line: string) => void logged.push(line), warn: (line: string) => void logged.push(line) };
  beforeAll(() => {
    authority = new Authority("redis authority");
    other = new Authority("another authority");
    own = authority.issue("redis", "IP:127.0.0.1");
    client = authority.issue("gate", "DNS:gate");
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()));
    await server?.stop();
    server = undefined;
    logged.length = 0;
  });
  afterAll(() => {
    authority?.dispose();
    other?.dispose();
  });

  type Extra = Omit<Parameters<typeof redisTarget>[0], "redisPort">;
  const target = (extra: Extra) => redisTarget({ redisHost: "127.0.0.1", redisPort: server!.port, ...extra }, log)!;
  const publish = (extra: Extra, version = "1") => {
    const publisher = publishThroughRedis(target(extra), log);
    open.push(publisher);
    return publisher.publish({ ...passthrough, version });
  };
  const startServer = async (demandsClients = false) => {
    server = await RedisServer.startWithTls({ ...own, ca: authority.cert, demandsClients });
    return server;
  };

  it("is used with the authority that is named, and by rediss:// too", async () => {
    await startServer();
    expect(await publish({ redisTlsCa: authority.cert })).toEqual({ subscribersNotified: 0 });
    const redisUrl = `rediss://127.0.0.1:${server!.port}/0`;
    await publish({ redisUrl, redisTlsCa: authority.cert }, "2");
    expect(target({ redisTlsCa: authority.cert }).name).toBe(`rediss://127.0.0.1:${server!.port}`);
  });

  it("is not used with another authority's certificate, none that is known, another name, or without TLS", async () => {
    await startServer();
    const self = /SELF_SIGNED|self.signed|unable to (verify|get)/i;
    await expect(publish({ redisTlsCa: other.cert })).rejects.toMatchObject({
      code: "SG_BUS_AWAY",
      what: expect.stringMatching(self),
    });
    await expect(publish({ redisUrl: `rediss://127.0.0.1:${server!.port}` })).rejects.toThrow(self);
    await expect(publish({ redisHost: "localhost", redisTlsCa: authority.cert })).rejects.toThrow(/altnames/);
    await expect(publish({})).rejects.toMatchObject({ code: "SG_BUS_AWAY" });
  });

  it("is shown a certificate where it demands one, a renewed one at the next connection", async () => {
    await startServer(true);
    const folder = temporaryDirectory("redis-tls");
    const [redisTlsCert, redisTlsKey] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    const put = ({ cert, key }: Certificate) => {
      copyFileSync(cert, redisTlsCert);
      copyFileSync(key, redisTlsKey);
    };
    await expect(publish({ redisTlsCa: authority.cert })).rejects.toMatchObject({ code: "SG_BUS_AWAY" });
    put(client);
    const publisher = publishThroughRedis(target({ redisTlsCa: authority.cert, redisTlsCert, redisTlsKey }), log);
    open.push(publisher);
    await publisher.publish(passthrough);
    // Of an authority that it does not know: shown at the next connection, refused there.
    put(other.issue("gate", "DNS:gate"));
    await server!.stop();
    await server!.start();
    await expect(publisher.publish(passthrough)).rejects.toMatchObject({ code: "SG_BUS_AWAY" });
    // A damaged one is not shown: the one before goes on, as nobody can repair it for a process that runs.
    put(client);
    await until("it publishes with the renewed one", async () =>
      publisher.publish(passthrough).then(
        () => true,
        () => false,
      ),
    );
    writeFileSync(redisTlsCert, "");
    await server!.stop();
    await server!.start();
    await until("it publishes with the one before", async () =>
      publisher.publish(passthrough).then(
        () => true,
        () => false,
      ),
    );
    expect(logged.filter((line) => line.includes("a changed certificate is not used"))).toHaveLength(1);
  });

  it("takes a user that may do no more than the bus needs, and says no password when it is wrong", async () => {
    await startServer();
    // As docs/security.md has it.
    const page = readFileSync(join(repository, "docs/security.md"), "utf8");
    const [, rule] = /^ACL (SETUSER streamgate on [^`]*?)\n```/m.exec(page)!;
    const named = rule!.replace("SETUSER streamgate", "SETUSER gate");
    const words = named.split(/\s+/).map((word) => word.replace("PASSWORD", password));
    await server!.with(async (redis) => {
      await redis.call("ACL", ...words);
      // Ends this connection, too.
      await redis.call("ACL", "SETUSER", "default", "off").catch(() => {});
    });
    const tls = { redisTlsCa: authority.cert };
    const subscriber = subscribeThroughRedis(target({ ...tls, redisUsername: "gate", redisPassword: password }), log);
    open.push(subscriber);
    const seen: unknown[] = [];
    await subscriber.start(async (raw) => void seen.push((raw as { version: string } | undefined)?.version));
    expect(seen).toEqual([undefined]);
    const file = join(temporaryDirectory("redis-password"), "password");
    writeFileSync(file, `${password}\n`);
    expect(await publish({ ...tls, redisUsername: "gate", redisPassword: `file:${file}` }, "5")).toEqual({
      subscribersNotified: 1,
    });
    await until("the manifest arrives", () => seen.at(-1) === "5");
    const account = { redisUsername: "gate", redisPassword: password };
    const reporter = reportThroughRedis(target({ ...tls, ...account }));
    const reports = reportsThroughRedis(target({ ...tls, ...account }), log);
    const now = new Date().toISOString();
    reporter.report({ id: "plane-1", program: "1", engine: "native", workers: 1, started_at: now, reported_at: now });
    await until("the report is there", async () =>
      (await reports.list().catch(() => [])).some(({ id }) => id === "plane-1"),
    );
    await Promise.all([reporter.close(), reports.close()]);
    const inUrl = `rediss://gate:${encodeURIComponent(password)}@127.0.0.1:${server!.port}`;
    await publish({ ...tls, redisUrl: inUrl }, "6");

    for (const wrong of [{ redisUsername: "gate", redisPassword: `${password}x` }, { redisPassword: password }, {}]) {
      const failed = await publish({ ...tls, ...wrong }).catch((error: Error) => error);
      expect(failed).toMatchObject({ code: "SG_BUS_AWAY" });
      expect(String((failed as Error).stack)).not.toContain(password);
    }
    expect(logged.join("\n")).toMatch(/WRONGPASS|NOAUTH/);
    expect(logged.join("\n")).not.toContain(password);
    expect(logged.join("\n")).not.toContain(encodeURIComponent(password));
  });

  it("is refused at the start where a file cannot be used, which names the setting", () => {
    const given = { redisHost: "127.0.0.1", redisPort: 1 };
    expect(() => redisTarget({ ...given, redisTlsCa: "/nowhere.pem" })).toThrow(
      /REDIS_TLS_CA \/nowhere\.pem: cannot be read/,
    );
    expect(() => redisTarget({ ...given, redisTlsCa: import.meta.filename })).toThrow(
      /REDIS_TLS_CA .* holds nothing in PEM/,
    );
    expect(() => redisTarget({ ...given, redisTlsCert: own.cert, redisTlsKey: client.key })).toThrow(
      /REDIS_TLS_CERT .* and REDIS_TLS_KEY .*: OpenSSL refuses them/,
    );
    expect(() => redisTarget({ ...given, redisPassword: "file:/nowhere" })).toThrow(
      /REDIS_PASSWORD: the file cannot be read/,
    );
  });
});
