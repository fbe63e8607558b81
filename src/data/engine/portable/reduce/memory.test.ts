/** What rules remember, whatever comes: bounded memory, and every record that was cut told once. The native twin is held to this one by test/conformance/reduce.test.ts. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Scratch } from "../match/replace.ts";
import { Dedupe } from "./dedupe.ts";
import { none } from "./key_table.ts";
import type { RuleMemory } from "./rule_memory.ts";
import { Throttle, token } from "./throttle.ts";

const memoryBytes = 65_536;
/** Entries of 92 bytes in half of the memory. */
const entries = Math.floor(memoryBytes / 2 / 92);

const story = fc.array(
  fc.record({
    key: fc.oneof(fc.nat(5), fc.nat(2000)),
    bytes: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constantFrom(124, 125, 8192, 8193)),
    afterMs: fc.constantFrom(0, 0, 0, 1, 50, 2000, -500),
    settled: fc.boolean(),
  }),
  { maxLength: 2000 },
);

/** What has been told, in records and bytes. */
class Told {
  records = 0;
  bytes = 0;

  readonly memory: RuleMemory;

  constructor(memory: RuleMemory) {
    this.memory = memory;
  }

  tell(index: number): void {
    const out = new Scratch();
    this.memory.write(index, Buffer.from("text"), out);
    const [, records, bytes] = /\((?:repeated|throttled) (\d+) times from .*, (\d+) bytes, rule r\)$/.exec(
      String(out.bytes),
    )!;
    this.records += Number(records);
    this.bytes += Number(bytes);
    this.memory.told(index);
  }

  due(nowMs: number): void {
    for (let index = this.memory.due(nowMs); index !== none; index = this.memory.due(nowMs)) this.tell(index);
  }

  room(): void {
    while (!this.memory.hasRoom) this.tell(this.memory.oldest);
  }

  rest(): void {
    while (this.memory.oldest !== none) this.tell(this.memory.oldest);
  }
}

describe("what rules remember", () => {
  it("dedupe tells each record that it cut once, and cuts only what it has seen in its window", () => {
    fc.assert(
      fc.property(story, (records) => {
        const memory = new Dedupe("r", 1000, memoryBytes, 3n);
        const told = new Told(memory);
        const seenAt = new Map<number, number>();
        const cut = { records: 0, bytes: 0 };
        let nowMs = 1e12;
        for (const { key, bytes, afterMs, settled } of records) {
          nowMs += afterMs;
          told.due(nowMs);
          told.room();
          const text = Buffer.alloc(bytes, 0x78);
          const repeats = memory.repeats(7, key);
          if (repeats) expect(Math.abs(nowMs - seenAt.get(key)!)).toBeLessThan(3000);
          if (repeats) {
            memory.settle(text, 0, bytes, nowMs, true);
            cut.records++;
            cut.bytes += bytes;
          } else if (settled) {
            memory.settle(text, 0, bytes, nowMs, false);
            seenAt.set(key, nowMs);
          }
        }
        told.rest();
        expect({ records: told.records, bytes: told.bytes }).toEqual(cut);
      }),
      { numRuns: 60 },
    );
  });

  it("dedupe keeps as many keys as fit its memory, and no more", () => {
    const memory = new Dedupe("r", 1000, memoryBytes, 3n);
    for (let key = 0; key < 3 * entries; key++) {
      expect(memory.hasRoom).toBe(true);
      memory.repeats(1, key);
      memory.settle(Buffer.alloc(0), 0, 0, 0, false);
    }
    const known = Array.from({ length: 3 * entries }, (_, key) => memory.repeats(1, key));
    expect(known.indexOf(true)).toBe(2 * entries);
    expect(known.filter(Boolean).length).toBe(entries);
  });

  it("throttle lets no key have more than its burst and its rate, and tells each record that it cut once", () => {
    fc.assert(
      fc.property(story, fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 20 }), (records, perMs, burst) => {
        const memory = new Throttle("r", 1000, memoryBytes, 3n, (perMs * token) / 1000, burst * token);
        const told = new Told(memory);
        let cut = 0;
        let passed = 0;
        const startMs = 1e12;
        let nowMs = startMs;
        for (const { bytes, afterMs } of records) {
          nowMs += Math.max(0, afterMs);
          told.due(nowMs);
          told.room();
          const cuts = memory.cuts(9, 9, 1, nowMs);
          memory.settle(Buffer.alloc(bytes, 0x78), 0, bytes, nowMs, cuts);
          if (cuts) cut++;
          else passed++;
        }
        told.rest();
        expect(told.records).toBe(cut);
        expect(passed).toBeLessThanOrEqual(burst + (perMs * (nowMs - startMs)) / 1000);
      }),
      { numRuns: 60 },
    );
  });
});
