/** HTTP outputs from the outside: payload sizes, retries, fan-out, on both engines. */
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { expectInOrder, numberedLines } from "../fixtures/lines.ts";
import { engines } from "../fixtures/requirement.ts";
import { Sink } from "../fixtures/sink.ts";
import { until } from "../fixtures/wait.ts";

const sinks: Sink[] = [];
afterEach(async () => {
  await disposeGates();
  await Promise.all(sinks.splice(0).map((sink) => sink.close()));
});

async function startSink(): Promise<Sink> {
  const sink = await Sink.start();
  sinks.push(sink);
  return sink;
}

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`HTTP output on ${engine}${note}`, () => {
    it("sends at most batch_size records in a request, joined by newline without a last one", async () => {
      const gate = await Gate.start({ engine, env: { STREAMGATE_WORKERS: "1" } });
      const sink = await startSink();
      await gate.ok("POST", "/outputs", { type: "http", url: sink.url, headers: { "x-api-key": "k" } });
      expect(await gate.ok("POST", "/config/batch_size?size=7")).toEqual({ status: "updated", batch_size: 7 });
      await gate.publish();
      await gate.send(numberedLines("b", 100));
      await until("100 records arrive", () => sink.lines().length >= 100);
      await gate.stop();
      expectInOrder(sink.lines(), "b", 100);
      expect(sink.lines().length).toBe(100);
      const sizes = sink.taken.map(({ body }) => body.split("\n").length);
      expect(Math.max(...sizes)).toBe(7);
      expect(sink.taken.every(({ body }) => !body.endsWith("\n"))).toBe(true);
      expect(sink.taken[0]?.headers).toMatchObject({ "x-api-key": "k" });
    });

    it("keeps records while the receiver answers 503 and delivers all of them, in order, when it is well", async () => {
      const gate = await Gate.start({ engine, env: { STREAMGATE_WORKERS: "1" } });
      const sink = await startSink();
      sink.status = 503;
      await gate.ok("POST", "/outputs", { type: "http", url: sink.url });
      await gate.publish();
      await gate.send(numberedLines("r", 5000));
      await until("the receiver has refused twice", () => sink.refused >= 2);
      sink.status = 200;
      await until("all records arrive", () => sink.lines().length >= 5000, 60_000);
      await gate.stop();
      expectInOrder(sink.lines(), "r", 5000);
      expect(sink.lines().length).toBe(5000);
    });

    it("fans out to the console and to two receivers alike", async () => {
      const gate = await Gate.start({ engine, env: { STREAMGATE_WORKERS: "1" } });
      const [one, two] = [await startSink(), await startSink()];
      await gate.ok("POST", "/outputs", { type: "console" });
      await gate.ok("POST", "/outputs", { type: "http", url: one.url });
      await gate.ok("POST", "/outputs", { type: "http", url: two.url });
      await gate.publish();
      await gate.send(numberedLines("f", 1000));
      await gate.waitForLines(1000);
      await until("both have everything", () => one.lines().length >= 1000 && two.lines().length >= 1000);
      await gate.stop();
      for (const lines of [gate.lines(), one.lines(), two.lines()]) expectInOrder(lines, "f", 1000);
    });

    it("sends one line by itself without waiting for more", async () => {
      const gate = await Gate.start({ engine });
      const sink = await startSink();
      await gate.ok("POST", "/outputs", { type: "http", url: sink.url });
      await gate.publish();
      const socket = await gate.connect();
      socket.write("by hand\n");
      await until("it arrives while the connection is open", () => sink.lines().includes("by hand"));
      socket.destroy();
    });

    it("tries an output that is not published yet with one record, and tells what came back", async () => {
      const gate = await Gate.start({ engine, env: { TRY_KEY: "tried-key" } });
      const sink = await startSink();
      const headers = { "x-api-key": { env: "TRY_KEY" } };
      await gate.ok("POST", "/outputs", { type: "http", id: "siem", url: sink.url, headers });
      expect(await gate.ok("POST", "/outputs/siem/test")).toMatchObject({ status: "delivered", http_status: 200 });
      expect(sink.lines()).toEqual(["StreamGate test record for output siem"]);
      expect(sink.taken[0]?.headers).toMatchObject({ "x-api-key": "tried-key" });
      sink.status = 503;
      expect(await gate.ok("POST", "/outputs/siem/test")).toMatchObject({
        status: "refused",
        http_status: 503,
        verdict: { kind: "retry" },
      });
      await gate.ok("PUT", "/outputs/siem", { type: "http", url: "http://127.0.0.1:9" });
      expect(await gate.ok("POST", "/outputs/siem/test")).toMatchObject({
        status: "unreachable",
        answer: "ECONNREFUSED",
      });
    });
  });
}
