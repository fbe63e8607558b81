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

/** Of the number read last: its parts are separated by spaces alone, so that it may be columns of a table. */
let columnsOfLast = false;

/** The end of the number whose area code, or the parenthesis before it, stands at `at`; 0: none. `compact`: ten digits in a row will do. */
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
    if (first === space || first === hyphen || first === dot) at++;
    first = code(")");
  } else if (first === hyphen || first === dot || first === space || first === slash) {
    at++;
  } else if (!compact) {
    return 0;
  } else {
    first = 0;
  }
  if (!isCode(text, at, false)) return 0;
  at += 3;
  const second = byteAt(text, at);
  if (second === hyphen || second === dot || second === space) {
    if (first === 0) return 0;
    at++;
  } else if (first !== 0) {
    return 0;
  }
  if (digitsEnd(text, at) < at + 4) return 0;
  columnsOfLast = first === space && second === space;
  return at + 4;
}

function endsAt(text: Buffer, end: number, columns: boolean): boolean {
  const after = byteAt(text, end);
  if (isDigit(after) || after === code("_")) return false;
  // An extension may follow at once: 555-0132x9.
  if (isLetter(after)) return lowered(after) === code("x") && isDigit(byteAt(text, end + 1));
  const joins = after === hyphen || after === dot || after === slash || (columns && after === space);
  return !(joins && isDigit(byteAt(text, end + 1)));
}

function beginsAt(text: Buffer, begin: number, columns: boolean): boolean {
  const before = byteAt(text, begin - 1);
  if (isAlnum(before) || before === plusSign) return false;
  const joins =
    before === hyphen || before === dot || before === slash || before === code(")") || (columns && before === space);
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
  if (separator === space || separator === hyphen || separator === dot) return end + 1 - at;
  return plus || separator === code("(") ? end - at : 0;
}

export function scanUsPhone(text: Buffer, finds: number[]): void {
  for (let at = 0; at + 10 <= text.length; at++) {
    const c = text[at]!;
    if (!isDigit(c) && c !== plusSign && c !== code("(")) continue;
    if (isAlnum(byteAt(text, at - 1))) continue;
    const plus = c === plusSign;
    const country = countryBytes(text, at);
    let end = country > 0 ? numberEnd(text, at + country, plus) : 0;
    if (end === 0 && !plus) {
      end = numberEnd(text, at, true);
      if (end === at + 10 && !hasKeywordBefore(text, at, 24, words)) end = 0;
    }
    if (end === 0) continue;
    const columns = columnsOfLast && !plus;
    if (!beginsAt(text, at, columns) || !endsAt(text, end, columns)) continue;
    finds.push(at, end);
    at = end - 1;
  }
}
