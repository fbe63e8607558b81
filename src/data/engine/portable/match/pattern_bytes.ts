/** Patterns as a plan has them: UTF-8 bytes. */

import { Pattern } from "./pattern.ts";
import { PatternRefusal } from "./syntax.ts";

/** @throws PatternRefusal with RE2's words */
export function preparePattern(bytes: Uint8Array): Pattern {
  return new Pattern(patternText(bytes));
}

/** Finds a pattern anywhere in `text` from `start` to `end`, which are all that it sees. */
export function patternFinder(bytes: Uint8Array): (text: Uint8Array, start: number, end: number) => boolean {
  const pattern = preparePattern(bytes);
  return (text, start, end) => pattern.test(Buffer.from(text.buffer, text.byteOffset + start, end - start));
}

/** @throws PatternRefusal when the bytes are no UTF-8 */
export function patternText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new PatternRefusal("invalid UTF-8");
  }
}
