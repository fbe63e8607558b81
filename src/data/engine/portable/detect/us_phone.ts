/** Telephone numbers of the North American Numbering Plan. Twin of native/detect/us_phone.cc, where it is told what is one. */

import { byteAt, code, digitsEnd, isAlnum, isDigit, isLetter, lowered } from "./bytes.ts";
import { hasKeywordBefore, keywords } from "./keyword.ts";

const hyphen = code("-");
const dot = code(".");
const space = code(" ");
const slash = code("/");
const plusSign = code("+");
const one = code("1");
const words = keywords("phone", "mobile", "tel", "cell", "fax", "call", "sms", "msisdn");

function isCode(text: Buffer, at: number, area: boolean): boolean {
  if (digitsEnd(text, at) < at + 3 || text[at]! < code("2")) return false;
  if (text[at + 1] === one && text[at + 2] === one) return false;
  return !area || text[at + 1] !== code("9");
}

/** A plus is a space in a form. */
const isSpace = (c: number) => c === space || c === plusSign;

/** Of the number read last: its parts are separated by spaces alone, so that it may be columns of a table. */
let columnsOfLast = false;
/** Its area code is followed by a slash. */
let slashOfLast = false;

/** The end of the number whose area code, or the parenthesis before it, stands at `at`; 0: none. `compact`: exchange and line may be seven digits in a row. */
function numberEnd(text: Buffer, begin: number, compact: boolean): number {
  let at = begin;
  const parenthesis = byteAt(text, at) === code("(");
  if (parenthesis) at++;
  if (!isCode(text, at, true)) return 0;
  at += 3;
  let first = byteAt(text, at);
  if (parenthesis) {
    if (first !== code(")")) return 0;
    at++;
    first = byteAt(text, at);
    if (isSpace(first) || first === hyphen || first === dot) at++;
    first = code(")");
  } else if (first === hyphen || first === dot || isSpace(first) || first === slash) {
    at++;
  } else if (!compact) {
    return 0;
  } else {
    first = 0;
  }
  if (!isCode(text, at, false)) return 0;
  at += 3;
  const second = byteAt(text, at);
  if (second === hyphen || second === dot || isSpace(second)) {
    if (first === 0) return 0;
    at++;
  } else if (first !== 0 && !parenthesis && !compact) {
    return 0;
  }
  if (digitsEnd(text, at) < at + 4) return 0;
  columnsOfLast = first === space && second !== hyphen && second !== dot;
  slashOfLast = first === slash;
  return at + 4;
}

/** An extension that follows at once: 555-0132x9, 555-0132ext9. */
function isExtension(text: Buffer, begin: number): boolean {
  let at = begin;
  if (lowered(byteAt(text, at)) === code("e")) at++;
  if (lowered(byteAt(text, at)) !== code("x")) return false;
  at++;
  if (lowered(byteAt(text, at)) === code("t")) at++;
  if (byteAt(text, at) === dot || byteAt(text, at) === space) at++;
  return isDigit(byteAt(text, at));
}

function endsAt(text: Buffer, end: number, columns: boolean): boolean {
  const after = byteAt(text, end);
  if (isDigit(after) || after === code("_")) return false;
  if (isLetter(after)) return isExtension(text, end);
  const joins = after === hyphen || after === dot || (slashOfLast && after === slash) || (columns && after === space);
  return !(joins && isDigit(byteAt(text, end + 1)));
}

function beginsAt(text: Buffer, begin: number, columns: boolean): boolean {
  const before = byteAt(text, begin - 1);
  if (text[begin] !== code("(") && (isAlnum(before) || before === plusSign)) return false;
  const joins =
    before === hyphen ||
    before === dot ||
    (slashOfLast && before === slash) ||
    before === code(")") ||
    (columns && before === space);
  return !(joins && isDigit(byteAt(text, begin - 2)));
}

/** Bytes of a country code at `at`, with what separates it: `+1 `, `1-`, `001.`; 0: none. */
function countryBytes(text: Buffer, at: number): number {
  let end = at;
  const plus = byteAt(text, at) === plusSign;
  if (plus) end++;
  else if (byteAt(text, at) === code("0") && byteAt(text, at + 1) === code("0")) end += 2;
  if (byteAt(text, end) !== one) return 0;
  end++;
  const separator = byteAt(text, end);
  if (isSpace(separator) || separator === hyphen || separator === dot) return end + 1 - at;
  return plus || separator === code("(") ? end - at : 0;
}

/** `1` or `001` with ten digits at once behind it. */
function bareCountryBytes(text: Buffer, at: number): number {
  const zeros = byteAt(text, at) === code("0") && byteAt(text, at + 1) === code("0") ? 2 : 0;
  return byteAt(text, at + zeros) === one && digitsEnd(text, at) === at + zeros + 11 ? zeros + 1 : 0;
}

export function scanUsPhone(text: Buffer, finds: number[]): void {
  for (let at = 0; at + 10 <= text.length; at++) {
    const c = text[at]!;
    if (!isDigit(c) && c !== plusSign && c !== code("(")) continue;
    if (c !== code("(") && isAlnum(byteAt(text, at - 1))) continue;
    const plus = c === plusSign;
    const country = countryBytes(text, at);
    let end = country > 0 ? numberEnd(text, at + country, plus) : 0;
    if (end === 0 && !plus) end = numberEnd(text, at, false);
    if (end === 0 && !plus) {
      // Bare digits, with or without the country before them; the word is the dearer question.
      const bare = bareCountryBytes(text, at);
      if (bare > 0) end = numberEnd(text, at + bare, true);
      if (end === 0 && country > 0) end = numberEnd(text, at + country, true);
      if (end === 0) end = numberEnd(text, at, true);
      if (end > 0 && !hasKeywordBefore(text, at, 24, words)) continue;
    }
    if (end === 0) continue;
    const columns = columnsOfLast && !plus;
    if (!beginsAt(text, at, columns) || !endsAt(text, end, columns)) continue;
    finds.push(at, end);
    at = end - 1;
  }
}
