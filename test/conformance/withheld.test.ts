/** What a rule cannot finish is handed out as received, with its rule, cause, time and source: on every engine to the byte, and none twice. */

import { describe, expect, it } from "vitest";
import type { EngineKind } from "../../src/data/engine/engine.ts";
import { countCell, countCellsOf, frameCells, quarantineCause, runResult } from "../../src/data/engine/layout.ts";
import { readWithheld, Withheld } from "../../src/data/engine/withheld.ts";
import { createRingMemory } from "../../src/data/ring/layout.ts";
import { Collector, engines, framerOf, planOf, type Step } from "./engines.ts";

/** Grows every `a` ninefold: 13,108 of them are over four times the record and 64 KiB. */
const grows: Step = { name: "replacePattern", args: ["a", "bbbbbbbbb"] };
/** 32,769 matches in as many bytes are over 2³⁰. */
const wide: Step = { name: "replacePattern", args: ["Z+?", "z"], limited: true };
const plan = planOf([{ name: "dropLiteral", args: ["DEBUG"] }, grows, wide]);
const long = (n: number) => `${n}-${"a".repeat(13_200 + n)}`;
const many = `Z${"Z".repeat(32_768)}`;
const records = ["one", long(1), "DEBUG", many, long(2), "two", long(3), "three"];
const input = Buffer.from(records.map((record) => `${record}\n`).join(""));
const receivedAtMs = 1_700_000_000_123;
const source = { transport: "tcp", address: "192.0.2.7", port: 4711 } as const;

interface Taken {
  readonly entries: Buffer[];
  readonly passed: string[];
  readonly counts: Float64Array;
  /** How often the engine stopped for want of room among what is withheld. */
  stops: number;
}

/** Runs the input through a buffer of this size, over chunks or over a ring. */
function withhold(kind: EngineKind, bytesMax: number, way: "chunk" | "block" | "end", batchBytes = 1 << 16): Taken {
  const engine = kind.createEngine();
  const prepared = kind.prepare(plan);
  const taken: Taken = { entries: [], passed: [], counts: new Float64Array(countCellsOf(plan)), stops: 0 };
  const out = new Collector(256, batchBytes);
  let withheld = new Withheld(bytesMax);
  engine.use(prepared, taken.counts);
  engine.attach(out.batch);
  engine.attachWithheld(withheld);
  const take = () => {
    if (withheld.bytes > 0) taken.entries.push(Buffer.from(withheld.entries));
    withheld.clear();
  };
  const whenFull = () => {
    const { needBytes } = withheld;
    if (needBytes === 0) {
      out.take(engine.needBytes);
      engine.attach(out.batch);
      return;
    }
    expect(engine.needBytes).toBe(0);
    taken.stops++;
    take();
    if (needBytes <= withheld.bytesMax) return;
    withheld = new Withheld(needBytes);
    engine.attachWithheld(withheld);
  };
  const framing = { kind: "newline" } as const;
  const framer = kind.createFramer(framing, 1 << 20, source, new Float64Array(frameCells));
  if (way === "block") {
    const ring = kind.openRing(createRingMemory(1 << 20, 100), 0);
    expect(ring.pushChunk(framer, input, 0, receivedAtMs)).toBe(input.length);
    for (let result = engine.runBlock(ring); result !== runResult.empty; result = engine.runBlock(ring))
      if (result === runResult.batchFull) whenFull();
    ring.close();
  } else {
    const chunk = way === "end" ? Buffer.from(input.subarray(0, -1)) : Buffer.from(input);
    for (let at = 0; at < chunk.length; ) {
      at = engine.runChunk(framer, chunk, at, receivedAtMs);
      if (at < chunk.length) whenFull();
    }
    while (!engine.runEnd(framer, receivedAtMs)) whenFull();
  }
  take();
  out.take(0);
  taken.passed.push(...out.records.map(String));
  engine.close();
  prepared.close();
  return taken;
}

const expected = [
  { rule: 1, cause: quarantineCause.outputLimit, record: long(1) },
  { rule: 2, cause: quarantineCause.matchLimit, record: many },
  { rule: 1, cause: quarantineCause.outputLimit, record: long(2) },
  { rule: 1, cause: quarantineCause.outputLimit, record: long(3) },
];

for (const kind of engines()) {
  describe(`what is withheld on ${kind.name}`, () => {
    for (const way of ["chunk", "block"] as const)
      it(`comes whole and in order from a ${way}, with rule, cause, time and source`, () => {
        const { entries, passed, stops } = withhold(kind, 1 << 20, way);
        expect(stops).toBe(0);
        const read = [...readWithheld(Buffer.concat(entries))];
        expect(read.map(({ rule, cause, record }) => ({ rule, cause, record: record.toString() }))).toEqual(expected);
        for (const one of read) expect(one).toMatchObject({ receivedAtMs, transport: "tcp", address: "192.0.2.7" });
        expect(passed).toEqual(["one", "two", "three"]);
      });

    it.each(["chunk", "block", "end"] as const)(
      "stops a %s where there is no room, and goes on with nothing lost, doubled or counted twice",
      (way) => {
        const whole = withhold(kind, 1 << 20, way);
        // None fits; one small one fits; one large one; a batch that is full as well.
        for (const [bytes, batchBytes] of [
          [0, 1 << 16],
          [14_000, 1 << 16],
          [40_000, 1 << 16],
          [14_000, 1],
        ] as const) {
          const { entries, passed, counts, stops } = withhold(kind, bytes, way, batchBytes);
          expect(stops).toBeGreaterThan(0);
          expect(Buffer.concat(entries).equals(Buffer.concat(whole.entries)), `${bytes} bytes`).toBe(true);
          expect(passed).toEqual(whole.passed);
          expect(counts).toEqual(whole.counts);
          expect(counts[countCell.receivedRecords]).toBe(records.length);
        }
      },
    );

    it("is counted and kept nowhere while nothing is attached", () => {
      const counts = new Float64Array(countCellsOf(plan));
      const engine = kind.createEngine();
      const prepared = kind.prepare(plan);
      const out = new Collector(256, 1 << 16);
      engine.use(prepared, counts);
      engine.attach(out.batch);
      expect(engine.runChunk(framerOf(kind, { kind: "newline" }), Buffer.from(input), 0, 0)).toBe(input.length);
      expect(counts[countCell.quarantinedMatchLimitRecords]! + counts[countCell.quarantinedOutputLimitRecords]!).toBe(
        4,
      );
      engine.close();
      prepared.close();
    });
  });
}

it("every engine withholds the same bytes", () => {
  const all = engines().map((kind) => Buffer.concat(withhold(kind, 14_000, "chunk").entries));
  for (const entries of all) expect(entries.equals(all[0]!)).toBe(true);
});
