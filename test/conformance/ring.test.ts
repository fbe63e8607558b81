/**
 * The ring, on every engine and between engines: order, wrap, full, waiting, abandoned claims; and many producers in
 * threads. Both engines read and write the same memory, so each pair of producer and consumer is tried.
 */

import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { Batch } from "../../src/data/engine/batch.ts";
import type { EngineKind, Ring } from "../../src/data/engine/engine.ts";
import { countCell, countCellsFixed, frameCells, runResult } from "../../src/data/engine/layout.ts";
import { blockHeader, blockKind, createRingMemory, ringHeader } from "../../src/data/ring/layout.ts";
import { hasCommitted, notify, waitForBlocks } from "../../src/data/ring/wait.ts";
import { Collector, engines, framerOf } from "./engines.ts";
import { LinesChecked } from "./ring_lines.ts";

/** Consumes a ring by an engine whose plan does nothing. */
class Consumer {
  readonly ring: Ring;
  readonly counts = new Float64Array(countCellsFixed);
  readonly #engine;
  readonly #out = new Collector(64, 4096);

  constructor(kind: EngineKind, memory: SharedArrayBuffer) {
    this.ring = kind.openRing(memory, 63);
    this.#engine = kind.createEngine();
    this.#engine.use(kind.prepare({ rules: [], operations: [] }), this.counts);
    this.#engine.attach(this.#out.batch);
  }

  /** Takes one block. @returns whether there was one */
  take(): boolean {
    for (;;) {
      const result = this.#engine.runBlock(this.ring);
      if (result === runResult.empty) return false;
      const full = result === runResult.batchFull;
      this.#out.take(full ? this.#engine.needBytes : 0);
      this.#engine.attach(this.#out.batch);
      if (!full) return true;
    }
  }

  /** Takes everything that is there. @returns all records since the start */
  drain(): string[] {
    while (this.take()) {}
    return this.records;
  }

  get records(): string[] {
    return this.#out.records.map(String);
  }
}

interface Push {
  ring: Ring;
  /** Pushes whole lines. @returns how many bytes the ring took */
  (lines: string, from?: number): number;
}

function producer(kind: EngineKind, memory: SharedArrayBuffer, number = 0): Push {
  const ring = kind.openRing(memory, number);
  const framer = framerOf(kind, { kind: "newline" });
  return Object.assign((lines: string, from = 0) => ring.pushChunk(framer, Buffer.from(lines), from, 1234), { ring });
}

const cursorLow = (memory: SharedArrayBuffer, field: "head" | "tail") =>
  new Uint32Array(memory)[ringHeader.offsets[field] / 4]!;
const cell64 = (memory: SharedArrayBuffer, field: keyof typeof ringHeader.offsets) =>
  Number(new BigUint64Array(memory, 0, ringHeader.bytes / 8)[ringHeader.offsets[field] / 8]!);

