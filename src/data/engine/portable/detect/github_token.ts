/** GitHub's tokens. Twin of native/detect/github_token.cc, where it is told what is one. */

import { passesGithubChecksum } from "../validators/github_checksum.ts";
import { byteAt, code, isAlnum } from "./bytes.ts";

const bodyBytes = 36;
const fineBodyBytes = 82;
const bodyBytesMax = 512;
const differentMin = 8;
const fine = Buffer.from("github_pat_");
const underscore = code("_");
const kinds = new Set([..."pousr"].map(code));

function wordEnd(text: Buffer, at: number): number {
  let end = at;
  while (end < text.length && isAlnum(text[end]!)) end++;
  return end;
}

function looksRandom(body: Uint8Array): boolean {
  return new Set(body).size >= differentMin;
}

/** Where the token that begins with the `g` at `begin` ends; 0: it is none. */
function tokenEnd(text: Buffer, begin: number): number {
  if (text.subarray(begin, begin + fine.length).equals(fine)) {
    let end = begin + fine.length;
    while (end < text.length && (isAlnum(text[end]!) || text[end] === underscore)) end++;
    const body = text.subarray(begin + fine.length, end);
    return body.length === fineBodyBytes && looksRandom(body) ? end : 0;
  }
  if (byteAt(text, begin + 1) !== code("h") || byteAt(text, begin + 3) !== underscore) return 0;
  if (!kinds.has(byteAt(text, begin + 2))) return 0;
  const body = begin + 4;
  const end = wordEnd(text, body);
  if (end - body < bodyBytes || end - body > bodyBytesMax || byteAt(text, end) === underscore) return 0;
  const characters = text.subarray(body, end);
  return (end - body === bodyBytes && passesGithubChecksum(characters)) || looksRandom(characters) ? end : 0;
}

export function scanGithubToken(text: Buffer, finds: number[]): void {
  for (let at = text.indexOf(code("g")); at >= 0; ) {
    const end = isAlnum(byteAt(text, at - 1)) ? 0 : tokenEnd(text, at);
    if (end > 0) finds.push(at, end);
    at = text.indexOf(code("g"), end > 0 ? end : at + 1);
  }
}
