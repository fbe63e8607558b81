/** Every framing, on every engine: what is a record, what is lost, and that no chunking makes a difference. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EngineKind } from "../../src/data/engine/engine.ts";
import { frameCell } from "../../src/data/engine/layout.ts";
import type { Framing, FramingKind } from "../../src/data/frame/framing.ts";
import { engines, frame, nativeEngine, skipNote } from "./engines.ts";

interface Vector {
  readonly framing: FramingKind | Framing;
  readonly input: string | Uint8Array;
  readonly records: readonly (string | Uint8Array)[];
  readonly max?: number;
  readonly losses?: Partial<Record<keyof typeof frameCell, number>>;
}

const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from(part))));

const vectors: Record<string, Vector> = {
  "lines end at LF": { framing: "newline", input: "a\nbc\n", records: ["a", "bc"] },
  "one CR before the LF goes": { framing: "newline", input: "a\r\nb\r\r\n\rc\n", records: ["a", "b\r", "\rc"] },
  "what is left at the close is a record, its CR too": { framing: "newline", input: "a\nb\r", records: ["a", "b\r"] },
  "empty lines are none": { framing: "newline", input: "\n\r\na\n\n\n", records: ["a"] },
  "any byte may be in a line": {
    framing: "newline",
    input: bytes("a\0b", [0xff, 0xc3], "\n"),
    records: [bytes("a\0b", [0xff, 0xc3])],
  },
  "nothing gives nothing": { framing: "newline", input: "", records: [] },

  "auto: a count before < is a count": { framing: "auto", input: "5 <1>ab7 <1>c\nde", records: ["<1>ab", "<1>c\nde"] },
  "auto: numbers that begin a line are text": {
    framing: "auto",
    input: "200 OK /a\n12 monkeys\n99999999 x\n0 <x\n012 <x\n12  <x\n2026-11-23T00:00:00Z INFO\n12345678 <1>x\n",
    records: [
      "200 OK /a",
      "12 monkeys",
      "99999999 x",
      "0 <x",
      "012 <x",
      "12  <x",
      "2026-11-23T00:00:00Z INFO",
      "12345678 <1>x",
    ],
  },
  "auto: an undecided start at the close is a line": { framing: "auto", input: "a\n12 ", records: ["a", "12 "] },
  "auto: a count cut short by the close passes what came": { framing: "auto", input: "9 <1>ab", records: ["<1>ab"] },
  "auto: a priority's line ends at NUL or LF": {
    framing: "auto",
    input: "<13>a\0<191>b\n<0>c\0\n<13>d\r\n",
    records: ["<13>a", "<191>b", "<0>c", "<13>d"],
  },
  "auto: NUL stays in lines without a priority": {
    framing: "auto",
    input: "a\0b\n<192>c\0d\n<>e\0f\n<1234>g\0h\n<1\0>i\n",
    records: ["a\0b", "<192>c\0d", "<>e\0f", "<1234>g\0h", "<1\0>i"],
  },
  "auto: lines, counts and NULs mixed": {
    framing: "auto",
    input: "a\r\n6 <1>x\r\n<2>y\0" + "b",
    records: ["a", "<1>x\r\n", "<2>y", "b"],
  },

  "octet: bytes verbatim, line ends between frames ignored": {
    framing: "octet",
    input: "3 a\nb\n2 cd\r\n\n1 e",
    records: ["a\nb", "cd", "e"],
  },
  "octet: a malformed header ends it, the rest is booked": {
    framing: "octet",
    input: "1 axyz\n1 b",
    records: ["a"],
    losses: { lostFrameRecords: 1, lostFrameBytes: 7 },
  },
  "octet: a leading zero is malformed": {
    framing: "octet",
    input: "01 a",
    records: [],
    losses: { lostFrameRecords: 1, lostFrameBytes: 4 },
  },
  "octet: an unfinished frame is booked": {
    framing: "octet",
    input: "1 a5 bc",
    records: ["a"],
    losses: { lostFrameRecords: 1, lostFrameBytes: 2 },
  },
  "octet: a header without its frame is booked": {
    framing: "octet",
    input: "1 a12",
    records: ["a"],
    losses: { lostFrameRecords: 1 },
  },

  "nul: ended by NUL or the close, nothing stripped": { framing: "nul", input: "a\r\n\0\0b", records: ["a\r\n", "b"] },
  "length32: four bytes, then that many": {
    framing: "length32",
    input: bytes([0, 0, 0, 2], "ab", [0, 0, 0, 0], [0, 0, 0, 1], "c"),
    records: ["ab", "c"],
  },
  "length32: an empty frame before the close is no loss": {
    framing: "length32",
    input: bytes([0, 0, 0, 1], "a", [0, 0, 0, 0]),
    records: ["a"],
  },
  "length32: an unfinished frame is booked": {
    framing: "length32",
    input: bytes([0xff, 0xff, 0xff, 0xff], "ab"),
    records: [],
    losses: { lostFrameRecords: 1, lostFrameBytes: 2 },
  },
  "delimiter: a byte string": {
    framing: { kind: "delimiter", delimiter: Buffer.from("||") },
    input: "a||b|c|||d||||e|",
    records: ["a", "b|c", "|d", "e|"],
  },
  "delimiter: one that begins again within itself": {
    framing: { kind: "delimiter", delimiter: Buffer.from("aab") },
    input: "xaaabyaabaz",
    records: ["xa", "y", "az"],
  },

  "oversize: exactly the limit with CR LF is whole": {
    framing: "newline",
    input: "a-\r\nb\n",
    max: 2,
    records: ["a-", "b"],
  },
  "oversize: the word at the cut goes with it": {
    framing: "newline",
    input: "ab cdefg\nx\n",
    max: 5,
    records: ["ab ", "x"],
    losses: { cutRecords: 1, lostOversizeBytes: 5 },
  },
  "oversize: a card in groups goes whole": {
    framing: "newline",
    input: "pay 4111 1111 1111 1111 now\n",
    max: 20,
    records: ["pay "],
    losses: { cutRecords: 1, lostOversizeBytes: 23 },
  },
  "oversize: a cut behind a separator takes the groups before it": {
    framing: "newline",
    input: "pay 4111 1111 1111 1111 now\n",
    max: 19,
    records: ["pay "],
    losses: { cutRecords: 1, lostOversizeBytes: 23 },
  },
  "oversize: nothing left is no record": {
    framing: "newline",
    input: "abcdef\nx\n",
    max: 3,
    records: ["x"],
    losses: { cutRecords: 1, lostOversizeRecords: 1, lostOversizeBytes: 6 },
  },
  "oversize: a counted frame": {
    framing: "octet",
    input: "9 ab, cdefg1 x",
    max: 5,
    records: ["ab, ", "x"],
    losses: { cutRecords: 1, lostOversizeBytes: 5 },
  },
  "oversize: the delimiter is not counted": {
    framing: { kind: "delimiter", delimiter: Buffer.from("||") },
    input: "ab ||cd ef||",
    max: 3,
    records: ["ab ", "cd "],
    losses: { cutRecords: 1, lostOversizeBytes: 2 },
  },
};

/** Chunkings that are worth trying always: whole, byte by byte, and every single cut. */
function chunkings(length: number): (readonly number[] | undefined)[] {
  return [undefined, new Array(length).fill(1), ...Array.from({ length: Math.max(0, length - 1) }, (_, i) => [i + 1])];
}

