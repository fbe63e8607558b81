/** Encodes records of batches into one body after the other. Twin of `native/encode/encoder.h`. */

import { StreamGateError } from "../../../../errors.ts";
import type { Filled, Frame, JsonEnvelope } from "../../../../outputs/envelope.ts";
import type { Batch } from "../../batch.ts";
import { type EncodeLimits, type Encoder, encodeStop } from "../../encoder.ts";
import { batchEntry, batchHeader } from "../../layout.ts";
import { SyslogFieldReader } from "../syslog/field.ts";
import { SyslogMessage } from "../syslog/message.ts";
import { Body } from "./body.ts";
import { JsonObject } from "./json_object.ts";
import { appendJsonString } from "./json_string.ts";
import { repairedBytes } from "./repair.ts";

const quote = 0x22;
const entriesAt = batchHeader.bytes / 4;
const entryWords = batchEntry.bytes / 4;
const lengthAt = batchEntry.offsets.length / 4;

export class PortableEncoder implements Encoder {
  readonly #before: Buffer;
  readonly #between: Buffer;
  readonly #after: Buffer;
  readonly #string: FrameText;
  readonly #filled: FilledText | undefined;
  /** Behind what is filled in; else it stands in `#string`. */
  readonly #behindFilled: Buffer;
  readonly #object: JsonObject | undefined;
  /** Of a record that stands as a value; undefined: merged. */
  readonly #value: FrameText | undefined;
  readonly #countedBesideText: number | undefined;
  readonly #body = new Body();
  #limits: EncodeLimits = { recordsMax: 1, bytesMax: 0, recordBytesMax: 0 };
  #begun = false;
  #closed = false;
  #stoppedBy: number = encodeStop.none;
  #records = 0;
  #counted = 0;

  constructor(envelope: JsonEnvelope) {
    const { before, between, after, string, filled = [], object, countedBesideText } = envelope;
    this.#before = Buffer.from(before);
    this.#between = Buffer.from(between);
    this.#after = Buffer.from(after);
    this.#string = new FrameText(filled.length === 0 ? string : { ...string, after: "" }, '"');
    if (filled.length > 0) this.#filled = new FilledText(filled);
    this.#behindFilled = Buffer.from(filled.length === 0 ? "" : string.after);
    if (object !== undefined) this.#object = new JsonObject(object.kind === "merge" ? object.members : []);
    if (object?.kind === "value") this.#value = new FrameText(object.frame, "");
    this.#countedBesideText = countedBesideText;
  }

  begin({ recordsMax, bytesMax, recordBytesMax }: EncodeLimits): void {
    this.#checkOpen();
    if (!(recordsMax >= 1)) throw wrong("recordsMax is not at least 1");
    if (!(bytesMax >= 0)) throw wrong("bytesMax is no limit");
    if (!(recordBytesMax >= 0)) throw wrong("recordBytesMax is no limit");
    this.#limits = { recordsMax, bytesMax, recordBytesMax };
    this.#begun = true;
    this.#stoppedBy = encodeStop.none;
    this.#records = 0;
    this.#body.size = 0;
    this.#body.append(this.#before);
    this.#counted = this.#countedBesideText === undefined ? this.#before.length + this.#after.length : 0;
  }

