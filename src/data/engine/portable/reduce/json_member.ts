/** A member of a record's JSON object: where its value is, or where it goes. Twin of `native/reduce/json_member.h`. */

import { decodeString, JsonText } from "../attribute/json_text.ts";

const comma = 0x2c;
const colon = 0x3a;
const quote = 0x22;
const braceOpen = 0x7b;
const braceClose = 0x7d;

export class JsonMemberFinder {
  /** It has no members. */
  empty = false;
  /** Of its closing brace. */
  close = 0;
  /** The value of the last member with the name: that is the one which counts. `to` -1: there is none. */
  from = 0;
  to = -1;
  readonly #text = new JsonText();

  /** @returns whether the record is a JSON object, all of it checked; only then the fields say something */
  find(bytes: Uint8Array, start: number, end: number, name: Buffer): boolean {
    const text = this.#text;
    text.reset(bytes, start, end);
    this.to = -1;
    if (!text.take(braceOpen)) return false;
    this.empty = text.take(braceClose);
    for (let open = !this.empty; open; ) {
      if (text.peek() !== quote) return false;
      const key = text.string();
      if (key === undefined || !text.take(colon)) return false;
      text.peek();
      const from = text.at;
      if (!text.skipValue()) return false;
      const meaning = key.escaped ? decodeString(bytes, key.start, key.end) : bytes.subarray(key.start, key.end);
      if (name.equals(meaning)) {
        this.from = from;
        this.to = text.at;
      }
      if (text.take(comma)) continue;
      if (!text.take(braceClose)) return false;
      open = false;
    }
    this.close = text.at - 1;
    return text.peek() === -1;
  }

  /** Is the record JSON of any kind? */
  isJson(bytes: Uint8Array, start: number, end: number): boolean {
    this.#text.reset(bytes, start, end);
    return this.#text.skipValue() && this.#text.peek() === -1;
  }
}

/** The first byte that is not white space; -1 when there is none. */
export function firstOf(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    const c = bytes[at]!;
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return c;
  }
  return -1;
}
