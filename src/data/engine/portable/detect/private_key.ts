/** Private keys in PEM and PGP armour. Twin of native/detect/private_key.cc, where it is told what is one. */

import { code, isAlnum, isDigit, isUpper } from "./bytes.ts";

const begins = Buffer.from("-----BEGIN");
const ends = Buffer.from("-----END");
const dashes = Buffer.from("-----");
const labelBytesMax = 48;
const keyBytesMax = 64 * 1024;
const runBytesMin = 24;
const between = new Set([..." \n\r\t\\:,.-()"].map(code));
const isBase64 = (c: number) => isAlnum(c) || c === code("+") || c === code("/") || c === code("=");

function startsWith(text: Buffer, at: number, what: Buffer): boolean {
  if (at + what.length > text.length) return false;
  for (let i = 0; i < what.length; i++) if (text[at + i] !== what[i]) return false;
  return true;
}

/** Behind the label and the dashes that close it; 0: the label is no private key's. */
function labelEnd(text: Buffer, at: number): number {
  let end = at;
  while (
    end < text.length &&
    end - at < labelBytesMax &&
    (isUpper(text[end]!) || isDigit(text[end]!) || text[end] === code(" ") || text[end] === code("+"))
  )
    end++;
  if (!/[ ]PRIVATE KEY|[+]PRIVATE[+]KEY/.test(text.toString("latin1", at, end)) || !startsWith(text, end, dashes))
    return 0;
  return end + dashes.length;
}

/** Where the END line ends that follows `body` with something else than line ends between the lines; 0: there is none, or no key. */
function endBehindAnything(text: Buffer, body: number): number {
  const reach = text.subarray(0, Math.min(text.length, body + keyBytesMax));
  const dash = reach.indexOf(dashes, body);
  if (dash < 0 || !startsWith(text, dash, ends)) return 0;
  let run = 0;
  for (let at = body; at < dash; at++) {
    run = isBase64(text[at]!) ? run + 1 : 0;
    if (run >= runBytesMin) return labelEnd(text, dash + ends.length);
  }
  return 0;
}

/** Where the key whose marker ends at `body` ends; 0: nothing follows that could be one. */
function keyEnd(text: Buffer, body: number): number {
  let at = body;
  let run = 0;
  let key = false;
  let certain = 0;
  for (; at < text.length && at - body < keyBytesMax; at++) {
    const c = text[at]!;
    if (c === code("-") && startsWith(text, at, dashes)) {
      if (!startsWith(text, at, ends) || !key) break;
      const end = labelEnd(text, at + ends.length);
      return end > 0 ? end : certain;
    }
    if (isBase64(c)) {
      run++;
      if (run >= runBytesMin) {
        key = true;
        certain = at + 1;
      }
    } else if (between.has(c)) {
      run = 0;
    } else {
      break;
    }
  }
  const behind = endBehindAnything(text, body);
  if (behind > 0) return behind;
  return key && at === text.length && run > 0 ? at : certain;
}

export function scanPrivateKey(text: Buffer, finds: number[]): void {
  for (let at = text.indexOf(begins); at >= 0; ) {
    const body = labelEnd(text, at + begins.length);
    const end = body > 0 ? keyEnd(text, body) : 0;
    if (end > 0) finds.push(at, end);
    at = text.indexOf(begins, end > 0 ? end : at + begins.length);
  }
}
