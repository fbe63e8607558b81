/**
 * Encoding over any engine, cases for it from a seed, and what they must come to according to the platform itself: TextDecoder,
 * JSON.parse and JSON.stringify.
 */

import { createHash } from "node:crypto";
import type { Batch } from "../../src/data/engine/batch.ts";
import { type EncodeLimits, type Encoder, encodeStop } from "../../src/data/engine/encoder.ts";
import type { EngineKind } from "../../src/data/engine/engine.ts";
import { batchEntry, batchHeader, jsonDepthMax } from "../../src/data/engine/layout.ts";
import type { Frame, JsonEnvelope } from "../../src/outputs/envelope.ts";

/** The edge of no limit. */
export const unlimited: EncodeLimits = {
  recordsMax: Number.POSITIVE_INFINITY,
  bytesMax: Number.POSITIVE_INFINITY,
  recordBytesMax: Number.POSITIVE_INFINITY,
};

/** A frame with the time in it. */
export function timed(before: string, time: "ms" | "s", then: string, after: string): Frame {
  return { before, time, then, after };
}

/** A batch of this kind of engine that holds these records, and no byte more. */
export function batchWith(kind: EngineKind, records: readonly Uint8Array[], routes: readonly bigint[] = []): Batch {
  const batch = kind.createBatch(
    records.length,
    records.reduce((sum, { length }) => sum + length + 1, 0),
  );
  let at = 0;
  for (const [i, record] of records.entries()) {
    const entry = (batchHeader.bytes + i * batchEntry.bytes) / 4;
    const route = routes[i] ?? 2n ** 64n - 1n;
    batch.words.set([at, record.length, Number(route & 0xffff_ffffn), Number(route >> 32n)], entry);
    batch.data.set(record, at);
    batch.data[at + record.length] = 0x0a;
    at += record.length + 1;
  }
  batch.words[batchHeader.offsets.records / 4] = records.length;
  batch.words[batchHeader.offsets.bytes / 4] = at;
  return batch;
}

export interface Encoded {
  readonly bodies: Uint8Array[];
  /** Of each body, as the encoder told before it ended it. */
  readonly records: number[];
  readonly counted: number[];
  /** Indices of records that were too large. */
  readonly tooLarge: number[];
}

/**
 * Encodes a whole batch, body after body.
 * @param cuts where ranges end, ascending; a limit ends them too
 */
export function encodeAll(
  encoder: Encoder,
  batch: Batch,
  limits: EncodeLimits = unlimited,
  cuts: readonly number[] = [],
  timeMs = 0,
): Encoded {
  const encoded: Encoded = { bodies: [], records: [], counted: [], tooLarge: [] };
  const finish = () => {
    encoded.records.push(encoder.records);
    encoded.counted.push(encoder.counted);
    encoded.bodies.push(encoder.finish());
  };
  encoder.begin(limits);
  let from = 0;
  for (const to of [...cuts, batch.records]) {
    while (from < to) {
      from = encoder.append(batch, from, to, timeMs);
      if (encoder.stoppedBy === encodeStop.full) {
        if (encoder.records === 0) throw new Error("an empty body was called full");
        finish();
        encoder.begin(limits);
      } else if (encoder.stoppedBy === encodeStop.recordTooLarge) encoded.tooLarge.push(from++);
      else if (from !== to) throw new Error("an encoder stopped without a cause");
    }
  }
  finish();
  return encoded;
}

/** What `encodeAll` must give, from the platform's own decoder and JSON. */
export function expectedOf(
  envelope: JsonEnvelope,
  records: readonly Uint8Array[],
  { recordsMax, bytesMax, recordBytesMax }: EncodeLimits = unlimited,
  timeMs = 0,
): Encoded {
  const { before, between, after, countedBesideText } = envelope;
  const around = Buffer.byteLength(before) + Buffer.byteLength(after);
  const encoded: Encoded = { bodies: [], records: [], counted: [], tooLarge: [] };
  let texts: string[] = [];
  let counted = 0;
  const begin = () => {
    texts = [];
    counted = countedBesideText === undefined ? around : 0;
  };
  const finish = () => {
    encoded.bodies.push(new Uint8Array(Buffer.from(before + texts.join(between) + after)));
    encoded.records.push(texts.length);
    encoded.counted.push(counted);
    begin();
  };
  begin();
  for (const [index, record] of records.entries()) {
    const text = expectedText(envelope, record, timeMs);
    const alone =
      countedBesideText === undefined
        ? Buffer.byteLength(text)
        : Buffer.byteLength(decoded(record)) + countedBesideText;
    if (texts.length === recordsMax) finish();
    if (alone > recordBytesMax || alone + (countedBesideText === undefined ? around : 0) > bytesMax) {
      encoded.tooLarge.push(index);
      continue;
    }
    const more = () => alone + (countedBesideText === undefined && texts.length > 0 ? Buffer.byteLength(between) : 0);
    if (counted + more() > bytesMax) finish();
    counted += more();
    texts.push(text);
  }
  finish();
  return encoded;
}

