/**
 * Writes on a sampled record how many records it stands for. Twin of `native/reduce/weight.h`, which draws the three forms;
 * `docs/reducing.md` tells users.
 */

import type { Scratch } from "../match/replace.ts";
import { firstOf, JsonMemberFinder } from "./json_member.ts";

const member = Buffer.from("sample_rate");
const memberText = Buffer.from(',"sample_rate":');
const textPrefix = Buffer.from(" sample_rate=");
const sdId = "sample@32473";
const element = { before: Buffer.from(`[${sdId} rate="`), after: Buffer.from('"]') };
const parameter = { before: Buffer.from(' rate="'), after: Buffer.from('"') };
const nothing = Buffer.alloc(0);
/** Weights that a record can bear already. Others are no weights, and replaced. */
const weightMin = 1e-6;
const weightMax = 1e15;
const weightBytesMax = 32;
/** Below it a weight is written with up to six digits behind the point: times 10^6 it is still exact to one unit. */
const fractionBelow = 4e9;

const space = 0x20;
const quote = 0x22;
const dash = 0x2d;
const angleOpen = 0x3c;
const equals = 0x3d;
const bracketOpen = 0x5b;
const backslash = 0x5c;
const bracketClose = 0x5d;
const braceOpen = 0x7b;

export class WeightWriter {
  readonly #finder = new JsonMemberFinder();
  readonly #structured = new StructuredData();

  /**
   * Writes the record with its weight to `out`.
   * @param weight at least 1
   * @returns false when the record is a JSON array or string, in which there is no place for one; then `out` is not to be read
   */
  write(bytes: Buffer, start: number, end: number, weight: number, out: Scratch): boolean {
    out.clear();
    /** Writes a weight in place of [from, to). */
    const replace = (from: number, to: number, before: Buffer, number: number, after: Buffer): true => {
      out.append(bytes, start, from);
      out.append(before, 0, before.length);
      const text = Buffer.from(weightText(number));
      out.append(text, 0, text.length);
      out.append(after, 0, after.length);
      out.append(bytes, to, end);
      return true;
    };
    const first = firstOf(bytes, start, end);
    if (first === braceOpen) {
      const finder = this.#finder;
      if (finder.find(bytes, start, end, member)) {
        const { from, to, close, empty } = finder;
        if (to >= 0) return replace(from, to, nothing, times(bytes, from, to, weight), nothing);
        return replace(close, close, empty ? memberText.subarray(1) : memberText, weight, nothing);
      }
    } else if (first === bracketOpen || first === quote) {
      if (this.#finder.isJson(bytes, start, end)) return false;
    } else if (first === angleOpen) {
      const found = this.#structured;
      if (found.read(bytes, start, end)) {
        if (found.rateTo >= 0) {
          const product = times(bytes, found.rateFrom, found.rateTo, weight);
          return replace(found.rateFrom, found.rateTo, nothing, product, nothing);
        }
        if (found.close >= 0) return replace(found.close, found.close, parameter.before, weight, parameter.after);
        return replace(found.nil ? found.from : found.to, found.to, element.before, weight, element.after);
      }
    }
    const blank = end > start ? bytes.lastIndexOf(space, end - 1) : -1;
    if (blank >= start && end - blank >= textPrefix.length) {
      const from = blank + textPrefix.length;
      if (bytes.compare(textPrefix, 0, textPrefix.length, blank, from) === 0 && isNumber(bytes, from, end))
        return replace(from, end, nothing, times(bytes, from, end, weight), nothing);
    }
    return replace(end, end, textPrefix, weight, nothing);
  }
}

/** A weight as text: decimal, at most six digits behind the point, at most 2^53 - 1. */
export function weightText(weight: number): string {
  if (weight >= fractionBelow) return String(Math.min(Math.round(weight), Number.MAX_SAFE_INTEGER));
  const digits = String(Math.round(weight * 1e6)).padStart(7, "0");
  return `${digits.slice(0, -6)}.${digits.slice(-6)}`.replace(/\.?0+$/, "");
}

/** Digits, perhaps a point with digits behind it, perhaps an exponent. */
function isNumber(bytes: Buffer, from: number, to: number): boolean {
  return /^\d+(\.\d+)?([eE][+-]?\d+)?$/.test(bytes.toString("latin1", from, to));
}

/** The product of what stands in the record and `weight`; `weight` itself where that is no weight. */
function times(bytes: Buffer, from: number, to: number, weight: number): number {
  if (to - from > weightBytesMax || !isNumber(bytes, from, to)) return weight;
  const value = Number(bytes.toString("latin1", from, to));
  return value >= weightMin && value <= weightMax ? value * weight : weight;
}

/** Structured data of RFC 5424 section 6.3, and what of it is ours. */
class StructuredData {
  /** Of the whole field. `nil`: it is "-". */
  from = 0;
  to = 0;
  nil = false;
  /** Of our element: its closing bracket; -1: there is none. And the value of its parameter `rate`; `rateTo` -1: it has none. */
  close = -1;
  rateFrom = 0;
  rateTo = -1;

  /** @returns false when the record is no message of RFC 5424 */
  read(bytes: Buffer, start: number, end: number): boolean {
    this.close = -1;
    this.rateTo = -1;
    this.nil = false;
    const digit = (at: number) => at < end && bytes[at]! >= 0x30 && bytes[at]! <= 0x39;
    let at = start + 1;
    while (at < start + 4 && digit(at)) at++;
    if (bytes[start] !== angleOpen || at === start + 1 || at + 3 > end) return false;
    if (bytes[at] !== 0x3e || bytes[at + 1] !== 0x31 || bytes[at + 2] !== space) return false;
    at += 3;
    // Timestamp, host, app-name, procid, msgid.
    for (let field = 0; field < 5; field++) {
      const blank = bytes.indexOf(space, at);
      if (blank === -1 || blank >= end || blank === at) return false;
      at = blank + 1;
    }
    this.from = at;
    if (at < end && bytes[at] === dash) {
      this.nil = true;
      this.to = at + 1;
      return this.to === end || bytes[this.to] === space;
    }
    while (at < end && bytes[at] === bracketOpen) {
      const id = ++at;
      at = nameEnd(bytes, at, end);
      const ours = bytes.toString("latin1", id, at) === sdId;
      if (at === id) return false;
      while (at < end && bytes[at] === space) {
        const name = ++at;
        at = nameEnd(bytes, at, end);
        if (at === name || at + 2 > end || bytes[at] !== equals || bytes[at + 1] !== quote) return false;
        const isRate = ours && bytes.toString("latin1", name, at) === "rate";
        at += 2;
        const value = at;
        while (at < end && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1;
        if (at >= end) return false;
        if (isRate) {
          this.rateFrom = value;
          this.rateTo = at;
        }
        at++;
      }
      if (at >= end || bytes[at] !== bracketClose) return false;
      if (ours) this.close = at;
      at++;
    }
    this.to = at;
    return at > this.from && (at === end || bytes[at] === space);
  }
}

function nameEnd(bytes: Buffer, from: number, end: number): number {
  let at = from;
  for (; at < end; at++) {
    const c = bytes[at];
    if (c === space || c === bracketClose || c === equals || c === quote) break;
  }
  return at;
}
