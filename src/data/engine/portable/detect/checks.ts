/** Checks of what a pattern has matched: which matches are values. Twin of native/detect/checks.h. */

import { byteAt, isAlnum } from "./bytes.ts";

export type Check = (text: Buffer, begin: number, end: number) => boolean;

/** Not part of a longer word of letters and digits. */
const isWholeWord: Check = (text, begin, end) => !isAlnum(byteAt(text, begin - 1)) && !isAlnum(byteAt(text, end));

export const checks: ReadonlyMap<string, Check> = new Map([["word", isWholeWord]]);
