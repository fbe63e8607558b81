/** The quarantine on disk: what is sealed comes back whole with its key and not without, and what is damaged costs no more than itself. */

import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { needsSmallDisk, openSmallDisk } from "../../../test/fixtures/small_disk.ts";
import { temporaryDirectory } from "../../../test/fixtures/temporary_directory.ts";
import { until } from "../../../test/fixtures/wait.ts";
import { StreamGateError } from "../../errors.ts";
import { forwardLog } from "../../telemetry/log.ts";
import { Batch } from "../engine/batch.ts";
import { countCellsOf, frameCells, quarantineCause } from "../engine/layout.ts";
import { portableKind } from "../engine/portable/kind.ts";
import { readWithheld, Withheld } from "../engine/withheld.ts";
import { QuarantineAccount } from "./account.ts";
import { segmentHeader } from "./format.ts";
import { type KeeperSite, QuarantineKeeper } from "./keeper.ts";
import { keyFileName, openKeys, readKeys } from "./key.ts";
import { cutUnfinished, removeGroups } from "./removal.ts";
import { answerTo, ask } from "./request.ts";
import { type FoundGroup, type FoundSegment, scanQuarantine } from "./scan.ts";
import { QuarantineStore } from "./store.ts";

/** Entries as an engine withholds them: each record by the rule that grows it over its limit. */
function entriesOf(...records: string[]): Buffer {
  const kind = portableKind();
  const plan = {
    rules: [{ id: "grow", type: "redact", class: "protect" as const }],
    operations: [
      {
        name: "replacePattern" as const,
        rule: 0,
        flags: 0,
        args: [Buffer.from("^"), Buffer.from("b".repeat(100_000))],
      },
    ],
  };
  const withheld = new Withheld(1 << 20);
  const engine = kind.createEngine();
  const prepared = kind.prepare(plan);
  engine.use(prepared, new Float64Array(countCellsOf(plan)));
  engine.attach(new Batch(16, 1 << 20));
  engine.attachWithheld(withheld);
  const source = { transport: "udp", address: "2001:db8::1" } as const;
  const framer = kind.createFramer({ kind: "newline" }, 1 << 20, source, new Float64Array(frameCells));
  engine.runChunk(framer, Buffer.from(`${records.join("\n")}\n`), 0, 1_700_000_000_000);
  expect(withheld.records).toBe(records.length);
  return Buffer.from(withheld.entries);
}

const rules = [{ id: "grow" }];
const outputLimit = quarantineCause.outputLimit;
const secret = "4111 1111 1111 1111 of somebody";

async function scanned(directory: string): Promise<FoundSegment[]> {
  const segments: FoundSegment[] = [];
  for await (const segment of scanQuarantine(directory)) segments.push(segment);
  return segments;
}

function groups(segments: readonly FoundSegment[]): FoundGroup[] {
  return segments.flatMap(({ found }) => found.filter((one) => one.kind === "group"));
}

async function rig(bytesMax = 1 << 20) {
  const root = temporaryDirectory("quarantine");
  const directory = join(root, "quarantine");
  const keys = await openKeys(root);
  const account = new QuarantineAccount();
  const lines: string[] = [];
  const log = forwardLog((level, fields, message) => lines.push(`${level} ${message} ${JSON.stringify(fields)}`));
  const place = { directory, key: keys.current, account: account.memory, bytesMax };
  const store = new QuarantineStore(place, log);
  const put = (...records: string[]) => store.put({ entries: entriesOf(...records), rules, timeMs: 1 });
  return { root, directory, keys, account, lines, log, store, put, place };
}

