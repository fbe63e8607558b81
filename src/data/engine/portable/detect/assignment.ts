/** A name and what it is set to. Twin of native/detect/assignment.h, where it is told. */

import { byteAt, code, isBase64Url } from "./bytes.ts";

const assignedBytesMax = 256;
const nameBytesMax = 48;
const spacesMax = 4;
const dot = code(".");
const quotes = new Set([..."\"'`"].map(code));
const ends = new Set([..."\"'`\\,;&<>()[]{}|"].map(code));

const isName = (c: number) => isBase64Url(c) || c === dot;
const isValue = (c: number) => c > 0x20 && c < 0x7f && !ends.has(c);

function spacesEnd(text: Buffer, at: number): number {
  let end = at;
  while (end < at + spacesMax && (byteAt(text, end) === code(" ") || byteAt(text, end) === code("\t"))) end++;
  return end;
}

/** @returns begin and end of the value; twice where the search may go on where there is none */
export function assignedValue(text: Buffer, at: number): readonly [begin: number, end: number] {
  let name = at;
  while (name < text.length && name < at + nameBytesMax && isName(text[name]!)) name++;
  let sign = name;
  if (quotes.has(byteAt(text, sign))) sign++;
  sign = spacesEnd(text, sign);
  let begin = sign;
  while (begin < sign + 2 && (byteAt(text, begin) === code("=") || byteAt(text, begin) === code(":"))) begin++;
  if (begin === sign) return [name, name];
  if (byteAt(text, begin) === code(">")) begin++;
  begin = spacesEnd(text, begin);
  if (quotes.has(byteAt(text, begin))) begin++;
  let end = begin;
  while (end < text.length && end - begin <= assignedBytesMax && isValue(text[end]!)) end++;
  if (end - begin > assignedBytesMax) return [name, name];
  while (end > begin && text[end - 1] === dot) end--;
  return end === begin ? [name, name] : [begin, end];
}
