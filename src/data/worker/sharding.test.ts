/** Sharding through the whole data plane: real workers, sockets and an HTTP destination, on both engines. */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import { engines } from "../../../test/conformance/engines.ts";
import { readManifest } from "../../manifest/manifest.ts";
import { readSettings } from "../../settings/settings.ts";
import { parseShardBy } from "../../settings/shard_by.ts";
import { forwardLog } from "../../telemetry/log.ts";
import type { EngineKind } from "../engine/engine.ts";
import { imbalance, type Snapshot } from "../ledger/snapshot.ts";
import { ShardOwners, shardKey } from "../shard/shard_key.ts";
import { DataPlane } from "./data_plane.ts";

/** The one output of the manifest. */
const only = (outputs: Snapshot["outputs"]) => [...outputs.values()][0];

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const keys = 12;

/** Remembers which connection, and so which worker, brought each line. Refuses payloads whose first line it is `shut` for. */
async function destination() {
  const sink = {
    lines: [] as string[],
    bySocket: new Map<unknown, string[]>(),
    shut: (_line: string) => false,
    url: "",
  };
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const lines = Buffer.concat(parts).toString("latin1").split("\n");
      const shut = sink.shut(lines[0]!);
      response.statusCode = shut ? 503 : 200;
      if (!shut) {
        sink.lines.push(...lines);
        const before = sink.bySocket.get(request.socket) ?? [];
        before.push(...lines);
        sink.bySocket.set(request.socket, before);
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

async function start(kind: EngineKind, url: string, flags: Record<string, string>) {
  const settings = readSettings({
    flags: { tcpPort: "0", udpPort: "0", host: "127.0.0.1", dataDir: tmpdir(), shardBy: "attribute:tenant", ...flags },
  });
  const plane = await DataPlane.start(
    settings,
    kind.name,
    forwardLog(() => {}),
  );
  closers.push(() => plane.close());
  const pipelines = [{ processors: [], outputs: [{ type: "http", url }], batch_size: 200 }];
  await plane.apply(readManifest({ version: "1", pipelines }, (pattern) => kind.checkPattern(pattern)).manifest);
  return { plane, ...(await plane.listen()) };
}

/** A connection's lines: numbered, their keys in turn. */
const numbered = (from: string, count: number) =>
  Array.from({ length: count }, (_, n) => `{"from":"${from}","tenant":"t${n % keys}","n":${n}}`);
const ofKey = (lines: readonly string[], key: number) => lines.filter((line) => line.includes(`"tenant":"t${key}",`));
const ofSender = (lines: readonly string[], from: string) => lines.filter((line) => line.includes(`"from":"${from}"`));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function send(port: number, lines: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.end(lines.join("\n")));
    socket.on("error", reject);
    socket.on("close", () => resolve());
    socket.resume();
  });
}

/** Every line once, and those of one sender and key in the order in which they were sent. */
function expectOrderPerKey(lines: readonly string[], senders: readonly string[], count: number): void {
  expect(lines.length).toBe(senders.length * count);
  for (const from of senders) {
    const got = ofSender(lines, from);
    const sent = numbered(from, count);
    for (let key = 0; key < keys; key++) expect(ofKey(got, key)).toEqual(ofKey(sent, key));
  }
}

const byTenant = shardKey(parseShardBy("attribute:tenant"))!;
const ownersOf = [1, 2, 3, 4].map((workers) => new ShardOwners(byTenant, workers));

/** A record without a key comes from 127.0.0.1 in these tests. */
function ownerOf(line: string, workers: number): number {
  const source = { transport: "tcp", address: "127.0.0.1" } as const;
  return ownersOf[workers - 1]!.owner(Buffer.from(line), 0, line.length, source);
}

/** No connection of a worker brings a line that another worker owns. */
function expectOwners(sink: { bySocket: Map<unknown, string[]> }, workers: number): void {
  for (const lines of sink.bySocket.values()) expect(new Set(lines.map((line) => ownerOf(line, workers))).size).toBe(1);
  expect(sink.bySocket.size).toBeGreaterThanOrEqual(workers);
}

