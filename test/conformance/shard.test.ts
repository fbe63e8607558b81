/** Sharding on every engine: which worker owns a record, and that each record reaches its owner once and in order. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Batch } from "../../src/data/engine/batch.ts";
import type { Engine, EngineKind, Ring, Sharding } from "../../src/data/engine/engine.ts";
import { countCell, countCellsFixed, frameCells, runResult, stopCause } from "../../src/data/engine/layout.ts";
import type { Source } from "../../src/data/frame/source.ts";
import { createRingMemory } from "../../src/data/ring/layout.ts";
import { ShardHash } from "../../src/data/shard/hash.ts";
import { shardKey } from "../../src/data/shard/shard_key.ts";
import { parseShardBy } from "../../src/settings/shard_by.ts";
import { engines } from "./engines.ts";

const address = "192.0.2.7";
/** No key: by the source's address. */
const bySource: unique symbol = Symbol("by source");

interface Vector {
  readonly why: string;
  readonly by: string;
  readonly record: string | Buffer;
  /** The bytes that are hashed. */
  readonly key: string | Buffer | typeof bySource;
}

const json = (value: unknown) => JSON.stringify(value);
const otlp = { attributes: [{ key: "tenant", value: { stringValue: "blue" } }] };

const rfc5424 = '<165>1 2003-10-11T22:14:15.003Z web-01 su 77 ID47 [x@1 a="b\\"c" a="d"][x e.f=""] text';

const vectors: readonly Vector[] = [
  { why: "the source's address, its port left out", by: "source", record: "anything", key: bySource },
  { why: "an attribute", by: "attribute:tenant", record: json({ tenant: "blue", n: 1 }), key: "blue" },
  { why: "an attribute in one of its usual places", by: "attribute:tenant", record: json(otlp), key: "blue" },
  {
    why: "a nested attribute",
    by: "attribute:service.name",
    record: json({ resource: { attributes: { service: { name: "shop" } } } }),
    key: "shop",
  },
  { why: "an exact place", by: "attribute:/a/b", record: json({ b: "no", a: { b: "yes" } }), key: "yes" },
  { why: "an attribute decoded", by: "attribute:tenant", record: '{"tenant":"bl\\u0075e"}', key: "blue" },
  { why: "a number by its text", by: "attribute:tenant", record: '{"tenant": 1.50 }', key: "1.50" },
  { why: "null by its text", by: "attribute:tenant", record: '{"tenant":null}', key: "null" },
  { why: "an empty attribute", by: "attribute:tenant", record: '{"tenant":""}', key: "" },
  { why: "of duplicate keys the last", by: "attribute:tenant", record: '{"tenant":"a","tenant":"b"}', key: "b" },
  { why: "no such attribute", by: "attribute:tenant", record: '{"other":1}', key: bySource },
  { why: "an object in its place", by: "attribute:tenant", record: '{"tenant":{}}', key: bySource },
  { why: "a record that is no JSON", by: "attribute:tenant", record: "tenant=blue", key: bySource },
  { why: "a record that is broken JSON", by: "attribute:tenant", record: '{"tenant":"blue"', key: bySource },
  ...[
    ["severity", "notice"],
    ["facility", "local4"],
    ["version", "1"],
    ["time", "2003-10-11T22:14:15.003Z"],
    ["procid", "77"],
    ["msgid", "ID47"],
    ["sd.x@1.a", 'b"c'],
    ["sd.x.e.f", ""],
    ["sd.x.a", bySource] as const,
    ["message", "text"],
  ].map(([field, key]): Vector => ({ why: "RFC 5424", by: `syslog.${String(field)}`, record: rfc5424, key: key! })),
  { why: "a field of syslog as an attribute", by: "attribute:syslog.host", record: rfc5424, key: "web-01" },
  { why: "an attribute in a syslog record's JSON", by: "attribute:n", record: '<34>1 - h a - - - {"n":7}', key: "7" },
  ...(["host", "app"] as const).flatMap((field) =>
    syslog().map(
      ({ why, record, host, app }): Vector => ({
        why: `syslog.${field}: ${why}`,
        by: `syslog.${field}`,
        record,
        key: (field === "host" ? host : app) ?? bySource,
      }),
    ),
  ),
];

