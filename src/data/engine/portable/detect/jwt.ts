/** JSON Web Tokens in compact form. Twin of native/detect/jwt.cc, where it is told what is one. */

import { isJwtHeader } from "../validators/jwt_header.ts";
import { byteAt, code, isAlnum, isBase64Url } from "./bytes.ts";

const headerBytesMax = 8192;
/** The beginnings of a header in base64: `{"`, and `{` with a space, a line end or a tab behind it. */
const begins = ["eyJ", "eyA", "ewo", "ew0", "ewk"].map((begin) => Buffer.from(begin));
const dot = code(".");

function partEnd(text: Buffer, at: number): number {
  let end = at;
  while (end < text.length && isBase64Url(text[end]!)) end++;
  return end;
}

/** The next place from `at` on where a header may begin; below 0: none. */
function nextBegin(text: Buffer, from: number): number {
  for (let at = text.indexOf(code("e"), from); at >= 0; at = text.indexOf(code("e"), at + 1))
    if (begins.some((begin) => text.subarray(at, at + begin.length).equals(begin))) return at;
  return -1;
}

export function scanJwt(text: Buffer, finds: number[]): void {
  for (let at = nextBegin(text, 0); at >= 0; at = nextBegin(text, at)) {
    const begin = at;
    at = partEnd(text, begin);
    if (isAlnum(byteAt(text, begin - 1)) || byteAt(text, at) !== dot || at - begin > headerBytesMax) continue;
    const claims = at + 1;
    let end = partEnd(text, claims);
    // Three parts when signed, five when encrypted; the key of the latter and the signature of `none` are empty.
    if (byteAt(text, end) !== dot || !isJwtHeader(text.subarray(begin, at))) continue;
    const encrypted = end === claims || byteAt(text, partEnd(text, end + 1)) === dot;
    if (end - claims < 2 && !encrypted) continue;
    end = partEnd(text, end + 1);
    if (encrypted) {
      for (let part = 0; part < 2 && byteAt(text, end) === dot && isBase64Url(byteAt(text, end + 1)); part++)
        end = partEnd(text, end + 1);
    }
    finds.push(begin, end);
    at = end;
  }
}
