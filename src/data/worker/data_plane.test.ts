/** The data plane whole, with real worker threads, sockets and HTTP destinations, on both engines. */

import { createSocket } from "node:dgram";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import { engines } from "../../../test/conformance/engines.ts";
import { type Manifest, readManifest } from "../../manifest/manifest.ts";
import { readSettings } from "../../settings/settings.ts";
import { forwardLog } from "../../telemetry/log.ts";
import type { EngineKind } from "../engine/engine.ts";
import { imbalance, type Snapshot } from "../ledger/snapshot.ts";
import { DataPlane } from "./data_plane.ts";

/** The one output of the manifest. */
const only = (outputs: Snapshot["outputs"]) => [...outputs.values()][0];

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** An HTTP destination that keeps the lines it acknowledged; while `status` is no 200 it answers that. */
async function destination() {
  const sink = { lines: [] as string[], payloads: [] as number[], status: 200, url: "", requests: 0 };
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      sink.requests++;
      response.statusCode = sink.status;
      if (sink.status === 200) {
        const lines = Buffer.concat(parts).toString("latin1").split("\n");
        sink.lines.push(...lines);
        sink.payloads.push(lines.length);
      }
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  sink.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return sink;
}

function manifestFor(kind: EngineKind, url: string, rules: unknown[] = [], batchSize = 1000): Manifest {
  const value = {
    version: "1",
    pipelines: [{ processors: rules, outputs: [{ type: "http", url }], batch_size: batchSize }],
  };
  return readManifest(value, (pattern) => kind.checkPattern(pattern)).manifest;
}

async function start(kind: EngineKind, flags: Record<string, string> = {}) {
  const lines: string[] = [];
  const log = forwardLog((_level, _fields, message) => lines.push(message));
  const settings = readSettings({
    flags: { tcpPort: "0", udpPort: "0", host: "127.0.0.1", workers: "2", dataDir: tmpdir(), ...flags },
  });
  const plane = await DataPlane.start(settings, kind.name, log);
  closers.push(() => plane.close());
  return { plane, lines };
}

/** Sends over one connection and waits until the gate has closed its side too. */
function send(port: number, bytes: string | Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
    socket.on("error", reject);
    socket.on("close", () => resolve());
    socket.resume();
  });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const numbered = (name: string, count: number) => Array.from({ length: count }, (_, index) => `${name} ${index}`);

