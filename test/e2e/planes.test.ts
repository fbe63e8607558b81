/** Control plane and data plane as two processes over a real Redis, and the data plane alone under another control plane. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { needsRedis, RedisServer } from "../fixtures/redis.ts";
import { oneEngine } from "../fixtures/requirement.ts";
import { isListening } from "../fixtures/tcp.ts";
import { until } from "../fixtures/wait.ts";

let redis: RedisServer;
beforeEach(async () => {
  redis = await RedisServer.prepare();
});
afterEach(async () => {
  await disposeGates();
  await redis.stop();
});

/** Sends `line` again and again until `expected` comes out: a manifest over Redis takes effect a moment after its publish. */
async function untilTreated(gate: Gate, line: string, expected: string): Promise<void> {
  await until(`${line} comes out as ${expected}`, async () => {
    const before = gate.lineCount;
    await gate.send(`${line}\n`);
    await until("the line comes out", () => gate.lineCount > before);
    return gate.lines().at(-1) === expected;
  });
}

/** A manifest as the original StreamGate's Python control plane writes it: parameters all strings, absent fields null. */
function pythonManifest(replacement: string): string {
  const absent = { host: null, token: null, region: null };
  const processors = [
    { id: "drop_debug", type: "filter", params: { value: "DEBUG", pattern: null }, description: null },
    { id: "redact_ssn", type: "redact", params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement } },
    {
      id: "drop_test",
      type: "attribute_filter",
      params: { attribute: "service.name", operator: "equals", value: "test" },
    },
  ];
  const outputs = [{ type: "console", url: null, headers: null, ...absent }];
  const pipelines = [{ name: "default_pipeline", processors, outputs, batch_size: 100 }];
  return JSON.stringify({ version: "1.0", timestamp: "2026-11-23T10:00:00.000000", pipelines });
}

for (const { engine, skip, note } of oneEngine) {
  describe.skipIf(skip || needsRedis.skip)(`two planes over Redis on ${engine}${note}${needsRedis.note}`, () => {
    const startData = (env: Record<string, string> = {}, more: { dataDir?: string; dontWait?: boolean } = {}) =>
      Gate.start({ command: "data", engine, env: { ...redis.env, ...env }, ...more });
    const startControl = () => Gate.start({ command: "control", env: redis.env });

    it("passes records to the console while Redis holds no manifest, then follows each publish", async () => {
      await redis.start();
      const [control, data] = [await startControl(), await startData()];
      await data.send("DEBUG: user login attempt\n");
      await data.waitForLines(1);
      await control.addRule("redact_ssn", "redact", { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "XXX-XX-XXXX" });
      await control.addRule("drop_debug", "filter", { value: "DEBUG" });
      expect(await control.publish()).toMatchObject({ status: "published", subscribers_notified: 1 });
      await untilTreated(data, "SSN: 123-45-6789", "SSN: XXX-XX-XXXX");
      const before = data.lineCount;
      await data.send("DEBUG: user login attempt\nINFO: payment processed\n");
      await data.waitForLines(before + 1);
      expect(data.lines().slice(before)).toEqual(["INFO: payment processed"]);
      expect((await data.stop()).code).toBe(0);
      expect((await control.stop()).code).toBe(0);
    });

    it("runs on through a Redis restart and takes a publish made in between, though its notice was missed", async () => {
      await redis.start();
      const [control, data] = [await startControl(), await startData()];
      await control.addRule("mask", "redact", { pattern: "secret", replacement: "one" });
      await control.publish();
      await untilTreated(data, "a secret", "a one");
      await redis.stop();
      const refused = await control.api("POST", "/publish");
      expect(refused.status).toBe(503);
      expect(JSON.stringify(refused.body)).toMatch(/redis/i);
      await untilTreated(data, "a secret", "a one");
      await redis.start();
      // Back, but empty: rules that protect must not vanish with it.
      await untilTreated(data, "a secret", "a one");
      await control.ok("PUT", "/rules/mask", {
        id: "mask",
        type: "redact",
        params: { pattern: "secret", replacement: "two" },
      });
      await until("publish works again", async () => (await control.api("POST", "/publish")).status === 200);
      await untilTreated(data, "a secret", "a two");
    });

    it("does not listen without Redis and without a last good manifest, says so, and begins when Redis comes", async () => {
      const data = await startData({}, { dontWait: true });
      await until("it says what it waits for", () => /redis/i.test(data.stderr));
      expect(await isListening(data.tcpPort)).toBe(false);
      await redis.start();
      await data.ready("data");
      await data.send("now\n");
      await data.waitForLines(1);
    });

    it("starts from its last good manifest when Redis is away", async () => {
      await redis.start();
      const first = await startData();
      await redis.with(async (client) => {
        await client.set("streamgate_config", pythonManifest("[SSN]"));
        await client.publish("streamgate_updates", "RELOAD");
      });
      await untilTreated(first, "123-45-6789", "[SSN]");
      await until("it is kept", () => existsSync(join(first.dataDir, "data", "last_good.json")));
      await first.stop("SIGKILL");
      await redis.stop();
      const second = await startData({}, { dataDir: first.dataDir });
      await second.send("123-45-6789\n");
      await second.waitForLines(1);
      expect(second.lines()).toEqual(["[SSN]"]);
    });

    it("is driven by a manifest of the original Python control plane, and keeps it when a bad one follows", async () => {
      await redis.start();
      const publish = (manifest: string) =>
        redis.with(async (client) => {
          await client.set("streamgate_config", manifest);
          return client.publish("streamgate_updates", "RELOAD");
        });
      await publish(pythonManifest("[SSN]"));
      const data = await startData();
      await data.send('DEBUG x\n{"service":{"name":"test"}}\n{"service.name":"live"} 123-45-6789\n');
      // Another connection is perhaps another worker's.
      await data.waitForLines(1);
      await data.send('{"service.name":"live","ssn":"123-45-6789"}\n');
      await data.waitForLines(2);
      expect(data.lines()).toEqual(['{"service.name":"live"} [SSN]', '{"service.name":"live","ssn":"[SSN]"}']);
      for (const bad of ["not JSON", "{}", pythonManifest("\\9")]) await publish(bad);
      await publish(pythonManifest("[NEW]"));
      await untilTreated(data, "123-45-6789", "[NEW]");
      await publish(pythonManifest("\\9"));
      await until("it says what it refused", () => /replacement|rewrite/i.test(data.stderr));
      await untilTreated(data, "123-45-6789", "[NEW]");
    });
  });
}

describe.skipIf(needsRedis.skip)(`the control plane alone${needsRedis.note}`, () => {
  it("keeps drafts and answers 503 to publish while Redis is away", async () => {
    const control = await Gate.start({ command: "control", env: redis.env });
    await control.addRule("x", "filter", { value: "x" });
    const refused = await control.api("POST", "/publish");
    expect(refused.status).toBe(503);
    expect(JSON.stringify(refused.body)).toMatch(/redis/i);
    expect((await control.api("GET", "/rules")).body).toMatchObject([{ id: "x" }]);
    await redis.start();
    await until("publish works", async () => (await control.api("POST", "/publish")).status === 200);
    const stored = await redis.with((client) => client.get("streamgate_config"));
    expect(JSON.parse(stored ?? "{}").pipelines[0].processors[0]).toMatchObject({ id: "x", type: "filter" });
  });
});