export function decoded(record: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(record);
}

function expectedText({ string, object }: JsonEnvelope, record: Uint8Array, timeMs: number): string {
  const text = decoded(record);
  const parsed = object === undefined ? undefined : wholeObject(text);
  if (object === undefined || parsed === undefined) return framed(string, JSON.stringify(text), timeMs);
  const trimmed = text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "").replace(/[\r\n]/g, " ");
  if (object.kind === "value") return framed(object.frame, trimmed, timeMs);
  const names = new Set(Object.keys(parsed).map((name) => name.toWellFormed()));
  const own = trimmed.slice(1, -1).replace(/^[ \t]+|[ \t]+$/g, "");
  const added = object.members
    .filter(({ name }) => !names.has(name))
    .map(({ name, value }) => `${JSON.stringify(name)}:${value}`);
  return `{${[...added, ...(own === "" ? [] : [own])].join(",")}}`;
}

function framed({ before, time, then = "", after }: Frame, text: string, timeMs: number): string {
  if (time === undefined) return before + text + after;
  return before + (time === "ms" ? `${timeMs}` : (timeMs / 1000).toFixed(3)) + then + text + after;
}

function wholeObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return depthOf(value) > jsonDepthMax ? undefined : value;
  } catch {
    return undefined;
  }
}

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

export interface EncodeCase {
  readonly envelope: JsonEnvelope;
  readonly records: Buffer[];
  readonly limits: EncodeLimits;
  readonly cuts: number[];
  readonly timeMs: number;
}

/** Cases from a seed, the same everywhere. */
export class EncodeCases {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** mulberry32 */
  #below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  #one<T>(choices: readonly T[]): T {
    return choices[this.#below(choices.length)]!;
  }

