/** IPv4 addresses in dotted decimal. Twin of native/detect/ipv4.cc, where it is told what is one. */

import { byteAt, code, digitsEnd, isAlnum, isDigit, isLetter } from "./bytes.ts";

const dot = code(".");
const underscore = code("_");

/** Where the number at `at` ends when it is one of 0 to 255; else `at`. */
function octetEnd(text: Buffer, at: number): number {
  let value = 0;
  let end = at;
  while (end < at + 3 && isDigit(byteAt(text, end))) value = value * 10 + text[end++]! - 0x30;
  if (end === at || value > 255 || (text[at] === 0x30 && end > at + 1) || isDigit(byteAt(text, end))) return at;
  return end;
}

const browsers = new Set(
  "Chrome HeadlessChrome Chromium CriOS Edg EdgA Firefox OPR Opera Safari Version Electron Vivaldi Brave YaBrowser".split(
    " ",
  ),
);

/** Chrome/120.0.0.0 and the like: a browser's name before it. */
function isVersion(text: Buffer, begin: number, end: number): boolean {
  if (byteAt(text, begin - 1) !== code("/")) return false;
  let name = begin - 1;
  while (name > 0 && begin - name < 24 && isLetter(text[name - 1]!)) name--;
  if (name === begin - 1) return false;
  if (browsers.has(text.toString("latin1", name, begin - 1))) return true;
  return end - begin >= 7 && text.toString("latin1", end - 6, end) === ".0.0.0";
}

/** Is what follows the dot at `at` a port, as tcpdump and netstat write it: more than an octet holds? */
function isPort(text: Buffer, at: number): boolean {
  const port = at + 1;
  const portEnd = digitsEnd(text, port);
  let value = 0;
  if (portEnd - port <= 5) for (let i = port; i < portEnd; i++) value = value * 10 + text[i]! - 0x30;
  const behind = byteAt(text, portEnd);
  return value > 255 && value <= 65535 && !isAlnum(behind) && !(behind === dot && isAlnum(byteAt(text, portEnd + 1)));
}

export function scanIpv4(text: Buffer, finds: number[]): void {
  for (let at = 0; at + 7 <= text.length; at++) {
    if (!isDigit(text[at]!)) continue;
    const before = byteAt(text, at - 1);
    const begin = at;
    let end = begin;
    let octets = 0;
    while (octets < 4) {
      const octet = octets === 0 ? end : end + 1;
      if (octets > 0 && byteAt(text, end) !== dot) break;
      const to = octetEnd(text, octet);
      if (to === octet) break;
      end = to;
      octets++;
    }
    at = digitsEnd(text, begin) - 1;
    if (octets < 4) continue;
    if (isLetter(before) || before === underscore || before === dot) continue;
    const after = byteAt(text, end);
    const afterThat = byteAt(text, end + 1);
    if (isAlnum(after) || after === underscore) continue;
    if (after === code("-") && isLetter(afterThat)) continue;
    if (after === dot && isAlnum(afterThat) && !isPort(text, end)) continue;
    if (isVersion(text, begin, end)) continue;
    finds.push(begin, end);
    at = end - 1;
  }
}
