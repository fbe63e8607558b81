/** A record that is one whole JSON object, as it stands in a body: as a value, or merged with members that it lacks. Twin of `native/encode/json_object.h`. */

import type { Member } from "../../../../outputs/envelope.ts";
import { jsonDepthMax } from "../../layout.ts";
import { decodeString, JsonText } from "../attribute/json_text.ts";
import { Body } from "./body.ts";
import { appendJsonString } from "./json_string.ts";
import { appendRepaired } from "./repair.ts";

const lf = 0x0a;
const cr = 0x0d;
const space = 0x20;
const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const braceOpen = 0x7b;
const braceClose = 0x7d;

interface PreparedMember {
  readonly name: Buffer;
  /** `"name":value` */
  readonly text: Buffer;
  lacking: boolean;
}

export class JsonObject {
  readonly #text = new JsonText();
  readonly #members: readonly PreparedMember[];
  readonly #repaired = new Body();
  /** What lies from the opening brace to behind the closing one. */
  #bytes: Buffer = Buffer.alloc(0);
  #from = 0;
  #to = 0;

  /** @param members what `appendMerged` adds */
  constructor(members: readonly Member[]) {
    this.#members = members.map(({ name, value }) => ({
      name: Buffer.from(name),
      text: memberText(Buffer.from(name), Buffer.from(value)),
      lacking: true,
    }));
  }

  /** Is the record one whole JSON object (RFC 8259, white space around it allowed), nested `jsonDepthMax` deep at most? */
  read(bytes: Buffer, from: number, to: number): boolean {
    const text = this.#text;
    text.reset(bytes, from, to);
    if (text.peek() !== braceOpen) return false;
    this.#bytes = bytes;
    this.#from = text.at;
    if (!(this.#members.length === 0 ? text.skipValue(jsonDepthMax) : this.#readMembers())) return false;
    this.#to = text.at;
    return text.peek() === -1;
  }

  #readMembers(): boolean {
    const text = this.#text;
    for (const member of this.#members) member.lacking = true;
    text.take(braceOpen);
    if (text.take(braceClose)) return true;
    do {
      if (text.peek() !== quote) return false;
      const key = text.string();
      if (key === undefined || !text.take(colon)) return false;
      if (key.escaped) this.#meet(decodeString(this.#bytes, key.start, key.end));
      else this.#meet(this.#bytes.subarray(key.start, key.end));
      // The object itself is one.
      if (!text.skipValue(jsonDepthMax - 1)) return false;
    } while (text.take(comma));
    return text.take(braceClose);
  }

  /** Compared as it will stand in the body. */
  #meet(key: Buffer): void {
    const repaired = this.#repaired;
    repaired.size = 0;
    appendRepaired(key, 0, key.length, repaired);
    for (const member of this.#members)
      if (member.name.length === repaired.size && member.name.compare(repaired.bytes, 0, repaired.size) === 0)
        member.lacking = false;
  }

  /** What `read` found, without the white space around it: CR and LF between its tokens as spaces, U+FFFD for what is no UTF-8. */
  appendValue(body: Body): void {
    this.#appendText(this.#from, this.#to, body);
  }

  /** The members whose names it lacks, then its own, as one object. */
  appendMerged(body: Body): void {
    const bytes = this.#bytes;
    let from = this.#from + 1;
    let to = this.#to - 1;
    while (from < to && isSpace(bytes[from]!)) from++;
    while (from < to && isSpace(bytes[to - 1]!)) to--;
    let separator = braceOpen;
    for (const { lacking, text } of this.#members) {
      if (!lacking) continue;
      body.appendByte(separator);
      body.append(text);
      separator = comma;
    }
    if (separator === braceOpen || from < to) body.appendByte(separator);
    this.#appendText(from, to, body);
    body.appendByte(braceClose);
  }

  #appendText(from: number, to: number, body: Body): void {
    const before = body.size;
    appendRepaired(this.#bytes, from, to, body);
    // In strings they are refused, so that what there is lies between tokens.
    for (let i = before; i < body.size; i++) if (body.bytes[i] === lf || body.bytes[i] === cr) body.bytes[i] = space;
  }
}

function memberText(name: Buffer, value: Buffer): Buffer {
  const body = new Body();
  body.appendByte(quote);
  appendJsonString(name, 0, name.length, Number.POSITIVE_INFINITY, body);
  body.append(Buffer.from('":'));
  body.append(value);
  return Buffer.from(body.release());
}

function isSpace(c: number): boolean {
  return c === space || c === lf || c === cr || c === 0x09;
}