  #many<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.#below(most + 1) }, make);
  }

  next(): EncodeCase {
    const envelope = this.#envelope();
    const records = this.#many(10, () => this.#record());
    const limited = this.#below(3) > 0;
    return {
      envelope,
      records,
      limits: limited
        ? {
            recordsMax: 1 + this.#below(8),
            bytesMax: this.#below(this.#one([100, 1000, 4000])),
            recordBytesMax: this.#below(this.#one([100, 1000, 4000])),
          }
        : unlimited,
      cuts: this.#many(3, () => this.#below(records.length + 1)).toSorted((a, b) => a - b),
      timeMs: this.#one([0, 7, 999, 1000, 1_700_000_000_123, this.#below(2 ** 31)]),
    };
  }

  #envelope(): JsonEnvelope {
    const members = [
      { name: "service", value: '"checkout é"' },
      { name: 'a"\\\u0001\u2028', value: "[1]" },
      { name: "a", value: "1" },
      { name: "", value: "null" },
      { name: "é", value: "{}" },
      { name: "\ufffd", value: "true" },
    ];
    const count = this.#one([undefined, undefined, 0, 26]);
    const object = this.#one<JsonEnvelope["object"]>([
      undefined,
      { kind: "value", frame: this.#frame("=") },
      { kind: "merge", members: members.filter(() => this.#below(2) === 0) },
    ]);
    return {
      kind: "json",
      before: this.#one(["[", "", '{"é":[']),
      between: this.#one([",", "", ",\n"]),
      after: this.#one(["]", "", "]}"]),
      string: this.#frame(""),
      ...(object !== undefined && { object }),
      ...(count !== undefined && { countedBesideText: count }),
    };
  }

  #frame(mark: string): Frame {
    return this.#one<Frame>([
      { before: mark, after: "" },
      { before: '{"event":', after: "}" },
      timed('{"time":', "s", ',"event":', `${mark}}`),
      timed('{"timestamp":', "ms", ',"message":', "}"),
      { before: "☺", time: "ms", after: "☺" },
    ]);
  }

  #record(): Buffer {
    switch (this.#below(8)) {
      case 0:
        return Buffer.from(this.#many(this.#size(), () => this.#below(256)));
      case 1:
        return Buffer.from(this.#many(this.#size(), () => this.#one(edges)));
      case 2:
        return Buffer.from(this.#text());
      case 3:
        return this.#mutated(Buffer.from(this.#text()));
      case 4:
        return this.#mutated(Buffer.from(this.#object(4)));
      default:
        return Buffer.from(
          this.#one(["", "", " ", "\r\n\t"]) + this.#object(4) + this.#one(["", "", "\r", " \n", "x"]),
        );
    }
  }

  #size(): number {
    return this.#one([4, 20, 80, 80, 300, 1500]);
  }

  #text(): string {
    return this.#many(this.#one([8, 30, 100]), () => this.#one(pieces)).join("");
  }

  #mutated(bytes: Buffer): Buffer {
    if (bytes.length === 0) return bytes;
    const at = this.#below(bytes.length);
    const end = Math.min(bytes.length, at + this.#below(4));
    return Buffer.concat([
      bytes.subarray(0, at),
      Buffer.from(this.#many(3, () => this.#one(edges))),
      bytes.subarray(this.#one([at, at + 1, end])),
    ]);
  }

  #object(depth: number): string {
    const space = () => this.#one(["", "", "", " ", "\n", "\r\n", "\t"]);
    const members = this.#many(
      4,
      () => `${space()}${this.#one(keys)}${space()}:${space()}${this.#value(depth - 1)}${space()}`,
    );
    return `{${members.length === 0 ? space() : members.join(",")}}`;
  }

  #value(depth: number): string {
    if (depth > 0 && this.#below(3) === 0) return this.#object(depth);
    if (depth > 0 && this.#below(5) === 0) return `[${this.#many(3, () => this.#value(depth - 1)).join(", ")}]`;
    return this.#one(values);
  }
}

/** Bytes at which encoding and UTF-8 change their mind. */
const edges = [
  0x00, 0x08, 0x09, 0x0a, 0x0c, 0x0d, 0x1f, 0x20, 0x22, 0x5c, 0x7b, 0x7d, 0x7e, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
  0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff, 0x41, 0x61,
];
const pieces =
  'a|word |GET /healthz 200|"|\\|\\n|\n|\r|\t|\b|\f|\u0000|\u001f|\u007f|é|ÿ|߿|ࠀ|☺|퟿|\ue000|\ufffd|\uffff|𐀀|😀|\u{10ffff}|\u2028|\u2029|\ufeff|日本語テキスト|данные'.split(
    "|",
  );
const keys =
  '"a"|"b"|"service"|"\\u0073ervice"|""|"é"|"\\u00e9"|"\\u00E9x"|"\\ud83d\\ude00"|"\\ud800"|"�"|"a\\"\\\\\\u0001\u2028"|"ключ"'.split(
    "|",
  );
const values =
  '"x"|1|-0.5e+3|true|null|""|"a\\nb"|"é☺😀"|"\\ud83d\\ude00"|[]|{}|"{\\"a\\":1}"|01|nul|"\t"|"日本語"'.split("|");

/** One number for all that an engine makes of so many cases. */
export function digestOf(kind: EngineKind, seed: number, count: number): string {
  const cases = new EncodeCases(seed);
  const hash = createHash("sha256");
  for (let i = 0; i < count; i++) {
    const { envelope, records, limits, cuts, timeMs } = cases.next();
    const encoder = kind.createEncoder(envelope);
    const batch = batchWith(kind, records);
    const { bodies, tooLarge, counted } = encodeAll(encoder, batch, limits, cuts, timeMs);
    hash.update(JSON.stringify([tooLarge, counted]));
    for (const body of bodies) hash.update(body);
    encoder.close();
    batch.free();
  }
  return hash.digest("hex");
}