function framingOf(framing: FramingKind | Framing): Framing {
  return typeof framing === "string" ? { kind: framing } : framing;
}

for (const kind of engines()) {
  describe(`framing on ${kind.name}`, () => {
    for (const [name, { framing, input, records, max = 1 << 20, losses = {} }] of Object.entries(vectors)) {
      it(name, () => {
        const stream = Buffer.from(input);
        for (const chunks of chunkings(stream.length)) {
          const result = frame(kind, stream, {
            framing: framingOf(framing),
            maxRecordBytes: max,
            ...(chunks && { chunks }),
          });
          expect(result.records.map(latin1), `chunks ${chunks ?? "whole"}`).toEqual(
            records.map((record) => latin1(Buffer.from(record))),
          );
          const booked = Object.fromEntries(
            Object.entries(frameCell).flatMap(([cell, at]) => (result.losses[at] ? [[cell, result.losses[at]]] : [])),
          );
          expect(booked, `chunks ${chunks ?? "whole"}`).toEqual(losses);
        }
      });
    }

    it.each([
      ["a\n", "a"],
      ["a\r\n", "a"],
      ["a\0", "a"],
      ["a\n\n", "a\n"],
      ["a\r", "a\r"],
      ["a\nb", "a\nb"],
      ["\n", undefined],
    ])("a datagram %j is the record %j", (datagram, record) => {
      const { records } = frame(kind, Buffer.from(datagram), { framing: { kind: "datagram" } });
      expect(records.map(String)).toEqual(record === undefined ? [] : [record]);
    });

    it("a tiny batch is filled, taken and filled again without losing or repeating a record", () => {
      const lines = Array.from({ length: 500 }, (_, i) => `line ${i}`);
      const input = Buffer.from(`${lines.join("\r\n")}`);
      for (const chunks of [undefined, new Array(input.length).fill(7), new Array(input.length).fill(100)]) {
        const result = frame(kind, input, { batchRecords: 3, batchBytes: 20, ...(chunks && { chunks }) });
        expect(result.records.map(String)).toEqual(lines);
      }
    });

    it("any chunking of any bytes gives the same records and losses", () => {
      fc.assert(
        fc.property(anyStream, ({ framing, max, stream, chunks }) => {
          const whole = frame(kind, stream, { framing, maxRecordBytes: max });
          const cut = frame(kind, stream, { framing, maxRecordBytes: max, chunks, batchRecords: 2, batchBytes: 16 });
          expect(cut.records.map(latin1)).toEqual(whole.records.map(latin1));
          expect(cut.losses).toEqual(whole.losses);
        }),
        { numRuns: 2000 },
      );
    });

    it("no byte of a line-framed stream is unaccounted for", () => {
      fc.assert(
        fc.property(anyStream, ({ max, stream, chunks }) => {
          const { records, losses } = frame(kind, stream, { framing: { kind: "nul" }, maxRecordBytes: max, chunks });
          const terminators = stream.filter((byte) => byte === 0).length;
          const passed = records.reduce((sum, { length }) => sum + length, 0);
          expect(passed + losses[frameCell.lostOversizeBytes]! + terminators).toBe(stream.length);
        }),
        { numRuns: 500 },
      );
    });
  });
}