function syslog(): readonly { why: string; record: string | Buffer; host?: string; app?: string }[] {
  const text = "2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 - hello";
  return [
    { why: "RFC 5424", record: `<165>1 ${text}`, host: "mymachine.example.com", app: "evntslog" },
    { why: "RFC 5424, no time", record: "<34>1 - web-01 su 77 - - x", host: "web-01", app: "su" },
    { why: "RFC 5424, no host", record: "<34>1 - - su 77 - - x", app: "su" },
    { why: "RFC 5424, no app-name", record: "<34>1 - web-01 - 77 - - x", host: "web-01" },
    { why: "RFC 5424, version 12", record: `<165>12 ${text}`, host: "mymachine.example.com", app: "evntslog" },
    { why: "RFC 5424 that ends in the app-name", record: "<34>1 - web-01 su" },
    { why: "RFC 5424 with a broken time", record: "<34>1 yesterday web-01 su 77 - - x" },
    { why: "RFC 5424, host too long", record: `<34>1 - ${"h".repeat(256)} su 1 - - x`, app: "su" },
    {
      why: "RFC 5424, longest host",
      record: `<34>1 - ${"h".repeat(255)} su 1 - - x`,
      host: "h".repeat(255),
      app: "su",
    },
    {
      why: "RFC 5424, longest app-name",
      record: `<34>1 - h ${"a".repeat(48)} 1 - - x`,
      host: "h",
      app: "a".repeat(48),
    },
    { why: "RFC 5424, app-name too long", record: `<34>1 - h ${"a".repeat(49)} 1 - - x`, host: "h" },
    {
      why: "bytes that are no ASCII in the host",
      record: Buffer.from("<34>1 - h\xe9 su 1 - - x", "latin1"),
      app: "su",
    },
    { why: "RFC 3164", record: "<34>Oct 11 22:14:15 mymachine su: 'su root' failed", host: "mymachine", app: "su" },
    {
      why: "RFC 3164 with a process id",
      record: "<34>Oct  1 22:14:15 web-01 sshd[99]: x",
      host: "web-01",
      app: "sshd",
    },
    { why: "RFC 3164, one digit for the day", record: "<0>Feb 5 17:32:18 h cron[1]: x", host: "h", app: "cron" },
    {
      why: "RFC 3164 with a fraction",
      record: "<34>Oct 11 22:14:15.123 h postfix/smtpd[1]: x",
      host: "h",
      app: "postfix/smtpd",
    },
    {
      why: "RFC 3164 header with an ISO time",
      record: "<34>2024-05-01T10:00:00.1+02:00 h app: x",
      host: "h",
      app: "app",
    },
    { why: "RFC 3164 without a tag", record: "<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!", host: "10.0.0.99" },
    { why: "RFC 3164 without a host", record: "<13>Feb  5 17:32:18 su: failed", app: "su" },
    { why: "RFC 3164 without a host, with a process id", record: "<13>Feb  5 17:32:18 su[12]: failed", app: "su" },
    {
      why: "RFC 3164 with an IPv6 host",
      record: "<13>Feb  5 17:32:18 2001:db8::1 su: x",
      host: "2001:db8::1",
      app: "su",
    },
    { why: "RFC 3164 that ends in the host", record: "<13>Feb  5 17:32:18 web-01", host: "web-01" },
    {
      why: "RFC 3164 with two spaces before the host",
      record: "<13>Feb  5 17:32:18  web-01 su: x",
      host: "web-01",
      app: "su",
    },
    { why: "a fraction without digits", record: "<34>Oct 11 22:14:15. h su: x", host: "h", app: "su" },
    { why: "no time", record: "<34>web-01 su: x" },
    { why: "a month that is none", record: "<34>Okt 11 22:14:15 h su: x" },
    { why: "a priority that is too large", record: "<192>Oct 11 22:14:15 h su: x" },
    { why: "a priority of four digits", record: "<0034>Oct 11 22:14:15 h su: x" },
    { why: "a priority without digits", record: "<>Oct 11 22:14:15 h su: x" },
    { why: "no priority", record: "Oct 11 22:14:15 h su: x" },
    { why: "a priority alone", record: "<34>" },
    { why: "text", record: "GET / 200" },
  ];
}

/** As many workers as there may be: a wrong key is then seldom right by chance. */
const workers = 32;

