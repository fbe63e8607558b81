/** UDP on loopback, native and portable: every datagram a record, and every loss counted. */

import { createSocket } from "node:dgram";
import { networkInterfaces } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { engines } from "../../../test/conformance/engines.ts";
import { StreamGateError } from "../../errors.ts";
import { blockHeader, createRingMemory } from "../ring/layout.ts";
import { SharedRing } from "../ring/shared.ts";
import { openUdpInput } from "./udp.ts";
import type { UdpInput, UdpOptions } from "./udp_input.ts";

const kinds = engines().map(({ name }) => name);
const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === "::1"));

const inputs: UdpInput[] = [];
afterEach(async () => {
  for (const input of inputs.splice(0)) await input.stop();
});

async function start(kind: "native" | "portable", options: Partial<UdpOptions> & { slots?: number } = {}) {
  const memory = createRingMemory(1 << 20, options.slots ?? 10_000);
  const seen = { readable: 0 };
  const input = await openUdpInput({
    kind,
    port: 0,
    reusePort: false,
    ring: memory,
    producer: 7,
    maxRecordBytes: 1 << 20,
    onReadable: () => seen.readable++,
    ...options,
  });
  inputs.push(input);
  return { input, memory, seen, ring: new SharedRing(memory, 0) };
}

async function send(port: number, datagrams: readonly (string | Buffer)[], host = "127.0.0.1"): Promise<number> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  for (const datagram of datagrams)
    await new Promise<void>((resolve, reject) => {
      socket.send(datagram, port, host, (error) => (error ? reject(error) : resolve()));
    });
  const { port: own } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return own;
}

/** Takes what the ring holds. */
function take(ring: SharedRing): string[] {
  const records: string[] = [];
  for (let view = ring.peek(); view !== undefined; view = ring.peek()) {
    let at = 0;
    for (let i = 0; i < view.records; i++) {
      const length = view.lengths[view.lengthsAt + i]!;
      records.push(view.body.toString("latin1", at, at + length));
      at += length + 1;
    }
    ring.release(view);
  }
  return records;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(2);
}

