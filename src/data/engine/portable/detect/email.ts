/** E-mail addresses. Twin of native/detect/email.cc, where it is told what is one. */

import { byteAt, code, digitsEnd, isAlnum, isBeyondAscii, isDigit, isLetter, lowered } from "./bytes.ts";

const dot = code(".");
const hyphen = code("-");
const localOthers = new Set([..."._%+-~"].map(code));
const isLocal = (c: number) => isAlnum(c) || localOthers.has(c);

/** Where the part before the @ begins; `at` where there is none. Looks no further back than `from`. */
function localBegin(text: Buffer, from: number, at: number): number {
  let begin = at;
  const international = isBeyondAscii(byteAt(text, at - 1));
  while (begin > from) {
    const c = text[begin - 1]!;
    const apostrophe =
      c === code("'") && begin < at && isLetter(text[begin]!) && begin - 1 > from && isLetter(text[begin - 2]!);
    if (!isLocal(c) && !(international && isBeyondAscii(c)) && !apostrophe) break;
    begin--;
  }
  while (begin < at && (text[begin] === dot || text[begin] === hyphen)) begin++;
  return begin;
}

const quote = code('"');
const backslash = code("\\");
const quotedBytesMax = 66;

/** Where the quoted part before the @ begins; `at` where there is none. */
function quotedBegin(text: Buffer, from: number, at: number): number {
  if (at < from + 3 || text[at - 1] !== quote || text[at - 2] === backslash) return at;
  for (let begin = at - 2; begin > from && at - begin < quotedBytesMax; begin--) {
    const c = text[begin - 1]!;
    if (c < 0x20) return at;
    if (c === quote && (begin < 2 || text[begin - 2] !== backslash)) return begin - 1;
  }
  return at;
}

/** What `package@1.2.3-rc.ab` has behind the @: a version, no host. */
function isVersion(text: Buffer, at: number): boolean {
  let begin = at;
  for (let number = 0; number < 3; number++) {
    const end = digitsEnd(text, begin);
    if (end === begin || byteAt(text, end) !== (number < 2 ? dot : hyphen)) return false;
    begin = end + 1;
  }
  return true;
}

const fileEnds = new Set(
  ["service", "socket", "timer", "mount", "slice", "scope"].concat(["png", "jpg", "jpeg", "gif", "webp", "svg"]),
);

/** File names and units that look like addresses: icon@2x.png, getty@tty1.service. */
function isFileName(text: Buffer, host: number, top: number, topEnd: number): boolean {
  if (topEnd - top > 7) return false;
  let name = "";
  for (let i = top; i < topEnd; i++) name += String.fromCharCode(lowered(text[i]!));
  if (!fileEnds.has(name)) return false;
  return name.length > 4 || (isDigit(text[host]!) && lowered(text[host + 1]!) === code("x"));
}

/** Where the host name that begins at `begin` ends; `begin`: it is none. */
function hostEnd(text: Buffer, begin: number): number {
  let end = begin;
  // As the detector's pattern has it.
  if (!isAlnum(byteAt(text, begin))) return end;
  let label = begin;
  for (let at = begin; ; at++) {
    const c = byteAt(text, at);
    if (isAlnum(c) || c === hyphen || c === code("_")) continue;
    if (at === label || text[label] === hyphen) break;
    // Is this label one with which a host name can end?
    let letters = label;
    while (letters < at && isLetter(text[letters]!)) letters++;
    const punycode =
      at - label > 4 &&
      lowered(text[label]!) === code("x") &&
      lowered(text[label + 1]!) === code("n") &&
      text[label + 2] === hyphen &&
      text[label + 3] === hyphen;
    if (label > begin) {
      if (punycode) end = at;
      else if (
        letters - label >= 2 &&
        letters - label <= 24 &&
        (letters === at || !isAlnum(text[letters]!)) &&
        !isFileName(text, begin, label, letters)
      )
        end = letters;
    }
    if (c !== dot) break;
    label = at + 1;
  }
  return end;
}

export function scanEmail(text: Buffer, finds: number[]): void {
  let from = 0;
  for (let at = text.indexOf(code("@")); at >= 0; ) {
    let begin = localBegin(text, from, at);
    if (begin === at) begin = quotedBegin(text, from, at);
    const end = begin === at || isVersion(text, at + 1) ? at + 1 : hostEnd(text, at + 1);
    if (end > at + 1) {
      finds.push(begin, end);
      from = end;
    }
    at = text.indexOf(code("@"), end);
  }
}
