/** A text without one layer of escapes, and where in the text each of its bytes came from. Twin of native/detect/escapes.h. */

import { redactDecode } from "../../../../plan/redact_arguments.ts";
import { Scratch } from "../match/replace.ts";
import { byteAt, code, isDigit, isLetter } from "./bytes.ts";

const backslash = code("\\");
const percent = code("%");
const bracket = code("[");
/** Not for a rule to name: a terminal's sequences are read as a space. See native/detect/escapes.h. */
export const decodeColour = 8;
const slash = code("/");
const letterU = code("u");
const simple = new Map([
  [code('"'), code('"')],
  [backslash, backslash],
  [slash, slash],
  [code("b"), 8],
  [code("f"), 12],
  [code("n"), 10],
  [code("r"), 13],
  [code("t"), 9],
]);

function hexValue(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const lower = c | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}

/** Four hexadecimal digits at `at`; -1: there are none. */
function unitAt(text: Uint8Array, at: number): number {
  let unit = 0;
  for (let i = 0; i < 4; i++) {
    const value = hexValue(byteAt(text, at + i));
    if (value < 0) return -1;
    unit = (unit << 4) | value;
  }
  return unit;
}

/** The next escape character from `at` on, of which each kind is looked for once. */
class EscapeSearch {
  readonly #text: Buffer;
  #backslash: number;
  #percent: number;
  #bracket: number;

  constructor(text: Buffer, decode: number) {
    this.#text = text;
    this.#backslash = (decode & redactDecode.json) !== 0 ? place(text.indexOf(backslash)) : Number.POSITIVE_INFINITY;
    this.#percent = (decode & redactDecode.url) !== 0 ? place(text.indexOf(percent)) : Number.POSITIVE_INFINITY;
    this.#bracket = (decode & decodeColour) !== 0 ? place(text.indexOf(bracket)) : Number.POSITIVE_INFINITY;
  }

  /** @returns infinity when there is none */
  from(at: number): number {
    if (this.#backslash < at) this.#backslash = place(this.#text.indexOf(backslash, at));
    if (this.#percent < at) this.#percent = place(this.#text.indexOf(percent, at));
    if (this.#bracket < at) this.#bracket = place(this.#text.indexOf(bracket, at));
    return Math.min(this.#backslash, this.#percent, this.#bracket);
  }
}

const place = (found: number) => (found < 0 ? Number.POSITIVE_INFINITY : found);

/** What the escape that was read last stands for. */
const bytes = Buffer.alloc(4);
let bytesOfLast = 0;

const numbersMax = 24;

/** Bytes of the terminal's sequence whose bracket stands at `at`, without what stands for ESC; 0: there is none. */
function colourBytes(text: Buffer, at: number): number {
  let end = at + 1;
  while (end - at <= numbersMax && (isDigit(byteAt(text, end)) || byteAt(text, end) === code(";"))) end++;
  const escaped = byteAt(text, at - 1) === 0x1b;
  const ends = escaped ? isLetter(byteAt(text, end)) : byteAt(text, end) === code("m") && end > at + 1;
  return ends ? end + 1 - at : 0;
}

/** Bytes of the escape that begins at `at`; 0: none begins there. */
function escapeAt(text: Buffer, at: number, decode: number): number {
  bytesOfLast = 1;
  if (text[at] === bracket) {
    bytes[0] = 0x20;
    return (decode & decodeColour) !== 0 ? colourBytes(text, at) : 0;
  }
  if (text[at] === percent) {
    if ((decode & redactDecode.url) === 0) return 0;
    const high = hexValue(byteAt(text, at + 1));
    const low = hexValue(byteAt(text, at + 2));
    if (high < 0 || low < 0) return 0;
    bytes[0] = (high << 4) | low;
    return 3;
  }
  if ((decode & redactDecode.json) === 0) return 0;
  const letter = byteAt(text, at + 1);
  if (letter !== letterU) {
    const byte = simple.get(letter);
    if (byte === undefined) return 0;
    bytes[0] = byte;
    return 2;
  }
  const unit = unitAt(text, at + 2);
  if (unit < 0) return 0;
  if (unit < 0xd800 || unit > 0xdfff) {
    bytesOfLast = writeRune(unit);
    return 6;
  }
  const pair = unit < 0xdc00 && byteAt(text, at + 6) === backslash && byteAt(text, at + 7) === letterU;
  const second = pair ? unitAt(text, at + 8) : -1;
  if (second < 0xdc00 || second > 0xdfff) {
    bytesOfLast = writeRune(0xfffd);
    return 6;
  }
  bytesOfLast = writeRune(0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00));
  return 12;
}

function writeRune(rune: number): number {
  return bytes.write(String.fromCodePoint(rune), "utf8");
}

/** Could escapes hide a character of a value even once this text is decoded again? `\"`, `\\` and line ends alone do not. */
export function hidesCharacters(text: Buffer, decode: number): boolean {
  const search = new EscapeSearch(text, decode);
  for (let at = search.from(0); at < text.length; at = search.from(at + 1)) {
    if (text[at] === percent) {
      if (hexValue(byteAt(text, at + 1)) >= 0 && hexValue(byteAt(text, at + 2)) >= 0) return true;
      continue;
    }
    if (text[at] === bracket) {
      if (colourBytes(text, at) > 0) return true;
      continue;
    }
    // However many backslashes: with each layer half of them go.
    while (byteAt(text, at + 1) === backslash) at++;
    if (byteAt(text, at + 1) === slash || (byteAt(text, at + 1) === letterU && unitAt(text, at + 2) >= 0)) return true;
  }
  return false;
}

export class Unescaped {
  readonly #out = new Scratch();
  /** Of each escape four numbers: its place and bytes in the text without escapes, and in the text with them. */
  #escapes: number[] = [];

  /** @returns false: there is no escape in it, and nothing else may be asked */
  decode(text: Buffer, decode: number): boolean {
    this.#out.clear();
    this.#escapes = [];
    const search = new EscapeSearch(text, decode);
    let copied = 0;
    for (let at = search.from(0); at < text.length; ) {
      const taken = escapeAt(text, at, decode);
      if (taken > 0) {
        this.#out.append(text, copied, at);
        this.#escapes.push(this.#out.size, bytesOfLast, at, taken);
        this.#out.append(bytes, 0, bytesOfLast);
        copied = at + taken;
      }
      at = search.from(at + Math.max(taken, 1));
    }
    if (this.#escapes.length === 0) return false;
    this.#out.append(text, copied, text.length);
    return true;
  }

  /** Valid until the next `decode`. */
  get text(): Buffer {
    return this.#out.bytes;
  }

  /** The first of the bytes of the escaped text that the byte at `at` of this one came from. */
  originBegin(at: number): number {
    const escapes = this.#escapes;
    const i = this.#before(at + 1);
    if (i < 0) return at;
    const end = escapes[i]! + escapes[i + 1]!;
    return at < end ? escapes[i + 2]! : escapes[i + 2]! + escapes[i + 3]! + at - end;
  }

  /** Behind the last of the bytes that the byte before `at` came from. */
  originEnd(at: number): number {
    const escapes = this.#escapes;
    const i = this.#before(at);
    if (i < 0) return at;
    const end = escapes[i]! + escapes[i + 1]!;
    return escapes[i + 2]! + escapes[i + 3]! + (at <= end ? 0 : at - end);
  }

  /** The last escape that begins before `at`; below 0: none. */
  #before(at: number): number {
    let low = 0;
    let high = this.#escapes.length / 4;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#escapes[4 * middle]! < at) low = middle + 1;
      else high = middle;
    }
    return 4 * (low - 1);
  }
}
