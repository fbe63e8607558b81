/**
 * TCP over real sockets. What a user sees of an input is one table over both of them and both engines, each with a worker's inbox; how
 * the `net` input holds chunks is judged to the byte, with an inbox whose room the test decides. The native reader's own seams:
 * native/test/tcp_test.cc.
 */

import { connect, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import { engines } from "../../../test/conformance/engines.ts";
import { MemoryQuarantine } from "../../../test/fixtures/quarantine.ts";
import { until } from "../../../test/fixtures/wait.ts";
import { compilePlan } from "../../plan/compile.ts";
import { forwardLog } from "../../telemetry/log.ts";
import { Outputs } from "../delivery/outputs.ts";
import { loadAddon } from "../engine/addon.ts";
import type { Batch } from "../engine/batch.ts";
import type { EngineKind, Framer } from "../engine/engine.ts";
import { countCell, countCellsFixed, frameCell, frameCells } from "../engine/layout.ts";
import { portableKind } from "../engine/portable/kind.ts";
import { createRingMemory } from "../ring/layout.ts";
import { Inbox, type Intake } from "../worker/inbox.ts";
import { createMemoryAccount, MemoryBudget } from "../worker/memory_budget.ts";
import { portError } from "./port_error.ts";
import { openTcpInput } from "./tcp.ts";
import type { TcpInput, TcpOptions } from "./tcp_input.ts";
import { NetTcpInput } from "./tcp_net.ts";

const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Takes `room` bytes and then no more, until `open`. */
class FakeInbox implements Intake {
  room: number;
  text = "";
  ends = 0;
  resumes: (() => boolean)[] = [];
  constructor(room = Number.POSITIVE_INFINITY) {
    this.room = room;
  }
  accept(_framer: Framer, chunk: Uint8Array, from: number): number {
    const to = Math.min(chunk.length, from + this.room);
    this.room -= to - from;
    this.text += Buffer.from(chunk.subarray(from, to)).toString();
    return to;
  }
  acceptEnd(): boolean {
    if (this.room === 0) return false;
    this.ends++;
    return true;
  }
  waitForRoom(resume: () => boolean): void {
    this.resumes.push(resume);
  }
  open(room: number): void {
    this.room = room;
    while (this.resumes.length > 0 && this.resumes[0]!()) this.resumes.shift();
  }
}

async function listenNet(inbox: Intake, options: Partial<TcpOptions> = {}): Promise<TcpInput> {
  const input = await NetTcpInput.listen({
    host: "127.0.0.1",
    port: 0,
    reusePort: false,
    kind: portableKind(),
    framing: { kind: "newline" },
    maxRecordBytes: 1000,
    losses: new Float64Array(frameCells),
    intake: () => inbox,
    ...options,
  });
  closers.push(() => void input.finish(0));
  return input;
}

/** @param allowHalfOpen it sends on when the other side has ended */
async function open(port: number, host = "127.0.0.1", allowHalfOpen = false): Promise<Socket> {
  const socket = connect({ port, host, allowHalfOpen });
  socket.on("error", () => {});
  closers.push(() => socket.destroy());
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
}

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);

/** A stdout writer's ring with room for so many records. */
class Feed {
  room: number;
  readonly lines: string[] = [];
  constructor(room: number) {
    this.room = room;
  }
  push(batch: Batch, from: number, to: number): number {
    const stopped = Math.min(to, from + this.room);
    this.room -= stopped - from;
    if (stopped > from) this.lines.push(...batch.slice(from, stopped).toString().slice(0, -1).split("\n"));
    return stopped;
  }
}

/** Without a reader in the addon the native engine listens through `net`. */
const loaded = loadAddon();
const hasReader = "addon" in loaded && loaded.addon.TcpReader !== undefined;
const inputs: readonly { name: string; kind: EngineKind; reader: boolean; skip: boolean }[] = engines().flatMap(
  (kind) => [
    { name: `net and the ${kind.name} engine`, kind, reader: false, skip: false },
    ...(kind.name === "native"
      ? [
          {
            name: `the native reader${hasReader ? "" : " (skipped: it needs Linux)"}`,
            kind,
            reader: true,
            skip: !hasReader,
          },
        ]
      : []),
  ],
);