for (const from of engines()) {
  for (const to of engines()) {
    describe(`a ring from ${from.name} to ${to.name}`, () => {
      it("brings records in order and keeps its counts", () => {
        const memory = createRingMemory(65_536, 100);
        const push = producer(from, memory);
        const consumer = new Consumer(to, memory);
        expect(consumer.ring.isEmpty()).toBe(true);
        expect(push("one\r\ntwo\n\nthree\n")).toBe(16);
        expect(consumer.ring.isEmpty()).toBe(false);
        expect(consumer.ring.blocks).toBe(1);
        expect(cell64(memory, "pushedRecords")).toBe(3);
        expect(cell64(memory, "pushedBytes")).toBe(11);
        expect(consumer.drain()).toEqual(["one", "two", "three"]);
        expect(cell64(memory, "takenRecords")).toBe(3);
        expect(cell64(memory, "takenBytes")).toBe(11);
        expect(consumer.ring.isEmpty()).toBe(true);
        expect(consumer.ring.bytes).toBe(0);
        expect(consumer.ring.blocks).toBe(0);
      });

      it("leaves nothing but zeroes behind what was taken", () => {
        const memory = createRingMemory(65_536, 100);
        const push = producer(from, memory);
        const consumer = new Consumer(to, memory);
        for (let i = 0; i < 200; i++) {
          push(`${"x".repeat((i * 977) % 3000)}\n`);
          consumer.drain();
        }
        expect(Buffer.from(memory, ringHeader.bytes).every((byte) => byte === 0)).toBe(true);
      });

      it("stops at the number of slots and goes on where it stopped", () => {
        const memory = createRingMemory(65_536, 2);
        const push = producer(from, memory);
        const consumer = new Consumer(to, memory);
        expect(push("a\n")).toBe(2);
        expect(push("b\n")).toBe(2);
        expect(push("c\nd\n")).toBe(0);
        expect(consumer.take()).toBe(true);
        expect(push("c\nd\n")).toBe(4);
        expect(consumer.drain()).toEqual(["a", "b", "c", "d"]);
      });

      it("stops when the bytes are used up, with no record lost or repeated, its losses booked once", () => {
        const memory = createRingMemory(65_536, 1000);
        const losses = new Float64Array(frameCells);
        const ring = from.openRing(memory, 0);
        const framer = from.createFramer({ kind: "newline" }, 2000, { transport: "tcp" }, losses);
        const consumer = new Consumer(to, memory);
        const lines = Array.from({ length: 300 }, (_, i) => `${i} ${"-".repeat((i * 131) % 3000)}`);
        const chunk = Buffer.from(`${lines.join("\n")}\n`);
        let at = 0;
        let stops = 0;
        while (at < chunk.length) {
          at = ring.pushChunk(framer, chunk, at, 0);
          stops++;
          consumer.take();
        }
        expect(stops).toBeGreaterThan(3);
        expect(consumer.drain()).toEqual(lines.map((line) => line.slice(0, 2000)));
        expect(losses[4]).toBe(lines.filter(({ length }) => length > 2000).length);
        expect(losses[1]).toBe(lines.reduce((sum, { length }) => sum + Math.max(0, length - 2000), 0));
      });

      it("takes a block of more than half the ring wherever the tail stands", () => {
        for (const before of [0, 1, 3, 7]) {
          const memory = createRingMemory(65_536, 1000);
          const push = producer(from, memory);
          const consumer = new Consumer(to, memory);
          const expected: string[] = [];
          for (let i = 0; i < before; i++) {
            push(`${"y".repeat(5000)}\n`);
            expected.push("y".repeat(5000));
            consumer.drain();
          }
          const long = "z".repeat(60_000);
          for (let tries = 0; push(`${long}\n`) === 0; tries++) {
            expect(tries).toBeLessThan(3);
            consumer.drain();
          }
          expect(consumer.drain()).toEqual([...expected, long]);
        }
      });

      it("carries an unfinished record to the end of its stream", () => {
        const memory = createRingMemory(65_536, 1);
        const ring = from.openRing(memory, 0);
        const framer = framerOf(from, { kind: "newline" });
        const consumer = new Consumer(to, memory);
        expect(ring.pushChunk(framer, Buffer.from("a\nb"), 0, 0)).toBe(3);
        expect(ring.pushEnd(framer, 0)).toBe(false);
        expect(consumer.take()).toBe(true);
        expect(ring.pushEnd(framer, 0)).toBe(true);
        expect(ring.pushEnd(framer, 0)).toBe(true);
        expect(consumer.drain()).toEqual(["a", "b"]);
      });

      it("goes on with a block whose records did not fit one batch", () => {
        const memory = createRingMemory(65_536, 10);
        const push = producer(from, memory);
        const consumer = new Consumer(to, memory);
        const lines = Array.from({ length: 500 }, (_, i) => `${i}${".".repeat(i % 50)}`);
        push(`${lines.join("\n")}\n`);
        expect(consumer.drain()).toEqual(lines);
        expect(consumer.counts[countCell.receivedRecords]).toBe(500);
      });

      it("pushes a batch's records as they lie", () => {
        const memory = createRingMemory(65_536, 4);
        const consumer = new Consumer(to, memory);
        const ring = from.openRing(memory, 0);
        const batch = batchOf(from, ["a", "bb", "", "ccc", "d".repeat(30_000), "e".repeat(30_000), "f".repeat(30_000)]);
        let next = 1;
        while (next < batch.records) {
          const reached = ring.pushBatch(batch, next, batch.records);
          next = reached;
          consumer.drain();
        }
        expect(consumer.records.map(({ length }) => length)).toEqual([2, 0, 3, 30_000, 30_000, 30_000]);
      });

      it("writes the block as the layout says", () => {
        const memory = createRingMemory(65_536, 10);
        const ring = from.openRing(memory, 7);
        const framer = from.createFramer(
          { kind: "newline" },
          1000,
          { transport: "tcp", address: "2001:db8::5", port: 514 },
          new Float64Array(frameCells),
        );
        ring.pushChunk(framer, Buffer.from("ab\nc\n"), 0, 1_700_000_000_123);
        const view = new DataView(memory, ringHeader.bytes);
        const at = blockHeader.offsets;
        expect(view.getInt32(at.length, true)).toBe(64 + 8 + 8);
        expect(view.getUint16(at.kind, true)).toBe(blockKind.records);
        expect(view.getUint16(at.producer, true)).toBe(7);
        expect(view.getUint32(at.epoch, true)).toBe(0);
        expect(view.getUint32(at.records, true)).toBe(2);
        expect(view.getUint32(at.bodyBytes, true)).toBe(5);
        expect(view.getUint8(at.transport)).toBe(0);
        expect(view.getUint8(at.family)).toBe(6);
        expect(view.getUint16(at.port, true)).toBe(514);
        expect(view.getFloat64(at.receivedAtMs, true)).toBe(1_700_000_000_123);
        const address = Buffer.from(memory, ringHeader.bytes + at.address, 16).toString("hex");
        expect(address).toBe("20010db8000000000000000000000005");
        expect([view.getUint32(64, true), view.getUint32(68, true)]).toEqual([2, 1]);
        expect(Buffer.from(memory, ringHeader.bytes + 72, 5).toString()).toBe("ab\nc\n");
      });

      it("skips the claim of a producer that died while it filled its block", () => {
        const memory = createRingMemory(65_536, 10);
        const push = producer(from, memory, 1);
        const consumer = new Consumer(to, memory);
        push("before\n");
        const at = cursorLow(memory, "tail") * 8;
        push("dies\n");
        // As the producer left it: claimed and not committed.
        const words = new Int32Array(memory, ringHeader.bytes + at);
        words[0] = -words[0]!;
        push("after\n");
        expect(consumer.drain()).toEqual(["before"]);
        expect(consumer.ring.skipAbandoned(false)).toBe(false);
        Atomics.add(new Uint32Array(memory), ringHeader.offsets.producerEpochs / 4 + 1, 1);
        expect(consumer.ring.skipAbandoned(false)).toBe(true);
        expect(consumer.drain()).toEqual(["before", "after"]);
        expect(cell64(memory, "abandonedClaims")).toBe(1);
        expect(cell64(memory, "abandonedBytes")).toBe(64 + 8 + 8);
        expect(consumer.ring.isEmpty()).toBe(true);
        expect(consumer.ring.skipAbandoned(true)).toBe(false);
      });

      it("skips a claim that was never written, when told to, up to the next one and at the tail", () => {
        for (const more of [true, false]) {
          const memory = createRingMemory(65_536, 10);
          const push = producer(from, memory);
          const consumer = new Consumer(to, memory);
          push("before\n");
          // A producer that died right behind its compare-and-set: 160 bytes claimed, nothing written.
          const tail = new BigUint64Array(memory, 0, ringHeader.bytes / 8);
          tail[ringHeader.offsets.tail / 8]! += (1n << 32n) + 20n;
          if (more) push("after\n");
          expect(consumer.drain()).toEqual(["before"]);
          expect(consumer.ring.skipAbandoned(false)).toBe(false);
          // The first look only remembers it: a living producer may be about to write.
          expect(consumer.ring.skipAbandoned(true)).toBe(false);
          expect(consumer.ring.skipAbandoned(true)).toBe(true);
          expect(consumer.drain()).toEqual(more ? ["before", "after"] : ["before"]);
          expect(cell64(memory, "abandonedBytes")).toBe(160);
          expect(consumer.ring.isEmpty()).toBe(true);
          expect(consumer.ring.blocks).toBe(0);
          push("again\n");
          expect(consumer.drain().at(-1)).toBe("again");
        }
      });

      it("passes by no claim that came after the first look at a dead one, though nothing is written in it yet", () => {
        const memory = createRingMemory(65_536, 10);
        const push = producer(from, memory);
        const consumer = new Consumer(to, memory);
        const tail = new BigUint64Array(memory, 0, ringHeader.bytes / 8);
        const claim = () => {
          tail[ringHeader.offsets.tail / 8]! += (1n << 32n) + 20n;
        };
        claim();
        expect(consumer.ring.skipAbandoned(true)).toBe(false);
        // A living producer between its exchange and its first store, and behind it a block.
        claim();
        push("after\n");
        expect(consumer.ring.skipAbandoned(true)).toBe(true);
        expect(cell64(memory, "abandonedBytes")).toBe(160);
        expect(cursorLow(memory, "head") * 8).toBe(160);
        expect(consumer.drain()).toEqual([]);
        expect(consumer.ring.skipAbandoned(true)).toBe(false);
        expect(consumer.ring.skipAbandoned(true)).toBe(true);
        expect(consumer.drain()).toEqual(["after"]);
        expect(consumer.ring.isEmpty()).toBe(true);
        expect(consumer.ring.blocks).toBe(0);
      });

      it("behaves as a bounded queue, whatever is pushed and taken", () => {
        fc.assert(
          fc.property(
            fc.integer({ min: 1, max: 12 }),
            fc.array(
              fc.oneof(
                fc.record({ lines: fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 6 }) }),
                fc.constant("take" as const),
              ),
              { maxLength: 60 },
            ),
            (slots, actions) => {
              const memory = createRingMemory(65_536, slots);
              const push = producer(from, memory);
              const consumer = new Consumer(to, memory);
              const model: string[] = [];
              let number = 0;
              for (const action of actions) {
                if (action === "take") consumer.take();
                else {
                  const lines = action.lines.map((size) => `${number++} ${"x".repeat(size)}`);
                  const text = `${lines.join("\n")}\n`;
                  const took = push(text);
                  const whole = text.slice(0, took);
                  expect(whole === "" || whole.endsWith("\n")).toBe(true);
                  model.push(...whole.split("\n").filter((line) => line !== ""));
                  expect(push.ring.blocks).toBeLessThanOrEqual(slots);
                  expect(push.ring.bytes).toBeLessThanOrEqual(65_536);
                }
                expect(cell64(memory, "pushedRecords")).toBeGreaterThanOrEqual(cell64(memory, "takenRecords"));
              }
              expect(consumer.drain()).toEqual(model);
              expect(consumer.ring.isEmpty()).toBe(true);
            },
          ),
          { numRuns: 100 },
        );
      });
    });
  }
}