for (const kind of engines()) {
  describe(`the data plane on ${kind.name}`, () => {
    it.each(["per_worker", "single"])(
      "delivers every line of several connections, each in order (%s)",
      async (tcpListener) => {
        const sink = await destination();
        const { plane } = await start(kind, { tcpListener, workers: "3" });
        await plane.apply(manifestFor(kind, sink.url));
        const { tcpPort } = await plane.listen();
        const names = ["a", "b", "c", "d", "e"];
        await Promise.all(names.map((name) => send(tcpPort, numbered(name, 5000).join("\n"))));
        await until(() => sink.lines.length >= 25_000);
        for (const name of names)
          expect(sink.lines.filter((line) => line.startsWith(name))).toEqual(numbered(name, 5000));
        const snapshot = plane.snapshot();
        expect(snapshot.received.records).toBe(25_000);
        await until(() => imbalance(plane.snapshot()) === 0);
      },
    );

    it("sends one line by itself at once, and no more than batch_size together", async () => {
      const sink = await destination();
      const { plane } = await start(kind, { workers: "1" });
      await plane.apply(manifestFor(kind, sink.url, [], 10));
      const { tcpPort } = await plane.listen();
      const socket = connect(tcpPort, "127.0.0.1");
      socket.write("alone\n");
      await until(() => sink.lines.length === 1);
      socket.end(numbered("x", 1005).join("\n"));
      await until(() => sink.lines.length === 1006);
      expect(Math.max(...sink.payloads)).toBe(10);
    });

    it("takes datagrams, one record each", async () => {
      const sink = await destination();
      const { plane } = await start(kind, { workers: "1" });
      await plane.apply(manifestFor(kind, sink.url));
      const { udpPort } = await plane.listen();
      const socket = createSocket("udp4");
      closers.push(() => socket.close());
      for (const text of ["one\n", "two\r\n", "three"]) socket.send(text, udpPort, "127.0.0.1");
      await until(() => sink.lines.length === 3);
      expect(sink.lines).toEqual(["one", "two", "three"]);
    });

    it("books what MAX_RECORD_BYTES cuts off datagrams beside what it cuts off lines", async () => {
      const sink = await destination();
      const { plane } = await start(kind, { maxRecordBytes: "1KiB" });
      await plane.apply(manifestFor(kind, sink.url));
      const { tcpPort, udpPort } = await plane.listen();
      await send(tcpPort, `${"a b ".repeat(500)}\n`);
      const socket = createSocket("udp4");
      closers.push(() => socket.close());
      for (const text of ["c d ".repeat(300), "z".repeat(5000), "whole"]) socket.send(text, udpPort, "127.0.0.1");
      await until(() => sink.lines.length === 3);
      await until(() => plane.snapshot().lost.oversize.records === 1);
      expect(plane.snapshot().lost.oversize.bytes).toBe(2000 - 1024 + (1200 - 1024) + 5000);
    });

    it("applies a manifest to the next line, and answers when every worker runs it", async () => {
      const sink = await destination();
      const { plane } = await start(kind);
      await plane.apply(manifestFor(kind, sink.url));
      const { tcpPort } = await plane.listen();
      await send(tcpPort, "DEBUG 1\n");
      await plane.apply(manifestFor(kind, sink.url, [{ id: "d", type: "filter", params: { value: "DEBUG" } }]));
      for (let line = 0; line < 20; line++) await send(tcpPort, `DEBUG 2\nINFO ${line}\n`);
      await until(() => sink.lines.length === 21);
      expect(sink.lines.filter((line) => line.startsWith("DEBUG"))).toEqual(["DEBUG 1"]);
      await until(() => imbalance(plane.snapshot()) === 0);
      expect(plane.snapshot().rules.get("d")?.dropped.records).toBe(20);
    });

    it("loses and doubles no record over many reloads under traffic, and every record meets one manifest whole", async () => {
      const sink = await destination();
      const { plane } = await start(kind);
      const version = (n: number) =>
        manifestFor(kind, sink.url, [
          { id: "one", type: "redact", params: { pattern: "left", replacement: `L${n % 2}` } },
          { id: "two", type: "redact", params: { pattern: "right", replacement: `R${n % 2}` } },
        ]);
      await plane.apply(version(0));
      const { tcpPort } = await plane.listen();
      const lines = Array.from({ length: 4000 }, (_, index) => `left ${index} right`);
      const sending = Promise.all([1, 2, 3].map(() => send(tcpPort, lines.join("\n"))));
      for (let n = 1; n <= 20; n++) await plane.apply(version(n));
      await sending;
      await until(() => sink.lines.length >= 12_000);
      expect(sink.lines.length).toBe(12_000);
      expect(sink.lines.every((line) => /^L0 \d+ R0$|^L1 \d+ R1$/.test(line))).toBe(true);
      await until(() => imbalance(plane.snapshot()) === 0);
    });

    it("changes nothing when a worker refuses a manifest, and says why", async () => {
      const sink = await destination();
      const { plane } = await start(kind);
      await plane.apply(manifestFor(kind, sink.url));
      const { tcpPort } = await plane.listen();
      const broken = manifestFor(kind, sink.url, [
        { id: "r", type: "redact", params: { pattern: "a", replacement: "b" } },
      ]);
      const rule = broken.pipelines[0].processors[0]!;
      const unchecked = {
        ...broken,
        pipelines: [{ ...broken.pipelines[0], processors: [{ ...rule, params: { pattern: "[", replacement: "b" } }] }],
      };
      await expect(plane.apply(unchecked as unknown as Manifest)).rejects.toMatchObject({
        code: expect.stringMatching(/^SG_/),
      });
      await send(tcpPort, "a\n");
      await until(() => sink.lines.length === 1);
      expect(sink.lines).toEqual(["a"]);
    });

    it("keeps what a failing destination does not take, and delivers it when it recovers", async () => {
      const sink = await destination();
      const { plane, lines } = await start(kind);
      await plane.apply(manifestFor(kind, sink.url));
      const { tcpPort } = await plane.listen();
      sink.status = 503;
      await send(tcpPort, numbered("x", 3000).join("\n"));
      await until(() => sink.requests >= 2);
      const { outputs } = plane.snapshot();
      expect(only(outputs)?.queued.records).toBe(3000);
      sink.status = 200;
      await until(() => sink.lines.length === 3000);
      expect(sink.lines).toEqual(numbered("x", 3000));
      expect(lines.filter((line) => line.includes("HTTP 503")).length).toBeGreaterThan(0);
    });

    it("keeps the queue of an output that a reload leaves, and drains one that it removes", async () => {
      const [first, second] = [await destination(), await destination()];
      const { plane } = await start(kind, { workers: "1" });
      await plane.apply(manifestFor(kind, first.url));
      const { tcpPort } = await plane.listen();
      first.status = 503;
      await send(tcpPort, "one\n");
      await until(() => first.requests >= 1);
      await plane.apply(manifestFor(kind, first.url, [{ id: "d", type: "filter", params: { value: "DEBUG" } }]));
      await plane.apply(manifestFor(kind, second.url));
      await send(tcpPort, "two\n");
      await until(() => second.lines.length === 1);
      first.status = 200;
      await until(() => first.lines.length === 1);
      expect([first.lines, second.lines]).toEqual([["one"], ["two"]]);
      await until(() => plane.snapshot().outputs.get("retired")?.delivered.records === 1);
      expect(imbalance(plane.snapshot())).toBe(0);
    });

    it("keeps what removed outputs hold within bounds, counts what it gives up as lost{removed}, and keeps the newest", async () => {
      const dead = await Promise.all([1, 2, 3, 4].map(() => destination()));
      const { plane } = await start(kind, { workers: "1", queueBytes: "64KiB" });
      await plane.apply(manifestFor(kind, dead[0]!.url));
      const { tcpPort } = await plane.listen();
      const lines = Array.from({ length: 400 }, (_, index) => `${index} ${"z".repeat(40)}`).join("\n");
      for (const [index, destination] of dead.entries()) {
        destination.status = 503;
        if (index > 0) await plane.apply(manifestFor(kind, destination.url));
        await send(tcpPort, `${lines}\n`);
        await until(() => only(plane.snapshot().outputs)?.queued.records === 400);
      }
      await plane.apply(manifestFor(kind, (await destination()).url));
      // 400 records of about 44 bytes are charged with 43 KB: beside the newest one more fits 64 KiB.
      await until(() => plane.snapshot().outputs.get("retired")?.lost.removed.records === 800);
      expect(plane.snapshot().outputs.get("retired")?.queued.records).toBe(800);
      for (const destination of dead) destination.status = 200;
      await until(() => plane.snapshot().outputs.get("retired")?.delivered.records === 800);
      expect(dead.map((destination) => destination.lines.length)).toEqual([0, 0, 400, 400]);
      expect(imbalance(plane.snapshot())).toBe(0);
    });

    it("makes TCP wait, in bounded memory, while an output takes nothing, and loses nothing", async () => {
      const sink = await destination();
      const { plane } = await start(kind, {
        workers: "1",
        queueBytes: "1MiB",
        ringBytes: "2MiB",
        maxRecordBytes: "64KiB",
      });
      await plane.apply(manifestFor(kind, sink.url, [], 10_000));
      const { tcpPort } = await plane.listen();
      sink.status = 503;
      const lines = Array.from({ length: 200_000 }, (_, index) => `${index} ${"y".repeat(80)}`);
      let sent = false;
      const sending = send(tcpPort, lines.join("\n")).then(() => {
        sent = true;
      });
      const held = () => {
        const { inRing, outputs } = plane.snapshot();
        return inRing.bytes + only(outputs)!.queued.bytes;
      };
      await until(() => held() > 500_000);
      // Whatever else it could take it has taken by then.
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(sent).toBe(false);
      expect(held()).toBeLessThan(5_000_000);
      sink.status = 200;
      await sending;
      await until(() => sink.lines.length >= lines.length);
      expect(sink.lines).toEqual(lines);
    });

    it("replaces a worker that dies: the ports are served, the manifest runs, what it held is lost{worker}", async () => {
      const sink = await destination();
      const { plane, lines } = await start(kind, { workers: "1" });
      await plane.apply(manifestFor(kind, sink.url, [{ id: "d", type: "filter", params: { value: "DEBUG" } }]));
      const { tcpPort } = await plane.listen();
      sink.status = 503;
      await send(tcpPort, "a\nb\n");
      await until(() => sink.requests >= 1);
      await plane.supervisor.living[0]!.crash();
      sink.status = 200;
      await until(() => plane.supervisor.living.length === 1 && lines.length > 0);
      for (let served = false; !served; )
        await send(tcpPort, "DEBUG x\nc\n").then(
          () => {
            served = true;
          },
          () => new Promise((resolve) => setTimeout(resolve, 10)),
        );
      await until(() => sink.lines.length === 1);
      expect(sink.lines).toEqual(["c"]);
      const { outputs, received } = plane.snapshot();
      expect(only(outputs)?.lost.worker.records).toBe(2);
      expect(received.records).toBe(4);
      await until(() => imbalance(plane.snapshot()) === 0);
    });

    it("delivers what it has taken before it ends, a last line without its newline included", async () => {
      const sink = await destination();
      const { plane } = await start(kind);
      await plane.apply(manifestFor(kind, sink.url));
      const { tcpPort } = await plane.listen();
      const socket = connect(tcpPort, "127.0.0.1");
      socket.on("error", () => {});
      socket.write(`${numbered("x", 2000).join("\n")}\nunfinished`);
      await until(() => plane.snapshot().received.records >= 2000);
      expect(await plane.drain(10_000)).toBe(true);
      expect(sink.lines).toEqual([...numbered("x", 2000), "unfinished"]);
      expect(imbalance(plane.snapshot())).toBe(0);
    });

    it("counts what could not be delivered before the deadline as lost{shutdown}", async () => {
      const sink = await destination();
      const { plane, lines } = await start(kind);
      await plane.apply(manifestFor(kind, sink.url));
      const { tcpPort } = await plane.listen();
      sink.status = 503;
      await send(tcpPort, "a\nb\n");
      await until(() => plane.snapshot().received.records === 2);
      expect(await plane.drain(300)).toBe(false);
      const { outputs } = plane.snapshot();
      expect(only(outputs)?.lost.shutdown.records).toBe(2);
      expect(imbalance(plane.snapshot())).toBe(0);
      expect(lines.some((line) => line.includes("before the deadline"))).toBe(true);
    });

    it("refuses a port that is served already, naming it and the way out", async () => {
      const { plane } = await start(kind);
      const { tcpPort } = await plane.listen();
      for (const workers of ["1", "2"]) {
        const { plane: second } = await start(kind, { tcpPort: String(tcpPort), workers });
        await expect(second.listen()).rejects.toMatchObject({
          code: "SG_PORT_IN_USE",
          message: expect.stringContaining(String(tcpPort)),
        });
      }
      const { plane: shared } = await start(kind, { tcpPort: String(tcpPort), sharePorts: "true" });
      expect((await shared.listen()).tcpPort).toBe(tcpPort);
    });
  });
}
