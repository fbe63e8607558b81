/** Bytes of a text as detectors ask for them. Twin of native/detect/bytes.h. */

import { isDigit } from "../scan/ascii.ts";

export { isAlnum, isBase64Url, isDigit, isHex, isLetter, isLower, isUpper, lowered, raised } from "../scan/ascii.ts";

/** Part of a character beyond ASCII. */
export const isBeyondAscii = (c: number): boolean => c >= 0x80;

/** The byte at `at`, 0 beyond the text's ends. */
export const byteAt = (text: Uint8Array, at: number): number => (at >= 0 && at < text.length ? text[at]! : 0);

/** Where the digits that begin at `at` end. */
export function digitsEnd(text: Uint8Array, at: number): number {
  let end = at;
  while (end < text.length && isDigit(text[end]!)) end++;
  return end;
}

/** The code of an ASCII character. */
export const code = (c: string): number => c.charCodeAt(0);