function expectedOwner(bytes: Uint8Array): number {
  const hash = new ShardHash();
  hash.take(bytes, 0, bytes.length);
  return hash.owner(workers);
}

function sharding(by: string, memories: readonly SharedArrayBuffer[], self: number): Sharding {
  return { key: shardKey(parseShardBy(by))!, self, rings: memories, producer: self };
}

/** The worker whose ring a record comes to lie in. */
function ownerOf(kind: EngineKind, by: string, record: string | Buffer, source: Source): number {
  const memories = Array.from({ length: workers }, () => createRingMemory(65_536, 16));
  const engine = kind.createEngine();
  engine.shard(sharding(by, memories, 3));
  const framer = kind.createFramer({ kind: "newline" }, 65_536, source, new Float64Array(frameCells));
  const chunk = Buffer.concat([Buffer.from(record), Buffer.from("\n")]);
  expect(engine.pushChunk(framer, chunk, 0, 1)).toBe(chunk.length);
  expect(engine.stoppedBy).toBe(stopCause.none);
  const found = memories.flatMap((memory, i) => (kind.openRing(memory, 0).isEmpty() ? [] : [i]));
  engine.close();
  expect(found).toHaveLength(1);
  return found[0]!;
}

describe("the hash of a key", () => {
  // Computed apart, with 64-bit integers. A change of any of these moves every user's keys.
  it.each([
    ["", "efd01f60ba992926"],
    ["a", "82a2a958a9bece5b"],
    ["checkout", "5f263ed75df33484"],
    ["web-01", "4f8e71ebe87bf8f5"],
  ])("%j stays what it was", (key, value) => {
    const hash = new ShardHash();
    hash.take(Buffer.from(key), 0, key.length);
    expect(hash.value.toString(16)).toBe(value);
  });

  it("spreads keys evenly, and a worker more takes its share from all others and moves nothing else", () => {
    const hash = new ShardHash();
    const owner = (key: string, count: number) => {
      const bytes = Buffer.from(key);
      hash.take(bytes, 0, bytes.length);
      return hash.owner(count);
    };
    const keys = Array.from({ length: 20_000 }, (_, i) => `host-${i}.example.com`);
    for (const count of [1, 2, 4, 7]) {
      const shares = new Array(count + 1).fill(0);
      for (const key of keys) {
        const [before, after] = [owner(key, count), owner(key, count + 1)];
        if (after !== before) expect(after).toBe(count);
        shares[after]++;
      }
      for (const share of shares) expect(share / (keys.length / (count + 1))).toBeCloseTo(1, 0.6);
    }
  });
});

