/** Payment card numbers. Twin of native/detect/credit_card.cc, where it is told what is one. */

import { cardLengths } from "../validators/card_issuer.ts";
import { passesLuhn } from "../validators/luhn.ts";
import { byteAt, code, digitsEnd, isAlnum, isDigit, isLetter } from "./bytes.ts";
import { hasKeywordBefore, keywords } from "./keyword.ts";

const digitsMin = 12;
const digitsMax = 19;
/** A card in groups has at least two of at most so many digits. */
const groupsMax = 7;
const underscore = code("_");
const dot = code(".");
const hyphen = code("-");
const words = keywords("card", "cc", "pan", "visa", "maestro", "payment", "credit", "debit");

const isSeparator = (c: number) => c === code(" ") || c === hyphen || c === dot || c === code("+");

const digits = new Uint8Array(digitsMax);
const sizes: number[] = [];

/** Are these groups as a card is written? */
function areCardGroups(groups: number): boolean {
  const [first = 0, second = 0, third = 0] = sizes;
  if (groups === 1) return true;
  if (groups === 2) return (first === 8 && second === 8) || (first === 6 && second === 13);
  if (groups === 3 && first === 4 && second === 6) return third >= 4 && third <= 6;
  for (let i = 0; i + 1 < groups; i++) if (sizes[i] !== 4) return false;
  return sizes[groups - 1]! <= 4 || (groups === 3 && third === 5);
}

export function scanCreditCard(text: Buffer, finds: number[]): void {
  let at = 0;
  while (at + digitsMin <= text.length) {
    if (!isDigit(text[at]!)) {
      at++;
      continue;
    }
    const begin = at;
    at = digitsEnd(text, begin);
    const before = byteAt(text, begin - 1);
    const beforeThat = byteAt(text, begin - 2);
    const track = before === code("B") && beforeThat === code("%");
    if ((isAlnum(before) && !track) || before === underscore) continue;
    if (before === dot && isDigit(beforeThat)) continue;
    if (before === hyphen && (isLetter(beforeThat) || beforeThat === underscore)) continue;
    const end = cardEnd(text, begin, byteAt(text, at));
    if (end === 0) continue;
    finds.push(begin, end);
    at = end;
  }
}

/** Group by group; the longest number that passes is it. @returns its end, or 0 */
function cardEnd(text: Buffer, begin: number, separator: number): number {
  let count = 0;
  let groups = 0;
  let end = 0;
  for (let group = begin; groups < groupsMax && isDigit(byteAt(text, group)); ) {
    const groupEnd = digitsEnd(text, group);
    if (count + (groupEnd - group) > digitsMax) break;
    for (let i = group; i < groupEnd; i++) digits[count++] = text[i]!;
    sizes[groups++] = groupEnd - group;
    const after = byteAt(text, groupEnd);
    if (
      count >= digitsMin &&
      !isAlnum(after) &&
      after !== underscore &&
      !(after === dot && isDigit(byteAt(text, groupEnd + 1))) &&
      areCardGroups(groups)
    ) {
      // Numbers of these kinds are mostly something else.
      const unusual =
        digits[0]! <= code("1") ||
        count === 12 ||
        (count === 14 && digits[0] !== code("3")) ||
        (groups === 1 && count > 16 && digits[0] !== code("6"));
      if (
        ((cardLengths(digits) >>> count) & 1) !== 0 &&
        passesLuhn(digits, count) &&
        (!unusual || hasKeywordBefore(text, begin, 40, words))
      )
        end = groupEnd;
    }
    if (after !== separator || !isSeparator(after)) break;
    group = groupEnd + 1;
  }
  return end;
}
