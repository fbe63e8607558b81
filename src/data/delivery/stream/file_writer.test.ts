/** Files of outputs, on both stream writers: rotation, compression, what is kept, other programs' rotation, full disks, one writer a file. */

import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync, gzipSync, zstdDecompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { engines } from "../../../../test/conformance/engines.ts";
import { filledBatch } from "../../../../test/fixtures/batch.ts";
import { needsSmallDisk, openSmallDisk, type SmallDisk } from "../../../../test/fixtures/small_disk.ts";
import { until } from "../../../../test/fixtures/wait.ts";
import { forwardLog } from "../../../telemetry/log.ts";
import type { EngineKind } from "../../engine/engine.ts";
import { openStreamFeed } from "./feed.ts";
import { type FileSettings, FileWriter } from "./file_writer.ts";
import { FileWriters } from "./file_writers.ts";
import type { StreamFeed } from "./stream_writer.ts";

let folder: string;
let path: string;
let logged: string[];
const writers: { close(): Promise<unknown> }[] = [];
const disks: SmallDisk[] = [];
const smallDisk = needsSmallDisk();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "streamgate-file-"));
  path = join(folder, "logs", "app.log");
  logged = [];
});
afterEach(async () => {
  for (const writer of writers.splice(0)) await writer.close();
  vi.restoreAllMocks();
  for (const disk of disks.splice(0)) disk.remove();
  rmSync(folder, { recursive: true });
});

function site(kind: EngineKind) {
  const log = forwardLog((level, _fields, message) => logged.push(`${level} ${message}`));
  return { kind: kind.name, queueBytes: 262_144, ringBytes: 262_144, log } as const;
}

async function start(kind: EngineKind, settings: FileSettings = {}, at = path) {
  const writer = await FileWriter.open({ path: at, ...settings, ...site(kind) });
  writers.push(writer);
  return { writer, feed: openStreamFeed(kind, writer.target, 1) };
}

async function push(kind: EngineKind, feed: StreamFeed, records: readonly string[]): Promise<void> {
  const batch = filledBatch(kind, records);
  for (let at = 0; at < batch.records; ) {
    at = feed.push(batch, at, batch.records);
    if (at < batch.records) await sleep(1);
  }
}

async function drain(writer: FileWriter): Promise<void> {
  await until("everything is written", () => writer.drained());
}

function lines(name: string, count: number, size = 0): string[] {
  return Array.from({ length: count }, (_, i) => `${name} ${i} ${"x".repeat((i * 37) % (size + 1))}`);
}

async function handlePrototype(): Promise<FileHandle> {
  const handle = await open(folder, "r");
  await handle.close();
  return Object.getPrototypeOf(handle) as FileHandle;
}

