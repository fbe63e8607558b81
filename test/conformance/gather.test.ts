/** The records of a range that go to one output, counted and copied, on every engine. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Batch } from "../../src/data/engine/batch.ts";
import { batchEntry, batchHeader } from "../../src/data/engine/layout.ts";
import { batchWith } from "./encode_cases.ts";
import { engines } from "./engines.ts";

function recordsOf(batch: Batch): string[] {
  return Array.from({ length: batch.records }, (_, i) => {
    const text = batch.slice(i, i + 1).toString("latin1");
    expect(text.endsWith("\n")).toBe(true);
    return text.slice(0, -1);
  });
}

function routesOf(batch: Batch, index: number): bigint {
  const entry = (batchHeader.bytes + index * batchEntry.bytes) / 4;
  return BigInt(batch.words[entry + 2]!) | (BigInt(batch.words[entry + 3]!) << 32n);
}

describe.each(engines())("gathering on $name", (kind) => {
  const records = ["a", "bb", "", "dddd"].map((text) => Buffer.from(text));
  const routes = [1n, 1n | (1n << 63n), 1n << 63n, 1n | (1n << 31n) | (1n << 32n)];
  const source = batchWith(kind, records, routes);

  it("counts the records and bytes of a range that go to an output", () => {
    expect(kind.routed(source, 0, 4, 0)).toEqual({ stopped: 4, records: 3, bytes: 7, needBytes: 0 });
    expect(kind.routed(source, 1, 3, 63)).toEqual({ stopped: 3, records: 2, bytes: 2, needBytes: 0 });
    expect(kind.routed(source, 0, 4, 31)).toEqual({ stopped: 4, records: 1, bytes: 4, needBytes: 0 });
    expect(kind.routed(source, 0, 4, 32)).toEqual({ stopped: 4, records: 1, bytes: 4, needBytes: 0 });
    expect(kind.routed(source, 0, 4, 5)).toEqual({ stopped: 4, records: 0, bytes: 0, needBytes: 0 });
    expect(kind.routed(source, 2, 2, 0)).toEqual({ stopped: 2, records: 0, bytes: 0, needBytes: 0 });
  });

  it("appends them to another batch with their routes, behind what it has", () => {
    const target = kind.createBatch(8, 64);
    expect(kind.gather(source, 0, 4, 0, target)).toEqual({ stopped: 4, records: 3, bytes: 7, needBytes: 0 });
    expect(kind.gather(source, 2, 3, 63, target)).toEqual({ stopped: 3, records: 1, bytes: 0, needBytes: 0 });
    expect(recordsOf(target)).toEqual(["a", "bb", "dddd", ""]);
    expect([0, 1, 2, 3].map((i) => routesOf(target, i))).toEqual([routes[0], routes[1], routes[3], routes[2]]);
  });

  it("stops at a full target, tells what the next one needs, and goes on in another", () => {
    const small = kind.createBatch(8, 5);
    expect(kind.gather(source, 0, 4, 0, small)).toEqual({ stopped: 3, records: 2, bytes: 3, needBytes: 5 });
    expect(recordsOf(small)).toEqual(["a", "bb"]);
    const exact = kind.createBatch(1, 5);
    expect(kind.gather(source, 3, 4, 0, exact)).toEqual({ stopped: 4, records: 1, bytes: 4, needBytes: 0 });
    expect(kind.gather(source, 0, 4, 0, exact)).toEqual({ stopped: 0, records: 0, bytes: 0, needBytes: 2 });
    const narrow = kind.createBatch(1, 64);
    expect(kind.gather(source, 0, 4, 0, narrow)).toEqual({ stopped: 1, records: 1, bytes: 1, needBytes: 3 });
  });

  it("refuses records that are not there, outputs that are none, and the batch itself as target", () => {
    const target = kind.createBatch(8, 64);
    for (const use of [
      () => kind.routed(source, 0, 5, 0),
      () => kind.gather(source, 3, 2, 0, target),
      () => kind.routed(source, 0, 4, 64),
      () => kind.gather(source, 0, 4, -1, target),
      () => kind.gather(source, 0, 4, 0, source),
    ])
      expect(use).toThrow(expect.objectContaining({ code: "SG_LAYOUT" }));
    expect(target.records).toBe(0);
  });

  it("loses and doubles nothing, whatever the routes and however small the targets", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 20 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })), {
          maxLength: 40,
        }),
        fc.integer({ min: 0, max: 63 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 21, max: 80 }),
        (given, output, recordsMax, bytesMax) => {
          const batch = batchWith(
            kind,
            given.map(([record]) => record),
            given.map(([, route]) => route),
          );
          const wanted = given.filter(([, route]) => ((route >> BigInt(output)) & 1n) === 1n);
          const found: string[] = [];
          let at = 0;
          let bytes = 0;
          for (;;) {
            const target = kind.createBatch(recordsMax, bytesMax);
            const { stopped, records, bytes: some, needBytes } = kind.gather(batch, at, given.length, output, target);
            expect(records).toBe(target.records);
            found.push(...recordsOf(target));
            bytes += some;
            at = stopped;
            if (needBytes === 0) break;
            expect(records).toBeGreaterThan(0);
          }
          expect(at).toBe(given.length);
          expect(found).toEqual(wanted.map(([record]) => Buffer.from(record).toString("latin1")));
          const { records, bytes: counted } = kind.routed(batch, 0, given.length, output);
          expect([records, counted]).toEqual([wanted.length, bytes]);
        },
      ),
    );
  });
});