for (const kind of engines()) {
  describe(`sharding on ${kind.name}`, () => {
    it.each(vectors)("by $by: $why", ({ by, record, key }) => {
      const bytes = key === bySource ? Buffer.from([192, 0, 2, 7]) : Buffer.from(key);
      expect(ownerOf(kind, by, record, { transport: "tcp", address, port: 1 })).toBe(expectedOwner(bytes));
    });

    it("takes an IPv4 address mapped to IPv6 for the same source, another port too", () => {
      const owner = expectedOwner(Buffer.from([192, 0, 2, 7]));
      expect(ownerOf(kind, "source", "x", { transport: "udp", address: `::ffff:${address}`, port: 2 })).toBe(owner);
    });

    it("by source: IPv6 by its 16 bytes, and an unknown source by none", () => {
      const six = Buffer.from("20010db8000000000000000000000001", "hex");
      expect(ownerOf(kind, "source", "x", { transport: "tcp", address: "2001:db8::1" })).toBe(expectedOwner(six));
      expect(ownerOf(kind, "source", "x", { transport: "tcp" })).toBe(expectedOwner(Buffer.alloc(0)));
    });

    it("runs and pushes every record once and in order per key, whatever is full, and whatever the chunks", () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 4 }),
          fc.array(fc.record({ key: fc.integer({ min: 0, max: 5 }), bytes: fc.nat(3000) }), { maxLength: 120 }),
          fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 8 }),
          fc.integer({ min: 1, max: 20 }),
          fc.boolean(),
          (count, records, chunks, batchRecords, pushes) => {
            const cluster = new Cluster(kind, count, batchRecords);
            const sent = records.map(({ key, bytes }, i) => `{"tenant":"t${key}","n":${i}}${" ".repeat(bytes)}`);
            cluster.send(Buffer.from(sent.join("\n")), chunks, pushes);
            expect(cluster.received.flat().toSorted()).toEqual(sent.toSorted());
            for (let key = 0; key <= 5; key++) {
              const ofKey = (lines: readonly string[]) =>
                lines.filter((line) => line.startsWith(`{"tenant":"t${key}"`));
              const homes = cluster.received.filter((lines) => ofKey(lines).length > 0);
              expect(homes.length).toBeLessThanOrEqual(1);
              expect(ofKey(homes.flat())).toEqual(ofKey(sent));
            }
            expect(cluster.receivedRecords).toBe(sent.length);
            cluster.close();
          },
        ),
        { numRuns: 60 },
      );
    });

    it("gathers the records of a chunk into one block an owner", () => {
      const memories = Array.from({ length: 2 }, () => createRingMemory(1 << 20, 100));
      const engine = kind.createEngine();
      engine.shard(sharding("attribute:tenant", memories, 0));
      const framer = kind.createFramer({ kind: "newline" }, 65_536, { transport: "tcp" }, new Float64Array(frameCells));
      const lines = Array.from({ length: 500 }, (_, i) => `{"tenant":"t${i % 50}"}\n`).join("");
      engine.pushChunk(framer, Buffer.from(lines), 0, 1);
      const rings = memories.map((memory) => kind.openRing(memory, 5));
      expect(rings.map((ring) => ring.blocks)).toEqual([1, 1]);
      engine.close();
    });

    it("settles a group that it gave back before anything that has come behind it since", () => {
      const memories = [16, 1, 16].map((slots) => createRingMemory(65_536, slots));
      const engine = kind.createEngine();
      engine.shard(sharding("attribute:tenant", memories, 0));
      const framer = kind.createFramer({ kind: "newline" }, 65_536, { transport: "tcp" }, new Float64Array(frameCells));
      const lines = (from: number, to: number) =>
        Array.from({ length: to - from }, (_, i) => `{"tenant":"t${(from + i) % 6}","n":${from + i}}\n`).join("");
      // The second ring has one slot, which the first call takes.
      expect(engine.pushChunk(framer, Buffer.from(lines(0, 20)), 0, 1)).toBe(lines(0, 20).length);
      expect(engine.pushChunk(framer, Buffer.from(lines(20, 40)), 0, 1)).toBe(0);
      expect(engine.stoppedBy).toBe(stopCause.ringFull);
      const received = memories.map((memory, i) => {
        const ring = kind.openRing(memory, i);
        return { ring, lines: [] as string[], worker: new Worker(kind) };
      });
      const drain = () => {
        for (const { ring, lines, worker } of received) lines.push(...worker.take(ring));
      };
      drain();
      // The same bytes and more.
      for (let at = 0; at < lines(20, 60).length; drain())
        at = engine.pushChunk(framer, Buffer.from(lines(20, 60)), at, 1);
      drain();
      const all = lines(0, 60).trimEnd().split("\n");
      expect(received.flatMap(({ lines }) => lines).toSorted()).toEqual(all.toSorted());
      for (const { lines } of received) expect(lines).toEqual(all.filter((line) => lines.includes(line)));
      engine.close();
    });

    it("refuses memory that is no ring, and a push that is not sharded", () => {
      const engine = kind.createEngine();
      const misfit = expect.objectContaining({ code: "SG_LAYOUT" });
      expect(() => engine.shard(sharding("source", [new SharedArrayBuffer(100)], 0))).toThrow(misfit);
      const framer = kind.createFramer({ kind: "newline" }, 1000, { transport: "tcp" }, new Float64Array(frameCells));
      expect(() => engine.pushChunk(framer, Buffer.from("x\n"), 0, 0)).toThrow(misfit);
      expect(() => engine.pushEnd(framer, 0)).toThrow(misfit);
    });
  });
}

/** Runs what a ring holds, unchanged. */
class Worker {
  readonly #engine: Engine;
  readonly #batch = new Batch(1000, 65_536);

  constructor(kind: EngineKind) {
    this.#engine = kind.createEngine();
    this.#engine.use(kind.prepare({ rules: [], operations: [] }), new Float64Array(countCellsFixed));
    this.#engine.attach(this.#batch);
  }