function batchOf(kind: EngineKind, records: readonly string[]): Batch {
  const engine = kind.createEngine();
  engine.use(kind.prepare({ rules: [], operations: [] }), new Float64Array(countCellsFixed));
  const batch = new Batch(100, 1 << 20);
  engine.attach(batch);
  const framer = framerOf(kind, { kind: "length32" });
  for (const record of records) {
    // An empty record comes only from a rule; here one is made by hand.
    if (record === "") {
      const entry = 16 + batch.records * 4;
      batch.words[entry] = batch.bytes;
      batch.words[entry + 1] = 0;
      batch.data[batch.bytes] = 0x0a;
      batch.words[2]! += 1;
      batch.words[3]! += 1;
      continue;
    }
    const frame = Buffer.alloc(4 + record.length);
    frame.writeUInt32BE(record.length);
    frame.write(record, 4);
    engine.runChunk(framer, frame, 0, 0);
  }
  return batch;
}

describe("memory that is no ring", () => {
  for (const kind of engines()) {
    it(`is refused by ${kind.name}`, () => {
      const good = createRingMemory(65_536, 10);
      expect(() => kind.openRing(new SharedArrayBuffer(100), 0)).toThrow(
        expect.objectContaining({ code: "SG_LAYOUT" }),
      );
      expect(() => kind.openRing(new SharedArrayBuffer(good.byteLength), 0)).toThrow(/ring/);
      expect(() => kind.openRing(good, 64)).toThrow(expect.objectContaining({ code: "SG_LAYOUT" }));
      const ring = kind.openRing(good, 0);
      ring.close();
      ring.close();
      expect(() => ring.pushChunk(framerOf(kind, { kind: "newline" }), Buffer.from("a\n"), 0, 0)).toThrow(/closed/);
    });
  }
});