/** Names of rotated files, oldest first. */
function rotated(of = path): string[] {
  const order = (name: string) => {
    const [, time = "", n = "0"] = /\.(\d{8}T\d{6}Z)(?:-(\d+))?/.exec(name) ?? [];
    return `${time}${n.padStart(8, "0")}`;
  };
  return readdirSync(dirname(of))
    .filter((name) => name.startsWith(`${basename(of)}.2`))
    .sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

function textOf(name: string): string {
  const bytes = readFileSync(join(dirname(path), name));
  if (name.endsWith(".gz")) return gunzipSync(bytes).toString();
  return (name.endsWith(".zst") ? zstdDecompressSync(bytes) : bytes).toString();
}

/** Of all files in the order in which they were written; fails where one ends within a record. */
function linesWritten(): string[] {
  const texts = [...rotated(), basename(path)].map(textOf);
  expect(texts.filter((text) => text !== "" && !text.endsWith("\n"))).toEqual([]);
  return texts.join("").split("\n").slice(0, -1);
}

const endings = { none: "Z(-\\d+)?$", gzip: "\\.gz$", zstd: "\\.zst$" } as const;

describe.each(engines())("a file writer on $name", (kind) => {
  it("makes the file and its folder for its owner's group at most, and appends", async () => {
    const { writer, feed } = await start(kind);
    await push(kind, feed, ["one"]);
    await drain(writer);
    expect(statSync(path).mode & 0o027).toBe(0);
    await writer.close();
    const again = await start(kind);
    await push(kind, again.feed, ["two"]);
    await drain(again.writer);
    expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
  });

  it.each(["none", "gzip", "zstd"] as const)(
    "holds every record of several producers once and whole over hundreds of rotations under load, compression %s",
    async (compress) => {
      const { writer, feed } = await start(kind, { compress, rotate: { maxBytes: 4000, keep: 100_000 } });
      const other = openStreamFeed(kind, writer.target, 2);
      const sent: Record<string, string[]> = { one: [], two: [] };
      const produce = async (name: "one" | "two", to: StreamFeed) => {
        const wanted = compress === "none" ? 200 : 100;
        for (let round = 0; round < 20_000 && rotated().length < wanted; round++) {
          const records = lines(`${name} ${round}`, 10, 100);
          sent[name]!.push(...records);
          await push(kind, to, records);
          await sleep(0);
        }
      };
      await Promise.all([produce("one", feed), produce("two", other)]);
      await drain(writer);
      await writer.settle();
      expect(rotated().filter((name) => !new RegExp(endings[compress]).test(name))).toEqual([]);
      const written = linesWritten();
      expect(written.filter((line) => line.startsWith("one "))).toEqual(sent.one);
      expect(written.filter((line) => line.startsWith("two "))).toEqual(sent.two);
      expect(written).toHaveLength(sent.one!.length + sent.two!.length);
      const { pushedRecords, writtenRecords, lostRecords } = writer.counts();
      expect([pushedRecords, writtenRecords, lostRecords]).toEqual([written.length, written.length, 0]);
      expect(logged).toEqual([]);
    },
  );

  it("keeps the newest rotated files and touches no other's", async () => {
    const { writer, feed } = await start(kind, { compress: "gzip", rotate: { maxBytes: 10, keep: 3 } });
    const foreign = [
      `${path}.1`,
      `${path}.bak`,
      `${path}.20200101T000000Z.txt`,
      join(folder, "logs", "app.logs.20200101T000000Z"),
    ];
    for (const name of foreign) writeFileSync(name, "theirs");
    for (let i = 0; i < 8; i++) {
      await push(kind, feed, [`record ${i} .`]);
      await drain(writer);
      await writer.settle();
    }
    expect(
      rotated()
        .filter((name) => !name.endsWith(".txt"))
        .map(textOf),
    ).toEqual(["record 5 .\n", "record 6 .\n", "record 7 .\n"]);
    expect(foreign.filter((name) => !existsSync(name))).toEqual([]);
    writer.configure({ rotate: { maxBytes: 10, keep: 0 } });
    await writer.settle();
    expect(rotated().filter((name) => !name.endsWith(".txt"))).toEqual([]);
  });

  it("rotates a file that is too old, and knows its age after a restart", async () => {
    mkdirSync(dirname(path));
    writeFileSync(path, "old\n");
    const hourAgo = Date.now() / 1000 - 3600;
    utimesSync(path, hourAgo, hourAgo);
    const rotate = { maxAgeMs: 1_800_000, keep: 5 };
    const first = await start(kind, { rotate });
    await first.writer.settle();
    expect(rotated().map(textOf)).toEqual(["old\n"]);
    await push(kind, first.feed, ["new"]);
    await drain(first.writer);
    await first.writer.close();
    const second = await start(kind, { rotate });
    await second.writer.settle();
    expect(rotated()).toHaveLength(1);
    expect(readFileSync(path, "utf8")).toBe("new\n");
  });

  it("does not rotate an empty file", async () => {
    const { writer } = await start(kind, { rotate: { maxAgeMs: 1 } });
    await sleep(5);
    await writer.settle();
    expect(rotated()).toEqual([]);
  });

  it("names a rotated file behind all others after the clock was set back", async () => {
    mkdirSync(dirname(path));
    writeFileSync(`${path}.29990101T000000Z-9.gz`, gzipSync("future\n"));
    const { writer, feed } = await start(kind, { rotate: { maxBytes: 1, keep: 1 } });
    await push(kind, feed, ["now"]);
    await drain(writer);
    await writer.settle();
    expect(rotated()).toEqual(["app.log.29990101T000000Z-10"]);
    expect(rotated().map(textOf)).toEqual(["now\n"]);
  });

  it("opens the path anew when another program has renamed the file, under load", async () => {
    const { writer, feed } = await start(kind);
    const sent = lines("record", 20_000, 100);
    const pushed = push(kind, feed, sent);
    for (let i = 1; i <= 20; i++) {
      renameSync(path, `${path}.${i}`);
      await writer.settle();
      expect(existsSync(path)).toBe(true);
      await sleep(1);
    }
    await pushed;
    await drain(writer);
    const texts = Array.from({ length: 20 }, (_, i) => readFileSync(`${path}.${i + 1}`, "utf8"));
    texts.push(readFileSync(path, "utf8"));
    expect(texts.filter((text) => text !== "" && !text.endsWith("\n"))).toEqual([]);
    expect(texts.join("")).toBe(sent.map((line) => `${line}\n`).join(""));
  });

  it("notices by itself that the file and its folder are gone", async () => {
    const { writer, feed } = await start(kind);
    rmSync(dirname(path), { recursive: true });
    await until("the file is back", () => existsSync(path));
    await writer.settle();
    await push(kind, feed, ["back"]);
    await drain(writer);
    expect(readFileSync(path, "utf8")).toBe("back\n");
  });

  it("goes on in a file that another program has cut to nothing", async () => {
    const { writer, feed } = await start(kind);
    await push(kind, feed, ["copied away"]);
    await drain(writer);
    writeFileSync(path, "");
    await push(kind, feed, ["after"]);
    await drain(writer);
    expect(readFileSync(path, "utf8")).toBe("after\n");
  });

  it.each(["always", "interval", "never"] as const)(
    "loses nothing in an orderly close with fsync %s",
    async (fsync) => {
      const { writer, feed } = await start(kind, {
        fsync,
        fsyncIntervalMs: 5,
        rotate: { maxBytes: 50_000, keep: 100 },
      });
      const sent = lines("record", 5000, 50);
      for (let i = 0; i < sent.length; i += 100) {
        await push(kind, feed, sent.slice(i, i + 100));
        await sleep(1);
      }
      await drain(writer);
      await writer.close();
      await writer.close();
      expect(linesWritten()).toEqual(sent);
      expect(writer.counts()).toMatchObject({ writtenRecords: 5000, lostRecords: 0 });
      expect(logged).toEqual([]);
    },
  );

  it("flushes what is written by itself, with fsync always and interval, and not with never", async () => {
    const flushes = vi.spyOn(await handlePrototype(), "datasync");
    for (const fsync of ["always", "interval"] as const) {
      const { writer, feed } = await start(kind, { fsync, fsyncIntervalMs: 20 }, join(folder, fsync));
      for (let i = 0; i < 2; i++) {
        flushes.mockClear();
        await push(kind, feed, ["x"]);
        await drain(writer);
        await until("it is flushed", () => flushes.mock.calls.length > 0);
      }
      // Nothing new, nothing to flush.
      await sleep(60);
      flushes.mockClear();
      await sleep(60);
      expect(flushes).not.toHaveBeenCalled();
      await writer.close();
    }
    flushes.mockClear();
    const { writer, feed } = await start(kind, { fsync: "never" }, join(folder, "never"));
    await push(kind, feed, ["x"]);
    await drain(writer);
    await writer.close();
    expect(flushes).not.toHaveBeenCalled();
  });

  it("says so when a flush fails, once a while, and flushes again what comes", async () => {
    const { feed } = await start(kind, { fsync: "always" });
    const flushes = vi
      .spyOn(await handlePrototype(), "datasync")
      .mockRejectedValue(new Error("EIO: i/o error, fdatasync"));
    await push(kind, feed, ["x"]);
    await until("it has been tried twice", () => flushes.mock.calls.length > 1);
    flushes.mockRestore();
    expect(logged).toEqual([expect.stringMatching(/^error .*fsync failed.*EIO/)]);
  });

  it("finishes at the next start what a crash has left of a compression", async () => {
    mkdirSync(dirname(path));
    const name = (n: number) => `${path}.2026010${n}T000000Z`;
    writeFileSync(name(1), "one\n");
    writeFileSync(`${name(1)}.gz.tmp`, "unfinished");
    writeFileSync(name(2), "two\n");
    writeFileSync(`${name(2)}.gz`, gzipSync("two\n"));
    const { writer } = await start(kind, { compress: "gzip" });
    await writer.settle();
    expect(rotated()).toEqual([`${basename(name(1))}.gz`, `${basename(name(2))}.gz`]);
    expect(rotated().map(textOf)).toEqual(["one\n", "two\n"]);
  });

  it("keeps the original of a compression that the close has cut short", async () => {
    mkdirSync(dirname(path));
    const big = `${path}.20260101T000000Z`;
    const text = lines("record", 200_000, 50).join("\n");
    writeFileSync(big, text);
    const { writer } = await start(kind, { compress: "zstd" });
    await until("the compression has begun", () => existsSync(`${big}.zst.tmp`) || existsSync(`${big}.zst`));
    await writer.close();
    expect(existsSync(`${big}.zst.tmp`)).toBe(false);
    expect(rotated()).toHaveLength(1);
    expect(textOf(rotated()[0]!)).toBe(text);
  });

  it("ends the line that a crash has cut short", async () => {
    mkdirSync(dirname(path));
    writeFileSync(path, "whole\ncut sho");
    const { writer, feed } = await start(kind);
    await push(kind, feed, ["next"]);
    await drain(writer);
    expect(readFileSync(path, "utf8")).toBe("whole\ncut sho\nnext\n");
  });

  it("goes on in the same file, and says so once, when it cannot be rotated", async () => {
    // With a time behind it the name is longer than names may be.
    const long = join(folder, "n".repeat(250));
    const { writer, feed } = await start(kind, { rotate: { maxBytes: 10 } }, long);
    for (let i = 0; i < 5; i++) {
      await push(kind, feed, [`record ${i} that is long enough`]);
      await drain(writer);
      await writer.settle();
    }
    expect(readFileSync(long, "utf8").split("\n")).toHaveLength(6);
    expect(logged).toHaveLength(1);
    expect(logged[0]).toMatch(/^error .*not rotated.*ENAMETOOLONG/);
  });

  it("refuses a path that is no file's, with the system's words", async () => {
    writeFileSync(join(folder, "file"), "");
    execFileSync("mkfifo", [join(folder, "pipe")]);
    for (const [at, what] of [
      [join(folder, "file", "below"), /ENOTDIR|EEXIST/],
      [folder, /no regular file/],
      [join(folder, "pipe"), /no regular file/],
      ["/proc/streamgate/x", /ENOENT|EACCES|EPERM/],
    ] as const)
      await expect(start(kind, {}, at)).rejects.toMatchObject({
        code: "SG_FILE",
        where: at,
        what: expect.stringMatching(what),
      });
  });

  it.skipIf(smallDisk.skip)(
    `waits for room on a full disk, says so once, and loses nothing${smallDisk.note}`,
    async () => {
      const disk = openSmallDisk(262_144);
      disks.push(disk);
      const at = join(disk.path, "app.log");
      writeFileSync(join(disk.path, "ballast"), Buffer.alloc(196_608));
      const { writer, feed } = await start(kind, {}, at);
      const sent = lines("record", 1500, 150);
      const pushed = push(kind, feed, sent);
      await until("it is told", () => logged.length > 0);
      await sleep(300);
      expect(logged).toEqual([expect.stringMatching(/^warn .*takes no records.*(No space|ENOSPC)/)]);
      expect(writer.counts().lostRecords).toBe(0);
      rmSync(join(disk.path, "ballast"));
      await pushed;
      await drain(writer);
      expect(readFileSync(at, "utf8")).toBe(sent.map((line) => `${line}\n`).join(""));
      await until("it is told", () => logged.length > 1);
      expect(logged[1]).toMatch(/^info .*again/);
    },
  );

  it.skipIf(smallDisk.skip)(
    `goes on in a new file when a full disk's file is removed, with the record that was cut${smallDisk.note}`,
    async () => {
      const disk = openSmallDisk(65_536);
      disks.push(disk);
      const at = join(disk.path, "app.log");
      const { writer, feed } = await start(kind, {}, at);
      const sent = lines("record", 1000, 150);
      const pushed = push(kind, feed, sent);
      await until("it is told", () => logged.length > 0);
      const kept = join(folder, "moved.log");
      // As an operator would make room. It is there when the writer has let go of the file that was removed.
      execFileSync("cp", [at, kept]);
      rmSync(at);
      await writer.settle();
      await pushed;
      await drain(writer);
      const before = readFileSync(kept, "utf8");
      const whole = before.slice(0, before.lastIndexOf("\n") + 1);
      expect(whole + readFileSync(at, "utf8")).toBe(sent.map((line) => `${line}\n`).join(""));
      expect(writer.counts()).toMatchObject({ writtenRecords: 1000, lostRecords: 0 });
    },
  );

  it.skipIf(smallDisk.skip)(
    `stays with its file, under its path, when there is no room for another${smallDisk.note}`,
    async () => {
      const disk = openSmallDisk(262_144, 2);
      disks.push(disk);
      const at = join(disk.path, "app.log");
      const { writer, feed } = await start(kind, { rotate: { maxBytes: 10 } }, at);
      for (const record of ["long enough 1", "long enough 2"]) {
        await push(kind, feed, [record]);
        await drain(writer);
        await writer.settle();
      }
      expect(rotated(at)).toEqual([]);
      expect(readFileSync(at, "utf8")).toBe("long enough 1\nlong enough 2\n");
      expect(logged).toEqual([expect.stringMatching(/^error .*not rotated.*ENOSPC/)]);
      disk.grow(10);
      await writer.settle();
      expect(rotated(at)).toHaveLength(1);
      expect(readFileSync(at, "utf8")).toBe("");
    },
  );
});

describe.each(engines())("the file writers of a process on $name", (kind) => {
  function openAll(): FileWriters {
    const all = new FileWriters(site(kind));
    writers.push(all);
    return all;
  }

  it("are one a file, by whatever name, and closed with the last who holds it", async () => {
    const files = openAll();
    mkdirSync(dirname(path));
    symlinkSync(dirname(path), join(folder, "link"));
    const [one, two] = await Promise.all([
      files.acquire({ path }),
      files.acquire({ path: join(folder, "link", "app.log") }),
    ]);
    expect(one.writer).toBe(two.writer);
    const feed = openStreamFeed(kind, one.writer.target, 1);
    await push(kind, feed, ["x"]);
    expect(await one.release()).toBeUndefined();
    expect(await one.release()).toBeUndefined();
    expect(files.open).toEqual([two.writer]);
    await push(kind, feed, ["y"]);
    expect(await two.release(5000)).toMatchObject({ pushedRecords: 2, writtenRecords: 2, lostRecords: 0 });
    expect(files.open).toEqual([]);
    expect(readFileSync(path, "utf8")).toBe("x\ny\n");
    const again = await files.acquire({ path });
    expect(again.writer).not.toBe(one.writer);
  });

  it("take the newest settings, and the former ones again when a reload was refused", async () => {
    const files = openAll();
    const before = await files.acquire({ path });
    const feed = openStreamFeed(kind, before.writer.target, 1);
    const refused = await files.acquire({ path, rotate: { maxBytes: 5 } });
    await refused.release();
    await push(kind, feed, ["long enough"]);
    await drain(before.writer);
    await before.writer.settle();
    expect(rotated()).toEqual([]);
    const after = await files.acquire({ path, rotate: { maxBytes: 5 } });
    await before.release();
    await after.writer.settle();
    expect(rotated()).toHaveLength(1);
  });

  it("hold nothing of a file that could not be opened", async () => {
    const files = openAll();
    await expect(files.acquire({ path: folder })).rejects.toMatchObject({ code: "SG_FILE" });
    expect(files.open).toEqual([]);
    await (await files.acquire({ path })).release();
  });
});
