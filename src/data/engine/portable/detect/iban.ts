/** International bank account numbers. Twin of native/detect/iban.cc, where it is told what is one. */

import { ibanLength, passesMod97 } from "../validators/iban.ts";
import { byteAt, code, isAlnum, isDigit, isLetter, raised } from "./bytes.ts";

const lengthMax = 34;
const iban = new Uint8Array(lengthMax);

/** Where the number that begins at `begin` ends; 0: there is none. */
function ibanEnd(text: Buffer, begin: number): number {
  // Upper case throughout or lower case throughout.
  const fold = text[begin]! & 0x20;
  const length = ibanLength(raised(text[begin]!), raised(text[begin + 1]!));
  if (length === 0) return 0;
  const separator = byteAt(text, begin + 4);
  const grouped = separator === code(" ") || separator === code("-") || separator === code("+");
  let at = begin;
  for (let count = 0; count < length; count++) {
    if (grouped && count > 0 && count % 4 === 0) {
      if (byteAt(text, at) !== separator) return 0;
      at++;
    }
    const c = byteAt(text, at);
    if (!isAlnum(c) || (isLetter(c) && (c & 0x20) !== fold)) return 0;
    iban[count] = raised(c);
    at++;
  }
  return !isAlnum(byteAt(text, at)) && passesMod97(iban, length) ? at : 0;
}

/** `IBANDE89…`: the word itself, glued to the number. */
function isBehindIban(text: Buffer, at: number): boolean {
  if (at < 4 || isAlnum(byteAt(text, at - 5))) return false;
  return text.toString("latin1", at - 4, at).toLowerCase() === "iban";
}

export function scanIban(text: Buffer, finds: number[]): void {
  for (let at = 0; at + 15 <= text.length; at++) {
    if (!isDigit(text[at + 2]!) || !isDigit(text[at + 3]!) || !isLetter(text[at]!) || !isLetter(text[at + 1]!))
      continue;
    if (isAlnum(byteAt(text, at - 1)) && !isBehindIban(text, at)) continue;
    const end = ibanEnd(text, at);
    if (end === 0) continue;
    finds.push(at, end);
    at = end - 1;
  }
}