  take(ring: Ring): string[] {
    while (this.#engine.runBlock(ring) !== runResult.empty) {}
    const lines = this.#batch.slice(0, this.#batch.records).toString().split("\n").slice(0, -1);
    this.#batch.clear();
    return lines;
  }
}

/** Workers in one thread: worker 0 receives, all run; batches and rings are small, so everything is full again and again. */
class Cluster {
  readonly received: string[][];
  readonly #kind: EngineKind;
  readonly #engines: Engine[];
  readonly #rings: Ring[];
  readonly #batches: Batch[];
  readonly #counts: Float64Array[];
  readonly #batchRecords: number;

  constructor(kind: EngineKind, count: number, batchRecords: number) {
    this.#kind = kind;
    this.#batchRecords = batchRecords;
    const memories = Array.from({ length: count }, () => createRingMemory(65_536, 16));
    this.received = memories.map(() => []);
    this.#rings = memories.map((memory, i) => kind.openRing(memory, i));
    this.#counts = memories.map(() => new Float64Array(countCellsFixed));
    this.#batches = memories.map(() => new Batch(batchRecords, 10_000));
    this.#engines = memories.map((_, i) => {
      const engine = kind.createEngine();
      engine.use(kind.prepare({ rules: [], operations: [] }), this.#counts[i]!);
      engine.attach(this.#batches[i]!);
      engine.shard(sharding("attribute:tenant", memories, i));
      return engine;
    });
  }

  get receivedRecords(): number {
    return this.#counts.reduce((sum, counts) => sum + counts[countCell.receivedRecords]!, 0);
  }

  /** @param pushes every other call puts worker 0's own records into its ring as well, as when its outputs are full */
  send(bytes: Buffer, sizes: readonly number[], pushes: boolean): void {
    const engine = this.#engines[0]!;
    const framer = this.#kind.createFramer(
      { kind: "newline" },
      8192,
      { transport: "tcp" },
      new Float64Array(frameCells),
    );
    let call = 0;
    /** One attempt; then whatever stopped it gets room. */
    const attempt = (run: () => boolean, push: () => boolean): boolean => {
      // What waits in its own ring is older: it runs first, as in a worker.
      const waits = !this.#rings[0]!.isEmpty();
      const pushing = waits || (pushes && call++ % 2 === 0);
      const done = pushing ? push() : run();
      expect(done).toBe(engine.stoppedBy === stopCause.none);
      if (engine.stoppedBy === stopCause.batchFull) this.#rotate(0);
      if (engine.stoppedBy === stopCause.ringFull) this.#drain(1);
      if (call % 3 === 0) this.#drain(1);
      return done;
    };
    let from = 0;
    for (const size of [...sizes, Number.POSITIVE_INFINITY]) {
      const chunk = Buffer.from(bytes.subarray(from, from + size));
      from += chunk.length;
      let at = 0;
      const step = (call: "runChunk" | "pushChunk") => () => {
        at = engine[call](framer, chunk, at, 1);
        return at === chunk.length && engine.stoppedBy === stopCause.none;
      };
      while (!attempt(step("runChunk"), step("pushChunk"))) {}
    }
    while (
      !attempt(
        () => engine.runEnd(framer, 1),
        () => engine.pushEnd(framer, 1),
      )
    ) {}
    this.#drain(Number.POSITIVE_INFINITY);
    for (let i = 0; i < this.#engines.length; i++) this.#rotate(i);
    framer.close();
  }

  close(): void {
    for (const engine of this.#engines) engine.close();
  }

  /** Every worker runs up to so many blocks of its ring. */
  #drain(blocks: number): void {
    this.#engines.forEach((engine, i) => {
      for (let done = 0; done < blocks; ) {
        const result = engine.runBlock(this.#rings[i]!);
        if (result === runResult.empty) break;
        if (result === runResult.batchFull) this.#rotate(i);
        else done++;
      }
    });
  }

  #rotate(worker: number): void {
    const batch = this.#batches[worker]!;
    for (let i = 0; i < batch.records; i++)
      this.received[worker]!.push(
        batch
          .slice(i, i + 1)
          .toString()
          .slice(0, -1),
      );
    const fresh = new Batch(this.#batchRecords, Math.max(10_000, this.#engines[worker]!.needBytes));
    this.#batches[worker] = fresh;
    this.#engines[worker]!.attach(fresh);
  }
}
