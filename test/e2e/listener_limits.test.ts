/** Peers that come in numbers, say nothing or never come to an end: what listeners bound, over TCP and TLS, and that honest traffic flows on. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { statusAtRest } from "../fixtures/account.ts";
import { Authority, type Certificate, needsOpenssl } from "../fixtures/certificates.ts";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { freePort } from "../fixtures/ports.ts";
import { engines } from "../fixtures/requirement.ts";
import { connectTcp, write } from "../fixtures/tcp.ts";
import { connectTls, sendTls, tlsListener } from "../fixtures/tls.ts";
import { until } from "../fixtures/wait.ts";

const sockets: Socket[] = [];
let authority: Authority | undefined;
let server: Certificate;
beforeAll(() => {
  if (needsOpenssl.skip) return;
  authority = new Authority("gate");
  server = authority.issue("server", "IP:127.0.0.1");
});
afterAll(() => authority?.dispose());
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await disposeGates();
});

/** From an address of the loopback network, which is all a source is. */
async function connectFrom(localAddress: string, port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", localAddress, noDelay: true });
  sockets.push(socket);
  await once(socket, "connect");
  return socket.on("error", () => {}).resume();
}

/** Whether the other side has closed it. */
function isClosed(socket: Socket): boolean {
  return socket.closed || socket.readableEnded || socket.destroyed;
}

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`listeners of ${engine}${note}`, () => {
    it("let honest traffic flow while 1,000 connections send a byte now and then, and close those in time", async () => {
      const gate = await Gate.start({ engine, env: { RECORD_TIMEOUT: "2" } });
      const slow = await Promise.all(Array.from({ length: 1000 }, () => connectFrom("127.0.0.2", gate.tcpPort)));
      let bytes = 0;
      const drip = setInterval(() => {
        bytes++;
        for (const socket of slow) if (!isClosed(socket)) socket.write("x");
      }, 200);
      const honest = await connectTcp(gate.tcpPort);
      let sent = 0;
      const send = async (lines: number) => {
        const from = sent;
        sent += lines;
        await write(honest, Array.from({ length: lines }, (_, index) => `honest ${from + index}\n`).join(""));
      };
      await send(1000);
      await until(
        "all of it comes out while the others hold on",
        () => gate.lines().filter((line) => line.startsWith("honest")).length === 1000,
      );
      expect(slow.filter(isClosed).length).toBe(0);
      await until(
        "the slow ones are closed",
        async () => {
          await send(10);
          return slow.every(isClosed);
        },
        60_000,
      );
      clearInterval(drip);
      // A connection with a short record, or none, is none of them.
      expect(isClosed(honest)).toBe(false);
      await send(1000);
      honest.end();
      await until(
        "all comes out",
        () => gate.lines().filter((line) => line.startsWith("honest")).length === sent,
        60_000,
      );
      const status = await statusAtRest(
        gate,
        "all are counted",
        ({ listeners, connections }) => listeners.closed_slow === 1000 && connections === 0,
      );
      // What had come of each counts as a record.
      expect(status.received.records).toBe(sent + 1000);
      expect(bytes).toBeGreaterThan(5);
      await gate.stop();
      expect(gate.lines().filter((line) => /^x+$/.test(line)).length).toBe(1000);
      expect(gate.stderr).toContain("RECORD_TIMEOUT");
    });

    it.skipIf(needsOpenssl.skip)(
      `close in time a record that is over the longest and trickles on, over TCP and TLS${needsOpenssl.note}`,
      async () => {
        const port = await freePort();
        const gate = await Gate.start({
          engine,
          env: { RECORD_TIMEOUT: "1", MAX_RECORD_BYTES: "1024", ...tlsListener(port, server) },
        });
        const slow = [await connectFrom("127.0.0.1", gate.tcpPort), await connectTls(port, { ca: authority!.pem() })];
        sockets.push(slow[1]!);
        for (const socket of slow) socket.on("error", () => {}).write("x".repeat(1500));
        const honest = await connectFrom("127.0.0.1", gate.tcpPort);
        const drip = setInterval(() => {
          for (const socket of slow) if (!isClosed(socket)) socket.write("x".repeat(10));
          // Each time another record, and each time as long.
          honest.write(`${"y".repeat(10)}\n${"y".repeat(1024)}`);
        }, 50);
        await until("the slow ones are closed", () => slow.every(isClosed), 15_000);
        clearInterval(drip);
        expect(isClosed(honest)).toBe(false);
        await statusAtRest(gate, "both are counted", ({ listeners }) => listeners.closed_slow === 2);
      },
    );

    it.skipIf(needsOpenssl.skip)(
      `close what brings nothing, over TCP and TLS, and not what brings something${needsOpenssl.note}`,
      async () => {
        const port = await freePort();
        const gate = await Gate.start({ engine, env: { IDLE_TIMEOUT: "1.5", ...tlsListener(port, server) } });
        const ca = { ca: authority!.pem() };
        const [idle, idleTls] = [await connectFrom("127.0.0.1", gate.tcpPort), await connectTls(port, ca)];
        const [busy, busyTls] = [await connectFrom("127.0.0.1", gate.tcpPort), await connectTls(port, ca)];
        sockets.push(idleTls, busyTls);
        idle.write("without an end");
        const talk = setInterval(() => {
          busy.write("talk\n");
          busyTls.write("talk over tls\n");
        }, 100);
        await until("the idle ones are closed", () => isClosed(idle) && isClosed(idleTls), 30_000);
        clearInterval(talk);
        expect([busy, busyTls].some(isClosed)).toBe(false);
        await until("what it had sent counts as a record", () => gate.lines().includes("without an end"));
        await statusAtRest(gate, "both are counted", ({ listeners }) => listeners.closed_idle === 2);
      },
    );

    it.skipIf(needsOpenssl.skip)(
      `bound the connections of a source over TCP, TLS and all workers together, and of all sources${needsOpenssl.note}`,
      async () => {
        const port = await freePort();
        const env = { MAX_CONNECTIONS_PER_SOURCE: "10", MAX_CONNECTIONS: "15", ...tlsListener(port, server) };
        const gate = await Gate.start({ engine, env });
        const ca = { ca: authority!.pem() };
        // The fixture has connected to see whether it listens.
        await statusAtRest(gate, "nobody is connected", ({ connections }) => connections === 0);
        const half = await Promise.all(Array.from({ length: 5 }, () => connectTls(port, ca)));
        sockets.push(...half);
        await until("they are open", async () => (await gate.ok("GET", "/status")).connections === 5);
        const more: Socket[] = [];
        for (let connection = 0; connection < 20; connection++) more.push(await connectFrom("127.0.0.1", gate.tcpPort));
        const open = () => more.filter((socket) => !isClosed(socket)).length;
        await until("the rest are closed", () => open() <= 5);
        const others: Socket[] = [];
        for (let connection = 0; connection < 12; connection++)
          others.push(await connectFrom("127.0.0.3", gate.tcpPort));
        const openOthers = () => others.filter((socket) => !isClosed(socket)).length;
        await until("no more than all sources may have", () => openOthers() <= 5);
        const status = await statusAtRest(
          gate,
          "they are counted",
          ({ listeners }) => listeners.refused_source >= 15 && listeners.refused_connections >= 7,
        );
        // Of two that come to two workers at once neither may get the last place.
        expect(open() + openOthers()).toBeGreaterThanOrEqual(8);
        expect(status.listeners.tls_connections).toBe(5);
        for (const socket of [...half, ...more, ...others]) socket.destroy();
        await statusAtRest(gate, "all are gone", ({ connections }) => connections === 0);
        // And their places are free.
        await sendTls(port, "over tls\n", ca);
        await gate.send("over tcp\n");
        await until("both come out", () => ["over tls", "over tcp"].every((line) => gate.lines().includes(line)));
        expect(gate.stderr).toContain("MAX_CONNECTIONS_PER_SOURCE");
      },
    );

    it.skipIf(needsOpenssl.skip)(
      `let a source wait that is over its rate, and no other, and lose nothing${needsOpenssl.note}`,
      async () => {
        const port = await freePort();
        const gate = await Gate.start({ engine, env: { RATE_PER_SOURCE: "200000", ...tlsListener(port, server) } });
        const line = `${"x".repeat(99)}\n`;
        const flood = 8000; // 800,000 bytes: one second's at once, and three seconds for the rest
        const fast = await connectFrom("127.0.0.2", gate.tcpPort);
        const flooding = write(fast, line.repeat(flood / 2));
        const tls = await connectTls(port, { ca: authority!.pem(), localAddress: "127.0.0.2" } as object);
        sockets.push(tls);
        tls.write(line.repeat(flood / 2));
        await until("some of the flood came", () => gate.lineCount > 0);
        // Far fewer than all: the rest waits.
        expect(gate.lineCount).toBeLessThan(flood);
        await gate.send("another source\n");
        await until("another source is served meanwhile", () => gate.lines().includes("another source"));
        expect(gate.lineCount).toBeLessThan(flood);
        await flooding;
        await gate.waitForLines(flood + 1, 60_000);
        const status = await statusAtRest(gate, "all came", ({ received }) => received.records === flood + 1);
        expect(status.listeners.rate_waits).toBeGreaterThan(0);
        // A shutdown takes at once what was sent.
        fast.write(line.repeat(flood));
        await sleep(50);
        await gate.stop();
        expect(gate.lineCount).toBe(2 * flood + 1);
      },
    );
  });
}