for (const { name, kind, reader, skip } of inputs) {
  /** A worker's way from its sockets to standard output, where `room` records are taken until `feed.room` is set. */
  async function listen(options: Partial<TcpOptions> = {}, room = Number.POSITIVE_INFINITY) {
    const feed = new Feed(room);
    const outputs: Outputs = new Outputs({
      kind,
      queueBytes: 20_000,
      worker: 0,
      workers: 1,
      disk: undefined,
      quarantine: new MemoryQuarantine(),
      stdout: feed,
      openFile: () => feed,
      log: forwardLog(() => {}),
      site: { changed: () => inbox.outputsChanged(), nothingWaits: () => inbox.idle, overBudget: () => false },
    });
    const ringMemory = createRingMemory(1 << 19, 1000);
    const inbox: Inbox = new Inbox({
      kind,
      ringMemory,
      producer: 0,
      outputs,
      quarantine: new MemoryQuarantine(),
      published: () => {},
    });
    const counts = new Float64Array(countCellsFixed);
    const losses = new Float64Array(frameCells);
    const plan = compilePlan([]);
    const prepared = await outputs.prepare([], 100, plan);
    const begin = () => inbox.swap(kind.prepare(plan), counts, prepared);
    const input = await openTcpInput({
      host: "127.0.0.1",
      port: 0,
      reusePort: false,
      kind,
      framing: { kind: "newline" },
      maxRecordBytes: 1000,
      losses,
      intake: () => inbox,
      ...(reader && { inbox }),
      ...options,
    });
    closers.push(() => {
      feed.room = Number.POSITIVE_INFINITY;
      return input.finish(0);
    });
    return { input, inbox, feed, counts, losses, begin, lines: feed.lines };
  }
  async function running(options: Partial<TcpOptions> = {}, room?: number) {
    const rig = await listen(options, room);
    rig.begin();
    return rig;
  }
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => `line ${index}`);

  describe.skipIf(skip)(`TCP through ${name}`, () => {
    it("ends the stream when the peer has half-closed, and closes its own side then", async () => {
      const { input, lines } = await running();
      const socket = await open(input.port);
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.resume();
      socket.end("a\nb");
      await closed;
      await until("the connection is gone", () => input.connections === 0);
      expect(lines).toEqual(["a", "b"]);
    });

    it("counts a reset as a close: what was received stays", async () => {
      const { input, lines } = await running();
      const socket = await open(input.port);
      socket.write("kept\npart");
      await until("the first line is there", () => lines.length === 1);
      socket.resetAndDestroy();
      await until("the connection is gone", () => input.connections === 0);
      expect(lines).toEqual(["kept", "part"]);
    });

    it("makes peers wait while nobody takes what they send, and goes on in order when somebody does", async () => {
      const { input, feed, lines, counts } = await running({}, 0);
      const all = numbers(1_000_000);
      const socket = await open(input.port);
      socket.end(all.join("\n"));
      await until("the outputs are full", () => counts[countCell.receivedRecords]! > 0);
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(counts[countCell.receivedRecords]).toBeLessThan(100_000);
      expect(input.connections).toBe(1);
      feed.room = Number.POSITIVE_INFINITY;
      await until("all of it is there", () => lines.length === all.length);
      expect(lines).toEqual(all);
      await until("the connection is gone", () => input.connections === 0);
    });

    it("takes nothing before there are rules, and loses nothing of what came until then", async () => {
      const { input, begin, lines } = await listen();
      const socket = await open(input.port);
      socket.end("early\n");
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(lines).toEqual([]);
      begin();
      await until("it is there", () => lines.length === 1);
    });

    it("keeps many connections apart that write a few bytes at a time", async () => {
      const { input, lines } = await running();
      const sockets = await Promise.all(Array.from({ length: 50 }, () => open(input.port)));
      for (let turn = 0; turn < 20; turn++) {
        for (const [index, socket] of sockets.entries()) socket.write(`${index} `.repeat(turn + 1).slice(0, -1));
        await new Promise((resolve) => setTimeout(resolve, 1));
        for (const socket of sockets) socket.write("\n");
      }
      await until("all of it is there", () => lines.length === 1000);
      expect(lines.filter((line) => new Set(line.split(" ")).size !== 1)).toEqual([]);
      expect(input.connections).toBe(50);
    });

    it("holds connections back in the middle of a record when such records fill their share, and loses nothing of them", async () => {
      const memory = MemoryBudget.open(createMemoryAccount(8 << 20, 1), 0);
      const { input, lines } = await running({ maxRecordBytes: 400_000, memory });
      const records = Array.from({ length: 40 }, (_, index) => `${index} `.padEnd(300_000, "x"));
      const sockets = await Promise.all(records.map(() => open(input.port)));
      for (const [index, socket] of sockets.entries()) socket.write(records[index]!);
      await until("some are held back", () => input.heldBack > 0);
      const other = await open(input.port);
      for (let turn = 0; turn < 20; turn++) {
        other.write(`short ${turn}\n`);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await until("short lines of another connection flow on", () => lines.length === 20);
      expect(input.unfinishedBytes).toBeGreaterThan(2 << 20);
      expect(memory.held("unfinished")).toBeLessThan(reader ? 4 << 20 : (4 << 20) + 41 * 65_536);
      for (const socket of sockets) socket.end("\n");
      await until("all of it is there", () => lines.length === 60);
      expect(lines.filter((line) => !line.startsWith("short")).toSorted()).toEqual(records.toSorted());
      await until("nothing is held any more", () => input.connections === 1 && input.unfinishedBytes === 0);
      expect([input.heldBack, memory.held("unfinished")]).toEqual([0, 0]);
    });

    it("lets connections finish at a shutdown that were held back", async () => {
      const memory = MemoryBudget.open(createMemoryAccount(8 << 20, 1), 0);
      const { input, lines } = await running({ maxRecordBytes: 400_000, memory });
      const records = Array.from({ length: 40 }, (_, index) => `${index} `.padEnd(300_000, "x"));
      const sockets = await Promise.all(records.map(() => open(input.port)));
      for (const [index, socket] of sockets.entries()) socket.end(records[index]!);
      await until("some are held back", () => input.heldBack > 0 || lines.length > 0);
      await input.finish(20_000);
      expect(lines.toSorted()).toEqual(records.toSorted());
      expect([input.connections, input.lostBytes, memory.held("unfinished")]).toEqual([0, 0, 0]);
    });

    it("frames as it was told, and counts what framing loses", async () => {
      const { input, lines, losses } = await running({ framing: { kind: "delimiter", delimiter: Buffer.from("||") } });
      (await open(input.port)).end(`a||b||${"-".repeat(1500)}||c`);
      await until("all of it is there", () => lines.length === 4);
      expect([lines[0], lines[1], lines[2]!.length, lines[3]]).toEqual(["a", "b", 1000, "c"]);
      expect(losses[frameCell.lostOversizeBytes]).toBe(500);
    });

    it.skipIf(!hasIpv6)(
      "listens on IPv4 and IPv6 when no address is given (skipped where the host has no ::1)",
      async () => {
        const { input, lines } = await running({ host: undefined });
        for (const host of ["127.0.0.1", "::1"]) (await open(input.port, host)).end(host);
        await until("both are there", () => lines.length === 2);
        expect(lines.toSorted()).toEqual(["127.0.0.1", "::1"]);
      },
    );

    it("listens where a name leads", async () => {
      const { input, lines } = await running({ host: "localhost" });
      (await open(input.port, "localhost")).end("x");
      await until("it is there", () => lines.length === 1);
    });

    it("lets an open connection finish what it sent, then closes it, and accepts no other", async () => {
      const { input, lines } = await running();
      const socket = await open(input.port);
      socket.write("first\nunfinished");
      await until("the first line is there", () => lines.length === 1);
      await input.finish(5000);
      expect([lines, input.connections, input.lostBytes]).toEqual([["first", "unfinished"], 0, 0]);
      await expect(
        new Promise((resolve, reject) => connect(input.port, "127.0.0.1", () => resolve(0)).on("error", reject)),
      ).rejects.toMatchObject({ code: "ECONNREFUSED" });
    });

    it("takes the connections that wait when it is told to finish, and what they have sent", async () => {
      const { input, lines } = await running();
      const sockets = Array.from({ length: 20 }, (_, index) => connect(input.port, "127.0.0.1").end(`${index}\n`));
      await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("finish", resolve))));
      await input.finish(5000);
      expect(lines.length).toBe(20);
    });

    it("tells peers that it ends, and reads what they send until they have heard it", async () => {
      const { input, lines } = await running();
      const socket = await open(input.port, "127.0.0.1", true);
      socket.write("before\n");
      await until("it runs", () => lines.length === 1);
      socket.once("end", () => socket.end("on its way\n"));
      socket.resume();
      await input.finish(5000);
      expect([lines, input.lostBytes]).toEqual([["before", "on its way"], 0]);
    });

    it("cuts a peer that never stops, and keeps what it took until then", async () => {
      const { input, lines, counts } = await running();
      const socket = await open(input.port, "127.0.0.1", true);
      const sending = setInterval(() => socket.write("again\n"), 1);
      closers.push(() => clearInterval(sending));
      await until("it runs", () => lines.length > 0);
      await input.finish(600);
      expect([input.connections, lines.length]).toEqual([0, counts[countCell.receivedRecords]]);
    });

    it("counts the bytes that it holds and can not hand on before the deadline", async () => {
      const { input, counts } = await running({}, 0);
      (await open(input.port)).write(numbers(1_000_000).join("\n"));
      await until("the outputs are full", () => counts[countCell.receivedRecords]! > 0);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await input.finish(50);
      expect(input.lostBytes).toBeGreaterThan(0);
      expect(input.lostBytes).toBeLessThan(1 << 20);
      expect(input.connections).toBe(0);
    });

    it("finishes twice without harm", async () => {
      const { input } = await running();
      await open(input.port);
      await input.finish(0);
      await input.finish(0);
      expect([input.connections, input.lostBytes]).toEqual([0, 0]);
    });

    it("refuses a port that is served already, naming it and the way out", async () => {
      const { input } = await running();
      const { port } = input;
      await expect(listen({ port })).rejects.toMatchObject({
        code: "SG_PORT_IN_USE",
        message: expect.stringMatching(new RegExp(`^TCP port ${port}: .*--share-ports`)),
      });
    });

    it("refuses an address that this machine does not have", async () => {
      await expect(listen({ host: "192.0.2.1" })).rejects.toMatchObject({ code: "SG_SETTING", where: "LISTEN_HOST" });
    });
  });
}

