/** Tokens behind the word Bearer. Twin of native/detect/bearer_token.cc, where it is told what is one. */

import { byteAt, code, isAlnum, isBase64Url, isDigit, isLetter, isLower, isUpper, lowered } from "./bytes.ts";

const word = Buffer.from("bearer");
const gapBytesMax = 8;
const bytesMin = 10;
const bytesMinWithoutDigit = 20;
const bytesMinBehindSign = 16;
const others = new Set([...".~+/="].map(code));
const spaces = new Set([..." \t+"].map(code));
const signs = new Set([...":=\"'"].map(code));
const isToken = (c: number) => isBase64Url(c) || others.has(c);

function isBearer(text: Buffer, at: number): boolean {
  for (let i = 0; i < word.length; i++) if (lowered(byteAt(text, at + i)) !== word[i]) return false;
  return true;
}

function isValue(text: Buffer, begin: number, end: number): boolean {
  let digit = false;
  let upper = false;
  let lower = false;
  for (let i = begin; i < end; i++) {
    digit ||= isDigit(text[i]!);
    upper ||= isUpper(text[i]!);
    lower ||= isLower(text[i]!);
  }
  return digit ? end - begin >= bytesMin : end - begin >= bytesMinWithoutDigit && upper && lower;
}

function isStrong(text: Buffer, begin: number, end: number): boolean {
  let digit = false;
  let letter = false;
  for (let i = begin; i < end; i++) {
    digit ||= isDigit(text[i]!);
    letter ||= isLetter(text[i]!);
  }
  return digit && letter && end - begin >= bytesMinBehindSign;
}

export function scanBearerToken(text: Buffer, finds: number[]): void {
  for (let at = 0; at + word.length < text.length; at++) {
    if ((text[at]! | 0x20) !== code("b") || !isBearer(text, at)) continue;
    const before = byteAt(text, at - 1);
    let begin = at + word.length;
    at = begin - 1;
    if (isAlnum(before) || before === code("_")) continue;
    // A plus is a space in a form.
    let gap = 0;
    let sign = false;
    while (gap < gapBytesMax && (spaces.has(byteAt(text, begin)) || signs.has(byteAt(text, begin)))) {
      sign ||= signs.has(text[begin]!);
      begin++;
      gap++;
    }
    if (gap === 0) continue;
    let end = begin;
    while (end < text.length && isToken(text[end]!)) end++;
    // The end of a sentence; padding belongs to the token.
    while (end > begin && text[end - 1] === code(".")) end--;
    if (!isValue(text, begin, end) || (sign && !isStrong(text, begin, end))) continue;
    finds.push(begin, end);
    at = end - 1;
  }
}
