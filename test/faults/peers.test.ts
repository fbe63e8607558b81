/** Peers that misbehave: connections that break, readers that leave, receivers that hang up, damaged state. */
import { mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { expectInOrder, numberedLines } from "../fixtures/lines.ts";
import { freePort } from "../fixtures/ports.ts";
import { oneEngine } from "../fixtures/requirement.ts";
import { Sink } from "../fixtures/sink.ts";
import { write } from "../fixtures/tcp.ts";
import { until } from "../fixtures/wait.ts";

afterEach(disposeGates);

for (const { engine, skip, note } of oneEngine) {
  describe.skipIf(skip)(`faults around ${engine}${note}`, () => {
    it("keeps what a connection sent before it was reset", async () => {
      const gate = await Gate.start({ engine });
      const socket = await gate.connect();
      await write(socket, "whole line\nhalf a li");
      await gate.waitForLines(1);
      socket.resetAndDestroy();
      await gate.send("next\n");
      await until("the next line comes", () => gate.lines().includes("next"));
      await gate.stop();
      expect(gate.lines().filter((line) => line !== "half a li")).toEqual(["whole line", "next"]);
    });

    it("serves others beside a hundred idle connections and ones that send half a record", async () => {
      const gate = await Gate.start({ engine });
      const idle = await Promise.all(Array.from({ length: 100 }, () => gate.connect()));
      for (const socket of idle.slice(50)) await write(socket, "unfinished");
      await gate.send(numberedLines("o", 1000));
      await gate.waitForLines(1000);
      for (const socket of idle) socket.end();
      await gate.waitForLines(1050);
      await gate.stop();
      expect(gate.lines().filter((line) => line === "unfinished").length).toBe(50);
    });

    it("runs on when what read its standard output is gone", async () => {
      const gate = await Gate.start({
        engine,
        env: { QUEUE_BYTES: "256KiB", RING_BYTES: "256KiB", MAX_RECORD_BYTES: "64KiB" },
      });
      const sink = await Sink.start();
      await gate.ok("POST", "/outputs", { type: "console" });
      await gate.ok("POST", "/outputs", { type: "http", url: sink.url });
      await gate.publish();
      await gate.send("seen\n");
      await gate.waitForLines(1);
      gate.closeStdout();
      await gate.send(numberedLines("e", 20_000, 200));
      await until("the other output has everything", () => sink.lines().length >= 20_001);
      expectInOrder(sink.lines(), "e", 20_000);
      expect((await gate.api("GET", "/")).body).toMatchObject({ status: "ok" });
      expect((await gate.stop()).code).toBe(0);
      await sink.close();
    });

    it("retries a receiver that refuses connections, hangs up, or answers nonsense", async () => {
      const gate = await Gate.start({ engine, env: { STREAMGATE_WORKERS: "1" } });
      const port = await freePort();
      await gate.ok("POST", "/outputs", { type: "http", url: `http://127.0.0.1:${port}/` });
      await gate.publish();
      await gate.send(numberedLines("h", 100));
      let broken = 0;
      const server = createServer((socket) => {
        socket.on("error", () => {}); // Hanging up is the point.
        socket.once("data", () => {
          if (broken++ % 2 === 0) socket.resetAndDestroy();
          else socket.end("this is not HTTP\r\n\r\n");
        });
      }).listen(port, "127.0.0.1");
      await until("it has failed three times", () => broken >= 3, 60_000);
      await new Promise((resolve) => server.close(resolve));
      expect(gate.child.exitCode).toBe(null);
      expect((await gate.api("GET", "/")).status).toBe(200);
    });

    it("survives bytes that are no records at all", async () => {
      const gate = await Gate.start({ engine });
      const noise = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 2_654_435_761) >>> 24));
      for (const prefix of ["", "9999999 <", "<191>", "5 <a"]) {
        const socket = connect(gate.tcpPort, "127.0.0.1");
        socket.on("error", () => {}); // Whatever the gate makes of it, it has to live on.
        socket.end(Buffer.concat([Buffer.from(prefix), noise]));
        await new Promise((resolve) => socket.resume().once("close", resolve));
      }
      await gate.send("\nalive\n");
      await until("it is alive", () => gate.stdout.includes("\nalive\n"));
    });
  });
}

describe("damaged state", () => {
  it("names a state file that cannot be read and starts with nothing else in its place", async () => {
    const first = await Gate.start();
    await first.addRule("mask", "redact", { pattern: "secret", replacement: "gone" });
    await first.publish();
    await first.stop("SIGKILL");
    const files = filesBelow(first.dataDir).filter((path) => path.endsWith(".json"));
    expect(files.length).toBeGreaterThan(0);
    for (const path of files) truncateSync(path, Math.floor(statSync(path).size / 2));
    const second = await Gate.start({ dataDir: first.dataDir, dontWait: true });
    expect((await second.exited).code).toBe(1);
    expect(files.some((path) => second.stderr.includes(path))).toBe(true);
  });

  it("says what is wrong with a data directory that is a file", async () => {
    const parent = (await Gate.start()).dataDir;
    mkdirSync(join(parent, "x"));
    const path = join(parent, "x", "file");
    writeFileSync(path, "");
    const gate = await Gate.start({ dataDir: path, dontWait: true });
    expect((await gate.exited).code).toBe(1);
    expect(gate.stderr).toContain(path);
  });
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
