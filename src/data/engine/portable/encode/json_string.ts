/**
 * A record as the inside of a JSON string (RFC 8259, section 7): `"`, `\` and U+0000 to U+001F escaped, the short forms where there are
 * any, U+FFFD for what is no UTF-8. Twin of `native/encode/json_string.h` and `native/scan/json_escape.h`.
 */

import type { Body } from "./body.ts";
import { measure, replacement } from "./repair.ts";

const quote = 0x22;
const backslash = 0x5c;

/** What a byte is written as; undefined: as itself. */
const escapes: readonly (Buffer | undefined)[] = Array.from({ length: 128 }, (_, c) => {
  const letter = { 8: "b", 9: "t", 10: "n", 12: "f", 13: "r", [quote]: '"', [backslash]: "\\" }[c];
  if (letter !== undefined) return Buffer.from(`\\${letter}`);
  return c < 0x20 ? Buffer.from(`\\u${c.toString(16).padStart(4, "0")}`) : undefined;
});
/** Of one byte: `\u001f`. */
const escapeBytesMax = 6;
/** Written between two looks at the limit, so that a record's room stays near what it needs. */
const pieceBytes = 16384;

/**
 * Appends the text from `from` to `to`.
 * @returns false when it would take more than `bytesMax`; the body has a part of it then
 */
export function appendJsonString(bytes: Buffer, from: number, to: number, bytesMax: number, body: Body): boolean {
  const sizeMax = body.size + bytesMax;
  for (let at = from; at < to; ) {
    body.reserve(pieceBytes * escapeBytesMax + replacement.length);
    at = appendPiece(bytes, at, Math.min(to, at + pieceBytes), to, body);
    if (body.size > sizeMax) return false;
  }
  return true;
}

/** Appends what begins before `stop`. @returns where that ends */
function appendPiece(bytes: Buffer, from: number, stop: number, to: number, body: Body): number {
  const out = body.bytes;
  let size = body.size;
  let at = from;
  while (at < stop) {
    const c = bytes[at]!;
    if (c < 0x80) {
      at++;
      if (c >= 0x20 && c !== quote && c !== backslash) {
        out[size++] = c;
        continue;
      }
      const escaped = escapes[c]!;
      for (let i = 0; i < escaped.length; i++) out[size++] = escaped[i]!;
      continue;
    }
    const character = measure(bytes, at, to);
    if (character < 0) {
      for (let i = 0; i < replacement.length; i++) out[size++] = replacement[i]!;
      at -= character;
    } else for (const end = at + character; at < end; ) out[size++] = bytes[at++]!;
  }
  body.size = size;
  return at;
}
