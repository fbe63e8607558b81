/**
 * What two records have in common when their numbers are left out: hashes a text with every number, hex number, UUID and timestamp as one
 * mark. Twin of `native/reduce/mask.h`, which says what is one mark; `docs/reducing.md` tells users.
 */

import type { RecordHash } from "./record_hash.ts";

/** Kinds of bytes; of a word they are put together. */
const digit = 1;
const hexLetter = 2;
const letter = 4;
const word = digit | hexLetter | letter;
/** Not part of a word. */
const joins = 8;

const kinds = new Uint8Array(256);
for (let c = 0x30; c <= 0x39; c++) kinds[c] = digit;
for (let c = 0x61; c <= 0x7a; c++) kinds[c] = kinds[c - 32] = c <= 0x66 ? hexLetter : letter;
for (const c of Buffer.from(".:,-/+")) kinds[c] = joins;

/** No log line holds it, and it would do no harm: it stands for a mark. */
const mark = 0;
const dash = 0x2d;
const uuidBytes = 36;

export function hashMasked(bytes: Uint8Array, start: number, end: number, hash: RecordHash): void {
  /** A mark was written last, and what has come since belongs to it. */
  let marked = false;
  let at = start;
  while (at < end) {
    const kind = kinds[bytes[at]!]!;
    if ((kind & word) === 0) {
      if (!(marked && kind === joins && at + 1 < end && kinds[bytes[at + 1]!] === digit)) {
        hash.byte(bytes[at]!);
        marked = false;
      }
      at++;
      continue;
    }
    let all = kind;
    let wordEnd = at + 1;
    for (; wordEnd < end; wordEnd++) {
      const next = kinds[bytes[wordEnd]!]!;
      if ((next & word) === 0) break;
      all |= next;
    }
    const hex = (all & letter) === 0;
    if (hex && wordEnd - at === 8 && beginsWithUuid(bytes, at, end)) {
      if (!marked) hash.byte(mark);
      marked = true;
      at += uuidBytes;
      continue;
    }
    if ((hex && (all & digit) !== 0) || isPrefixedHex(bytes, at, wordEnd)) {
      if (!marked) hash.byte(mark);
      marked = true;
    } else {
      for (let i = at; i < wordEnd; i++) {
        const isDigit = kinds[bytes[i]!] === digit;
        if (!isDigit) hash.byte(bytes[i]!);
        else if (!marked) hash.byte(mark);
        marked = isDigit;
      }
    }
    at = wordEnd;
  }
}

/** RFC 9562 section 4: 8-4-4-4-12 hex digits. */
function beginsWithUuid(bytes: Uint8Array, at: number, end: number): boolean {
  if (end - at < uuidBytes || (end - at > uuidBytes && (kinds[bytes[at + uuidBytes]!]! & word) !== 0)) return false;
  for (let i = 0; i < uuidBytes; i++) {
    const c = bytes[at + i]!;
    const fits = i === 8 || i === 13 || i === 18 || i === 23 ? c === dash : isHex(c);
    if (!fits) return false;
  }
  return true;
}

function isPrefixedHex(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 3 || bytes[start] !== 0x30 || (bytes[start + 1]! | 0x20) !== 0x78) return false;
  for (let i = start + 2; i < end; i++) if (!isHex(bytes[i]!)) return false;
  return true;
}

function isHex(c: number): boolean {
  return (kinds[c]! & (digit | hexLetter)) !== 0;
}
