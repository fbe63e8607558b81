/** What comes in over TCP and UDP goes out whole, unchanged and in order, on both engines. */
import { createSocket, type Socket } from "node:dgram";
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { expectInOrder, numberedLines } from "../fixtures/lines.ts";
import { engines } from "../fixtures/requirement.ts";
import { isListening, sendUdp, write } from "../fixtures/tcp.ts";

afterEach(disposeGates);

async function boundUdp(address: string): Promise<Socket> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(0, address, resolve);
  });
  return socket;
}

function sendFrom(socket: Socket, port: number, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(text, port, "127.0.0.1", (error) => (error ? reject(error) : resolve()));
  });
}

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`TCP on ${engine}${note}`, () => {
    it("passes lines that look like octet counts alone and unchanged", async () => {
      const gate = await Gate.start({ engine });
      const lines = [
        "200 OK /a",
        "12 monkeys",
        "99999999 x",
        "0 <x",
        "12345678 <x",
        "7",
        "3 ",
        "2026-11-23T10:00:00Z INFO up",
      ];
      for (const line of lines) {
        const before = gate.lineCount;
        await gate.send(`${line}\n`);
        await gate.waitForLines(before + 1);
      }
      await gate.send(`${lines.join("\n")}\n`);
      await gate.stop();
      expect(gate.lines()).toEqual([...lines, ...lines]);
    });

    it("reads octet-counted messages and lines from one connection, whatever the chunks", async () => {
      const gate = await Gate.start({ engine });
      const counted = "<13>1 2026-11-23T10:00:00Z host app - - - two\nlines";
      const stream = Buffer.from(`plain one\n${counted.length} ${counted}12 monkeys\r\n<7>ended by NUL\0<9>last`);
      const chunkings = [
        [],
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        [11],
        [12],
        [13, 1],
        [14],
        Array(stream.length).fill(1),
      ];
      for (const chunks of chunkings) await gate.send(stream, { chunks, pauseMs: 1 });
      await gate.stop();
      const once = [
        "plain one",
        "<13>1 2026-11-23T10:00:00Z host app - - - two",
        "lines",
        "12 monkeys",
        "<7>ended by NUL",
        "<9>last",
      ];
      expect(gate.lines().toSorted()).toEqual(chunkings.flatMap(() => once).toSorted());
    });

    it("passes every byte value, NUL, CR LF, and a last line without newline", async () => {
      const gate = await Gate.start({ engine });
      const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte !== 10));
      await gate.send(Buffer.concat([every, Buffer.from("\r\n\n\r\nlast")]), { chunks: [100, 100, 56, 1] });
      await gate.stop();
      expect(gate.stdout.equals(Buffer.concat([every, Buffer.from("\nlast\n")]))).toBe(true);
    });

    it("listens on IPv4 and IPv6", async (context) => {
      const gate = await Gate.start({ engine });
      await gate.send("over v4\n", { host: "127.0.0.1" });
      await gate.waitForLines(1);
      if (!(await isListening(gate.tcpPort, "::1"))) context.skip("this machine has no IPv6 loopback");
      await gate.send("over v6\n", { host: "::1" });
      await gate.waitForLines(2);
      await gate.stop();
      expect(gate.lines()).toEqual(["over v4", "over v6"]);
    });

    it("obeys TCP_FRAMING", async () => {
      const gate = await Gate.start({ engine, env: { TCP_FRAMING: "delimiter:||" } });
      await gate.send("one||two\nstill two||three", { chunks: [4, 1] });
      await gate.stop();
      expect(gate.stdout.toString()).toBe("one\ntwo\nstill two\nthree\n");
    });

    it("brings 120,000 lines over four connections out whole, in order per connection", async () => {
      const gate = await Gate.start({ engine });
      const count = Number(process.env.STREAMGATE_TEST_LINES ?? 120_000) / 4;
      const tags = ["c0", "c1", "c2", "c3"];
      await Promise.all(tags.map((tag) => gate.send(numberedLines(tag, count))));
      await gate.waitForLines(4 * count, 60_000);
      await gate.stop();
      const lines = gate.lines();
      expect(lines.length).toBe(4 * count);
      expect(new Set(lines.map((line) => line.length))).toEqual(new Set([60]));
      for (const tag of tags) expectInOrder(lines, tag, count);
    });

    it("serves every worker from one listener where told to", async () => {
      const gate = await Gate.start({ engine, env: { TCP_LISTENER: "single" } });
      const tags = Array.from({ length: 8 }, (_, index) => `s${index}`);
      await Promise.all(tags.map((tag) => gate.send(numberedLines(tag, 5000))));
      await gate.waitForLines(40_000);
      await gate.stop();
      for (const tag of tags) expectInOrder(gate.lines(), tag, 5000);
    });

    it("cuts a record at MAX_RECORD_BYTES and takes the run that touches the cut with it", async () => {
      const gate = await Gate.start({ engine, env: { MAX_RECORD_BYTES: "1KiB" } });
      const kept = `${"x ".repeat(500)}card `; // 1005 bytes; the limit falls on the card's last digits
      await gate.send(`short\n${kept}4111 1111 1111 1111 1111 1111 tail\nafter\n`);
      await gate.stop();
      expect(gate.lines()).toEqual(["short", kept, "after"]);
    });
  });

  describe.skipIf(skip)(`UDP on ${engine}${note}`, () => {
    it("makes each datagram one record, over IPv4 and IPv6", async (context) => {
      const gate = await Gate.start({ engine });
      const datagrams = Array.from({ length: 300 }, (_, index) => `datagram ${String(index).padStart(3, "0")}`);
      await sendUdp(gate.udpPort, datagrams);
      await gate.waitForLines(300);
      expect(gate.lines().toSorted()).toEqual(datagrams);
      if (!(await isListening(gate.tcpPort, "::1"))) context.skip("this machine has no IPv6 loopback");
      await sendUdp(gate.udpPort, ["over v6\n"], "::1");
      await gate.waitForLines(301);
      expect(gate.lines()[300]).toBe("over v6");
    });

    it("takes off one line end, leaves others, and makes no record of an empty datagram", async () => {
      const gate = await Gate.start({ engine, env: { STREAMGATE_WORKERS: "1" } });
      await sendUdp(gate.udpPort, ["a\n", "b\r\n", "c\0", "", "\n", Buffer.from([0xff, 0x00, 0xfe])]);
      await gate.waitForLines(4);
      await gate.stop();
      expect(gate.stdout.toString("latin1")).toBe("a\nb\nc\n\xff\0\xfe\n");
    });

    it("tells senders apart whose datagrams come between one another, where a rule asks for them", async () => {
      const gate = await Gate.start({ engine });
      const rule = {
        id: "quiet",
        type: "filter",
        params: { value: "x" },
        when: { source: ["127.0.0.2", "127.0.0.4/31"] },
      };
      await gate.ok("POST", "/rules", rule);
      await gate.publish();
      const sockets = await Promise.all([1, 2, 3, 4, 5].map((host) => boundUdp(`127.0.0.${host}`)));
      for (let i = 0; i < 100; i++)
        await Promise.all(sockets.map((socket, host) => sendFrom(socket, gate.udpPort, `x ${host + 1} ${i}`)));
      const lines = await gate.waitForLines(200);
      for (const socket of sockets) socket.close();
      await gate.stop();
      expect(lines.map((line) => line.split(" ")[1]).toSorted()).toEqual([..."1".repeat(100), ..."3".repeat(100)]);
    });
  });

  describe.skipIf(skip)(`a slow reader on ${engine}${note}`, () => {
    it("makes TCP wait while the API answers on, and loses nothing", async () => {
      const gate = await Gate.start({
        engine,
        unread: true,
        env: { QUEUE_BYTES: "256KiB", RING_BYTES: "256KiB", MAX_RECORD_BYTES: "64KiB" },
      });
      const count = 60_000; // × 500 bytes = 30 MB: more than every buffer on the way together
      const text = Buffer.from(numberedLines("w", count, 499));
      const socket = await gate.connect();
      let taken = 0;
      const sending = (async () => {
        for (let at = 0; at < text.length; at += 65_536) {
          await write(socket, text.subarray(at, at + 65_536));
          taken = at;
        }
        socket.end();
      })();
      let before = -1;
      while (taken !== before) {
        before = taken;
        await new Promise((resolve) => setTimeout(resolve, 1500));
      }
      expect(taken).toBeGreaterThan(0);
      expect(taken).toBeLessThan(text.length - 65_536);
      expect((await gate.api("GET", "/")).body).toMatchObject({ status: "ok" });
      await gate.addRule("x", "filter", { value: "not in any line" });
      gate.read();
      await sending;
      await gate.waitForLines(count);
      await gate.stop();
      expectInOrder(gate.lines(), "w", count);
      expect(gate.lines().length).toBe(count);
    });
  });
}
