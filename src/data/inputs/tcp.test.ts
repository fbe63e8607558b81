/** The TCP input over real sockets, with an inbox whose room the test decides. */

import { connect, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import type { Framer } from "../engine/engine.ts";
import { frameCells } from "../engine/layout.ts";
import { portableKind } from "../engine/portable/kind.ts";
import type { Intake } from "../worker/inbox.ts";
import { portError, TcpInput, type TcpOptions } from "./tcp.ts";

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

async function listen(inbox: Intake, options: Partial<TcpOptions> = {}): Promise<TcpInput> {
  const input = await TcpInput.listen({
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

async function open(port: number, host = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ port, host });
  socket.on("error", () => {});
  closers.push(() => socket.destroy());
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);

describe("the TCP input", () => {
  it("ends the stream when the peer has half-closed, and closes its own side then", async () => {
    const inbox = new FakeInbox();
    const input = await listen(inbox);
    const socket = await open(input.port);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.resume();
    socket.end("a\nb");
    await closed;
    expect([inbox.text, inbox.ends, input.connections]).toEqual(["a\nb", 1, 0]);
  });

  it("counts a reset as a close: what was received stays", async () => {
    const inbox = new FakeInbox();
    const input = await listen(inbox);
    const socket = await open(input.port);
    socket.write("kept");
    await until(() => inbox.text === "kept");
    socket.resetAndDestroy();
    await until(() => input.connections === 0);
    expect([inbox.text, inbox.ends]).toEqual(["kept", 1]);
  });

  it("pauses a socket whose chunk finds no room, and goes on in order when there is", async () => {
    const inbox = new FakeInbox(3);
    const input = await listen(inbox);
    const socket = await open(input.port);
    const text = "0123456789".repeat(100_000);
    socket.end(text);
    await until(() => inbox.resumes.length === 1);
    expect([inbox.text, inbox.ends]).toEqual(["012", 0]);
    inbox.open(5);
    expect([inbox.text, inbox.ends]).toEqual(["01234567", 0]);
    inbox.open(Number.POSITIVE_INFINITY);
    await until(() => inbox.ends === 1);
    expect(inbox.text === text).toBe(true);
  });

  it("holds the end of a stream back until its last record has room", async () => {
    const inbox = new FakeInbox(4);
    const input = await listen(inbox);
    const socket = await open(input.port);
    socket.end("last");
    await until(() => inbox.resumes.length === 1);
    expect(inbox.ends).toBe(0);
    inbox.open(1);
    expect([inbox.text, inbox.ends]).toEqual(["last", 1]);
  });

  it.skipIf(!hasIpv6)(
    "listens on IPv4 and IPv6 when no address is given (skipped where the host has no ::1)",
    async () => {
      const inbox = new FakeInbox();
      const input = await listen(inbox, { host: undefined });
      for (const host of ["127.0.0.1", "::1"]) (await open(input.port, host)).end(host);
      await until(() => inbox.ends === 2);
      expect(inbox.text).toContain("127.0.0.1");
      expect(inbox.text).toContain("::1");
    },
  );

  it("lets an open connection finish what it sent, then closes it, and accepts no other", async () => {
    const inbox = new FakeInbox();
    const input = await listen(inbox);
    const socket = await open(input.port);
    socket.write("unfinished");
    await until(() => inbox.text !== "");
    await input.finish(5000);
    expect([inbox.text, inbox.ends, input.lostBytes]).toEqual(["unfinished", 1, 0]);
    await expect(
      new Promise((resolve, reject) => connect(input.port, "127.0.0.1", () => resolve(0)).on("error", reject)),
    ).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("counts the bytes that it held and could not hand on before the deadline", async () => {
    const inbox = new FakeInbox(4);
    const input = await listen(inbox);
    (await open(input.port)).write("0123456789");
    await until(() => inbox.resumes.length === 1);
    await input.finish(50);
    expect([input.lostBytes, input.connections]).toEqual([6, 0]);
  });

  it("deals connections out by their number", async () => {
    const inboxes = [new FakeInbox(), new FakeInbox()];
    const input = await listen(inboxes[0]!, { intake: (connection) => inboxes[connection % 2]! });
    for (const text of ["a", "b", "c"]) {
      (await open(input.port)).end(text);
      await until(() => inboxes.reduce((sum, { ends }) => sum + ends, 0) === "abc".indexOf(text) + 1);
    }
    expect(inboxes.map(({ text }) => text)).toEqual(["ac", "b"]);
  });

  it("refuses a port that is served already, naming it and the way out", async () => {
    const { port } = await listen(new FakeInbox());
    await expect(listen(new FakeInbox(), { port })).rejects.toMatchObject({
      code: "SG_PORT_IN_USE",
      message: expect.stringMatching(new RegExp(`^TCP port ${port}: .*--share-ports`)),
    });
  });

  it("says what to do about a port that this user may not open", () => {
    const error = Object.assign(new Error("x"), { code: "EACCES" });
    expect(portError(error, "UDP", 80).message).toMatch(/^UDP_PORT: port 80 .*1024/);
  });
});
