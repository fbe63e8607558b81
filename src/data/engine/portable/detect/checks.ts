/** Checks of what a pattern has matched: which matches are values. Twin of native/detect/checks.h. */

import { byteAt, code, isAlnum, isBase64Url, isHex } from "./bytes.ts";

export type Check = (text: Buffer, begin: number, end: number) => boolean;

/** Not part of a longer word of letters and digits. */
const isWholeWord: Check = (text, begin, end) => !isAlnum(byteAt(text, begin - 1)) && !isAlnum(byteAt(text, end));

/** A token of letters, digits, hyphens and underscores that does not go on, and begins no word. */
const isWholeToken: Check = (text, begin, end) => !isAlnum(byteAt(text, begin - 1)) && !isBase64Url(byteAt(text, end));

/** A hardware address that is not part of a longer row of pairs: a fingerprint, a world wide name. */
const isHardwareAddress: Check = (text, begin, end) => {
  const before = byteAt(text, begin - 1);
  const after = byteAt(text, end);
  const separates = (c: number) => c === code(":") || c === code("-");
  if (isAlnum(before) || isAlnum(after)) return false;
  if (separates(before) && isHex(byteAt(text, begin - 2)) && text[begin + 2] === before) return false;
  return !(separates(after) && isHex(byteAt(text, end + 1)) && text[begin + 2] === after);
};

export const checks: ReadonlyMap<string, Check> = new Map([
  ["word", isWholeWord],
  ["token", isWholeToken],
  ["mac", isHardwareAddress],
]);
