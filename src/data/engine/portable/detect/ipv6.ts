/** IPv6 addresses. Twin of native/detect/ipv6.cc, where it is told what is one. */

import { byteAt, code, isAlnum, isDigit, isHex, isLetter } from "./bytes.ts";

const colon = code(":");
const dot = code(".");
const underscore = code("_");
const isPart = (c: number) => isHex(c) || c === colon || c === dot;

function isIpv4Tail(text: Buffer, begin: number, end: number): boolean {
  let at = begin;
  for (let octets = 1; octets <= 4; octets++) {
    let value = 0;
    let to = at;
    while (to < end && to < at + 3 && isDigit(text[to]!)) value = value * 10 + text[to++]! - 0x30;
    if (to === at || value > 255) return false;
    if (octets === 4) return to === end;
    if (to >= end || text[to] !== dot) return false;
    at = to + 1;
  }
  return false;
}

/** Is all of the text from `begin` to `end` an address, and one that is not rather something else? */
function isAddress(text: Buffer, begin: number, end: number): boolean {
  let groups = 0;
  let compressed = false;
  let digit = false;
  let pairs = true;
  let tail = false;
  let firstGroup = 0;
  let at = begin;
  if (end - begin >= 2 && text[begin] === colon && text[begin + 1] === colon) {
    compressed = true;
    at += 2;
  }
  while (at < end) {
    let to = at;
    while (to < end && isHex(text[to]!)) {
      digit ||= isDigit(text[to]!);
      to++;
    }
    if (to < end && text[to] === dot) {
      if (!isIpv4Tail(text, at, end)) return false;
      groups += 2;
      tail = true;
      break;
    }
    if (to === at || to - at > 4) return false;
    if (groups === 0 && at === begin) firstGroup = to - at;
    pairs &&= to - at === 2;
    if (++groups > 8) return false;
    if (to === end) break;
    at = to + 1;
    if (at < end && text[at] === colon) {
      if (compressed) return false;
      compressed = true;
      at++;
    } else if (at === end) {
      return false;
    }
  }
  if (compressed ? groups > 7 : groups !== 8) return false;
  if (!digit || groups === 0 || (pairs && !compressed)) return false;
  return !compressed || tail || firstGroup === 0 || firstGroup >= 3 || groups >= 3;
}

/** One colon, or a third, belongs to what is written around it. */
function endsWithLabelColon(text: Buffer, begin: number, end: number): boolean {
  if (end - begin < 2 || text[end - 1] !== colon) return false;
  return text[end - 2] !== colon || (end - begin > 2 && text[end - 3] === colon);
}

const portDigitsMax = 5;
const addressBytesMin = 6;

/** A port behind a dot, as tcpdump writes it. @returns the end of the address before it; `begin`: it is none either */
function withoutPort(text: Buffer, begin: number, end: number): number {
  let at = end;
  while (at > begin && isDigit(text[at - 1]!)) at--;
  if (at === begin || text[at - 1] !== dot || end - at > portDigitsMax) return begin;
  at--;
  return at - begin >= addressBytesMin && isAddress(text, begin, at) ? at : begin;
}

export function scanIpv6(text: Buffer, finds: number[]): void {
  let at = 0;
  while (at < text.length) {
    if (!isPart(text[at]!)) {
      at++;
      continue;
    }
    let begin = at;
    let end = begin;
    let colons = 0;
    let doubled = false;
    let dotted = false;
    for (; end < text.length && isPart(text[end]!); end++) {
      dotted ||= text[end] === dot;
      if (text[end] !== colon) continue;
      colons++;
      doubled ||= end > begin && text[end - 1] === colon;
    }
    at = end;
    if (colons < 2 || (!doubled && colons < (dotted ? 6 : 7))) continue;
    const after = byteAt(text, end);
    if (isAlnum(after) || after === underscore) continue;
    // The end of a sentence or of a label.
    while (end > begin && (text[end - 1] === dot || endsWithLabelColon(text, begin, end))) end--;
    const before = byteAt(text, begin - 1);
    if (isAlnum(before) || before === underscore) {
      let word = begin;
      const isWord = byteAt(text, begin - 2) === code("\\") ? isLetter : isAlnum;
      while (word < end && isWord(text[word]!)) word++;
      if (byteAt(text, word) !== colon) continue;
      if (byteAt(text, word + 1) === colon && byteAt(text, word + 2) !== colon) continue;
      begin = word + 1;
    } else if (text[begin] === colon && byteAt(text, begin + 1) !== colon) {
      begin++;
    }
    if (begin >= end) continue;
    if (!isAddress(text, begin, end)) end = withoutPort(text, begin, end);
    if (end > begin) finds.push(begin, end);
  }
}
