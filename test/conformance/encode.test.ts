/**
 * Records into bodies, on every engine and every kernel: exact JSON, limits at their edges, and the same bytes from all.
 *
 *     ENCODE_SEED=… ENCODE_CASES=… npx vitest run test/conformance/encode.test.ts
 */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { type EncodeLimits, type Encoder, encodeStop, freeBody } from "../../src/data/engine/encoder.ts";
import { jsonDepthMax } from "../../src/data/engine/layout.ts";
import type { Filled, JsonEnvelope, Member } from "../../src/outputs/envelope.ts";
import { encodeSyslogField, syslogFieldOf } from "../../src/plan/syslog_field.ts";
import {
  batchWith,
  decoded,
  digestOf,
  EncodeCases,
  type Encoded,
  encodeAll,
  expectedOf,
  timed,
  unlimited,
} from "./encode_cases.ts";
import { engines, nativeEngine, skipNote } from "./engines.ts";

const seed = Number(process.env.ENCODE_SEED ?? Date.now() % 2 ** 31);
const cases = Number(process.env.ENCODE_CASES ?? 3_000);

const list: JsonEnvelope = {
  kind: "json",
  before: "[",
  between: ",",
  after: "]",
  string: { before: "", after: "" },
};
const merging = (...members: Member[]): JsonEnvelope => ({
  ...list,
  string: { before: '{"message":', after: "}" },
  object: { kind: "merge", members },
});
const valuing: JsonEnvelope = {
  ...list,
  before: "",
  between: "",
  after: "",
  string: timed('{"time":', "s", ',"event":', "}"),
  object: { kind: "value", frame: timed('{"time":', "s", ',"event":', "}") },
};

