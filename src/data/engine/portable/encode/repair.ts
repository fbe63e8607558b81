/**
 * Text with U+FFFD for what is no UTF-8, one for each maximal subpart, as WHATWG's decoder and Unicode (section 3.9) have it: the longest
 * beginning of a well-formed sequence, or a single byte. Twin of `native/encode/repair.h` and `native/scan/utf8.h`.
 */

import { isUtf8 } from "node:buffer";
import type { Body } from "./body.ts";

/** U+FFFD in UTF-8. */
export const replacement = Buffer.from("\ufffd");

/**
 * What begins at `at`, whose byte is not ASCII. Table 3-7 of the Unicode Standard, "Well-Formed UTF-8 Byte Sequences".
 * @returns the bytes of a character, or, negative, of an error
 */
export function measure(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at]!;
  if (lead < 0xc2 || lead > 0xf4 || at + 1 >= end) return -1;
  const second = bytes[at + 1]!;
  if (lead < 0xe0) return continues(second) ? 2 : -1;
  // Overlong forms, surrogates and what lies above U+10FFFF show in the second byte.
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return -1;
  if (at + 2 >= end || !continues(bytes[at + 2]!)) return -2;
  if (lead < 0xf0) return 3;
  return at + 3 >= end || !continues(bytes[at + 3]!) ? -3 : 4;
}

function continues(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** Bytes that the text from `from` to `to` has when it is repaired. */
export function repairedBytes(bytes: Buffer, from: number, to: number): number {
  if (isUtf8(bytes.subarray(from, to))) return to - from;
  let sum = 0;
  for (let at = from; at < to; ) {
    const size = bytes[at]! < 0x80 ? 1 : measure(bytes, at, to);
    sum += size < 0 ? replacement.length : size;
    at += Math.abs(size);
  }
  return sum;
}

/** Appends the text from `from` to `to`, repaired. */
export function appendRepaired(bytes: Buffer, from: number, to: number, body: Body): void {
  if (isUtf8(bytes.subarray(from, to))) {
    body.append(bytes, from, to);
    return;
  }
  let run = from;
  for (let at = from; at < to; ) {
    const size = bytes[at]! < 0x80 ? 1 : measure(bytes, at, to);
    if (size < 0) {
      body.append(bytes, run, at);
      body.append(replacement);
      run = at - size;
    }
    at += Math.abs(size);
  }
  body.append(bytes, run, to);
}
