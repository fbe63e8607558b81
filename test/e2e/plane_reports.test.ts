/** What data planes report: over a real Redis with two of them, through refusals and kills, and in one process. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { needsRedis, RedisServer } from "../fixtures/redis.ts";
import { until } from "../fixtures/wait.ts";

afterEach(disposeGates);

describe.skipIf(needsRedis.skip)(`two data planes that report over Redis${needsRedis.note}`, () => {
  let redis: RedisServer;
  let control: Gate;
  beforeEach(async () => {
    redis = await RedisServer.start();
    control = await Gate.start({ command: "control", env: redis.env });
  });
  afterEach(async () => {
    await disposeGates();
    await redis.stop();
  });
  const startData = (id: string, env: Record<string, string> = {}, dataDir?: string) =>
    Gate.start({
      command: "data",
      engine: "portable",
      env: { ...redis.env, PLANE_ID: id, STREAMGATE_WORKERS: "1", ...env },
      ...(dataDir !== undefined && { dataDir }),
    });
  const planes = async () =>
    (await control.ok("GET", "/planes")).map(({ id, state, running }: Record<string, string>) => [id, state, running]);
  const untilPlanes = (expected: string[][]) =>
    until("the planes are as expected", async () => JSON.stringify(await planes()) === JSON.stringify(expected));

  it("a publication waits for all of them, and says who refused it and why", async () => {
    await startData("one", { VENDOR_KEY: "k3y" });
    await startData("two");
    await untilPlanes([
      ["one", "applied", "0"],
      ["two", "applied", "0"],
    ]);
    const first = await control.ok("POST", "/publish?wait=20s");
    expect(first.planes).toEqual({ status: "applied", applied: ["one", "two"], pending: [], refused: [], silent: 0 });
    // A secret that only one of them has.
    await control.ok("POST", "/outputs", { type: "datadog", id: "dd", api_key: { env: "VENDOR_KEY" } });
    const second = await control.ok("POST", "/publish", { wait: "20s", comment: "to the vendor" });
    expect(second).toMatchObject({ status: "published", planes: { status: "refused", applied: ["one"], pending: [] } });
    expect(second.planes.refused).toEqual([{ plane: "two", what: expect.stringContaining("VENDOR_KEY") }]);
    expect(JSON.stringify(second)).not.toContain("k3y");
    const [, two] = await control.ok("GET", "/planes");
    expect(two).toMatchObject({ state: "refused", running: "1", refused: { version: "2", code: expect.any(String) } });
    // What is no manifest at all is reported as well.
    await redis.with(async (client) => {
      await client.set("streamgate_config", "{");
      await client.publish("streamgate_updates", "RELOAD");
    });
    await until("it is told", async () => (await control.ok("GET", "/planes"))[0].refused?.version === "");
    // Going back helps the one, and the other runs it too.
    const back = await control.ok("POST", "/versions/1/rollback?wait=20s");
    expect(back.planes).toMatchObject({ status: "applied", applied: ["one", "two"] });
    await untilPlanes([
      ["one", "applied", "3"],
      ["two", "applied", "3"],
    ]);
  });

  it("one that was killed is pending until it is back; one that ended in order is nobody to wait for", async () => {
    const one = await startData("one");
    const two = await startData("two");
    await untilPlanes([
      ["one", "applied", "0"],
      ["two", "applied", "0"],
    ]);
    await two.stop("SIGKILL");
    const killed = await control.ok("POST", "/publish?wait=0.5s");
    expect(killed.planes).toEqual({ status: "pending", applied: ["one"], pending: ["two"], refused: [], silent: 0 });
    expect(await planes()).toEqual([
      ["one", "applied", "1"],
      ["two", "behind", "0"],
    ]);
    await startData("two", {}, two.dataDir);
    await untilPlanes([
      ["one", "applied", "1"],
      ["two", "applied", "1"],
    ]);
    await one.stop();
    await untilPlanes([["two", "applied", "1"]]);
    expect((await control.ok("POST", "/publish?wait=20s")).planes).toMatchObject({ applied: ["two"], pending: [] });
    // Planes that do not report keep working: nobody waits for them.
    const ttl = await redis.with((client) => client.pttl("streamgate_plane:two"));
    expect(ttl).toBeGreaterThan(0);
    await redis.with((client) => client.set("streamgate_plane:two", "no report"));
    expect((await control.ok("POST", "/publish?wait=0.2s")).planes).toMatchObject({ status: "applied" });
  });

  it("a control plane that was killed finds versions, draft and planes again", async () => {
    await startData("one");
    await control.addRule("a", "filter", { value: "a" });
    await control.ok("POST", "/publish?wait=20s&comment=first");
    await control.addRule("b", "filter", { value: "b" });
    await control.stop("SIGKILL");
    control = await Gate.start({ command: "control", env: redis.env, dataDir: control.dataDir });
    expect(await control.ok("GET", "/versions")).toMatchObject([{ version: "1", comment: "first", author: "local" }]);
    await untilPlanes([["one", "applied", "1"]]);
    expect((await control.ok("POST", "/publish?wait=20s")).planes.applied).toEqual(["one"]);
    expect(await control.ok("GET", "/diff?from=1&to=2")).toMatchObject({ rules: { added: [{ item: { id: "b" } }] } });
  });
});

describe("one process", () => {
  it("is the one plane, under a name that it keeps", async () => {
    const gate = await Gate.start({ engine: "portable" });
    await gate.addRule("a", "filter", { value: "a" });
    const { planes } = await gate.ok("POST", "/publish?wait=5s");
    const [plane] = await gate.ok("GET", "/planes");
    expect(planes).toEqual({ status: "applied", applied: [plane.id], pending: [], refused: [], silent: 0 });
    expect(plane).toMatchObject({ state: "applied", running: "1", workers: 2, lag_ms: expect.any(Number) });
    expect(plane.id).toMatch(/^[\w.-]+-[0-9a-f]{6}$/);
    await gate.stop();
    const again = await Gate.start({ engine: "portable", dataDir: gate.dataDir });
    expect((await again.ok("GET", "/planes"))[0]).toMatchObject({ id: plane.id, running: "1" });
  });
});
