/** Values in JSON by the names of their keys. Twin of native/detect/fields.h, where it is told how JSON is read. */

import { redactDecode } from "../../../../plan/redact_arguments.ts";
import { decodeDepthMax } from "../../layout.ts";
import { byteAt, code, isAlnum, isBeyondAscii, lowered } from "./bytes.ts";
import { Unescaped } from "./escapes.ts";

const quote = code('"');
const backslash = code("\\");
const colon = code(":");
const comma = code(",");
const braceOpen = code("{");
const braceClose = code("}");
const bracketOpen = code("[");
const bracketClose = code("]");
const star = code("*");
const nullWord = Buffer.from("null");
const escapedQuote = Buffer.from('\\"');

const containersMax = 128;
/** A longer name is none that a person has written into a rule. */
const keyBytesMax = 512;

const isSpace = (c: number) => c === 0x20 || c === 0x09 || c === 0x0a || c === 0x0d;

function pastSpace(text: Buffer, at: number, end = text.length): number {
  let place = at;
  while (place < end && isSpace(text[place]!)) place++;
  return place;
}

/** Where the string whose content begins at `at` ends: its closing quote, or the text's end. */
export function stringEnd(text: Buffer, at: number): number {
  let end = at;
  while (end < text.length && text[end] !== quote) end += text[end] === backslash ? 2 : 1;
  return Math.min(end, text.length);
}

const bareStops = new Set([comma, braceClose, bracketClose, quote, braceOpen, bracketOpen]);
function bareEnd(text: Buffer, at: number): number {
  let end = at;
  while (end < text.length && !isSpace(text[end]!) && !bareStops.has(text[end]!)) end++;
  return end;
}

const oddBehind = new Set([code("_"), code("-"), code("$"), code("@"), star, backslash]);
/**
 * A quote is followed by what no end of a string is, in JSON or in most text: it begins one, or there is one too many (`5" wide
 * {"password":…`, `"a "b" c"`).
 */
function isOddQuote(text: Buffer, at: number): boolean {
  const c = byteAt(text, at + 1);
  return isAlnum(c) || isBeyondAscii(c) || oddBehind.has(c);
}

const percent = code("%");
/** Does a JSON text begin here whose quotes are its own? In `{\"a\":1}` they are a string's. */
function beginsLikeJson(text: Buffer): boolean {
  const at = pastSpace(text, 0);
  const open = byteAt(text, at);
  if (open !== braceOpen && open !== bracketOpen) return false;
  const first = byteAt(text, pastSpace(text, at + 1));
  return first !== backslash && first !== percent;
}

/** Does `name` fit a pattern in which `*` stands for any bytes? Upper and lower ASCII letters are the same. */
export function fitsGlob(glob: Uint8Array, name: Uint8Array): boolean {
  let g = 0;
  let n = 0;
  let behindStar = -1;
  let taken = 0;
  while (n < name.length) {
    if (g < glob.length && glob[g] === star) {
      behindStar = ++g;
      taken = n;
    } else if (g < glob.length && lowered(glob[g]!) === lowered(name[n]!)) {
      g++;
      n++;
    } else if (behindStar >= 0) {
      g = behindStar;
      n = ++taken;
    } else {
      return false;
    }
  }
  while (g < glob.length && glob[g] === star) g++;
  return g === glob.length;
}

export interface FieldFind {
  begin: number;
  end: number;
  /** Of the selectors the first that names it. */
  selector: number;
  /** A number or a word: not between quotes. Only told of values that do not lie within a string. */
  bare: boolean;
}

/** A place among keys: of each path whether its keys so far lead here, and how many keys those are. */
interface Container {
  readonly paths: bigint;
  readonly level: number;
}

const outermost: Container = { paths: (1n << 64n) - 1n, level: 0 };
const nowhere: Container = { paths: 0n, level: 0 };

export class Fields {
  readonly #keys: { readonly glob: Uint8Array; readonly selector: number }[] = [];
  readonly #paths: { readonly globs: readonly Uint8Array[]; readonly selector: number; readonly bit: bigint }[] = [];
  readonly #decoded = Array.from({ length: decodeDepthMax }, () => new Unescaped());
  readonly #key = new Unescaped();
  /** What the key that was looked at last leads on to. */
  #next = 0n;

  addKey(glob: Uint8Array, selector: number): void {
    this.#keys.push({ glob, selector });
  }

  addPath(globs: readonly Uint8Array[], selector: number): void {
    this.#paths.push({ globs, selector, bit: 1n << BigInt(this.#paths.length) });
  }

  get empty(): boolean {
    return this.#keys.length === 0 && this.#paths.length === 0;
  }

  /** Appends the values, in order. @returns false: there is JSON deeper than is read */
  search(text: Buffer, decode: number, finds: FieldFind[]): boolean {
    const found = finds.length;
    const finished = this.#searchIn(text, decode, 0, finds);
    // JSON of which the line holds all escaped, as the query of a URL.
    if (finds.length > found || beginsLikeJson(text)) return finished;
    return this.#searchString(text, 0, text.length, decode, 0, finds) && finished;
  }

