/** Passwords in URLs. Twin of native/detect/url_credentials.cc, where it is told what is one. */

import { byteAt, code, isAlnum, isBeyondAscii, isDigit, isLetter } from "./bytes.ts";

const authorityBytesMax = 2048;
const tokenBytesMin = 16;
const separator = Buffer.from("://");
const stops = new Set([..."/?#\"'<>\\`|{}\x7f"].map(code));
const masks = new Set([..."*xX"].map(code));

const quote = code("'");
const schemeOthers = new Set([..."+-.:"].map(code));
const schemeBytesMax = 32;
const listGoesOn = new Set([...",;)]:."].map(code));
const endsAuthority = (c: number) => c <= 0x20 || stops.has(c);

/** Is the URL whose `://` stands at `at` itself in single quotes, so that the next one ends it? */
function isInQuotes(text: Buffer, at: number): boolean {
  let begin = at;
  while (begin > 0 && at - begin < schemeBytesMax && (isAlnum(text[begin - 1]!) || schemeOthers.has(text[begin - 1]!)))
    begin--;
  return byteAt(text, begin - 1) === quote;
}

/** May the single quote at `at` be a password's? */
function isQuoteInside(text: Buffer, at: number): boolean {
  const after = byteAt(text, at + 1);
  return !listGoesOn.has(after) && (after === quote || !endsAuthority(after));
}

/** `***`, `xxxx`, `[REDACTED]`: somebody was here before. */
function isMasked(text: Buffer, begin: number, end: number): boolean {
  if (text[begin] === code("[") && text[end - 1] === code("]")) return true;
  for (let i = begin; i < end; i++) if (!masks.has(text[i]!)) return false;
  return true;
}

function looksLikeToken(text: Buffer, begin: number, end: number): boolean {
  let letter = false;
  let digit = false;
  for (let i = begin; i < end; i++) {
    const c = text[i]!;
    letter ||= isLetter(c);
    digit ||= isDigit(c);
    if (c === code(".")) return false;
  }
  return end - begin >= tokenBytesMin && letter && digit;
}

export function scanUrlCredentials(text: Buffer, finds: number[]): void {
  for (let at = text.indexOf(separator); at >= 0; at = text.indexOf(separator, at)) {
    const scheme = isAlnum(byteAt(text, at - 1));
    const quoted = scheme && isInQuotes(text, at);
    const authority = at + 3;
    at = authority;
    if (!scheme) continue;
    let host = 0;
    let colon = 0;
    let end = authority;
    for (; end < text.length && end - authority < authorityBytesMax; end++) {
      const c = text[end]!;
      if (endsAuthority(c) && (c !== quote || colon === 0 || host > 0 || quoted || !isQuoteInside(text, end))) break;
      if (c === code("@")) host = end + 1;
      if (c === code(":") && colon === 0 && host === 0) colon = end;
    }
    at = end;
    if (host === 0) continue;
    const first = byteAt(text, host);
    const socket = first === code("/") && colon > 0;
    if (!isAlnum(first) && first !== code("[") && first !== code("_") && !isBeyondAscii(first) && !socket) continue;
    const begin = colon > 0 ? colon + 1 : authority;
    if (begin >= host - 1 || isMasked(text, begin, host - 1)) continue;
    if (colon === 0 && !looksLikeToken(text, begin, host - 1)) continue;
    finds.push(begin, host - 1);
  }
}
