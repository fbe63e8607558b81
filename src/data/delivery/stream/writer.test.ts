/** The stream writer, native and portable: pipes, files, readers that are slow, stuck or gone. */

import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { addonMissing, engines, nativeEngine } from "../../../../test/conformance/engines.ts";
import { filledBatch } from "../../../../test/fixtures/batch.ts";
import { needsSmallDisk, openSmallDisk, type SmallDisk } from "../../../../test/fixtures/small_disk.ts";
import { Batch } from "../../engine/batch.ts";
import type { EngineKind } from "../../engine/engine.ts";
import { ringHeader } from "../../ring/layout.ts";
import { openStreamFeed } from "./feed.ts";
import type { StreamTarget, StreamWriter } from "./stream_writer.ts";
import { openStreamWriter } from "./writer.ts";

let folder: string;
const opened: number[] = [];
const sockets: Socket[] = [];
const writers: StreamWriter[] = [];
const disks: SmallDisk[] = [];
const smallDisk = needsSmallDisk();
const appending = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "streamgate-writer-"));
});
afterEach(async () => {
  for (const writer of writers.splice(0)) await writer.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const fd of opened.splice(0)) closeSync(fd);
  for (const disk of disks.splice(0)) disk.remove();
  rmSync(folder, { recursive: true });
});

function open(path: string, flags: number): number {
  const fd = openSync(path, flags, 0o600);
  opened.push(fd);
  return fd;
}

/** A pipe by name: the reader's end and the writer's end, both as a shell would hand them over (the writer's blocking). */
function pipe(): { path: string; reader: number; writer: number } {
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  const reader = open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { path, reader, writer: open(path, constants.O_WRONLY) };
}

/** Reads what comes through the pipe from now on. */
function read(path: string): { text: string } {
  const socket = new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), writable: false });
  const parts: Buffer[] = [];
  socket.on("data", (part) => parts.push(part));
  sockets.push(socket);
  return {
    get text() {
      return Buffer.concat(parts).toString();
    },
  };
}

function start(kind: EngineKind, fd: number, queueBytes = 262_144) {
  const closed: string[] = [];
  const full: string[] = [];
  let reached = 0;
  const events = {
    closed: (reason: string) => closed.push(reason),
    full: (reason: string) => full.push(reason),
    reached: () => reached++,
  };
  const writer = openStreamWriter(fd, { kind: kind.name, queueBytes, ringBytes: queueBytes, events });
  writers.push(writer);
  return { writer, closed, full, reached: () => reached, feed: openStreamFeed(kind, writer.target, 1) };
}

