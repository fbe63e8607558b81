/** A sender against a real HTTP server that fails in the ways destinations do. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { batchOf } from "../../../test/fixtures/batch.ts";
import { MemoryLane } from "../../../test/fixtures/memory_lane.ts";
import { MemoryQuarantine } from "../../../test/fixtures/quarantine.ts";
import { until } from "../../../test/fixtures/wait.ts";
import { readRules } from "../../manifest/manifest.ts";
import { describeOutput } from "../../outputs/index.ts";
import { compilePlan } from "../../plan/compile.ts";
import { forwardLog } from "../../telemetry/log.ts";
import { portableKind } from "../engine/portable/kind.ts";
import { outputCell, outputCells } from "../ledger/layout.ts";
import { protectionOf } from "./protection.ts";
import { Sender, type SenderOptions } from "./sender.ts";
import { Replay, type WithheldRecords } from "./spool/replay.ts";
import { LaneReader, SpoolQueue } from "./spool/spool_queue.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A destination that answers as told, and remembers the bodies that it acknowledged. */
async function destination(answer: (request: number, response: ServerResponse, body: string) => void) {
  const bodies: string[] = [];
  let requests = 0;
  const server: Server = createServer((request: IncomingMessage, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts).toString();
      bodies.push(body);
      answer(requests++, response, body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { bodies, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

function senderFor(url: string, batchSize = 100, more: Partial<SenderOptions> = {}) {
  const lines: string[] = [];
  const sender = new Sender({
    key: "k",
    id: "http-1",
    memoryId: "http-1-w0-0000002a-m",
    kind: portableKind(),
    identity: "",
    output: describeOutput({ type: "http", url }),
    recordsMax: batchSize,
    bytesMax: 1_000_000,
    ageMsMax: 100,
    encoding: "none",
    concurrency: { max: 1, adapts: false },
    retry: { delayMsMax: 30_000, afterMsMax: 3_600_000, deadlineMs: 0 },
    timeoutMs: 30_000,
    queueBytesMax: 1_000_000,
    whenFull: "block",
    durable: false,
    spool: undefined,
    deadLetters: undefined,
    ...more,
    log: forwardLog((_level, _fields, message) => lines.push(message)),
    site: { changed: () => {}, nothingWaits: () => true, overBudget: () => false },
    random: () => 0,
  });
  const cell = (name: keyof typeof outputCell) => {
    const cells = new Float64Array(outputCells);
    sender.write(cells, 0);
    return cells[outputCell[name]];
  };
  return { sender, lines, cell };
}

const patient = () => new AbortController().signal;

describe("a sender", () => {
  it("sends records joined by newline and counts them delivered when acknowledged", async () => {
    const { bodies, url } = await destination((_n, response) => response.end());
    const { sender, cell } = senderFor(url);
    sender.push(batchOf("a", "bc"), 0, 2, 0);
    sender.flush();
    await sender.drain(patient(), false);
    expect(bodies).toEqual(["a\nbc"]);
    expect([cell("routedRecords"), cell("deliveredRecords"), cell("deliveredBytes")]).toEqual([2, 2, 3]);
    expect(cell("queuedRecords")).toBe(0);
  });

  it("sends payloads of batch_size in order, one at a time", async () => {
    const { bodies, url } = await destination((_n, response) => setTimeout(() => response.end(), 1));
    const { sender } = senderFor(url, 2);
    sender.push(batchOf("1", "2", "3", "4", "5"), 0, 5, 0);
    await sender.drain(patient(), false);
    expect(bodies).toEqual(["1\n2", "3\n4", "5"]);
  });

  it("puts all of a burst on the disk and delivers it when nothing comes after it", async () => {
    const { bodies, url } = await destination((_n, response) => response.end());
    const lane = new MemoryLane();
    const site = {
      outputId: "out",
      replay: new Replay(portableKind(), protectionOf({ rules: [], operations: [] }), new MemoryQuarantine()),
      openAhead: async () => ({ lane: new MemoryLane(), remove: async () => {} }),
      groupBytesMax: () => 1_000_000,
      tooLarge: () => {},
      changed: () => sender.spoolChanged(),
      refused: () => {},
      lost: () => {},
      replayed: () => {},
    };
    const spool = new SpoolQueue(new LaneReader(lane, "w0", site), site);
    spool.start();
    const { sender, cell } = senderFor(url, 1, { spool, durable: true, whenFull: "spill" });
    // More groups than a lane is handed at once.
    const burst = Array.from({ length: 200 }, (_, index) => `${index}`);
    sender.push(batchOf(...burst), 0, burst.length, 0);
    sender.flush();
    await until("all of it is delivered", () => sender.idle);
    expect(bodies.join("\n").split("\n")).toEqual(burst);
    expect([lane.lines(), cell("deliveredRecords")]).toEqual([burst, 200]);
    await sender.drain(patient(), false);
  });

  it("names what rules published meanwhile have left of a payload otherwise than the whole", async () => {
    const kind = portableKind();
    const replay = new Replay(kind, protectionOf({ rules: [], operations: [] }), new MemoryQuarantine());
    const names: string[] = [];
    const { bodies, url } = await destination((request, response) => {
      names.push(String(response.req.headers["x-streamgate-group"]));
      response.statusCode = request === 0 ? 503 : 200;
      if (request === 0) replay.use(protectionOf(compilePlan(inner)));
      response.end();
    });
    const { rules: inner } = readRules(
      [{ id: "inner", type: "filter", params: { value: "INTERNAL", protect: true } }],
      (pattern) => kind.checkPattern(pattern),
    );
    const site = {
      outputId: "out",
      replay,
      openAhead: async () => ({ lane: new MemoryLane(), remove: async () => {} }),
      changed: () => sender.spoolChanged(),
      refused: () => {},
      lost: () => {},
      tooLarge: () => {},
      groupBytesMax: () => Number.POSITIVE_INFINITY,
      replayed: (withheld: WithheldRecords) => sender.replayed(withheld),
    };
    const spool = new SpoolQueue(new LaneReader(new MemoryLane(), "w0", site), site);
    spool.start();
    const { sender, cell } = senderFor(url, 3, { spool, durable: true, whenFull: "spill" });
    sender.push(batchOf("a", "INTERNAL b", "c"), 0, 3, 0);
    sender.flush();
    await until("it is settled", () => sender.idle);
    expect(bodies).toEqual(["a\nINTERNAL b\nc", "a\nc"]);
    expect(names[1]!.slice(0, names[0]!.length)).toBe(names[0]);
    expect(names[1]!.slice(names[0]!.length)).toMatch(/^\/p[0-9a-f]{1,16}$/);
    expect([cell("deliveredRecords"), cell("lostProtectedRecords")]).toEqual([2, 1]);
    await sender.drain(patient(), false);
  });

  it("loses spooled records to protect rules under the name of what the rules did, and warns of those no rule could finish", () => {
    const { sender, lines, cell } = senderFor("http://127.0.0.1:9/");
    const dropped = { records: 2, bytes: 20 };
    const none = { records: 0, bytes: 0 };
    const kept = { records: 1, bytes: 9, rules: ["ssn"] };
    sender.replayed({ dropped, quarantined: { ...none, rules: [] }, quarantineFull: none, rewrittenBytes: 3 });
    expect(lines).toEqual([]);
    sender.replayed({ dropped, quarantined: kept, quarantineFull: { records: 2, bytes: 7 }, rewrittenBytes: -1 });
    expect([cell("lostProtectedRecords"), cell("lostProtectedBytes")]).toEqual([4, 40]);
    expect([cell("quarantinedRecords"), cell("quarantinedBytes")]).toEqual([1, 9]);
    expect([cell("lostQuarantineFullRecords"), cell("lostQuarantineFullBytes")]).toEqual([2, 7]);
    expect(cell("rewrittenBytes")).toBe(2);
    expect(lines).toEqual([expect.stringContaining("quarantine")]);
  });

  it("sends without a flush when records have waited long enough", async () => {
    const { bodies, url } = await destination((_n, response) => response.end());
    const { sender } = senderFor(url);
    sender.push(batchOf("alone"), 0, 1, 0);
    while (!sender.idle) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(bodies).toEqual(["alone"]);
  });

  it("sends the first record at once, and lets those that follow closely share a request", async () => {
    const { bodies, url } = await destination((_n, response) => response.end());
    const { sender } = senderFor(url, 1000);
    sender.push(batchOf("first"), 0, 1, 0);
    sender.flush();
    for (let record = 0; record < 50; record++) {
      sender.push(batchOf(`${record}`), 0, 1, 0);
      sender.flush();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await sender.drain(patient(), false);
    expect(bodies[0]).toBe("first");
    expect(bodies.slice(1).join("\n").split("\n")).toEqual(Array.from({ length: 50 }, (_, record) => `${record}`));
    // A request a record would be 51; how many turns fit into five milliseconds is the machine's business.
    expect(bodies.length).toBeLessThan(40);
  });

  it("keeps a payload and tries again while the destination fails", async () => {
    const { bodies, url } = await destination((request, response) => {
      response.statusCode = request < 2 ? 503 : 200;
      response.end();
    });
    const { sender, cell, lines } = senderFor(url, 1);
    sender.push(batchOf("first", "second"), 0, 2, 0);
    await sender.drain(patient(), false);
    expect(bodies).toEqual(["first", "first", "first", "second"]);
    expect(cell("deliveredRecords")).toBe(2);
    expect(lines).toEqual(["output http-1 does not take a payload: HTTP 503"]);
  });

  it("tries again when the connection breaks", async () => {
    const { bodies, url } = await destination((request, response) => {
      if (request === 0) response.socket!.destroy();
      else response.end();
    });
    const { sender, cell } = senderFor(url);
    sender.push(batchOf("x"), 0, 1, 0);
    await sender.drain(patient(), false);
    expect(bodies).toEqual(["x", "x"]);
    expect(cell("deliveredRecords")).toBe(1);
  });

  it("counts a payload that the destination refuses for good as lost{rejected} and goes on", async () => {
    const { bodies, url } = await destination((request, response) => {
      response.statusCode = request === 0 ? 400 : 200;
      response.end();
    });
    const { sender, cell, lines } = senderFor(url, 1);
    sender.push(batchOf("bad", "good"), 0, 2, 0);
    await sender.drain(patient(), false);
    expect(bodies).toEqual(["bad", "good"]);
    expect([cell("lostDeadLetterRecords"), cell("deliveredRecords")]).toEqual([1, 1]);
    expect(lines.join()).toContain("HTTP 400");
    expect(lines.join()).not.toContain("bad");
  });

  it("gives up at the deadline of a shutdown and counts what is left as lost{shutdown}", async () => {
    const { url } = await destination(() => {});
    const { sender, cell } = senderFor(url, 1);
    sender.push(batchOf("a", "b"), 0, 2, 0);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    await sender.drain(stop.signal, false);
    expect([cell("lostShutdownRecords"), cell("queuedRecords")]).toEqual([2, 0]);
  });

  it("is full when its destination does not take what it holds", async () => {
    const { url } = await destination(() => {});
    const { sender } = senderFor(url, 1);
    for (let batch = 0; sender.accepting; batch++) {
      expect(batch).toBeLessThan(10);
      const shared = batchOf(...Array.from({ length: 4096 }, () => "x"));
      sender.push(shared, 0, 4096, 0);
    }
    expect(sender.accepting).toBe(false);
    const stop = new AbortController();
    stop.abort();
    await sender.drain(stop.signal, false);
    expect(sender.accepting).toBe(true);
  });
});
