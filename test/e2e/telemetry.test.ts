/** What a gate tells of itself: metrics, health and status on the control port and on a data plane's own admin port, and its log. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { freePort } from "../fixtures/ports.ts";
import { needsRedis, RedisServer } from "../fixtures/redis.ts";
import { oneEngine } from "../fixtures/requirement.ts";
import { amountOf, scrape } from "../fixtures/scrape.ts";
import { Sink } from "../fixtures/sink.ts";
import { atRest } from "../fixtures/status.ts";
import { until } from "../fixtures/wait.ts";

afterEach(disposeGates);

async function sendDatagrams(port: number, lines: readonly string[]): Promise<void> {
  const socket = createSocket("udp4");
  for (const line of lines) await new Promise((sent) => socket.send(line, port, "127.0.0.1", sent));
  socket.close();
}

async function ask(port: number, path: string, headers: Record<string, string> = {}, method = "GET") {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers, method });
  const text = await response.text();
  const type = response.headers.get("content-type") ?? "";
  return {
    status: response.status,
    type,
    text,
    // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
    body: (type.startsWith("application/json") ? JSON.parse(text) : {}) as any,
  };
}

for (const { engine, skip, note } of oneEngine) {
  describe.skipIf(skip)(`metrics of a gate on ${engine}${note}`, () => {
    it("are the numbers of senders and receivers, on the control port and on the admin port", async () => {
      const sink = await Sink.start();
      const gate = await Gate.start({ engine, env: { ADMIN_PORT: String(await freePort()) } });
      await gate.addRule("drop_debug", "filter", { value: "DEBUG" });
      await gate.addRule("ssn", "redact", { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "#" });
      await gate.ok("POST", "/outputs", { id: "siem", type: "http", url: sink.url });
      await gate.publish();
      await gate.send(
        `${"DEBUG one\n".repeat(30)}${"ssn 123-45-6789, 123-45-6789\n".repeat(20)}${"plain\n".repeat(50)}`,
      );
      await sendDatagrams(gate.udpPort, ["by udp", "DEBUG by udp"]);
      await until("the datagrams have come", async () => (await gate.ok("GET", "/status")).received.records === 102);
      await atRest(gate);
      for (const port of [gate.controlPort, gate.adminPort]) {
        const series = await scrape(port);
        const value = (name: string, labels = {}) => amountOf(series, `streamgate_${name}`, labels);
        expect(value("records_received_total", { listener: "tcp" })).toBe(100);
        expect(value("bytes_received_total", { listener: "tcp" })).toBe(30 * 9 + 20 * 28 + 50 * 5);
        expect(value("records_received_total", { listener: "udp" })).toBe(2);
        expect(value("bytes_received_total", { listener: "udp" })).toBe(18);
        expect(value("records_received_total")).toBe(102);
        expect(value("records_dropped_total", { rule: "drop_debug" })).toBe(31);
        expect(value("bytes_dropped_total", { rule: "drop_debug" })).toBe(282);
        expect(value("records_redacted_total", { rule: "ssn" })).toBe(20);
        expect(value("records_delivered_total", { output: "siem" })).toBe(sink.lines().length);
        expect(value("records_delivered_total", { output: "siem" })).toBe(71);
        expect(value("records_lost_total")).toBe(0);
        expect(value("ledger_imbalance")).toBe(0);
        expect(value("output_breaker_state", { output: "siem", state: "closed" })).toBe(2);
        expect(value("delivery_latency_seconds_bucket", { output: "siem", le: "+Inf" })).toBe(
          value("delivery_latency_seconds_count", { output: "siem" }),
        );
        expect(value("delivery_latency_seconds_count", { output: "siem" })).toBe(sink.taken.length);
        expect(value("manifest_info", { version: "1" })).toBe(1);
        expect(value("reloads_total", { result: "refused" })).toBe(0);
        expect(value("build_info", { engine })).toBe(1);
        expect(value("ready")).toBe(1);
      }
      await sink.close();
    });

    it("come as OpenMetrics to who prefers that", async () => {
      const gate = await Gate.start({ engine });
      const open = await ask(gate.controlPort, "/metrics", {
        accept: "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
      });
      expect(open.type).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
      expect(open.text.endsWith("\n# EOF\n")).toBe(true);
      expect(open.text).toContain("# TYPE streamgate_records_received counter\nstreamgate_records_received_total{");
      const text = await ask(gate.controlPort, "/metrics", { accept: "text/plain" });
      expect(text.type).toBe("text/plain; version=0.0.4; charset=utf-8");
      expect(text.text).toContain(
        "# TYPE streamgate_records_received_total counter\nstreamgate_records_received_total{",
      );
    });

    it("say which output is over its limit, and so does /readyz, until it is not", async () => {
      const sink = await Sink.start();
      sink.status = 503;
      const gate = await Gate.start({ engine, env: { ADMIN_PORT: String(await freePort()), STREAMGATE_WORKERS: "1" } });
      const queue = { when_full: "block", max_bytes: 65536 };
      const retry = { max_delay_ms: 100 };
      await gate.ok("POST", "/outputs", { id: "siem", type: "http", url: sink.url, queue, retry });
      await gate.publish();
      expect((await ask(gate.adminPort, "/readyz")).status).toBe(200);
      const connection = await gate.connect();
      connection.write("x".repeat(999).concat("\n").repeat(1000));
      await until("the output is full", async () => (await ask(gate.adminPort, "/readyz")).status === 503);
      const { body } = await ask(gate.adminPort, "/readyz");
      expect(body.failed).toEqual(["outputs: siem is over its limit"]);
      expect(body.checks).toMatchObject({ listening: true, manifest: true, outputs: false });
      expect(amountOf(await scrape(gate.adminPort), "streamgate_output_over_limit", { output: "siem" })).toBe(1);
      expect((await ask(gate.adminPort, "/healthz")).status).toBe(200);
      const told = async () => (await ask(gate.adminPort, "/status")).body;
      await until("it says why", async () => (await told()).outputs.siem.last_error !== undefined);
      const status = await told();
      expect(status.ready).toBe(false);
      expect(status.outputs.siem.last_error).toMatch(/503/);
      expect(status.last_errors[0].message).toMatch(/^output siem /);
      sink.status = 200;
      connection.end();
      await until("it is ready again", async () => (await ask(gate.adminPort, "/readyz")).status === 200);
      await atRest(gate);
      await sink.close();
    });
  });

  describe.skipIf(skip || needsRedis.skip)(`a data plane's admin port on ${engine}${note}${needsRedis.note}`, () => {
    it("tells the version that runs, the one that was refused and why, and what a rule in shadow does", async () => {
      const redis = await RedisServer.start();
      const control = await Gate.start({ command: "control", env: redis.env });
      const data = await Gate.start({ command: "data", engine, env: redis.env });
      await control.ok("POST", "/rules", { id: "shy", type: "filter", mode: "shadow", params: { value: "DEBUG" } });
      await control.publish();
      await until("version 1 runs", async () => (await ask(data.adminPort, "/status")).body.version === "1");
      await data.send("DEBUG one\nINFO two\n");
      await data.waitForLines(2);
      const effect = await ask(data.adminPort, "/rules/shy/effect");
      expect(effect.body).toMatchObject({ rule: "shy", mode: "shadow", version: "1", records: 1 });
      const elsewhere = await control.api("GET", "/rules/shy/effect");
      expect(elsewhere.status).toBe(501);
      expect(elsewhere.body.error.fix).toContain("GET /rules/shy/effect on ADMIN_PORT (9464)");

      const manifest = {
        version: "4",
        timestamp: "2026-01-01T00:00:00Z",
        pipelines: [
          { name: "p", processors: [{ id: "bad", type: "filter", params: { pattern: "(?=x)" } }], outputs: [] },
        ],
      };
      await redis.with(async (client) => {
        await client.set("streamgate_config", JSON.stringify(manifest));
        await client.publish("streamgate_updates", "RELOAD");
      });
      await until("version 4 is refused", async () => (await ask(data.adminPort, "/status")).body.reload.refused === 1);
      const { reload, version } = (await ask(data.adminPort, "/status")).body;
      expect(version).toBe("1");
      expect(reload).toMatchObject({ says: "version 4 refused, running 1", result: "refused", version: "4" });
      expect(reload.why).toContain("RE2 refuses it");
      const series = await scrape(data.adminPort);
      expect(amountOf(series, "streamgate_reload_last_success")).toBe(0);
      expect(amountOf(series, "streamgate_reloads_total", { result: "refused" })).toBe(1);
      expect((await ask(data.adminPort, "/readyz")).status).toBe(200);
      await redis.stop();
    });

    it("is alive and not ready while there is no manifest", async () => {
      const redis = await RedisServer.prepare();
      const data = await Gate.start({ command: "data", engine, env: redis.env, dontWait: true });
      await until(
        "it answers",
        async () => (await ask(data.adminPort, "/healthz").catch(() => undefined))?.status === 200,
      );
      const { status, body } = await ask(data.adminPort, "/readyz");
      expect(status).toBe(503);
      expect(body.failed).toEqual(["listening: no port for records is open", "manifest: none runs yet"]);
    });
  });
}

describe("the admin port", () => {
  it("refuses what changes anything, what it does not have, and other sites' pages", async () => {
    const gate = await Gate.start({ env: { ADMIN_PORT: String(await freePort()) } });
    expect((await ask(gate.adminPort, "/status", {}, "POST")).status).toBe(405);
    expect((await ask(gate.adminPort, "/rules")).status).toBe(404);
    expect((await ask(gate.adminPort, "/rules/none/effect")).status).toBe(404);
    expect((await ask(gate.adminPort, "/rules/%zz/effect")).status).toBe(400);
    expect((await ask(gate.adminPort, "/status", { "sec-fetch-site": "cross-site" })).status).toBe(403);
  });

  it("asks for tokens as the control API does, but for health", async () => {
    const token = "a token that nobody guesses";
    const gate = await Gate.start({
      env: {
        ADMIN_PORT: String(await freePort()),
        ADMIN_HOST: "0.0.0.0",
        STREAMGATE_TOKEN: token.replaceAll(" ", "-"),
      },
    });
    const bearer = { authorization: `Bearer ${token.replaceAll(" ", "-")}` };
    for (const path of ["/metrics", "/status", "/rules/none/effect"]) {
      expect((await ask(gate.adminPort, path)).status).toBe(401);
      expect((await ask(gate.adminPort, path, { authorization: "Bearer wrong" })).status).toBe(401);
    }
    for (const path of ["/healthz", "/readyz"]) expect((await ask(gate.adminPort, path)).status).toBe(200);
    expect((await ask(gate.adminPort, "/metrics", bearer)).status).toBe(200);
    expect((await ask(gate.adminPort, "/status", bearer)).status).toBe(200);
  });

  it("does not start where others reach it and no token guards it", async () => {
    const gate = await Gate.start({
      env: { ADMIN_PORT: String(await freePort()), ADMIN_HOST: "0.0.0.0" },
      dontWait: true,
    });
    expect((await gate.exited).code).toBe(2);
    expect(gate.stderr).toMatch(/ADMIN_HOST 0\.0\.0\.0: .*STREAMGATE_TOKEN/);
  });

  it("that somebody asked for and that is taken is refused", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await until("it listens", () => taken.listening);
    const { port } = taken.address() as { port: number };
    const gate = await Gate.start({ env: { ADMIN_PORT: String(port) }, dontWait: true });
    expect((await gate.exited).code).toBe(1);
    expect(gate.stderr).toMatch(/ADMIN_PORT/);
    taken.close();
  });
});

describe("the log", () => {
  it("is text or JSON lines, from a level on", async () => {
    const pretty = await Gate.start({ env: { LOG_FORMAT: "pretty" } });
    expect(pretty.stderr).toMatch(/^\d\d:\d\d:\d\d control API on /m);
    const quiet = await Gate.start({ env: { LOG_LEVEL: "warn", LOG_FORMAT: "json" }, dontWait: true });
    await until(
      "it answers",
      async () => (await ask(quiet.controlPort, "/readyz").catch(() => undefined))?.status === 200,
    );
    await quiet.stop();
    expect(quiet.stderr).toBe("");
  });
});