/** Pushes everything, waiting where the ring is full. */
async function pushAll(feed: { push(batch: Batch, from: number, to: number): number }, batch: Batch): Promise<void> {
  for (let at = 0; at < batch.records; ) {
    at = feed.push(batch, at, batch.records);
    if (at < batch.records) await sleep(1);
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(2);
}

function lines(count: number, size = 0): string[] {
  return Array.from({ length: count }, (_, i) => `record ${i} ${"x".repeat((i * 37) % (size + 1))}`);
}

describe.each(engines())("stream writer on $name", (kind) => {
  it("writes every record of several producers whole and in each one's order", async () => {
    const { path, writer: fd } = pipe();
    const { writer, feed } = start(kind, fd);
    const other = openStreamFeed(kind, writer.target, 2);
    const got = read(path);
    const one = lines(5000, 200).map((line) => `one ${line}`);
    const two = lines(5000, 100).map((line) => `two ${line}`);
    await Promise.all([pushAll(feed, filledBatch(kind, one)), pushAll(other, filledBatch(kind, two))]);
    await until(() => writer.drained());
    const bytes = [...one, ...two].reduce((sum, line) => sum + line.length, 0);
    await until(() => got.text.length >= bytes + 10_000);
    const written = got.text.split("\n").slice(0, -1);
    expect(written.filter((line) => line.startsWith("one "))).toEqual(one);
    expect(written.filter((line) => line.startsWith("two "))).toEqual(two);
    expect(writer.counts()).toMatchObject({
      writtenRecords: 10_000,
      writtenBytes: bytes,
      lostRecords: 0,
      lostBytes: 0,
    });
  }, 20_000);

  it("writes one record at once, sleeps, and wakes for the next", async () => {
    const { reader, writer: fd } = pipe();
    const { writer, feed } = start(kind, fd);
    const bytes = Buffer.alloc(100);
    for (const text of ["first", "second"]) {
      feed.push(filledBatch(kind, [text]), 0, 1);
      await until(() => writer.drained());
      expect(bytes.toString("utf8", 0, readSync(reader, bytes))).toBe(`${text}\n`);
      await sleep(20);
    }
  });

  it("writes a record that is longer than a pipe and a gathering hold", async () => {
    const { path, writer: fd } = pipe();
    const { writer, feed } = start(kind, fd, 1 << 20);
    const record = "0123456789".repeat(50_000);
    feed.push(filledBatch(kind, ["before", record, "after"]), 0, 3);
    const got = read(path);
    await until(() => writer.drained() && got.text.length === record.length + 14);
    expect(got.text).toBe(`before\n${record}\nafter\n`);
  });

  it.skipIf(process.platform !== "linux")(
    "waits while a device is full and says so once: nobody has gone, nothing is lost (skipped where there is no /dev/full)",
    async () => {
      const { writer, closed, full, feed } = start(kind, open("/dev/full", constants.O_WRONLY));
      feed.push(filledBatch(kind, lines(3)), 0, 3);
      // Time for another attempt: it is told once.
      await sleep(150);
      expect(writer.counts()).toMatchObject({ writtenRecords: 0, lostRecords: 0 });
      expect(closed).toEqual([]);
      expect(full).toHaveLength(1);
      await writer.close();
      expect(writer.counts().lostRecords).toBe(3);
      expect(closed).toEqual([]);
    },
  );

  it("waits for a reader that has stopped, while its queue fills and the thread goes on", async () => {
    const { path, writer: fd } = pipe();
    const { writer, feed } = start(kind, fd);
    const batch = filledBatch(kind, lines(20_000, 100));
    let at = 0;
    // Pipe, what is being written and the queue together hold less than 500 KiB; the rest finds no room.
    for (let calm = 0; calm < 20; ) {
      const stopped = feed.push(batch, at, batch.records);
      calm = stopped === at ? calm + 1 : 0;
      at = stopped;
      await sleep(2);
    }
    expect(at).toBeLessThan(batch.records);
    expect(writer.drained()).toBe(false);
    const got = read(path);
    while (at < batch.records) {
      at = feed.push(batch, at, batch.records);
      await sleep(1);
    }
    await until(() => writer.drained() && got.text.length === batch.bytes);
    expect(writer.counts().lostRecords).toBe(0);
  }, 20_000);

  it("does not make the pipe that it shares non-blocking", async () => {
    const { writer: fd } = pipe();
    const { writer, feed } = start(kind, fd);
    feed.push(filledBatch(kind, ["x"]), 0, 1);
    await until(() => writer.drained());
    if (process.platform !== "linux") return;
    const flags = /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
    expect(Number.parseInt(flags!, 8) & constants.O_NONBLOCK).toBe(0);
  });

  it("closes at once while the reader is stuck", async () => {
    const { writer: fd } = pipe();
    const { writer, feed } = start(kind, fd, 1 << 20);
    feed.push(filledBatch(kind, lines(10_000, 60)), 0, 10_000);
    await sleep(50);
    expect(writer.drained()).toBe(false);
    await writer.close();
    await writer.close();
    const { writtenRecords, lostRecords } = writer.counts();
    expect(writtenRecords).toBeLessThan(10_000);
    expect(writtenRecords + lostRecords).toBeGreaterThan(0);
  });

  it("counts as lost what comes after the reader has gone, says so once, and goes on consuming", async () => {
    const { reader, writer: fd } = pipe();
    const { writer, closed, feed } = start(kind, fd);
    feed.push(filledBatch(kind, ["kept"]), 0, 1);
    await until(() => writer.drained());
    closeSync(reader);
    opened.splice(opened.indexOf(reader), 1);
    await pushAll(feed, filledBatch(kind, lines(5000, 50)));
    await until(() => writer.drained());
    await until(() => closed.length > 0);
    expect(writer.counts()).toMatchObject({ writtenRecords: 1, writtenBytes: 4, lostRecords: 5000 });
    const counts = writer.counts();
    expect(counts.writtenBytes + counts.lostBytes).toBe(counts.pushedBytes);
    await sleep(20);
    expect(closed).toHaveLength(1);
  });

  it("counts as lost from the start where no reader is left", async () => {
    const { reader, writer: fd } = pipe();
    closeSync(reader);
    opened.splice(opened.indexOf(reader), 1);
    const { writer, closed, feed } = start(kind, fd);
    feed.push(filledBatch(kind, ["x", "y"]), 0, 2);
    await until(() => writer.drained() && closed.length > 0);
    expect(writer.counts()).toMatchObject({ writtenRecords: 0, lostRecords: 2, lostBytes: 2 });
  });

  it("appends to a file in order", async () => {
    const path = join(folder, "file");
    const { writer, feed } = start(kind, open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND));
    const records = lines(3000, 300);
    await pushAll(feed, filledBatch(kind, records));
    await until(() => writer.drained());
    expect(readFileSync(path, "utf8")).toBe(records.map((record) => `${record}\n`).join(""));
  });

  it("reports a descriptor that is none", async () => {
    const { writer, closed, feed } = start(kind, 9999);
    feed.push(filledBatch(kind, ["x"]), 0, 1);
    await until(() => writer.drained() && closed.length > 0);
    expect(writer.counts().lostRecords).toBe(1);
  });

  it("passes the claim of a producer that died, where it has a ring", async () => {
    const path = join(folder, "file");
    const { writer, feed } = start(kind, open(path, constants.O_WRONLY | constants.O_CREAT));
    const { target } = writer;
    if (target.kind !== "ring") return;
    // A claim of 64 bytes by producer 3 in its epoch 0, never filled; then its epoch is over.
    const words = new Int32Array(target.memory);
    const cursors = new BigUint64Array(target.memory, 0, ringHeader.bytes / 8);
    words[ringHeader.bytes / 4] = -64;
    words[ringHeader.bytes / 4 + 1] = 1 | (3 << 16);
    Atomics.store(cursors, ringHeader.offsets.tail / 8, 8n | (1n << 32n));
    words[ringHeader.offsets.producerEpochs / 4 + 3] = 1;
    feed.push(filledBatch(kind, ["after"]), 0, 1);
    await until(() => writer.drained());
    expect(readFileSync(path, "utf8")).toBe("after\n");
    expect(cursors[ringHeader.offsets.abandonedClaims / 8]).toBe(1n);
  });

  it("does not say that a batch may be filled again while it still reads it", async () => {
    const { path, writer: fd } = pipe();
    const { writer, feed } = start(kind, fd);
    // Twice what a pipe holds.
    const batch = filledBatch(kind, lines(1000, 250));
    const before = batch.slice(0, batch.records).toString();
    await pushAll(feed, batch);
    const taken = writer.target.kind === "writer";
    expect(batch.held).toBe(taken);
    const got = read(path);
    await until(() => !batch.held);
    batch.data.fill(0x2e);
    await until(() => writer.drained() && got.text.length === before.length);
    expect(got.text).toBe(before);
  });

  it("writes what a worker handed over before it was ended, once", async () => {
    const { path, writer: fd } = pipe();
    const { writer } = start(kind, fd, 1 << 20);
    const worker = new Worker(new URL("../../../../test/fixtures/stream_producer.ts", import.meta.url), {
      workerData: { engine: kind.name, target: writer.target satisfies StreamTarget, records: 4000 },
    });
    await new Promise((resolve) => worker.once("message", resolve));
    await worker.terminate();
    expect(writer.drained()).toBe(false);
    const got = read(path);
    await until(() => writer.drained());
    const expected = Array.from({ length: 4000 }, (_, i) => `handed over ${i} ${"x".repeat(80)}\n`).join("");
    await until(() => got.text.length >= expected.length);
    expect(got.text).toBe(expected);
    expect(writer.counts()).toMatchObject({ pushedRecords: 4000, writtenRecords: 4000, lostRecords: 0 });
  });

  it("goes on in another file between two records, thousands of times under load", async () => {
    const { writer, feed } = start(kind, open(join(folder, "0"), appending), 65_536);
    const other = openStreamFeed(kind, writer.target, 2);
    const one = lines(20_000, 200).map((line) => `one ${line}`);
    const two = lines(20_000, 100).map((line) => `two ${line}`);
    let pushing = true;
    const pushed = Promise.all([pushAll(feed, filledBatch(kind, one)), pushAll(other, filledBatch(kind, two))]).finally(
      () => {
        pushing = false;
      },
    );
    let files = 1;
    let before = opened.pop()!;
    for (; pushing || files < 2000; files++) {
      const next = openSync(join(folder, `${files}`), appending, 0o600);
      await writer.switchTo(next);
      await turn();
      closeSync(before);
      before = next;
    }
    opened.push(before);
    await pushed;
    await until(() => writer.drained());
    const texts = Array.from({ length: files }, (_, i) => readFileSync(join(folder, `${i}`), "utf8"));
    expect(texts.filter((text) => text !== "" && !text.endsWith("\n"))).toEqual([]);
    expect(texts.filter((text) => text !== "").length).toBeGreaterThan(10);
    const written = texts.join("").split("\n").slice(0, -1);
    expect(written.filter((line) => line.startsWith("one "))).toEqual(one);
    expect(written.filter((line) => line.startsWith("two "))).toEqual(two);
    expect(written).toHaveLength(40_000);
    expect(writer.counts()).toMatchObject({ pushedRecords: 40_000, writtenRecords: 40_000, lostRecords: 0 });
  });

  it("switches while it sleeps, and several switches one after the other", async () => {
    const { writer, feed } = start(kind, open(join(folder, "a"), appending));
    await Promise.all(["b", "c", "d"].map((name) => writer.switchTo(open(join(folder, name), appending))));
    await pushAll(feed, filledBatch(kind, ["x"]));
    await until(() => writer.drained());
    expect(["a", "b", "c", "d"].map((name) => readFileSync(join(folder, name), "utf8"))).toEqual(["", "", "", "x\n"]);
  });

  it("writes again after a switch when it had failed", async () => {
    const { writer, closed, feed } = start(kind, 9999);
    await pushAll(feed, filledBatch(kind, ["lost"]));
    await until(() => writer.drained() && closed.length > 0);
    await writer.switchTo(open(join(folder, "file"), appending));
    await pushAll(feed, filledBatch(kind, ["kept"]));
    await until(() => writer.drained());
    expect(readFileSync(join(folder, "file"), "utf8")).toBe("kept\n");
    expect(writer.counts()).toMatchObject({ writtenRecords: 1, lostRecords: 1 });
  });

  it("ends what waits for a switch when it is closed, and switches no more", async () => {
    const { writer: fd } = pipe();
    const { writer, feed } = start(kind, fd, 1 << 20);
    feed.push(filledBatch(kind, ["x".repeat(300_000)]), 0, 1);
    await sleep(20);
    const switched = writer.switchTo(open(join(folder, "file"), appending));
    await writer.close();
    await switched;
    await writer.switchTo(open(join(folder, "other"), appending));
    expect(writer.counts()).toMatchObject({ pushedRecords: 1, writtenRecords: 0, lostRecords: 1 });
  });

  it("tells once that a mark lies behind", async () => {
    const { writer, reached, feed } = start(kind, open(join(folder, "file"), appending));
    writer.notice(10);
    await pushAll(feed, filledBatch(kind, ["1234"]));
    await until(() => writer.drained());
    expect(reached()).toBe(0);
    for (const text of ["5678", "more"]) await pushAll(feed, filledBatch(kind, [text]));
    await until(() => writer.drained() && reached() > 0);
    await sleep(20);
    expect(reached()).toBe(1);
  });

  it.skipIf(smallDisk.skip)(`writes a full disk's records once there is room, each once${smallDisk.note}`, async () => {
    const disk = openSmallDisk(262_144);
    disks.push(disk);
    writeFileSync(join(disk.path, "ballast"), Buffer.alloc(131_072));
    const { writer, closed, full, feed } = start(kind, open(join(disk.path, "file"), appending));
    const records = lines(2000, 150);
    const pushed = pushAll(feed, filledBatch(kind, records));
    await until(() => full.length > 0);
    expect(writer.drained()).toBe(false);
    rmSync(join(disk.path, "ballast"));
    await pushed;
    await until(() => writer.drained());
    expect(readFileSync(join(disk.path, "file"), "utf8")).toBe(records.map((record) => `${record}\n`).join(""));
    expect(closed).toEqual([]);
    expect(writer.counts()).toMatchObject({ writtenRecords: 2000, lostRecords: 0 });
  });

  it.skipIf(smallDisk.skip)(
    `takes what a full disk has refused to another file, each record whole${smallDisk.note}`,
    async () => {
      const disk = openSmallDisk(65_536);
      disks.push(disk);
      const { writer, full, feed } = start(kind, open(join(disk.path, "file"), appending));
      const records = lines(2000, 150);
      const pushed = pushAll(feed, filledBatch(kind, records));
      await until(() => full.length > 0);
      await writer.switchTo(open(join(folder, "file"), appending));
      await pushed;
      await until(() => writer.drained());
      const first = readFileSync(join(disk.path, "file"), "utf8");
      expect(first.endsWith("\n")).toBe(true);
      expect(first + readFileSync(join(folder, "file"), "utf8")).toBe(records.map((record) => `${record}\n`).join(""));
      expect(writer.counts()).toMatchObject({ writtenRecords: 2000, lostRecords: 0 });
    },
  );

  it.skipIf(smallDisk.skip)(
    `accounts for every record when it is closed while the disk is full${smallDisk.note}`,
    async () => {
      const disk = openSmallDisk(65_536);
      disks.push(disk);
      const { writer, full, feed } = start(kind, open(join(disk.path, "file"), appending), 1 << 19);
      const batch = filledBatch(kind, lines(1500, 150));
      expect(feed.push(batch, 0, batch.records)).toBe(1500);
      await until(() => full.length > 0);
      await writer.close();
      const { writtenRecords, lostRecords, writtenBytes, lostBytes, pushedBytes } = writer.counts();
      expect(writtenRecords + lostRecords).toBe(1500);
      expect(writtenBytes + lostBytes).toBe(pushedBytes);
      const text = readFileSync(join(disk.path, "file"), "utf8");
      expect(text.split("\n").length - 1).toBe(writtenRecords);
    },
  );
});