describe("TCP through net", () => {
  it("pauses a socket whose chunk finds no room, and goes on in order when there is", async () => {
    const inbox = new FakeInbox(3);
    const input = await listenNet(inbox);
    const socket = await open(input.port);
    const text = "0123456789".repeat(100_000);
    socket.end(text);
    await until("a chunk waits for room", () => inbox.resumes.length === 1);
    expect([inbox.text, inbox.ends]).toEqual(["012", 0]);
    inbox.open(5);
    expect([inbox.text, inbox.ends]).toEqual(["01234567", 0]);
    inbox.open(Number.POSITIVE_INFINITY);
    await until("the stream has ended", () => inbox.ends === 1);
    expect(inbox.text === text).toBe(true);
  });

  it("holds the end of a stream back until its last record has room", async () => {
    const inbox = new FakeInbox(4);
    const input = await listenNet(inbox);
    const socket = await open(input.port);
    socket.end("last");
    await until("a chunk waits for room", () => inbox.resumes.length === 1);
    expect(inbox.ends).toBe(0);
    inbox.open(1);
    expect([inbox.text, inbox.ends]).toEqual(["last", 1]);
  });

  it("counts the bytes that it held and could not hand on before the deadline", async () => {
    const inbox = new FakeInbox(4);
    const input = await listenNet(inbox);
    (await open(input.port)).write("0123456789");
    await until("a chunk waits for room", () => inbox.resumes.length === 1);
    await input.finish(50);
    expect([input.lostBytes, input.connections]).toEqual([6, 0]);
  });

  it("deals connections out by their number", async () => {
    const inboxes = [new FakeInbox(), new FakeInbox()];
    const input = await listenNet(inboxes[0]!, { intake: (connection) => inboxes[connection % 2]! });
    for (const text of ["a", "b", "c"]) {
      (await open(input.port)).end(text);
      await until(
        "the stream has ended",
        () => inboxes.reduce((sum, { ends }) => sum + ends, 0) === "abc".indexOf(text) + 1,
      );
    }
    expect(inboxes.map(({ text }) => text)).toEqual(["ac", "b"]);
  });
});

describe("a port that does not open", () => {
  it("says what to do when this user may not open it", () => {
    const error = Object.assign(new Error("x"), { code: "EACCES" });
    expect(portError(error, "UDP", 80).message).toMatch(/^UDP_PORT: port 80 .*1024/);
  });
});