describe("a group of the quarantine", () => {
  it("comes back with its key as it went, and says without one which rule withheld it, why and when", async () => {
    const { directory, keys, put, store, account } = await rig();
    expect(put(secret, "another").kept).toBe(true);
    expect(put("third").kept).toBe(true);
    store.rotate();
    expect(put("in the next segment").kept).toBe(true);
    store.rotate();
    const found = groups(await scanned(directory));
    expect(found.map(({ id }) => id.replace(/^[0-9a-f]{8}/, ""))).toEqual(["-0", "-1", "-0"]);
    expect(new Set(found.map(({ id }) => id)).size).toBe(3);
    expect(found[0]!.group).toMatchObject({
      records: 2,
      recordBytes: secret.length + 7,
      firstMs: 1_700_000_000_000,
      lastMs: 1_700_000_000_000,
      meta: { rules: ["grow"], held: [{ rule: 0, cause: "output_limit", records: 2, bytes: secret.length + 7 }] },
    });
    const read = [...readWithheld(found[0]!.open(keys) as Buffer)];
    expect(read.map(({ record }) => record.toString())).toEqual([secret, "another"]);
    expect(read[0]).toMatchObject({ rule: 0, cause: outputLimit, transport: "udp", address: "2001:db8:0:0:0:0:0:1" });
    expect(account.held).toMatchObject({ groups: 3, records: 4 });
    const disk = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
    expect(account.held.diskBytes).toBe(disk);
  });

  it("leaves no plain byte of its records, their source or the key in the file, which is for its owner alone", async () => {
    const { directory, keys, put, store } = await rig();
    put(secret);
    store.rotate();
    for (const name of readdirSync(directory)) {
      const bytes = readFileSync(join(directory, name));
      for (const plain of [
        Buffer.from("4111"),
        Buffer.from("somebody"),
        Buffer.from("20010db8", "hex"),
        Buffer.from(keys.current.bytes),
      ])
        expect(bytes.includes(plain)).toBe(false);
      expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
    }
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });

  it("is not believed when any one byte of it, of its description or of its segment's header was changed", async () => {
    const { directory, keys, put, store } = await rig();
    put("short");
    store.rotate();
    const [segment] = await scanned(directory);
    const { path } = segment!;
    const whole = readFileSync(path);
    let refused = 0;
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed[at]! ^= 0x01;
      writeFileSync(path, changed);
      const [found] = groups(await scanned(directory));
      const opened = found?.open(keys);
      expect(Buffer.isBuffer(opened), `byte ${at}`).toBe(false);
      refused++;
    }
    expect(refused).toBe(whole.length);
    writeFileSync(path, whole);
    expect(Buffer.isBuffer(groups(await scanned(directory))[0]!.open(keys))).toBe(true);
  });

  it("cannot be put in another's place: neither within its segment nor from another one", async () => {
    const { directory, keys, put, store } = await rig();
    put("first ");
    put("second");
    store.rotate();
    const [{ path, found }] = (await scanned(directory)) as [FoundSegment];
    const [one, two] = found as FoundGroup[];
    const file = readFileSync(path);
    const bytesOf = ({ group: { offset, bytes } }: FoundGroup) => file.subarray(offset, offset + bytes);
    const swapped = Buffer.concat([file.subarray(0, segmentHeader.bytes), bytesOf(two!), bytesOf(one!)]);
    writeFileSync(path, swapped);
    // Moved, each is still itself: its number says which it is.
    expect(groups(await scanned(directory)).map(({ id }) => id)).toEqual([two!.id, one!.id]);
    // Renumbered, it is nobody.
    const renumbered = Buffer.from(bytesOf(two!));
    bytesOf(one!).copy(renumbered, 8, 8, 12);
    writeFileSync(path, Buffer.concat([file.subarray(0, segmentHeader.bytes), renumbered]));
    expect(groups(await scanned(directory))[0]!.open(keys)).toBe("changed");
  });

  it("is not opened by another key, and by an older one while the key file has it", async () => {
    const { root, directory, keys, put, store } = await rig();
    put(secret);
    store.rotate();
    const path = join(root, keyFileName);
    const old = readFileSync(path, "utf8");
    writeFileSync(path, `${Buffer.alloc(32, 7).toString("base64")}\n`);
    const [found] = groups(await scanned(directory));
    expect(found!.open(await readKeys(root))).toBe("no_key");
    expect(found!.open(undefined)).toBe("no_key");
    writeFileSync(path, `${old}${Buffer.alloc(32, 7).toString("base64")}\n`);
    const rotated = (await readKeys(root))!;
    expect(rotated.current.id).not.toBe(keys.current.id);
    expect(Buffer.isBuffer(found!.open(rotated))).toBe(true);
  });

  it("is the only one that goes when its file is damaged or torn, wherever", async () => {
    const { root, directory, keys, put, store, log } = await rig();
    for (const record of ["zero", "one", "two"]) put(record);
    store.rotate();
    const [{ path, found }] = (await scanned(directory)) as [FoundSegment];
    const [, one, two] = found as FoundGroup[];
    const whole = readFileSync(path);
    // A header that is overwritten hides one group, and no other.
    const overwritten = Buffer.from(whole);
    overwritten.fill(0xff, one!.group.offset, one!.group.offset + 20);
    writeFileSync(path, overwritten);
    const left = groups(await scanned(directory));
    expect(left.map(({ group }) => group.number)).toEqual([0, 2]);
    for (const group of left) expect(Buffer.isBuffer(group.open(keys))).toBe(true);
    // Killed at any byte of the last group: a start cuts it off, and counts it.
    for (const end of [two!.group.offset + 1, two!.group.offset + 50, whole.length - 1]) {
      writeFileSync(path, whole);
      truncateSync(path, end);
      const keeper = await QuarantineKeeper.open({ root, bytesMax: 1 << 20, ageMsMax: 0, log });
      expect(keeper.status).toMatchObject({ groups: 2, records: 2, damaged: 1, diskBytes: two!.group.offset });
      expect(statSync(path).size).toBe(two!.group.offset);
    }
    const again = await QuarantineKeeper.open({ root, bytesMax: 1 << 20, ageMsMax: 0, log });
    expect(again.status).toMatchObject({ groups: 2, damaged: 0 });
    // Of a segment of which not even the header was written nothing stays.
    truncateSync(path, 30);
    expect(await cutUnfinished((await scanned(directory))[0]!)).toBe(30);
    expect(existsSync(path)).toBe(false);
  });

  it("goes for good when it is removed, and the others stay readable", async () => {
    const { directory, keys, put, store, account } = await rig();
    for (const record of ["zero", "one", "two"]) put(record);
    store.rotate();
    const [segment] = (await scanned(directory)) as [FoundSegment];
    const [zero, one, two] = segment.found as FoundGroup[];
    const sealed = readFileSync(segment.path).subarray(one!.group.offset, one!.group.offset + one!.group.bytes);
    account.removed(await removeGroups(segment, (id) => id === one!.id));
    expect(readFileSync(segment.path).includes(sealed.subarray(-40))).toBe(false);
    const left = groups(await scanned(directory));
    expect(left.map(({ id }) => id)).toEqual([zero!.id, two!.id]);
    for (const group of left) expect(Buffer.isBuffer(group.open(keys))).toBe(true);
    expect(account.held).toMatchObject({ groups: 2, records: 2, diskBytes: statSync(segment.path).size });
    account.removed(await removeGroups((await scanned(directory))[0]!, () => true));
    expect(account.held).toEqual({ groups: 0, records: 0, bytes: 0, diskBytes: 0 });
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe("a quarantine that cannot take a record", () => {
  it("is full at its bound and not a byte later, for all workers together, and has room again when something went", async () => {
    const { place, log, put, store, account, directory, lines } = await rig();
    put("a");
    const { diskBytes } = account.held;
    const group = diskBytes - segmentHeader.bytes;
    const other = new QuarantineStore({ ...place, bytesMax: 2 * diskBytes + group }, log);
    const from = (record: string) => other.put({ entries: entriesOf(record), rules, timeMs: 1 });
    expect([from("b").kept, from("c").kept]).toEqual([true, true]);
    expect(account.held.diskBytes).toBe(2 * diskBytes + group);
    const { kept, amounts } = from("d");
    expect([kept, [...amounts]]).toEqual([false, [[outputLimit, { records: 1, bytes: 1 }]]]);
    expect(lines.filter((line) => line.startsWith("error") && line.includes("QUARANTINE_MAX_BYTES"))).toHaveLength(1);
    store.rotate();
    const [segment] = await scanned(directory);
    account.removed(await removeGroups(segment!, () => true));
    expect(from("e").kept).toBe(true);
  });

  it("says so where the directory cannot be written, and takes records again when it can", async () => {
    const { directory, put, lines, account } = await rig();
    writeFileSync(directory, "in its place");
    expect(put(secret).kept).toBe(false);
    expect(account.held).toEqual({ groups: 0, records: 0, bytes: 0, diskBytes: 0 });
    expect(lines.some((line) => line.startsWith("error") && /EEXIST|ENOTDIR/.test(line))).toBe(true);
    expect(lines.join()).not.toContain("4111");
    const { rmSync } = await import("node:fs");
    rmSync(directory);
    expect(put(secret).kept).toBe(true);
  });

  it.skipIf(needsSmallDisk().skip)(
    `loses nothing that it had when the disk is full${needsSmallDisk().note}`,
    async () => {
      const disk = openSmallDisk(64 * 1024);
      try {
        const { keys, place, log } = await rig();
        const directory = join(disk.path, "quarantine");
        mkdirSync(directory);
        const account = new QuarantineAccount();
        const store = new QuarantineStore({ ...place, directory, account: account.memory }, log);
        let kept = 0;
        let refused = 0;
        for (let n = 0; refused < 3; n++) {
          if (store.put({ entries: entriesOf(`${n} ${"x".repeat(5000)}`), rules, timeMs: 1 }).kept) kept++;
          else refused++;
        }
        store.rotate();
        const found = groups(await scanned(directory));
        expect(found).toHaveLength(kept);
        for (const group of found) expect(Buffer.isBuffer(group.open(keys))).toBe(true);
        expect(account.held.groups).toBe(kept);
      } finally {
        disk.remove();
      }
    },
  );
});

describe("the keeper", () => {
  const nobody: KeeperSite = {
    rotate: async () => {},
    protecting: () => new Set(["grow"]),
    release: async () => ({ why: "not here" }),
  };

  it("lets groups go that are older than they may be, and keeps the others", async () => {
    const { root, put, store, log, lines } = await rig();
    put("received in 2023");
    store.put({ entries: Buffer.from(entriesOf("new")).fill(0, 0, 8), rules, timeMs: Date.now() });
    store.rotate();
    const keeper = await QuarantineKeeper.open({ root, bytesMax: 1 << 20, ageMsMax: 3_600_000, log });
    keeper.start(nobody);
    await until("the old one went", () => keeper.status.expired === 1);
    await keeper.close();
    expect(keeper.status).toMatchObject({ groups: 1, records: 1, bytes: 3 });
    expect(lines.join()).toContain("QUARANTINE_MAX_DAYS");
  });

  it("releases only what a rule that runs would hold, opens it for whoever runs it, and keeps it until that was done", async () => {
    const { root, directory, put, store, log } = await rig();
    put("first", "second");
    store.rotate();
    const keeper = await QuarantineKeeper.open({ root, bytesMax: 1 << 20, ageMsMax: 0, log });
    let protecting: Set<string> | undefined;
    let result: { withheldAgain: number } | { why: string } = { why: "the outputs take nothing now" };
    const seen: string[][] = [];
    keeper.start({
      ...nobody,
      protecting: () => protecting,
      release: async ({ entries }) => {
        seen.push([...readWithheld(entries)].map(({ record }) => record.toString()));
        return result;
      },
    });
    const [{ id }] = groups(await scanned(directory)) as [FoundGroup];
    const release = async () =>
      answerTo(directory, await ask(directory, { do: "release", groups: [id, "gone-0"] }), 10_000);
    const missing = { id: "gone-0", why: "there is no such group" };
    const left = (why: string) => ({
      done: [],
      withheldAgain: 0,
      left: [{ id, why: expect.stringContaining(why) }, missing],
    });
    expect(await release()).toEqual(left("no published manifest"));
    protecting = new Set(["another"]);
    expect(await release()).toEqual(left("rule grow does not run"));
    expect(seen).toEqual([]);
    protecting = new Set(["grow"]);
    expect(await release()).toEqual(left("the outputs take nothing now"));
    expect(keeper.status).toMatchObject({ groups: 1, released: 0 });
    result = { withheldAgain: 0 };
    expect(await release()).toEqual({ done: [id], withheldAgain: 0, left: [missing] });
    expect(keeper.status).toMatchObject({ groups: 0, records: 0, bytes: 0, diskBytes: 0, released: 2 });
    expect(seen).toEqual([
      ["first", "second"],
      ["first", "second"],
    ]);
    await keeper.close();
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe("the key file", () => {
  it("is made once, for its owner alone, with 32 random bytes", async () => {
    const [one, two] = [temporaryDirectory("quarantine"), temporaryDirectory("quarantine")];
    const keys = await openKeys(one);
    const text = readFileSync(join(one, keyFileName), "utf8");
    expect(text).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
    expect(statSync(join(one, keyFileName)).mode & 0o777).toBe(0o600);
    expect((await openKeys(one)).current).toEqual({ ...keys.current, bytes: Buffer.from(keys.current.bytes) });
    expect(readFileSync(join(one, keyFileName), "utf8")).toBe(text);
    expect((await openKeys(two)).current.id).not.toBe(keys.current.id);
    expect(readdirSync(one)).toEqual([keyFileName]);
  });

  it.each([0o640, 0o604, 0o620, 0o601])("is refused with mode %o, with the way out", async (mode) => {
    const root = temporaryDirectory("quarantine");
    await openKeys(root);
    chmodSync(join(root, keyFileName), mode);
    const error = await openKeys(root).catch((error: unknown) => error as StreamGateError);
    expect(error).toMatchObject({ code: "SG_QUARANTINE_KEY", what: expect.stringContaining(mode.toString(8)) });
    expect((error as StreamGateError).fix).toContain("chmod 600");
  });

  it.each([
    "",
    "\n",
    "short\n",
    `${Buffer.alloc(31).toString("base64")}\n`,
    `${"A".repeat(44)}\n`,
    `${Buffer.alloc(33, 1).toString("base64")}\n`,
  ])("is refused when it holds %j, and the error does not repeat it", async (text) => {
    const root = temporaryDirectory("quarantine");
    writeFileSync(join(root, keyFileName), text, { mode: 0o600 });
    const error = (await openKeys(root).catch((error: unknown) => error)) as StreamGateError;
    expect(error).toBeInstanceOf(StreamGateError);
    expect(error.code).toBe("SG_QUARANTINE_KEY");
    if (text.trim() !== "") expect(error.message).not.toContain(text.trim());
    expect(readFileSync(join(root, keyFileName), "utf8")).toBe(text);
  });
});
