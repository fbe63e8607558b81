/**
 * P3: a dead destination delays no other one and no listener, unless its queue policy is `block`: then only up to QUEUE_BYTES. The
 * control API is never delayed.
 */
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { expectInOrder, numberedLines } from "../fixtures/lines.ts";
import { engines } from "../fixtures/requirement.ts";
import { Sink } from "../fixtures/sink.ts";
import { write } from "../fixtures/tcp.ts";
import { until } from "../fixtures/wait.ts";

const sinks: Sink[] = [];
afterEach(async () => {
  await disposeGates();
  await Promise.all(sinks.splice(0).map((sink) => sink.close()));
});

async function deadSink(): Promise<Sink> {
  const sink = await Sink.start();
  sinks.push(sink);
  sink.status = 0;
  return sink;
}

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`P3 on ${engine}${note}`, () => {
    it("delivers to the console and to a healthy receiver while another never answers", async () => {
      const gate = await Gate.start({ engine, env: { STREAMGATE_WORKERS: "1" } });
      const [dead, healthy] = [await deadSink(), await Sink.start()];
      sinks.push(healthy);
      for (const output of [{ type: "http", url: dead.url }, { type: "console" }, { type: "http", url: healthy.url }])
        await gate.ok("POST", "/outputs", output);
      await gate.publish();
      await gate.send(numberedLines("i", 20_000));
      await gate.waitForLines(20_000);
      await until("the healthy receiver has everything", () => healthy.lines().length >= 20_000);
      expectInOrder(gate.lines(), "i", 20_000);
      expectInOrder(healthy.lines(), "i", 20_000);
    });

    it("makes TCP wait when a blocking queue is full, and delivers everything once the receiver is well", async () => {
      const gate = await Gate.start({
        engine,
        env: { STREAMGATE_WORKERS: "1", QUEUE_BYTES: "256KiB", RING_BYTES: "256KiB", MAX_RECORD_BYTES: "64KiB" },
      });
      const sink = await deadSink();
      sink.status = 503;
      await gate.ok("POST", "/outputs", { type: "http", url: sink.url, queue: { when_full: "block" } });
      await gate.ok("POST", "/config/batch_size?size=1000");
      await gate.publish();
      const count = 40_000; // × 400 bytes = 16 MB
      const socket = await gate.connect();
      let taken = false;
      const sending = write(socket, numberedLines("q", count, 399)).then(() => {
        taken = true;
        socket.end();
      });
      await until("the receiver has refused", () => sink.refused >= 2);
      expect(taken).toBe(false);
      expect((await gate.api("GET", "/")).body).toMatchObject({ status: "ok" });
      sink.status = 200;
      await sending;
      await until("all records arrive", () => sink.lines().length >= count, 80_000);
      expectInOrder(sink.lines(), "q", count);
      expect(sink.lines().length).toBe(count);
    });
  });
}