  append(batch: Batch, from: number, to: number, timeMs: number): number {
    this.#checkBegun();
    if (!(from >= 0 && from <= to && to <= batch.records)) throw wrong("the batch does not hold these records");
    const time = timeMs >= 0 ? Math.min(Math.floor(timeMs), Number.MAX_SAFE_INTEGER) : 0;
    this.#string.setTime(time);
    this.#value?.setTime(time);
    const { words, data } = batch;
    this.#stoppedBy = encodeStop.none;
    for (let i = from; i < to; i++) {
      const entry = entriesAt + i * entryWords;
      const start = words[entry]!;
      this.#stoppedBy = this.#appendRecord(data, start, start + words[entry + lengthAt]!);
      if (this.#stoppedBy !== encodeStop.none) return i;
    }
    return to;
  }

  #appendRecord(bytes: Buffer, from: number, to: number): number {
    const { recordsMax, bytesMax, recordBytesMax } = this.#limits;
    const body = this.#body;
    if (this.#records + 1 > recordsMax) return encodeStop.full;
    const before = body.size;
    let more: number;
    if (this.#countedBesideText !== undefined) {
      more = repairedBytes(bytes, from, to) + this.#countedBesideText;
      if (more > recordBytesMax || more > bytesMax) return encodeStop.recordTooLarge;
      if (this.#counted + more > bytesMax) return encodeStop.full;
      if (this.#records > 0) body.append(this.#between);
      this.#write(bytes, from, to, Number.POSITIVE_INFINITY);
    } else {
      const aloneMax = Math.max(0, bytesMax - this.#before.length - this.#after.length);
      if (this.#records > 0) body.append(this.#between);
      const fits = this.#write(bytes, from, to, Math.min(recordBytesMax, aloneMax));
      more = body.size - before;
      if (!fits || this.#counted + more > bytesMax) {
        body.size = before;
        return fits ? encodeStop.full : encodeStop.recordTooLarge;
      }
    }
    this.#counted += more;
    this.#records++;
    return encodeStop.none;
  }

  /** Appends a record of `bytesMax` at most. @returns false when it takes more; the body has a part of it then */
  #write(bytes: Buffer, from: number, to: number, bytesMax: number): boolean {
    const body = this.#body;
    const before = body.size;
    if (this.#object?.read(bytes, from, to)) {
      if (this.#value === undefined) this.#object.appendMerged(body);
      else {
        body.append(this.#value.before);
        this.#object.appendValue(body);
        body.append(this.#value.after);
      }
      return body.size - before <= bytesMax;
    }
    const around = this.#string.before.length + this.#string.after.length + this.#behindFilled.length;
    if (around > bytesMax) return false;
    body.append(this.#string.before);
    if (!appendJsonString(bytes, from, to, bytesMax - around, body)) return false;
    body.append(this.#string.after);
    if (this.#filled === undefined) return true;
    const used = body.size - before + this.#behindFilled.length;
    if (used > bytesMax || !this.#filled.append(bytes, from, to, bytesMax - used, body)) return false;
    body.append(this.#behindFilled);
    return true;
  }

  get stoppedBy(): number {
    this.#checkOpen();
    return this.#stoppedBy;
  }

  get records(): number {
    this.#checkOpen();
    return this.#records;
  }

  get counted(): number {
    this.#checkOpen();
    return this.#counted;
  }

  finish(): Uint8Array {
    this.#checkBegun();
    this.#body.append(this.#after);
    this.#begun = false;
    return this.#body.release();
  }

  close(): void {
    this.#closed = true;
  }

  #checkOpen(): void {
    if (this.#closed)
      throw new StreamGateError("SG_ENGINE_CLOSED", {
        what: "the encoder is closed",
        fix: "do not use a handle after close()",
      });
  }

  #checkBegun(): void {
    this.#checkOpen();
    if (!this.#begun) throw wrong("no body was begun");
  }
}

/** What stands before and behind a record, its time written out. */
class FrameText {
  readonly after: Buffer;
  before: Buffer;
  readonly #frame: Frame;
  readonly #quote: string;
  #timeMs = -1;

  /** @param quote `"` or nothing, next to the record on both sides */
  constructor(frame: Frame, quote: string) {
    this.#frame = frame;
    this.#quote = quote;
    this.before = Buffer.from(frame.before + quote);
    this.after = Buffer.from(quote + frame.after);
  }

  setTime(timeMs: number): void {
    const { before, time, then = "" } = this.#frame;
    if (time === undefined || timeMs === this.#timeMs) return;
    const text = time === "ms" ? `${timeMs}` : `${Math.floor(timeMs / 1000)}.${`${timeMs % 1000}`.padStart(3, "0")}`;
    this.before = Buffer.from(before + text + then + this.#quote);
    this.#timeMs = timeMs;
  }
}

/** What of a body a syslog record's header fills in. */
class FilledText {
  readonly #parts: readonly { before: Buffer; otherwise: Buffer; field: SyslogFieldReader }[];
  /** Of a record that is no syslog. */
  readonly #otherwise: Buffer;
  readonly #message = new SyslogMessage();

  constructor(parts: readonly Filled[]) {
    this.#parts = parts.map(({ before, field, otherwise }) => ({
      before: Buffer.from(`${before}"`),
      otherwise: Buffer.from(otherwise),
      field: readerOf(field),
    }));
    this.#otherwise = Buffer.concat(this.#parts.map(({ otherwise }) => otherwise));
  }

  /** Appends the parts for a record. @returns false when they take more than `bytesMax`; the body has a part of them then */
  append(bytes: Buffer, from: number, to: number, bytesMax: number, body: Body): boolean {
    this.#message.read(bytes, from, to);
    if (this.#message.priority === -1) {
      body.append(this.#otherwise);
      return this.#otherwise.length <= bytesMax;
    }
    const start = body.size;
    for (const { before, otherwise, field } of this.#parts) {
      const text = field.text(bytes, this.#message);
      if (text === undefined) {
        body.append(otherwise);
        continue;
      }
      body.append(before);
      const left = bytesMax - (body.size - start);
      if (left < 0 || !appendJsonString(text, 0, text.length, left, body)) return false;
      body.appendByte(quote);
    }
    return body.size - start <= bytesMax;
  }
}

function readerOf(field: Uint8Array): SyslogFieldReader {
  try {
    return new SyslogFieldReader(field);
  } catch {
    throw wrong("an envelope asks for a syslog field that does not exist");
  }
}

function wrong(what: string): StreamGateError {
  return new StreamGateError("SG_LAYOUT", { what });
}