/** Streams made of the bytes that framing looks at. */
const anyStream = fc.record({
  framing: fc.oneof(
    fc.constantFrom<Framing>(
      { kind: "auto" },
      { kind: "newline" },
      { kind: "octet" },
      { kind: "nul" },
      { kind: "length32" },
    ),
    fc.stringMatching(/^[ab|\n]{1,4}$/).map((text): Framing => ({ kind: "delimiter", delimiter: Buffer.from(text) })),
  ),
  max: fc.constantFrom(1, 2, 5, 17, 1 << 20),
  stream: fc
    .array(
      fc.oneof(
        fc.constantFrom(
          "\n",
          "\r",
          "\r\n",
          "\0",
          " ",
          "<",
          ">",
          "<13>",
          "1",
          "2 ",
          "3 <",
          "12 <1>",
          "a",
          "ab",
          "|",
          "-",
          ".",
        ),
        fc.constantFrom("\0\0\0\x02", "\0\0\0\0", "\0\0\0\x05", "4 ", "7 <13>", "4111 1111", "_"),
      ),
      { maxLength: 40 },
    )
    .map((parts) => Buffer.from(parts.join(""), "latin1")),
  chunks: fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 60 }),
});

describe("framing on both engines", () => {
  const native = nativeEngine();
  const portable = engines().find(({ name }) => name === "portable")!;
  it.skipIf(native === undefined)(`native and portable agree on any bytes${skipNote}`, () => {
    fc.assert(
      fc.property(anyStream, ({ framing, max, stream, chunks }) => {
        const results = [native!, portable].map((kind: EngineKind) =>
          frame(kind, stream, { framing, maxRecordBytes: max, chunks, batchRecords: 4, batchBytes: 64 }),
        );
        expect(results[0]!.records.map(latin1)).toEqual(results[1]!.records.map(latin1));
        expect(results[0]!.losses).toEqual(results[1]!.losses);
      }),
      { numRuns: 3000 },
    );
  });
});

function latin1(buffer: Buffer): string {
  return buffer.toString("latin1");
}