describe.each(engines())("encoding on $name", (kind) => {
  const encoders: Encoder[] = [];
  afterAll(() => {
    for (const encoder of encoders) encoder.close();
  });

  function encode(
    envelope: JsonEnvelope,
    records: readonly (string | Uint8Array)[],
    limits: EncodeLimits = unlimited,
    timeMs = 0,
  ): Encoded & { text: string } {
    const encoder = kind.createEncoder(envelope);
    encoders.push(encoder);
    const bytes = records.map((record) => (typeof record === "string" ? Buffer.from(record) : record));
    const encoded = encodeAll(encoder, batchWith(kind, bytes), limits, [], timeMs);
    return { ...encoded, text: Buffer.concat(encoded.bodies).toString() };
  }

  describe("as strings", () => {
    it.each([
      ["plain text", "GET /healthz 200", '"GET /healthz 200"'],
      ["quotes and backslashes", String.raw`a "b" \c\ `, String.raw`"a \"b\" \\c\\ "`],
      ["the control characters with a short form", "\b\t\n\f\r", String.raw`"\b\t\n\f\r"`],
      ["the others", "\u0000\u0001\u000b\u000e\u001f", String.raw`"\u0000\u0001\u000b\u000e\u001f"`],
      ["DEL, U+2028, U+2029 and a slash as they are", "/\u007f\u2028\u2029", '"/\u007f\u2028\u2029"'],
      ["a byte order mark as a character", "\ufeffa", '"\ufeffa"'],
      ["characters of every length", "aé☺😀\u{10ffff}", '"aé☺😀\u{10ffff}"'],
      ["JSON, when no object is asked for", '{"a":1}', String.raw`"{\"a\":1}"`],
      ["nothing", "", '""'],
    ])("writes %s", (_name, record, text) => {
      expect(encode(list, [record]).text).toBe(`[${text}]`);
    });

    it.each([
      ["a byte that begins nothing", [0x61, 0xff, 0x62], "a\ufffdb"],
      ["a continuation alone", [0x80, 0xbf], "\ufffd\ufffd"],
      ["overlong forms, one for each byte", [0xc0, 0x80, 0xe0, 0x80, 0x80], "\ufffd".repeat(5)],
      ["a surrogate, one for each byte", [0xed, 0xa0, 0x80], "\ufffd".repeat(3)],
      ["a value above U+10FFFF", [0xf4, 0x90, 0x80, 0x80], "\ufffd".repeat(4)],
      ["three bytes of four as one", [0xf0, 0x9f, 0x98, 0x41], "\ufffdA"],
      ["two bytes of three as one, at the end", [0x41, 0xe2, 0x98], "A\ufffd"],
      ["a lead before another", [0xc3, 0xc3, 0xa9], "\ufffdé"],
      ["a lead before a quote, which stays", [0xe2, 0x22], '\ufffd"'],
    ])("writes U+FFFD for %s", (_name, bytes, text) => {
      expect(encode(list, [Buffer.from(bytes)]).text).toBe(`[${JSON.stringify(text)}]`);
      // The same deep inside a long record, across every place in a vector.
      for (let before = 0; before < 70; before++) {
        const record = Buffer.concat([Buffer.alloc(before, "é"), Buffer.from(bytes), Buffer.alloc(70, "z")]);
        expect(JSON.parse(encode(list, [record]).text)).toEqual([decoded(record)]);
      }
    });

    it("parse back to what TextDecoder makes of any bytes", () => {
      fc.assert(
        fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), (records) => {
          expect(JSON.parse(encode(list, records).text)).toEqual(records.map(decoded));
        }),
        { numRuns: 500 },
      );
    });

    it("parse back to any text", () => {
      fc.assert(
        fc.property(fc.array(fc.string({ unit: "binary", maxLength: 200 }), { maxLength: 8 }), (records) => {
          expect(JSON.parse(encode(list, records).text)).toEqual(records.map((record) => record.toWellFormed()));
        }),
        { numRuns: 300 },
      );
    });

    it("of megabytes come out whole", () => {
      const record = Buffer.alloc(3_000_001, 'é"\u0001x');
      expect(JSON.parse(encode(list, [record, record]).text)).toEqual([decoded(record), decoded(record)]);
    });
  });

  describe("with fields of syslog records filled in", () => {
    const part = (name: string, otherwise = ""): Filled => ({
      before: `,${JSON.stringify(name)}:`,
      field: encodeSyslogField(syslogFieldOf(`syslog.${name}`)!),
      otherwise,
    });
    const filling: JsonEnvelope = {
      ...merging({ name: "host", value: '"edge"' }),
      string: { before: '{"message":', after: ',"end":0}' },
      filled: [
        part("host", ',"host":"edge"'),
        part("severity"),
        part("sd.a.b"),
        { ...part("message"), before: ',"text":' },
      ],
    };

    it("writes them behind the string, exactly escaped, and the text for records without them", () => {
      const records = [
        '<34>1 - web-01 su - - [a b="c\\"\\\\\u0001é"] x\t"y"',
        "<35>plain",
        '{"a":1}',
        "x",
        Buffer.from('<34>1 - h - - - [a b="\xff\\]"] \xc3', "latin1"),
      ];
      expect(JSON.parse(encode(filling, records).text)).toEqual([
        {
          message: records[0],
          text: 'x\t"y"',
          host: "web-01",
          severity: "crit",
          "sd.a.b": 'c"\\\u0001é',
          end: 0,
        },
        { message: records[1], host: "edge", severity: "err", text: "plain", end: 0 },
        { host: "edge", a: 1 },
        { message: "x", host: "edge", end: 0 },
        {
          message: '<34>1 - h - - - [a b="\ufffd\\]"] \ufffd',
          ...{ host: "h", severity: "crit", "sd.a.b": "\ufffd]", text: "\ufffd", end: 0 },
        },
      ]);
    });

    it("counts them against the limits to the byte", () => {
      for (const record of ['<34>1 - web-01 su - - [a b="c\\"d"] x\u0001y', "<35>plain", "x"]) {
        const whole = encode(filling, [record]).bodies[0]!.length;
        for (let bytesMax = 0; bytesMax <= whole + 2; bytesMax++) {
          const { bodies, tooLarge } = encode(filling, [record], { ...unlimited, bytesMax });
          expect(tooLarge).toEqual(bytesMax < whole ? [0] : []);
          if (bytesMax >= whole) expect(bodies[0]).toHaveLength(whole);
        }
      }
    });

    it("refuses a field that does not exist", () => {
      expect(() =>
        encode({ ...filling, filled: [{ before: "", field: Uint8Array.of(11), otherwise: "" }] }, []),
      ).toThrow("a syslog field that does not exist");
    });
  });

  describe("as objects", () => {
    it("stand as values in a frame of their own, with the time", () => {
      const { text } = encode(valuing, ['{"a":1}', "plain"], unlimited, 1_700_000_000_007);
      expect(text).toBe('{"time":1700000000.007,"event":{"a":1}}{"time":1700000000.007,"event":"plain"}');
    });

    it("writes milliseconds as an integer", () => {
      const envelope: JsonEnvelope = { ...list, string: timed("", "ms", "=", "") };
      expect(encode(envelope, ["x"], unlimited, 1_700_000_000_007.9).text).toBe('[1700000000007="x"]');
      expect(encode(envelope, ["x"], unlimited, -1).text).toBe('[0="x"]');
      expect(encode(envelope, ["x"], unlimited, Number.NaN).text).toBe('[0="x"]');
    });

    it("lose white space around them, and line breaks between tokens", () => {
      expect(encode(valuing, [' \t{\r\n"a" :\n[1,\r2]}\r\n']).text).toBe('{"time":0.000,"event":{  "a" : [1, 2]}}');
    });

    it("have U+FFFD for broken UTF-8 in their strings", () => {
      const record = Buffer.concat([
        Buffer.from('{"a":"'),
        Buffer.of(0xe2, 0x98),
        Buffer.from('","'),
        Buffer.of(0xff),
        Buffer.from('":1}'),
      ]);
      expect(encode(valuing, [record]).text).toBe('{"time":0.000,"event":{"a":"\ufffd","\ufffd":1}}');
    });

    it.each([
      ["an array", "[1]"],
      ["a scalar", "1"],
      ["two objects", "{}{}"],
      ["an object with more behind it", "{} x"],
      ["an object with a NUL behind it", "{}\0"],
      ["an unfinished object", '{"a":1'],
      ["a trailing comma", '{"a":1,}'],
      ["a number with a leading zero", '{"a":01}'],
      ["a raw control character in a string", '{"a":"\t"}'],
      ["a byte order mark before it", "\ufeff{}"],
      ["a comment", "{/**/}"],
    ])("are not %s: that is a string", (_name, record) => {
      expect(JSON.parse(encode(valuing, [record]).text).event).toBe(record);
      expect(JSON.parse(encode(merging({ name: "a", value: "1" }), [record]).text)).toEqual([{ message: record }]);
    });

    it.each([
      ["arrays", "[", "]"],
      ["objects", '{"a":', "}"],
    ])("are taken %s deep up to the limit, and are strings beyond", (_name, open, close) => {
      for (const envelope of [valuing, { ...merging({ name: "b", value: "1" }), before: "", after: "" }]) {
        const nested = (depth: number, inner: string) =>
          `{"a":${open.repeat(depth - 2)}${inner}${close.repeat(depth - 2)}}`;
        for (const inner of ["{}", "[]", '{"x":1}', "[1]"]) {
          const deepest = nested(jsonDepthMax, inner);
          expect(encode(envelope, [deepest]).text).toContain(deepest.slice(1));
          const deeper = nested(jsonDepthMax + 1, inner);
          expect(encode(envelope, [deeper]).text).toContain(JSON.stringify(deeper));
        }
        const flood = "[".repeat(1_000_000);
        expect(encode(envelope, [`{"a":${flood}`]).text).toContain(flood);
      }
    });

    const both = merging({ name: "host", value: '"h1"' }, { name: "service", value: '{"a":[]}' });
    it.each([
      ["both members", '{"a":1}', '{"host":"h1","service":{"a":[]},"a":1}'],
      ["both to an empty object", " { } ", '{"host":"h1","service":{"a":[]}}'],
      ["what it lacks", '{"host":null}', '{"service":{"a":[]},"host":null}'],
      ["nothing to one that has all", '{"service":1,"host":2}', '{"service":1,"host":2}'],
      [
        "nothing where a key is written in escapes",
        String.raw`{"\u0068ost":1,"ser\u0076ice":2}`,
        String.raw`{"\u0068ost":1,"ser\u0076ice":2}`,
      ],
      ["members that are there deeper", '{"x":{"host":1}}', '{"host":"h1","service":{"a":[]},"x":{"host":1}}'],
      ["members whose name is a value", '{"x":"host"}', '{"host":"h1","service":{"a":[]},"x":"host"}'],
    ])("are merged: %s", (_name, record, text) => {
      expect(encode(both, [record]).text).toBe(`[${text}]`);
    });

    it("are merged with no members as they are, white space inside the braces apart", () => {
      expect(encode(merging(), ["{}", '{ "a" : 1 }']).text).toBe('[{},{"a" : 1}]');
    });

    it("are merged with names that need escapes", () => {
      const envelope = merging({ name: 'a"\n', value: "1" }, { name: "\ufffd", value: "2" });
      expect(encode(envelope, ["{}"]).text).toBe(String.raw`[{"a\"\n":1,"${"\ufffd"}":2}]`);
      const broken = Buffer.concat([Buffer.from('{"'), Buffer.of(0xff), Buffer.from('":3}')]);
      expect(encode(envelope, [String.raw`{"a\"\u000a":0}`, broken]).text).toBe(
        String.raw`[{"${"\ufffd"}":2,"a\"\u000a":0},{"a\"\n":1,"${"\ufffd"}":3}]`,
      );
    });

    it("never have a member's name twice, whatever the keys", () => {
      const names = ["a", "é", "", "service"];
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.constantFrom(...names, "b"), fc.json({ maxDepth: 1 }), fc.boolean())),
          (own) => {
            const key = (name: string, escaped: boolean) =>
              escaped
                ? `"${[...name].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`).join("")}"`
                : JSON.stringify(name);
            const unique = own.filter(([name], i) => own.findIndex(([other]) => other === name) === i);
            const record = `{${unique.map(([name, value, escaped]) => `${key(name, escaped)}:${value}`).join(" , ")}}`;
            const { text } = encode(merging(...names.map((name) => ({ name, value: "0" }))), [record]);
            const seen: string[] = [];
            let depth = 0;
            for (const [token, string] of text.matchAll(/("(?:[^"\\]|\\.)*")(?=\s*:)|[{}[\]]|"(?:[^"\\]|\\.)*"/g)) {
              if (token === "{" || token === "[") depth++;
              else if (token === "}" || token === "]") depth--;
              else if (string !== undefined && depth === 2) seen.push(JSON.parse(string));
            }
            expect(seen.toSorted()).toEqual([...new Set([...names, ...own.map(([name]) => name)])].toSorted());
          },
        ),
        { numRuns: 300 },
      );
    });
  });

  describe("up to limits", () => {
    const records = ["aaa", 'b"b', "é", "dddd"];
    // ["aaa","b\"b","é","dddd"]
    const bytes = 1 + 5 + 1 + 6 + 1 + 4 + 1 + 6 + 1;

    it("counts the bytes of the body, and fits one that is exactly full", () => {
      const exactly = encode(list, records, { ...unlimited, bytesMax: bytes });
      expect(exactly.bodies.map(({ length }) => length)).toEqual([bytes]);
      expect(exactly.counted).toEqual([bytes]);
      const less = encode(list, records, { ...unlimited, bytesMax: bytes - 1 });
      expect(less.bodies.map((body) => Buffer.from(body).toString())).toEqual(['["aaa","b\\"b","é"]', '["dddd"]']);
    });

    it("ends a body at its last record", () => {
      expect(encode(list, records, { ...unlimited, recordsMax: 4 }).records).toEqual([4]);
      expect(encode(list, records, { ...unlimited, recordsMax: 3 }).records).toEqual([3, 1]);
      expect(encode(list, records, { ...unlimited, recordsMax: 1 }).records).toEqual([1, 1, 1, 1]);
    });

    it("tells a record that is larger than a record may be, and goes on behind it", () => {
      const encoded = encode(list, records, { ...unlimited, recordBytesMax: 5 });
      expect(encoded.tooLarge).toEqual([1, 3]);
      expect(encoded.text).toBe('["aaa","é"]');
      expect(encode(list, records, { ...unlimited, recordBytesMax: 6 }).tooLarge).toEqual([]);
    });

    it("tells a record that no body could hold", () => {
      expect(encode(list, records, { ...unlimited, bytesMax: 8 }).tooLarge).toEqual([]);
      expect(encode(list, records, { ...unlimited, bytesMax: 7 }).tooLarge).toEqual([1, 3]);
      expect(encode(list, records, { ...unlimited, bytesMax: 1 }).tooLarge).toEqual([0, 1, 2, 3]);
      expect(encode(list, [Buffer.alloc(100_000, 1)], { ...unlimited, bytesMax: 600_003 }).tooLarge).toEqual([0]);
      expect(encode(list, [Buffer.alloc(100_000, 1)], { ...unlimited, bytesMax: 600_004 }).tooLarge).toEqual([]);
    });

    it("counts text and a number beside it, where the envelope says so", () => {
      const envelope: JsonEnvelope = { ...list, string: { before: '{"message":', after: "}" }, countedBesideText: 26 };
      // 3 + 3 + 2 + 4 bytes of text.
      const exactly = encode(envelope, records, { ...unlimited, bytesMax: 12 + 4 * 26 });
      expect([exactly.records, exactly.counted]).toEqual([[4], [12 + 4 * 26]]);
      expect(encode(envelope, records, { ...unlimited, bytesMax: 11 + 4 * 26 }).records).toEqual([3, 1]);
      expect(encode(envelope, records, { ...unlimited, recordBytesMax: 29 }).tooLarge).toEqual([3]);
      expect(encode(envelope, records, { ...unlimited, bytesMax: 28 }).tooLarge).toEqual([0, 1, 3]);
    });

    it("counts what is broken as the U+FFFD that it becomes", () => {
      const envelope: JsonEnvelope = { ...list, countedBesideText: 0 };
      const { counted } = encode(envelope, [Buffer.of(0xff, 0x41, 0xf0, 0x9f, 0x98)]);
      expect(counted).toEqual([7]);
    });

    it("fits 10,000 records of a megabyte's batch exactly", () => {
      const many = Array.from({ length: 10_001 }, () => "x".repeat(78));
      const envelope: JsonEnvelope = { ...list, countedBesideText: 26 };
      const { records, counted } = encode(envelope, many, {
        recordsMax: 10_000,
        bytesMax: 1_048_576,
        recordBytesMax: 1_048_576,
      });
      expect([records, counted]).toEqual([
        [10_000, 1],
        [1_040_000, 104],
      ]);
    });
  });

  describe("bodies", () => {
    it("are the caller's own: ordinary memory of their size, untouched by the next", () => {
      const encoder = kind.createEncoder(list);
      const batch = batchWith(kind, [Buffer.from("first"), Buffer.from("second")]);
      encoder.begin(unlimited);
      encoder.append(batch, 0, 1, 0);
      const first = encoder.finish();
      encoder.begin(unlimited);
      encoder.append(batch, 1, 2, 0);
      const second = encoder.finish();
      encoder.close();
      batch.data.fill(0);
      expect([first, second].map((body) => Buffer.from(body).toString())).toEqual(['["first"]', '["second"]']);
      for (const body of [first, second]) {
        expect(body.buffer).toBeInstanceOf(ArrayBuffer);
        expect(body.buffer.byteLength).toBe(body.byteLength);
      }
    });

    it("can be given back before the collector finds them, and the next are whole", () => {
      const encoder = kind.createEncoder(list);
      const batch = batchWith(kind, [Buffer.alloc(100_000, '"')]);
      const once = () => {
        encoder.begin(unlimited);
        encoder.append(batch, 0, 1, 0);
        return encoder.finish();
      };
      const kept = Buffer.from(once());
      for (let i = 0; i < 50; i++) {
        const body = once();
        expect(kept.equals(body)).toBe(true);
        freeBody(body);
        expect(body.length).toBe(0);
      }
      encoder.close();
    });

    it("hold long ranges that many small bodies are made of", () => {
      const records = Array.from({ length: 3000 }, (_, i) => `${i}`);
      const encoded = encode(list, records, { ...unlimited, recordsMax: 7 });
      expect(encoded.bodies.flatMap((body) => JSON.parse(Buffer.from(body).toString()))).toEqual(records);
      expect(encoded.bodies.length).toBe(Math.ceil(3000 / 7));
      expect(encode(list, records).records).toEqual([3000]);
    });

    it("may be empty", () => {
      expect(encode(list, []).text).toBe("[]");
      expect(encode(valuing, []).bodies.map(({ length }) => length)).toEqual([0]);
    });

    it("are the same however ranges are cut", () => {
      fc.assert(
        fc.property(
          fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 12 }),
          fc.array(fc.nat(12)),
          fc.integer({ min: 4, max: 300 }),
          (records, places, bytesMax) => {
            const encoder = kind.createEncoder(list);
            const batch = batchWith(kind, records);
            const cuts = places.filter((place) => place <= records.length).toSorted((a, b) => a - b);
            const limits = { ...unlimited, bytesMax };
            const whole = encodeAll(encoder, batch, limits);
            expect(encodeAll(encoder, batch, limits, cuts)).toEqual(whole);
            for (const { length } of whole.bodies) expect(length).toBeLessThanOrEqual(bytesMax);
            encoder.close();
          },
        ),
        { numRuns: 300 },
      );
    });

    it("begin anew when one was not finished", () => {
      const encoder = kind.createEncoder(list);
      const batch = batchWith(kind, [Buffer.from("x")]);
      encoder.begin(unlimited);
      encoder.append(batch, 0, 1, 0);
      encoder.begin(unlimited);
      expect([encoder.records, encoder.counted]).toEqual([0, 2]);
      expect(Buffer.from(encoder.finish()).toString()).toBe("[]");
      encoder.close();
    });

    it("are refused where nothing was begun, the batch lacks the records, a limit is none, or all is closed", () => {
      const encoder = kind.createEncoder(list);
      const batch = batchWith(kind, [Buffer.from("x")]);
      expect(() => encoder.append(batch, 0, 1, 0)).toThrow(/no body was begun/);
      expect(() => encoder.finish()).toThrow(/no body was begun/);
      expect(() => encoder.begin({ ...unlimited, recordsMax: 0 })).toThrow(/recordsMax/);
      expect(() => encoder.begin({ ...unlimited, bytesMax: Number.NaN })).toThrow(/bytesMax/);
      encoder.begin(unlimited);
      expect(() => encoder.append(batch, 0, 2, 0)).toThrow(/does not hold these records/);
      expect(() => encoder.append(batch, 1, 0, 0)).toThrow(/does not hold these records/);
      expect(encoder.append(batch, 0, 1, 0)).toBe(1);
      expect(encoder.stoppedBy).toBe(encodeStop.none);
      encoder.close();
      encoder.close();
      for (const use of [
        () => encoder.begin(unlimited),
        () => encoder.append(batch, 0, 1, 0),
        () => encoder.finish(),
        () => encoder.records,
        () => encoder.counted,
        () => encoder.stoppedBy,
      ])
        expect(use).toThrow(expect.objectContaining({ code: "SG_ENGINE_CLOSED" }));
    });
  });

  it(`gives what TextDecoder and JSON.stringify give (seed ${seed})`, () => {
    const made = new EncodeCases(seed);
    for (let i = 0; i < cases / 4; i++) {
      const { envelope, records, limits, cuts, timeMs } = made.next();
      const encoder = kind.createEncoder(envelope);
      const encoded = encodeAll(encoder, batchWith(kind, records), limits, cuts, timeMs);
      encoder.close();
      const expected = expectedOf(envelope, records, limits, timeMs);
      const readable = ({ bodies, ...rest }: Encoded) => ({
        ...rest,
        bodies: bodies.map((body) => Buffer.from(body).toString()),
      });
      expect(readable(encoded), `case ${i} of ENCODE_SEED=${seed}`).toEqual(readable(expected));
    }
  });
});

describe(`encoding on both engines${skipNote}`, () => {
  const native = nativeEngine();
  const portable = engines().at(-1)!;

  it.runIf(native !== undefined)(`gives the same bytes, under every kernel (seed ${seed})`, () => {
    const expected = digestOf(portable, seed, cases);
    expect(digestOf(native!, seed, cases), `ENCODE_SEED=${seed}`).toBe(expected);
    for (const kernel of ["scalar", "v128", "avx2"]) {
      const { stdout, stderr, status } = spawnSync(
        process.execPath,
        ["--no-warnings", fileURLToPath(new URL("./encode_digest.ts", import.meta.url)), `${seed}`, `${cases}`],
        { encoding: "utf8", env: { ...process.env, STREAMGATE_SIMD: kernel } },
      );
      expect(status, stderr).toBe(0);
      // One that this processor lacks is run by the widest that it has; scalar every processor has.
      if (kernel === "scalar") expect(stdout).toMatch(/^scalar /);
      expect(stdout.trim().split(" ")[1], `${kernel}, ENCODE_SEED=${seed}`).toBe(expected);
    }
  });
});
