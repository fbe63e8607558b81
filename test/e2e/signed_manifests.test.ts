/** Signed manifests over a real Redis: what somebody who may write to Redis can do to a data plane, which is nothing but be noticed. */
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { needsRedis, RedisServer } from "../fixtures/redis.ts";
import { until } from "../fixtures/wait.ts";

let redis: RedisServer;
let env: Record<string, string>;
beforeEach(async () => {
  redis = await RedisServer.prepare();
  env = { ...redis.env, MANIFEST_KEY: randomBytes(32).toString("base64") };
});
afterEach(async () => {
  await disposeGates();
  await redis.stop();
});

describe.skipIf(needsRedis.skip)(`signed manifests over Redis${needsRedis.note}`, () => {
  const startControl = (more: Record<string, string> = {}) =>
    Gate.start({ command: "control", env: { ...env, ...more } });
  const startData = (more: { dataDir?: string; dontWait?: boolean } = {}) =>
    Gate.start({ command: "data", env, ...more });
  const readRedis = () => redis.with(async (client) => (await client.get("streamgate_config"))!);
  /** As anybody may who can write to Redis. */
  const plant = (text: string) =>
    redis.with(async (client) => {
      await client.set("streamgate_config", text);
      await client.publish("streamgate_updates", "RELOAD");
    });
  const mask = (replacement: string) => ({ id: "mask", type: "redact", params: { pattern: "secret", replacement } });
  const treats = async (gate: Gate, expected: string) =>
    until(`a secret comes out as ${expected}`, async () => {
      const before = gate.lineCount;
      await gate.send("a secret\n");
      await until("the line comes out", () => gate.lineCount > before);
      return gate.lines().at(-1) === expected;
    });
  /** What the data plane says of its last reload. */
  const reload = async (gate: Gate) => {
    const response = await fetch(`http://127.0.0.1:${gate.adminPort}/status`);
    return ((await response.json()) as { reload: { result: string; why?: string } }).reload;
  };

  it("run; unsigned, altered and older ones are refused, the one before goes on, and the log and status say so", async () => {
    await redis.start();
    const [control, data] = [await startControl(), await startData()];
    await control.ok("POST", "/rules", mask("one"));
    await control.publish();
    await treats(data, "a one");
    const first = await readRedis();
    expect(JSON.parse(first).signature.algorithm).toBe("HMAC-SHA-256");
    await control.ok("PUT", "/rules/mask", mask("two"));
    await control.publish();
    await treats(data, "a two");
    const second = await readRedis();

    const { signature: _, ...unsigned } = JSON.parse(second);
    const attempts: [string, string, RegExp][] = [
      ["unsigned", JSON.stringify(unsigned), /is not signed, and MANIFEST_KEY is set/],
      ["altered", second.replace('"two"', '"secret"'), /was altered since it was signed/],
      ["replayed", first, /is older than the one of/],
    ];
    for (const [name, text, message] of attempts) {
      await plant(text);
      await until(`the ${name} one is refused`, () => message.test(data.stderr));
      const line = data.stderr.split("\n").find((one) => message.test(one))!;
      expect([name, JSON.parse(line).level]).toEqual([name, "error"]);
      expect(await reload(data)).toMatchObject({ result: "refused" });
      expect((await reload(data)).why).toMatch(message);
      await until("the control plane knows", async () => {
        const [{ running, refused }] = await control.ok("GET", "/planes");
        return running === "2" && refused?.code === "SG_MANIFEST_SIGNATURE" && message.test(refused.what);
      });
      await treats(data, "a two");
    }

    // Back to the first rules by the door: a rollback is signed anew.
    await control.ok("POST", "/versions/1/rollback");
    await treats(data, "a one");
    expect(await reload(data)).toMatchObject({ result: "applied" });
    for (const gate of [control, data]) {
      await gate.stop();
      expect(gate.stderr).not.toContain(env.MANIFEST_KEY);
    }
  });

  it("an older one is known after a restart, and a last good one that was altered on the disk does not run", async () => {
    await redis.start();
    const [control, data] = [await startControl(), await startData()];
    await control.ok("POST", "/rules", mask("one"));
    await control.publish();
    await treats(data, "a one");
    const first = await readRedis();
    await control.ok("PUT", "/rules/mask", mask("two"));
    await control.publish();
    await treats(data, "a two");
    await data.stop();
    await plant(first);
    const again = await startData({ dataDir: data.dataDir });
    await treats(again, "a two");
    expect(again.stderr).toMatch(/is older than the one of/);
    await again.stop();

    const path = join(data.dataDir, "data", "last_good.json");
    const kept = readFileSync(path, "utf8");
    writeFileSync(path, kept.replace('"two"', '"three"'));
    await redis.stop();
    const altered = await startData({ dataDir: data.dataDir, dontWait: true });
    await until("it does not listen", () => altered.stderr.includes("not listening until it does"));
    expect(altered.stderr).toMatch(/last good manifest cannot (run|be used): the manifest: was altered/);
    expect(altered.stderr).not.toContain("listening on TCP");
  });

  it("of a control plane with another key, or none, run nowhere that has one", async () => {
    await redis.start();
    const control = await startControl();
    await control.ok("POST", "/rules", mask("one"));
    await control.publish();
    const data = await startData();
    await treats(data, "a one");
    await control.stop();
    for (const [more, message] of [
      [{ MANIFEST_KEY: randomBytes(32).toString("base64") }, /a key that this data plane does not have/],
      [{ MANIFEST_KEY: "" }, /is not signed/],
    ] as const) {
      const stranger = await startControl(more);
      await stranger.publish();
      await until("it is refused", () => message.test(data.stderr));
      await treats(data, "a one");
      await stranger.stop();
    }
  });

  it("do not travel with a key that is too short: no plane starts", async () => {
    for (const command of ["control", "data"] as const) {
      const gate = await Gate.start({ command, env: { ...env, MANIFEST_KEY: "tooshortakey" }, dontWait: true });
      expect((await gate.exited).code).toBe(1);
      expect(gate.stderr).toMatch(/MANIFEST_KEY: a key has fewer than 32 characters/);
      expect(gate.stderr).not.toContain("tooshortakey");
    }
  });
});
