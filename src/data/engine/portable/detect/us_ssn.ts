/** US social security numbers. Twin of native/detect/us_ssn.cc, where it is told what is one. */

import { byteAt, code, digitsEnd, isAlnum, isDigit } from "./bytes.ts";
import { hasKeywordBefore, keywords } from "./keyword.ts";

const zero = code("0");
const hyphen = code("-");
const dot = code(".");
const space = code(" ");
const words = keywords("ssn", "social");
const ssn = keywords("ssn");

/** What stands between the parts at `at`: its bytes, 0 where nothing does that is taken for a separator. */
function separatorBytes(text: Buffer, at: number): number {
  const c = byteAt(text, at);
  if (c === hyphen || c === space || c === dot) return 1;
  // An en dash or a non-breaking hyphen, in UTF-8.
  const dash = c === 0xe2 && byteAt(text, at + 1) === 0x80;
  return dash && (byteAt(text, at + 2) === 0x93 || byteAt(text, at + 2) === 0x91) ? 3 : 0;
}

function isIssued(text: Buffer, area: number, group: number, serial: number): boolean {
  const a = text[area]!;
  if (a === code("9") || isAll(text, area, 3, zero) || isAll(text, area, 3, code("6"))) return false;
  return !isAll(text, group, 2, zero) && !isAll(text, serial, 4, zero);
}

function isAll(text: Buffer, at: number, count: number, c: number): boolean {
  for (let i = 0; i < count; i++) if (text[at + i] !== c) return false;
  return true;
}

/** Is it part of something longer, of more digits or with more parts? */
function standsAlone(text: Buffer, begin: number, end: number, separator: number): boolean {
  const before = byteAt(text, begin - 1);
  const after = byteAt(text, end);
  if (isAlnum(before) && !hasKeywordBefore(text, begin, 3, ssn)) return false;
  if (isAlnum(after)) return false;
  const joins = (c: number) => c === hyphen || c === dot || (c === space && separator === space);
  const goesOn = (c: number, at: number) => (c === hyphen ? isAlnum(byteAt(text, at)) : isDigit(byteAt(text, at)));
  if (joins(before) && goesOn(before, begin - 2)) return false;
  return !(joins(after) && goesOn(after, end + 1));
}

export function scanUsSsn(text: Buffer, finds: number[]): void {
  let at = 0;
  while (at + 9 <= text.length) {
    if (!isDigit(text[at]!)) {
      at++;
      continue;
    }
    const begin = at;
    const digits = digitsEnd(text, begin);
    at = digits;
    if (digits - begin === 9) {
      if (
        isIssued(text, begin, begin + 3, begin + 5) &&
        standsAlone(text, begin, digits, hyphen) &&
        hasKeywordBefore(text, begin, 32, words)
      )
        finds.push(begin, digits);
      continue;
    }
    if (digits - begin !== 3) continue;
    const separator = separatorBytes(text, digits);
    const group = digits + separator;
    if (separator === 0 || digitsEnd(text, group) !== group + 2) continue;
    const serial = group + 2 + separator;
    if (!isSame(text, group + 2, digits, separator) || digitsEnd(text, serial) !== serial + 4) continue;
    const end = serial + 4;
    if (!isIssued(text, begin, group, serial) || !standsAlone(text, begin, end, text[digits]!)) continue;
    finds.push(begin, end);
    at = end;
  }
}

function isSame(text: Buffer, a: number, b: number, count: number): boolean {
  for (let i = 0; i < count; i++) if (byteAt(text, a + i) !== text[b + i]) return false;
  return true;
}