describe("waiting for blocks", () => {
  for (const kind of engines()) {
    it(`ends when ${kind.name} pushes`, async () => {
      const memory = createRingMemory(65_536, 10);
      const waiting = waitForBlocks(memory);
      expect(hasCommitted(memory)).toBe(false);
      producer(kind, memory)("a\n");
      // The native engine leaves the wake-up to its caller.
      if (kind.name === "native") notify(memory);
      await waiting;
      expect(hasCommitted(memory)).toBe(true);
    });
  }

  it("ends at once when a block is there", async () => {
    const memory = createRingMemory(65_536, 10);
    producer(engines()[0]!, memory)("a\n");
    await waitForBlocks(memory);
    await waitForBlocks(memory);
    expect(hasCommitted(memory)).toBe(true);
  });

  it("ends by notify and by its time limit", async () => {
    const memory = createRingMemory(65_536, 10);
    const waiting = waitForBlocks(memory);
    notify(memory);
    await waiting;
    await waitForBlocks(memory, 1);
    expect(hasCommitted(memory)).toBe(false);
  });
});

/** Consumes a ring and looks at each record once, keeping none. */
class CheckingConsumer {
  readonly ring: Ring;
  readonly lines: LinesChecked;
  readonly #engine;
  readonly #batch = new Batch(4096, 1 << 20);

