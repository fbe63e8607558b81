/** Users and passwords behind the word Basic. Twin of native/detect/basic_auth.cc, where it is told what is one. */

import { byteAt, code, isAlnum, isDigit, isLower, isUpper, lowered } from "./bytes.ts";
import { hasKeywordBefore, keywords } from "./keyword.ts";

const word = Buffer.from("basic");
const spacesMax = 8;
const bytesMin = 8;
const bytesMax = 4096;
const gaps = new Set([..." \t+"].map(code));
const authorization = keywords("authorization");

/** -1: no character of base64. */
function sextetOf(c: number): number {
  if (isUpper(c)) return c - code("A");
  if (isLower(c)) return c - code("a") + 26;
  if (isDigit(c)) return c - code("0") + 52;
  return c === code("+") || c === code("-") ? 62 : c === code("/") || c === code("_") ? 63 : -1;
}

/** Does it decode to a user and a password? `ascii`: of ASCII alone. */
function isUserAndPassword(base64: Buffer, ascii: boolean): boolean {
  if (base64.length % 4 === 1) return false;
  let bits = 0;
  let colon = false;
  for (let i = 0; i < base64.length; i++) {
    bits = ((bits << 6) | sextetOf(base64[i]!)) & 0xffff;
    if (i % 4 === 0) continue;
    const byte = (bits >>> (6 - 2 * (i % 4))) & 0xff;
    if (byte < 0x20 || byte === 0x7f || (ascii && byte > 0x7f)) return false;
    colon ||= byte === code(":");
  }
  return colon;
}

export function scanBasicAuth(text: Buffer, finds: number[]): void {
  for (let at = 0; at + word.length + bytesMin < text.length; at++) {
    if ((text[at]! | 0x20) !== word[0] || !word.every((wanted, i) => lowered(byteAt(text, at + i)) === wanted))
      continue;
    const start = at;
    let begin = at + word.length;
    at = begin - 1;
    const before = byteAt(text, start - 1);
    if (isAlnum(before) || before === code("_")) continue;
    // A plus is a space in a form.
    let spaces = 0;
    while (spaces < spacesMax && gaps.has(byteAt(text, begin))) {
      begin++;
      spaces++;
    }
    if (spaces === 0) continue;
    let end = begin;
    while (end < text.length && end - begin <= bytesMax && sextetOf(text[end]!) >= 0) end++;
    if (end - begin < bytesMin || end - begin > bytesMax) continue;
    // Letters beyond ASCII are what words decode to, too.
    const named = hasKeywordBefore(text, start, 32, authorization);
    if (!isUserAndPassword(text.subarray(begin, end), !named)) continue;
    for (let padding = 0; padding < 2 && byteAt(text, end) === code("="); padding++) end++;
    finds.push(begin, end);
    at = end - 1;
  }
}
