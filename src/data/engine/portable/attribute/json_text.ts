/**
 * Strict JSON (RFC 8259, exactly what JSON.parse accepts) read in place: values are skipped and checked, nothing is built.
 *
 * Twin of `native/attribute/json_text.h`. Works on bytes, so that broken UTF-8 inside strings stays as it is; nesting costs
 * one byte a level in a buffer that is kept for the next record.
 */

/** A piece of the text and how to read it. */
export interface JsonScalar {
  /** Byte offsets: a string's bytes between its quotes, otherwise the source text of a number, true, false or null. */
  readonly start: number;
  readonly end: number;
  readonly isString: boolean;
  /** The string holds escapes: compare it decoded. */
  readonly escaped: boolean;
}

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const bracketOpen = 0x5b;
const backslash = 0x5c;
const bracketClose = 0x5d;
const braceOpen = 0x7b;
const braceClose = 0x7d;
const words = ["true", "false", "null"].map((word) => Buffer.from(word));

export class JsonText {
  /** Byte offset of what is read next. May be set back to a place that it had before. */
  at = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;
  /** 1 for each open object, 0 for each open array that `skipValue` is in. */
  #nesting = new Uint8Array(64);
  #escaped = false;

  /** Starts on the text from `start` to `end`. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.at = start;
    this.#end = end;
  }

  /** The next byte that is not white space (which it skips), without taking it; -1 at the end. */
  peek(): number {
    const bytes = this.#bytes;
    for (; this.at < this.#end; this.at++) {
      const c = bytes[this.at]!;
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return c;
    }
    return -1;
  }

  /** Takes `c` when it is the next byte after white space. */
  take(c: number): boolean {
    if (this.peek() !== c) return false;
    this.at++;
    return true;
  }

  /** Takes a string; the place must be at its opening quote. @returns undefined when malformed */
  string(): JsonScalar | undefined {
    const start = this.at + 1;
    if (!this.#skipString()) return undefined;
    return { start, end: this.at - 1, isString: true, escaped: this.#escaped };
  }

  /** Takes a string, number, true, false or null. @returns undefined when malformed */
  scalar(): JsonScalar | undefined {
    if (this.peek() === quote) return this.string();
    const start = this.at;
    return this.#skipScalar() ? { start, end: this.at, isString: false, escaped: false } : undefined;
  }

  /**
   * Takes any value and checks all of it.
   * @param containersMax objects and arrays in it that may be open at once
   * @returns false when malformed, or deeper
   */
  skipValue(containersMax = Number.POSITIVE_INFINITY): boolean {
    let depth = 0;
    for (;;) {
      const c = this.peek();
      if (c === braceOpen || c === bracketOpen) {
        if (depth === containersMax) return false;
        const object = c === braceOpen;
        this.at++;
        if (!this.take(object ? braceClose : bracketClose)) {
          if (depth === this.#nesting.length) {
            const larger = new Uint8Array(depth * 2);
            larger.set(this.#nesting);
            this.#nesting = larger;
          }
          this.#nesting[depth++] = object ? 1 : 0;
          if (object && !this.#skipKey()) return false;
          continue;
        }
      } else if (!this.#skipScalar()) {
        return false;
      }
      // A value has ended: close what ends here, or go to the next member or element.
      for (;;) {
        if (depth === 0) return true;
        const object = this.#nesting[depth - 1] === 1;
        if (this.take(comma)) {
          if (object && !this.#skipKey()) return false;
          break;
        }
        if (!this.take(object ? braceClose : bracketClose)) return false;
        depth--;
      }
    }
  }

  #skipKey(): boolean {
    return this.peek() === quote && this.#skipString() && this.take(colon);
  }

  #skipScalar(): boolean {
    const c = this.peek();
    if (c === quote) return this.#skipString();
    for (const word of words) if (c === word[0]) return this.#skipWord(word);
    return this.#skipNumber();
  }

  #skipString(): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.at + 1;
    this.#escaped = false;
    for (;;) {
      while (at < end && bytes[at] !== quote && bytes[at] !== backslash && bytes[at]! >= 0x20) at++;
      if (at >= end) return false;
      if (bytes[at] === quote) {
        this.at = at + 1;
        return true;
      }
      if (bytes[at] !== backslash || at + 1 >= end) return false;
      this.#escaped = true;
      if (bytes[at + 1] === 0x75) {
        if (at + 6 > end) return false;
        for (let i = at + 2; i < at + 6; i++) if (hexValue(bytes[i]!) < 0) return false;
        at += 6;
      } else {
        if (!(bytes[at + 1]! in escapes)) return false;
        at += 2;
      }
    }
  }

  #skipNumber(): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    const digit = (i: number) => i < end && bytes[i]! >= 0x30 && bytes[i]! <= 0x39;
    let at = this.at;
    if (at < end && bytes[at] === 0x2d) at++;
    if (!digit(at)) return false;
    if (bytes[at] === 0x30) at++;
    else while (digit(at)) at++;
    if (at < end && bytes[at] === 0x2e) {
      if (!digit(++at)) return false;
      while (digit(at)) at++;
    }
    if (at < end && (bytes[at]! | 0x20) === 0x65) {
      at++;
      if (at < end && (bytes[at] === 0x2b || bytes[at] === 0x2d)) at++;
      if (!digit(at)) return false;
      while (digit(at)) at++;
    }
    this.at = at;
    return true;
  }

  #skipWord(word: Uint8Array): boolean {
    if (this.at + word.length > this.#end) return false;
    for (let i = 0; i < word.length; i++) if (this.#bytes[this.at + i] !== word[i]) return false;
    this.at += word.length;
    return true;
  }
}

/** What the letter after a backslash stands for; `u` apart. */
const escapes: Readonly<Record<number, number>> = {
  34: 0x22,
  92: 0x5c,
  47: 0x2f,
  98: 0x08,
  102: 0x0c,
  110: 0x0a,
  114: 0x0d,
  116: 0x09,
};

/**
 * A checked string's meaning: escapes resolved to UTF-8, a lone surrogate as U+FFFD, other bytes as they are.
 * @returns a fresh buffer
 */
export function decodeString(bytes: Uint8Array, start: number, end: number): Buffer {
  // No escape is shorter than what it stands for: \uXXXX is six bytes for three at most.
  const out = Buffer.allocUnsafe(end - start);
  let to = 0;
  for (let at = start; at < end; ) {
    if (bytes[at] !== backslash) {
      out[to++] = bytes[at++]!;
      continue;
    }
    if (bytes[at + 1] !== 0x75) {
      out[to++] = escapes[bytes[at + 1]!]!;
      at += 2;
      continue;
    }
    let point = hexUnit(bytes, at + 2);
    at += 6;
    if (point >= 0xd800 && point < 0xdc00 && at + 6 <= end && bytes[at] === backslash && bytes[at + 1] === 0x75) {
      const low = hexUnit(bytes, at + 2);
      if (low >= 0xdc00 && low < 0xe000) {
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
      }
    }
    to += out.write(String.fromCodePoint(point >= 0xd800 && point < 0xe000 ? 0xfffd : point), to);
  }
  return out.subarray(0, to);
}

function hexUnit(bytes: Uint8Array, at: number): number {
  let unit = 0;
  for (let i = at; i < at + 4; i++) unit = (unit << 4) | hexValue(bytes[i]!);
  return unit;
}

function hexValue(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const lower = c | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}
