/** SIGTERM and SIGINT: what was sent is delivered, then exit 0; a second signal ends at once with 130. */
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { expectInOrder, numberedLines } from "../fixtures/lines.ts";
import { oneEngine } from "../fixtures/requirement.ts";
import { connectTcp, isListening, write } from "../fixtures/tcp.ts";
import { until } from "../fixtures/wait.ts";

afterEach(disposeGates);

for (const { engine, skip, note } of oneEngine) {
  describe.skipIf(skip)(`shutdown on ${engine}${note}`, () => {
    it.each(["SIGTERM", "SIGINT"] as const)("delivers what was sent before %s and exits 0", async (signal) => {
      const gate = await Gate.start({ engine });
      const count = 20_000;
      const tags = ["t0", "t1", "t2"];
      const sockets = await Promise.all(tags.map(() => gate.connect()));
      await Promise.all(sockets.map((socket) => write(socket, "hello\n")));
      await gate.waitForLines(3);
      await Promise.all(sockets.map((socket, index) => write(socket, numberedLines(tags[index]!, count))));
      const exit = await gate.stop(signal);
      expect(exit).toEqual({ code: 0, signal: null });
      expect(gate.lineCount).toBe(3 + 3 * count);
      for (const tag of tags) expectInOrder(gate.lines(), tag, count);
    });

    it("delivers the lines of peers that had sent all and gone before the gate took their connections", async () => {
      const gate = await Gate.start({ engine });
      const count = 150;
      gate.child.kill("SIGSTOP");
      // The system completes the connections of a listener whose process stands still.
      for (let line = 0; line < count; line++) {
        const socket = await connectTcp(gate.tcpPort);
        socket.end(`line ${line}\n`);
        await once(socket, "finish");
      }
      gate.child.kill("SIGTERM");
      gate.child.kill("SIGCONT");
      expect(await gate.exited).toEqual({ code: 0, signal: null });
      expect(gate.lines().toSorted()).toEqual(Array.from({ length: count }, (_, line) => `line ${line}`).toSorted());
    });

    it("accepts no new connection once it was told to end", async () => {
      const gate = await Gate.start({ engine, unread: true, env: { SHUTDOWN_TIMEOUT: "60" } });
      const socket = connect(gate.tcpPort, "127.0.0.1");
      await once(socket, "connect");
      socket.on("error", () => {}); // It is reset when the gate ends.
      socket.write(numberedLines("k", 10_000, 200));
      gate.child.kill("SIGTERM");
      await until("it stops listening", async () => !(await isListening(gate.tcpPort)));
      await until("the control API does too", async () => !(await isListening(gate.controlPort)));
      gate.read();
      expect((await gate.exited).code).toBe(0);
      socket.destroy();
    });

    it("exits at once with 130 on a second signal, though its output is stuck", async () => {
      const gate = await Gate.start({ engine, unread: true, env: { SHUTDOWN_TIMEOUT: "60" } });
      const socket = connect(gate.tcpPort, "127.0.0.1");
      socket.on("error", () => {}); // It is reset when the gate ends.
      socket.write(numberedLines("k", 20_000, 200));
      await until("its output is stuck", async () => (await gate.ok("GET", "/status")).streams.queued.records > 0);
      gate.child.kill("SIGTERM");
      await until("the first signal works", async () => !(await isListening(gate.tcpPort)));
      expect(gate.child.exitCode).toBe(null);
      gate.child.kill("SIGTERM");
      expect((await gate.exited).code).toBe(130);
      socket.destroy();
    });

    it("gives up after SHUTDOWN_TIMEOUT and says how much it could not deliver", async () => {
      const gate = await Gate.start({ engine, unread: true, env: { SHUTDOWN_TIMEOUT: "1", STREAMGATE_WORKERS: "1" } });
      const count = 10_000;
      const socket = await gate.connect();
      await write(socket, numberedLines("k", count, 200));
      socket.end();
      await once(socket, "close"); // It closes when everything was read.
      gate.child.kill("SIGTERM");
      await gate.exited;
      gate.read();
      const told = gate.stderr.split("\n").find((line) => /deliver/.test(line)) ?? "";
      const lost = Number(/"lostShutdown":(\d+)/.exec(told)?.[1]);
      const delivered = Number(/"delivered":(\d+)/.exec(told)?.[1]);
      expect(lost).toBeGreaterThan(0);
      expect(delivered + lost).toBe(count);
      expect(told).not.toContain("abcdefghij");
      // What is still in the pipe was written; a line that was cut by the end of the process is among the lost.
      await until("the rest of the pipe is read", () => gate.lineCount >= delivered);
      expect(gate.lineCount).toBe(delivered);
    });
  });
}
