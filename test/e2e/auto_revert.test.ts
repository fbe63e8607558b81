/** A gate goes back by itself from a version that does harm, says so everywhere, and never lets out what that version protects. */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate, runCommand } from "../fixtures/gate.ts";
import { needsRedis, RedisServer } from "../fixtures/redis.ts";
import { oneEngine } from "../fixtures/requirement.ts";
import { until } from "../fixtures/wait.ts";

const servers: Server[] = [];
afterEach(async () => {
  await disposeGates();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** Few records are enough here, and a window that is long for a test: going back has to come from what is seen, not from its end. */
const env = { REVERT_RECORDS: "200", REVERT_WINDOW: "30" };
const line = (index: number) => `INFO order ${index} ssn 123-45-6789\n`;
const ssn = { id: "ssn", type: "redact", params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "#" } };

/** Sends records until `done`; every one is another. */
async function sendUntil(gate: Gate, what: string, done: () => boolean | Promise<boolean>): Promise<void> {
  let index = 0;
  await until(
    what,
    async () => {
      await gate.send(Array.from({ length: 50 }, () => line(index++)).join(""));
      return done();
    },
    60_000,
  );
}
const revertOf = async (gate: Gate) => (await gate.ok("GET", "/status")).revert;
const received = async (gate: Gate) => (await gate.ok("GET", "/status")).received.records;
async function sendRecords(gate: Gate, count: number): Promise<void> {
  const before = await received(gate);
  await gate.send(Array.from({ length: count }, (_, index) => line(index)).join(""));
  await until("they are received", async () => (await received(gate)) >= before + count);
}

/** An HTTP destination that answers `status` and keeps what it was sent. */
async function destination(status: number) {
  const one = { text: "", url: "" };
  const server = createServer((request, response) => {
    request.setEncoding("latin1").on("data", (part: string) => {
      one.text += part;
    });
    request.on("end", () => response.writeHead(status).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  servers.push(server);
  one.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return one;
}

for (const { engine, skip, note } of oneEngine) {
  describe.skipIf(skip)(`auto-revert on ${engine}${note}`, () => {
    const start = (more: object = {}) => Gate.start({ engine, env, ...more });

    it("goes back from a rule that drops everything, keeps the redact that came with it, and says so everywhere", async () => {
      const gate = await start();
      await gate.addRule("drop_debug", "filter", { value: "DEBUG" });
      await gate.publish();
      await sendRecords(gate, 300);
      // The slip of the pen, and in the same version what has to stay.
      await gate.ok("PUT", "/rules/drop_debug", { id: "drop_debug", type: "filter", params: { pattern: "DEBUG|" } });
      await gate.ok("POST", "/rules", ssn);
      await gate.ok("POST", "/publish", { comment: "regex" });
      const passedBefore = gate.lineCount;
      await sendUntil(gate, "it goes back", async () => (await revertOf(gate)).state === "reverted");
      const { reverted, reverts } = await revertOf(gate);
      expect([reverts, reverted]).toMatchObject([
        1,
        { version: "2", to: "1", outputs: false, why: expect.stringContaining('rule "drop_debug" drops 100 %') },
      ]);
      const { stdout } = await runCommand(["status", "--url", gate.url]);
      expect(stdout.toString()).toContain(
        `warning: went back by itself from version 2 to the reduce rules of version 1: ${reverted.why}`,
      );
      // Records pass again, without what the new version's redact takes out.
      await gate.send("INFO last one, ssn 123-45-6789\n");
      await until("it passes", () => gate.lines().includes("INFO last one, ssn #"));
      expect(gate.lines().slice(passedBefore).join("\n")).not.toContain("123-45-6789");
      expect(gate.stderr).toContain("Gone back to the reduce rules of version 1");
      expect((await gate.ok("GET", "/planes"))[0]).toMatchObject({
        state: "applied",
        running: "2",
        reverted: { version: "2" },
      });
      const metrics = await (await fetch(`${gate.url}/metrics`)).text();
      expect(metrics).toMatch(/^streamgate_reverts_total 1$/m);
      expect(metrics).toMatch(/^streamgate_reverted 1$/m);
      const audited = () => readFileSync(join(gate.dataDir, "planes.jsonl"), "utf8");
      await until("it is audited", () => audited().includes('"action":"revert"'));
      expect(JSON.parse(audited().trim().split("\n").at(-1)!)).toMatchObject({
        action: "revert",
        versions: { from: "2", to: "1" },
      });

      // A kill does not bring the bad version back, and what is published next runs whole.
      await gate.stop("SIGKILL");
      const again = await start({ dataDir: gate.dataDir });
      expect((await revertOf(again)).state).toBe("reverted");
      await again.send(line(3));
      await again.waitForLines(1);
      expect(again.lines()).toEqual(["INFO order 3 ssn #"]);
      await again.ok("PUT", "/rules/drop_debug", { id: "drop_debug", type: "filter", params: { value: "DEBUG" } });
      await again.publish();
      expect(await revertOf(again)).not.toHaveProperty("reverted");
      expect((await again.ok("GET", "/planes"))[0]).not.toHaveProperty("reverted");
    });

    it("does not go back from what was meant: told so, tried in shadow, or switched off", async () => {
      for (const publish of [{ expect_drop: true }, { revert: "off" }, undefined]) {
        const gate = await start();
        await gate.publish();
        await sendRecords(gate, 300);
        const rule = { id: "all", type: "filter", params: { value: "INFO" } };
        if (publish === undefined) {
          await gate.ok("POST", "/rules", { ...rule, mode: "shadow" });
          await gate.publish();
          await sendRecords(gate, 300);
          await gate.ok("POST", "/rules/all/promote");
        } else await gate.ok("POST", "/rules", rule);
        await gate.ok("POST", "/publish", publish);
        await sendRecords(gate, 1000);
        // It looks every half second; three looks in a row would be enough.
        await new Promise((resolve) => setTimeout(resolve, 2500));
        expect(await revertOf(gate)).toMatchObject({ reverts: 0, alerts: 0 });
        await gate.stop();
      }
    });

    it("goes back in the outputs from a destination that refuses what it is sent, behind a redact that came with it", async () => {
      const [vendor, wrong] = [await destination(200), await destination(400)];
      const gate = await start();
      const output = (url: string) => ({ type: "http", id: "vendor", url, payload: { max_age_ms: 50 } });
      await gate.ok("POST", "/outputs", output(vendor.url));
      await gate.publish();
      await sendRecords(gate, 300);
      await until("they are delivered", () => vendor.text.includes("order 299"));
      await gate.ok("PUT", "/outputs/vendor", output(wrong.url));
      await gate.ok("POST", "/rules", ssn);
      await gate.publish();
      const mark = vendor.text.length;
      await sendUntil(gate, "it goes back", async () => (await revertOf(gate)).state === "reverted");
      expect((await revertOf(gate)).reverted).toMatchObject({
        to: "1",
        outputs: true,
        why: expect.stringContaining("refuses"),
      });
      await gate.send("INFO last one, ssn 123-45-6789\n");
      await until("it is delivered", () => vendor.text.includes("last one, ssn #"));
      expect(vendor.text.slice(mark)).not.toContain("123-45-6789");
      expect(wrong.text).not.toContain("123-45-6789");
    });

    it("alerts where a rule that protects drops nearly all, and takes it not back", async () => {
      const gate = await start();
      await gate.publish();
      await sendRecords(gate, 300);
      await gate.ok("POST", "/rules", { id: "all", type: "filter", protect: true, params: { value: "INFO" } });
      await gate.publish();
      const before = gate.lineCount;
      await sendUntil(gate, "it alerts", async () => (await revertOf(gate)).alerts > 0);
      expect(await revertOf(gate)).toMatchObject({
        reverts: 0,
        last_alert: { version: "2", what: expect.stringContaining("it protects") },
      });
      expect(gate.lineCount).toBe(before);
      const [plane] = await gate.ok("GET", "/planes");
      expect(plane.alerts).toHaveLength(1);
    });
  });
}

describe.skipIf(needsRedis.skip)(`auto-revert over Redis${needsRedis.note}`, () => {
  it("reaches the control plane: its planes, its log and planes.jsonl, once", async () => {
    const redis = await RedisServer.start();
    try {
      const control = await Gate.start({ command: "control", env: redis.env });
      const data = await Gate.start({
        command: "data",
        engine: "portable",
        env: { ...redis.env, ...env, PLANE_ID: "edge", ADMIN_PORT: "0" },
      });
      await control.ok("POST", "/publish?wait=20s");
      let index = 0;
      const send = () => data.send(Array.from({ length: 100 }, () => line(index++)).join(""));
      for (let times = 0; times < 5; times++) await send();
      await data.waitForLines(500);
      await control.addRule("oops", "filter", { value: "order" });
      await control.ok("POST", "/publish?wait=20s");
      await until(
        "it goes back",
        async () => {
          await send();
          return (await control.ok("GET", "/planes"))[0]?.reverted !== undefined;
        },
        60_000,
      );
      const path = join(control.dataDir, "planes.jsonl");
      const audited = () =>
        (existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : []).map((text) => JSON.parse(text));
      await until("it is audited", () => audited().at(-1)?.action === "revert");
      expect(audited().at(-1)).toMatchObject({ what: { plane: "edge" }, versions: { from: "2", to: "1" } });
      await until("it is logged", () => control.stderr.includes("data plane edge went back from version 2 to 1"));
      // Killed between what it wrote and that it wrote it, it would write it again: twice is better than not at all.
      await until("it keeps that it heard", () => existsSync(join(control.dataDir, "control", "heard.json")));
      await control.stop("SIGKILL");
      const again = await Gate.start({ command: "control", env: redis.env, dataDir: control.dataDir });
      await until("it hears of the plane", async () => (await again.ok("GET", "/planes")).length === 1);
      await again.ok("POST", "/versions/1/rollback?wait=20s");
      await until("nothing is reverted", async () => (await again.ok("GET", "/planes"))[0].reverted === undefined);
      expect(audited().filter(({ action }) => action === "revert")).toHaveLength(1);
    } finally {
      await disposeGates();
      await redis.stop();
    }
  });
});