  /** The selector that takes the value of this key; -1: none. */
  #selected(given: Buffer, decode: number, inside: Container): number {
    let key = given;
    if (key.length <= keyBytesMax && key.includes(backslash) && this.#key.decode(key, decode | redactDecode.json))
      key = this.#key.text;
    let selected = -1;
    this.#next = 0n;
    const take = (selector: number) => {
      if (selected < 0 || selector < selected) selected = selector;
    };
    for (const { glob, selector } of this.#keys) if (fitsGlob(glob, key)) take(selector);
    for (const { globs, selector, bit } of this.#paths) {
      if ((inside.paths & bit) === 0n || inside.level >= globs.length || !fitsGlob(globs[inside.level]!, key)) continue;
      this.#next |= bit;
      if (inside.level + 1 === globs.length) take(selector);
    }
    return selected;
  }

  #searchIn(text: Buffer, decode: number, depth: number, finds: FieldFind[]): boolean {
    let finished = true;
    const containers: Container[] = [];
    let open = 0;
    const inside = () => (open === 0 ? outermost : open > containersMax ? nowhere : containers[open - 1]!);
    let next = outermost;
    let takenFrom = -1;
    let takenBy = 0;
    let at = 0;
    /** Up to here lies what was no string after all. */
    let oddEnd = 0;
    const take = (begin: number, end: number, selector: number, bare: boolean) => {
      if (end > begin) finds.push({ begin, end, selector, bare });
    };
    const takeBare = (begin: number, end: number, selector: number) => {
      if (!text.subarray(begin, end).equals(nullWord)) take(begin, end, selector, true);
    };
    while (at < text.length) {
      const c = text[at]!;
      if (c === quote) {
        const begin = at + 1;
        const end = stringEnd(text, begin);
        at = Math.min(end + 1, text.length);
        const separator = pastSpace(text, at);
        if (byteAt(text, separator) !== colon) {
          if (takenFrom >= 0) {
            take(begin, end, takenBy, false);
            continue;
          }
          const found = finds.length;
          finished = this.#searchString(text, begin, end, decode, depth, finds) && finished;
          if (finds.length > found || end === text.length || !isOddQuote(text, end)) continue;
          // Keys may stand in what was no string, and one may begin with the quote that seemed to end it.
          at = begin;
          oddEnd = end;
          continue;
        }
        at = pastSpace(text, separator + 1);
        const here = inside();
        const selected = this.#selected(text.subarray(begin, end), decode, here);
        next = { paths: this.#next, level: here.level + 1 };
        if (takenFrom >= 0 || selected < 0 || at === text.length) continue;
        const value = text[at]!;
        if (value === braceOpen || value === bracketOpen) {
          takenFrom = open;
          takenBy = selected;
        } else if (value === quote) {
          let valueEnd = stringEnd(text, at + 1);
          // A quote that nobody escaped: better too much than the rest of a value.
          while (valueEnd < text.length && isOddQuote(text, valueEnd)) valueEnd = stringEnd(text, valueEnd + 1);
          take(at + 1, valueEnd, selected, false);
          at = Math.min(valueEnd + 1, text.length);
        } else {
          const valueEnd = bareEnd(text, at);
          takeBare(at, valueEnd, selected);
          at = valueEnd;
        }
        continue;
      }
      // No escape holds a quote that begins a string, so that no byte is looked at more than twice.
      at += c === backslash && at < oddEnd ? 2 : 1;
      if (c === braceOpen || c === bracketOpen) {
        if (open < containersMax) containers[open] = next;
        open++;
      } else if (c === braceClose || c === bracketClose) {
        if (open > 0) open--;
        if (takenFrom >= 0 && open <= takenFrom) takenFrom = -1;
      } else if (takenFrom >= 0 && !isSpace(c) && c !== comma && c !== colon) {
        const end = bareEnd(text, at);
        takeBare(at - 1, end, takenBy);
        at = end;
      }
      if (c === braceOpen || c === bracketOpen || c === braceClose || c === bracketClose || c === comma)
        next = inside();
    }
    return finished;
  }

  /** JSON within the string from `begin` to `end`. */
  #searchString(text: Buffer, begin: number, end: number, decode: number, depth: number, finds: FieldFind[]): boolean {
    if ((decode & (redactDecode.json | redactDecode.url)) === 0) return true;
    const content = text.subarray(begin, end);
    if (depth === decodeDepthMax) return !content.includes(escapedQuote);
    const decoded = this.#decoded[depth]!;
    if (!decoded.decode(content, decode) || !decoded.text.includes(quote)) return true;
    const nested: FieldFind[] = [];
    const finished = this.#searchIn(decoded.text, decode, depth + 1, nested);
    for (const find of nested) {
      const from = begin + decoded.originBegin(find.begin);
      const to = begin + decoded.originEnd(find.end);
      if (to > from) finds.push({ begin: from, end: to, selector: find.selector, bare: false });
    }
    return finished;
  }
}