describe(`a native stream writer${nativeEngine() === undefined ? ` (skipped: ${addonMissing})` : ""}`, () => {
  it.skipIf(nativeEngine() === undefined)(
    "refuses memory that is not the addon's, and records that a batch lacks",
    () => {
      const kind = nativeEngine()!;
      const { feed } = start(kind, open(join(folder, "file"), constants.O_WRONLY | constants.O_CREAT));
      const foreign = new Batch(1, 10);
      const freed = filledBatch(kind, ["freed"]);
      freed.free();
      expect(() => feed.push(foreign, 0, 0)).toThrow(expect.objectContaining({ code: "SG_LAYOUT" }));
      expect(() => feed.push(freed, 0, 1)).toThrow(expect.objectContaining({ code: "SG_LAYOUT" }));
      expect(() => feed.push(filledBatch(kind, ["one"]), 0, 2)).toThrow(expect.objectContaining({ code: "SG_LAYOUT" }));
      expect(() => feed.push(filledBatch(kind, ["one"]), 1, 0)).toThrow(expect.objectContaining({ code: "SG_LAYOUT" }));
    },
  );

  it.skipIf(nativeEngine() === undefined)("takes nothing once it is closed", async () => {
    const kind = nativeEngine()!;
    const { writer, feed } = start(kind, open(join(folder, "file"), constants.O_WRONLY | constants.O_CREAT));
    await writer.close();
    const batch = filledBatch(kind, ["late"]);
    expect(feed.push(batch, 0, 1)).toBe(0);
    expect(openStreamFeed(kind, writer.target, 1).push(batch, 0, 1)).toBe(0);
    expect(batch.held).toBe(false);
  });
});