describe.each(kinds)("udp input on %s", (kind) => {
  it("makes one record of each datagram and takes one line end or NUL off", async () => {
    const { input, ring, seen } = await start(kind);
    const sent = [
      "plain",
      "lf\n",
      "crlf\r\n",
      "nul\0",
      "two\n\n",
      "in\nside\0x",
      "cr\r",
      "\n",
      "",
      "\r\n",
      "\0",
      "last",
    ];
    await send(input.port, sent);
    await until(() => input.stats().receivedRecords === 8);
    expect(take(ring)).toEqual(["plain", "lf", "crlf", "nul", "two\n", "in\nside\0x", "cr\r", "last"]);
    expect(input.stats()).toMatchObject({
      receivedRecords: 8,
      receivedBytes: 34,
      kernelDrops: 0,
      lostRingFullRecords: 0,
      lostRingFullBytes: 0,
      lostOversizeRecords: 0,
      lostOversizeBytes: 0,
      cutRecords: 0,
    });
    await until(() => seen.readable > 0);
  });

  it.skipIf(!hasIPv6)("serves IPv4 and IPv6 on one port (skipped where the host has no ::1)", async () => {
    const { input, ring } = await start(kind);
    await send(input.port, ["six"], "::1");
    await until(() => input.stats().receivedRecords === 1);
    await send(input.port, ["four"]);
    await until(() => input.stats().receivedRecords === 2);
    expect(take(ring)).toEqual(["six", "four"]);
  });

  it("writes the sender's address and port into the block", async () => {
    const { input, memory } = await start(kind);
    const port = await send(input.port, ["hello"]);
    await until(() => input.stats().receivedRecords === 1);
    const block = new DataView(memory, 1024);
    const { transport, family, port: portAt, address } = blockHeader.offsets;
    expect(block.getUint8(transport)).toBe(1);
    expect(block.getUint8(family)).toBe(4);
    expect(block.getUint16(portAt, true)).toBe(port);
    expect([...new Uint8Array(memory, 1024 + address, 4)]).toEqual([127, 0, 0, 1]);
  });

  it("takes the largest datagram", async () => {
    const { input, ring } = await start(kind);
    const largest = Buffer.alloc(65_507, "x");
    await send(input.port, [largest]);
    await until(() => input.stats().receivedRecords === 1);
    expect(take(ring)[0]).toHaveLength(65_507);
  });

  it("cuts a datagram that is longer than a record may be, and a number at the cut with it", async () => {
    const { input, ring } = await start(kind, { maxRecordBytes: 22 });
    await send(input.port, ["exactly 22 bytes fine!\n", "card 4111 1111 1111 1111", "x".repeat(30)]);
    await until(() => input.stats().lostOversizeRecords === 1);
    expect(take(ring)).toEqual(["exactly 22 bytes fine!", "card "]);
    expect(input.stats()).toMatchObject({ cutRecords: 2, lostOversizeBytes: 19 + 30, receivedRecords: 2 });
  });

  it("loses none of many while the ring is read", async () => {
    const { input, ring } = await start(kind);
    const sent = Array.from({ length: 5000 }, (_, i) => `datagram ${i}`);
    const got: string[] = [];
    // In bursts that any receive buffer holds, each sent while the one before may still be on its way.
    for (let at = 0; at < sent.length; at += 50) {
      await send(input.port, sent.slice(at, at + 50));
      await until(() => input.stats().receivedRecords >= at);
      got.push(...take(ring));
    }
    await until(() => input.stats().receivedRecords === sent.length);
    got.push(...take(ring));
    expect(got).toEqual(sent);
  });

  it("accounts for every datagram when the ring is full", async () => {
    const { input, ring } = await start(kind, { slots: 4, receiveBufferBytes: 4096 });
    const count = 2000;
    await send(
      input.port,
      Array.from({ length: count }, () => "y".repeat(100)),
    );
    await input.stop();
    const { receivedRecords, receivedBytes, kernelDrops, lostRingFullRecords, lostRingFullBytes } = input.stats();
    expect(take(ring)).toHaveLength(receivedRecords);
    expect(receivedRecords).toBeGreaterThan(0);
    expect(receivedRecords).toBeLessThan(count);
    expect(receivedRecords + kernelDrops + lostRingFullRecords).toBe(count);
    expect(receivedBytes + lostRingFullBytes).toBe((receivedRecords + lostRingFullRecords) * 100);
  });

  it("takes what the system holds still when it stops", async () => {
    const { input, ring } = await start(kind);
    const sent = Array.from({ length: 500 }, (_, i) => `late ${i}`);
    await send(input.port, sent);
    await input.stop();
    await input.stop();
    expect(take(ring)).toEqual(sent);
    expect(input.stats().receivedRecords).toBe(500);
  });

  it("refuses a port that is served, naming it and the way out", async () => {
    const { input } = await start(kind);
    const second = start(kind, { port: input.port });
    await expect(second).rejects.toThrow(StreamGateError);
    await expect(second).rejects.toMatchObject({ code: "SG_PORT_IN_USE" });
    await expect(second).rejects.toThrow(String(input.port));
    await expect(second).rejects.toThrow("UDP_PORT");
  });

  it.skipIf(process.platform !== "linux")(
    "shares a port when asked to (skipped where SO_REUSEPORT differs)",
    async () => {
      const one = await start(kind, { reusePort: true });
      const two = await start(kind, { reusePort: true, port: one.input.port });
      for (let i = 0; i < 40; i++) await send(one.input.port, [`from socket ${i}`]);
      const received = () => one.input.stats().receivedRecords + two.input.stats().receivedRecords;
      await until(() => received() === 40);
    },
  );

  it("refuses a host that this machine does not have", async () => {
    await expect(start(kind, { host: "192.0.2.1" })).rejects.toMatchObject({ code: "SG_SETTING" });
  });

  it("listens on the named host alone", async () => {
    const { input, ring } = await start(kind, { host: "127.0.0.1" });
    await send(input.port, ["here"]);
    await until(() => input.stats().receivedRecords === 1);
    expect(take(ring)).toEqual(["here"]);
  });
});