for (const kind of engines()) {
  describe(`sharding in the data plane on ${kind.name}`, () => {
    it.each([
      ["1", "auto"],
      ["2", "auto"],
      ["3", "single"],
      ["4", "auto"],
    ])("keeps order per key with %s workers (listener: %s), every record once", async (workers, tcpListener) => {
      const sink = await destination();
      const { plane, tcpPort } = await start(kind, sink.url, { workers, tcpListener });
      const senders = ["a", "b", "c", "d", "e"];
      await Promise.all(senders.map((from) => send(tcpPort, numbered(from, 3000))));
      await until(() => sink.lines.length >= 15_000);
      expectOrderPerKey(sink.lines, senders, 3000);
      expectOwners(sink, Number(workers));
      expect(plane.snapshot().received.records).toBe(15_000);
      await until(() => imbalance(plane.snapshot()) === 0);
    });

    it.each([
      ["every worker", () => true],
      ["one worker", (line: string) => ownerOf(line, 3) === 1],
    ])(
      "holds sources while %s can deliver nothing, and loses nothing when it can",
      async (_which, shut) => {
        const sink = await destination();
        sink.shut = shut;
        const { plane, tcpPort } = await start(kind, sink.url, {
          workers: "3",
          ringBytes: "256KiB",
          maxRecordBytes: "64KiB",
          ringSlots: "16",
          queueBytes: "64KiB",
        });
        const senders = ["a", "b", "c", "d"];
        const count = 20_000;
        let done = false;
        const sent = Promise.all(senders.map((from) => send(tcpPort, numbered(from, count)))).then(() => {
          done = true;
        });
        // What is sent is more than rings and queues hold, so they fill and then stand still.
        const held = () => {
          const { inRing, outputs } = plane.snapshot();
          return inRing.bytes + only(outputs)!.queued.bytes;
        };
        await until(() => held() > 100_000);
        for (let before = 0; before !== held(); ) {
          before = held();
          await new Promise((resolve) => setTimeout(resolve, 300));
        }
        expect(done).toBe(false);
        expect(imbalance(plane.snapshot())).toBe(0);
        sink.shut = () => false;
        await sent;
        await until(() => sink.lines.length >= senders.length * count);
        expectOrderPerKey(sink.lines, senders, count);
        await until(() => imbalance(plane.snapshot()) === 0);
        expect(plane.snapshot().received.records).toBe(senders.length * count);
      },
      60_000,
    );

    it("goes on when a worker dies, and its keys with its replacement", async () => {
      const sink = await destination();
      const { plane, tcpPort } = await start(kind, sink.url, { workers: "3" });
      const sockets = await Promise.all(
        Array.from({ length: 12 }, async () => {
          const socket: Socket = connect(tcpPort, "127.0.0.1");
          socket.on("error", () => {});
          socket.resume();
          await once(socket, "connect");
          closers.push(() => socket.destroy());
          return socket;
        }),
      );
      for (const [i, socket] of sockets.entries()) socket.write(`${numbered(`before${i}`, 120).join("\n")}\n`);
      await until(() => sink.lines.length === 12 * 120);
      const [victim] = plane.supervisor.living;
      await victim!.crash();
      // While it is away its records wait in its ring.
      const alive = sockets.filter((socket) => !socket.destroyed && socket.readable);
      for (const [i, socket] of alive.entries()) socket.write(`${numbered(`during${i}`, 1200).join("\n")}\n`);
      await until(() => plane.supervisor.living.length === 3);
      await until(() =>
        alive.every((socket, i) => socket.closed || ofSender(sink.lines, `during${i}`).length === 1200),
      );
      await send(tcpPort, numbered("after", 1200));
      await until(() => ofSender(sink.lines, "after").length === 1200);
      for (const from of ["after", ...alive.flatMap((socket, i) => (socket.closed ? [] : [`during${i}`]))])
        expectOrderPerKey(ofSender(sink.lines, from), [from], 1200);
      await until(() => imbalance(plane.snapshot()) === 0);
    }, 30_000);

    it("takes datagrams to their owners, and those without a key to their source's", async () => {
      const sink = await destination();
      const { plane, udpPort } = await start(kind, sink.url, { workers: "3" });
      const socket = createSocket("udp4");
      closers.push(() => socket.close());
      const lines = [...numbered("udp", 240), ...Array.from({ length: 20 }, (_, i) => `plain ${i}`)];
      for (const line of lines) {
        socket.send(line, udpPort, "127.0.0.1");
        await new Promise((resolve) => setImmediate(resolve));
      }
      await until(() => sink.lines.length >= lines.length);
      expectOrderPerKey(ofSender(sink.lines, "udp"), ["udp"], 240);
      expectOwners(sink, 3);
      expect(sink.lines.filter((line) => line.startsWith("plain"))).toEqual(lines.slice(240));
      await until(() => imbalance(plane.snapshot()) === 0);
    });
  });
}
