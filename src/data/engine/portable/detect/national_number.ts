/** Numbers by which states know people, in one search for all. Twin of native/detect/national_number.h, where it is told. */

import { byteAt, code, isAlnum, isDigit, isLetter, isLower, raised } from "./bytes.ts";
import { hasKeywordBefore, type keywords } from "./keyword.ts";

export interface NationalNumber {
  /** Ways to write it, with `?` first where it is one only behind a keyword. */
  readonly forms: readonly string[];
  readonly words: ReturnType<typeof keywords>;
  /** Of its digits and letters alone, in upper case, from 0 to `count`. `keyword`: does one stand before? */
  readonly passes: (number: Uint8Array, count: number, keyword: boolean) => boolean;
}

const reachBytes = 48;
const digit = code("9");
const letter = code("A");
const either = code("#");
const hyphen = code("-");
const space = code(" ");
const mark = "?";
const underscore = code("_");
const comma = code(",");
const colon = code(":");

/** What the form read last holds. */
const written = new Uint8Array(24);
let writtenCount = 0;
let writtenLower = false;

/** Where the form that begins at `begin` ends; 0: the text does not have it here. */
function formEnd(text: Buffer, begin: number, form: string): number {
  writtenCount = 0;
  writtenLower = false;
  for (let i = 0; i < form.length; i++) {
    const wanted = form.charCodeAt(i);
    const c = byteAt(text, begin + i);
    if (wanted !== digit && wanted !== letter && wanted !== either) {
      if (c !== wanted) return 0;
      continue;
    }
    if (isDigit(c) ? wanted === letter : wanted === digit || !isLetter(c)) return 0;
    writtenLower ||= isLower(c);
    written[writtenCount++] = raised(c);
  }
  return begin + form.length;
}

/** Is it part of something longer: of a word, a number, a row of numbers? Behind a keyword a name may end right before. */
function standsAlone(text: Buffer, begin: number, end: number, spaced: boolean, keyword: boolean): boolean {
  const before = byteAt(text, begin - 1);
  const beforeThat = byteAt(text, begin - 2);
  const after = byteAt(text, end);
  const afterThat = byteAt(text, end + 1);
  if (isAlnum(after) || after === underscore) return false;
  if (!keyword && (before === underscore || before === code("+") || before === code("$"))) return false;
  if (before === hyphen && (keyword ? isDigit(beforeThat) : isAlnum(beforeThat))) return false;
  if (after === hyphen && isAlnum(afterThat)) return false;
  // Lists have commas and colons, too; a keyword says that it is one.
  const joins = (c: number) =>
    c === code(".") || c === code("/") || (!keyword && (c === comma || c === colon)) || (spaced && c === space);
  return !(joins(before) && isDigit(beforeThat)) && !(joins(after) && isDigit(afterThat));
}

/** Where the longest number of this kind that begins at `at` ends; 0: there is none. */
function numberEnd(kind: NationalNumber, text: Buffer, at: number): number {
  let end = 0;
  let keyword: boolean | undefined;
  for (const form of kind.forms) {
    const needsKeyword = form.startsWith(mark);
    const here = formEnd(text, at, needsKeyword ? form.slice(1) : form);
    if (here <= end) continue;
    keyword ??= hasKeywordBefore(text, at, reachBytes, kind.words);
    if (!keyword && (needsKeyword || writtenLower)) continue;
    if (standsAlone(text, at, here, form.includes(" "), keyword) && kind.passes(written, writtenCount, keyword))
      end = here;
  }
  return end;
}

/** Appends the numbers in `text`; see scanners.ts. */
export function scanNationalNumber(kind: NationalNumber, text: Buffer, finds: number[]): void {
  for (let at = 0; at < text.length; at++) {
    if (!isAlnum(text[at]!) || isAlnum(byteAt(text, at - 1))) continue;
    const end = numberEnd(kind, text, at);
    if (end === 0) continue;
    finds.push(at, end);
    at = end - 1;
  }
}