  constructor(kind: EngineKind, memory: SharedArrayBuffer, producers: number) {
    this.ring = kind.openRing(memory, 63);
    this.lines = new LinesChecked(producers);
    this.#engine = kind.createEngine();
    this.#engine.use(kind.prepare({ rules: [], operations: [] }), new Float64Array(countCellsFixed));
    this.#engine.attach(this.#batch);
  }

  drain(): void {
    for (let result: number = runResult.done; result !== runResult.empty; ) {
      result = this.#engine.runBlock(this.ring);
      if (result === runResult.done) continue;
      const text = this.#batch.slice(0, this.#batch.records).toString("latin1");
      for (const record of text.split("\n").slice(0, -1)) this.lines.check(record);
      this.#batch.clear();
      this.#engine.attach(this.#batch);
    }
  }
}

/** How many times the usual number of blocks: STREAMGATE_STRESS=10 makes it millions. */
const stress = Number(process.env.STREAMGATE_STRESS ?? 1);

describe("many producers in threads", () => {
  const workers: Worker[] = [];
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
  });

  function start(workerData: object): Worker {
    const worker = new Worker(new URL("./ring_producer.ts", import.meta.url), { workerData });
    workers.push(worker);
    return worker;
  }

  const shapes = [
    { name: "50 lines a block, 64 slots", linesPerChunk: 50, bytes: 65_536, slots: 64, lines: 20_000 },
    { name: "a line a block", linesPerChunk: 1, bytes: 1 << 20, slots: 10_000, lines: 40_000 },
  ];
  for (const to of engines()) {
    it.each(shapes)(`keep the order of each, and lose nothing, with ${to.name} taking: $name`, async (shape) => {
      const memory = createRingMemory(shape.bytes, shape.slots);
      const each = shape.lines * stress;
      // Every engine produces, twice.
      const producers = [...engines(), ...engines()].map(({ name }) => name);
      const consumer = new CheckingConsumer(to, memory, producers.length);
      const ended = producers.map((engine, number) => {
        const worker = start({ memory, number, engine, lines: each, linesPerChunk: shape.linesPerChunk });
        return new Promise<void>((resolve, reject) => {
          worker.once("error", reject);
          worker.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`producer ended with ${code}`))));
        });
      });
      let running = true;
      const all = Promise.all(ended).finally(() => {
        running = false;
        notify(memory);
      });
      while (running) {
        consumer.drain();
        await waitForBlocks(memory, 20);
      }
      await all;
      consumer.drain();
      expect(consumer.lines.due).toEqual(producers.map(() => each));
      expect(cell64(memory, "pushedRecords")).toBe(producers.length * each);
      expect(cell64(memory, "takenRecords")).toBe(producers.length * each);
      expect(cell64(memory, "abandonedClaims")).toBe(0);
    });

    it(`go on when one is terminated at any moment, with ${to.name} taking`, async () => {
      const seed = Number(process.env.STREAMGATE_SEED ?? Date.now() % 1_000_000);
      for (let round = 0; round < 2 * stress; round++) {
        const memory = createRingMemory(65_536, 64);
        const producers = engines().flatMap(({ name }) => [name, name]);
        const consumer = new CheckingConsumer(to, memory, producers.length);
        const threads = producers.map((engine, number) =>
          start({ memory, number, engine, lines: Number.MAX_SAFE_INTEGER, linesPerChunk: 1 }),
        );
        // One dies after another, each when so many lines of all have come; the last leave nothing unread.
        let dead = 0;
        let killAt = 500 + ((seed + round * 7919) % 1013);
        let ended: Promise<unknown> | undefined;
        let stuckSince: number | undefined;
        let head = -1;
        for (;;) {
          consumer.drain();
          while (consumer.ring.skipAbandoned(false)) consumer.drain();
          const taken = consumer.lines.due.reduce((sum, due) => sum + due, 0);
          if (ended === undefined && dead < threads.length && taken >= killAt) {
            const number = dead;
            ended = threads[number]!.terminate().then(() => {
              // As the supervisor does: only when the thread is gone.
              Atomics.add(new Uint32Array(memory), ringHeader.offsets.producerEpochs / 4 + number, 1);
              dead++;
              killAt = taken + 500 + ((seed + dead * 104_729) % 1013);
              ended = undefined;
            });
          }
          if (dead === threads.length && consumer.ring.isEmpty()) break;
          // A claim that nobody wrote: looked at now, and again a second later.
          if (cursorLow(memory, "head") !== head || consumer.ring.isEmpty()) {
            head = cursorLow(memory, "head");
            stuckSince = undefined;
          } else if (dead > 0 && stuckSince === undefined) {
            stuckSince = performance.now();
            consumer.ring.skipAbandoned(true);
          } else if (stuckSince !== undefined && performance.now() - stuckSince > 1000) {
            consumer.ring.skipAbandoned(true);
            stuckSince = undefined;
          }
          await waitForBlocks(memory, 5);
        }
        // Each claim of the dead at most once, and everything that came was whole and in order.
        expect(cell64(memory, "abandonedClaims"), `seed ${seed}`).toBeLessThanOrEqual(producers.length);
        const taken = consumer.lines.due.reduce((sum, due) => sum + due, 0);
        expect(cell64(memory, "takenRecords"), `seed ${seed}`).toBe(taken);
        expect(Buffer.from(memory, ringHeader.bytes).every((byte) => byte === 0)).toBe(true);
        workers.splice(0);
      }
    });
  }
});
