/**
 * What the operation `redact` does to a record. Twin of native/detect/redaction.h, where it is told what becomes of what is found.
 */

import { createHmac } from "node:crypto";
import { redactDecode, redactMode, redactNormal, redactSelector } from "../../../../plan/redact_arguments.ts";
import { countCellsPerSelector, selectorCell } from "../../../../plan/redact_counts.ts";
import { decodeDepthMax, quarantineCause } from "../../layout.ts";
import { JsonText } from "../attribute/json_text.ts";
import type { Pattern } from "../match/pattern.ts";
import { patternText, preparePattern } from "../match/pattern_bytes.ts";
import { type Match, Replacement, Scratch } from "../match/replace.ts";
import { byteAt, code, isAlnum, isHex, lowered, raised } from "./bytes.ts";
import { type Check, checks } from "./checks.ts";
import { decodeColour, hidesCharacters, Unescaped } from "./escapes.ts";
import { type FieldFind, Fields } from "./fields.ts";
import { type Scan, scanners } from "./scanners.ts";

/** Of a span: its value can be read nowhere whole. */
const noLayer = -1;
/** Of a span: not the value but what stands for it, in the rewrites. */
const rewritten = -2;
const runBytesMin = 16;
const quote = code('"');
const backslash = code("\\");
const asterisk = Buffer.from("*");
const quoteText = Buffer.from('"');
const lineFeed = Buffer.from("\n");
const simpleEscapes = new Set([...'"\\/bfnrt'].map(code));
const escapeLetters = new Set([..."bfnrtu"].map(code));

/** What a redaction makes of a record. */
export const redactVerdict = { keep: 0, change: 1, drop: 2, withhold: 3 } as const;

interface Selector {
  readonly scan?: Scan;
  readonly pattern?: Pattern;
  readonly check?: Check | undefined;
  /** A pattern that sees the record's bytes, or those of the fields in scope, and nothing decoded. */
  readonly bytes?: Replacement;
  /** What stands for its values, as it is and as a JSON string's content; and its name in a hash. */
  readonly token: Buffer;
  readonly tokenJson: Buffer;
  readonly label: Buffer;
  readonly labelJson: Buffer;
  readonly normal: number;
}

/** A value: its place in the record, and where it can be read. */
interface Span {
  begin: number;
  end: number;
  readonly selector: number;
  layer: number;
  readonly valueBegin: number;
  readonly valueEnd: number;
  bare: boolean;
}

export class Redaction {
  /** Values that the last run replaced, and why it withheld the record. */
  matches = 0;
  cause: number = quarantineCause.none;
  readonly #mode: number;
  readonly #decode: number;
  readonly #keepLast: number;
  /** Between a hashed value's label and its hash, with the key's version: `:h1:`. */
  readonly #hashMark: string;
  readonly #key: Uint8Array;
  readonly #selectors: Selector[] = [];
  readonly #detectors: number[] = [];
  /** Selectors with a pattern for bytes. */
  readonly #bytePatterns: number[] = [];
  readonly #rewrites = new Scratch();
  readonly #fields = new Fields();
  readonly #scope = new Fields();
  readonly #layers = Array.from({ length: decodeDepthMax }, () => new Unescaped());
  readonly #texts: Buffer[] = [];
  #spans: Span[] = [];
  readonly #counted = new Set<number>();
  readonly #value = new Unescaped();
  readonly #json = new JsonText();

  /** @throws PatternRefusal with RE2's words */
  constructor(args: readonly Uint8Array[]) {
    const [head = new Uint8Array(4), key = new Uint8Array(), ...selectors] = args;
    this.#mode = head[0]!;
    this.#decode = head[1]!;
    this.#keepLast = head[2]!;
    this.#hashMark = `:h${head[3]!}:`;
    this.#key = key;
    for (const selector of selectors) this.#add(Buffer.from(selector));
  }

  #add(argument: Buffer): void {
    const kind = argument[0];
    const texts: Buffer[] = [];
    for (let at = 2; at < argument.length; ) {
      const length = argument.readUInt32LE(at);
      texts.push(argument.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    const [token = Buffer.alloc(0), label = Buffer.alloc(0), first = Buffer.alloc(0), second = Buffer.alloc(0)] = texts;
    const index = this.#selectors.length;
    const scan = kind === redactSelector.scanner ? scanners.get(second.toString()) : undefined;
    const pattern = kind === redactSelector.pattern ? preparePattern(first) : undefined;
    const bytes = kind === redactSelector.bytesPattern ? new Replacement(patternText(first), second) : undefined;
    if (scan !== undefined || pattern !== undefined) this.#detectors.push(index);
    if (bytes !== undefined) this.#bytePatterns.push(index);
    const fields = kind === redactSelector.key || kind === redactSelector.path ? this.#fields : this.#scope;
    if (kind === redactSelector.key || kind === redactSelector.scopeKey) fields.addKey(first, index);
    if (kind === redactSelector.path || kind === redactSelector.scopePath) fields.addPath(texts.slice(2), index);
    this.#selectors.push({
      ...(scan !== undefined && { scan }),
      ...(pattern !== undefined && { pattern, check: checks.get(second.toString()) }),
      ...(bytes !== undefined && { bytes }),
      token,
      tokenJson: jsonContent(token),
      label,
      labelJson: jsonContent(label),
      normal: argument[1]!,
    });
  }

  /** What the last run replaced, by selector: adds to cells as `src/plan/redact_counts.ts` lays them out. */
  count(cells: Float64Array, at: number): void {
    this.#counted.clear();
    for (const { selector } of this.#spans) {
      const own = at + selector * countCellsPerSelector;
      cells[own + selectorCell.values]! += 1;
      if (this.#counted.has(selector)) continue;
      this.#counted.add(selector);
      cells[own + selectorCell.records]! += 1;
    }
  }

  get countCells(): number {
    return this.#selectors.length * countCellsPerSelector;
  }

  /**
   * @param matchesMax of patterns for bytes
   * @returns a `redactVerdict`; after `change` the new text is in `out`
   */
  run(text: Buffer, matchesMax: number, outputBytesMax: number, out: Scratch): number {
    this.cause = quarantineCause.none;
    this.matches = 0;
    this.#spans = [];
    let finished = true;
    if (!this.#fields.empty) {
      const finds: FieldFind[] = [];
      finished = this.#fields.search(text, this.#decode, finds);
      for (const { begin, end, selector, bare } of finds)
        this.#spans.push({ begin, end, selector, layer: noLayer, valueBegin: begin, valueEnd: end, bare });
    }
    if (this.#detectors.length > 0) finished = this.#searchLayers(text) && finished;
    let ranges: FieldFind[] | undefined;
    if (!this.#scope.empty && (this.#spans.length > 0 || this.#bytePatterns.length > 0)) {
      ranges = [];
      finished = this.#scope.search(text, this.#decode, ranges) && finished;
    }
    if (!finished) {
      this.cause = quarantineCause.matchLimit;
      return redactVerdict.withhold;
    }
    if (this.#bytePatterns.length > 0) {
      this.cause = this.#searchBytes(text, ranges ?? [wholeRecord(text)], { matchesMax, outputBytesMax });
      if (this.cause !== quarantineCause.none) return redactVerdict.withhold;
    }
    if (this.#spans.length === 0) return redactVerdict.keep;
    this.#merge();
    if (ranges !== undefined) this.#keepInScope(text, ranges);
    if (this.#spans.length === 0) return redactVerdict.keep;
    if (this.#mode === redactMode.drop) {
      this.matches = this.#spans.length;
      return redactVerdict.drop;
    }
    out.clear();
    if (this.#isJson(text)) this.#rewriteJson(text, outputBytesMax, out);
    else this.#rewritePlain(text, outputBytesMax, out);
    if (out.size > outputBytesMax) {
      this.cause = quarantineCause.outputLimit;
      return redactVerdict.withhold;
    }
    return this.matches === 0 ? redactVerdict.keep : redactVerdict.change;
  }

  /** @returns false: characters are hidden below more escapes than are taken away */
  #searchLayers(text: Buffer): boolean {
    this.#texts[0] = text;
    this.#searchLayer(text, 0);
    if ((this.#decode & redactDecode.base64) !== 0) this.#searchBase64(text);
    let layer = 0;
    const decode = this.#decode === 0 ? 0 : this.#decode | decodeColour;
    while (layer < decodeDepthMax && this.#layers[layer]!.decode(this.#texts[layer]!, decode)) {
      layer++;
      this.#texts[layer] = this.#layers[layer - 1]!.text;
      this.#searchLayer(this.#texts[layer]!, layer);
    }
    return layer < decodeDepthMax || !hidesCharacters(this.#texts[layer]!, decode);
  }

  #searchLayer(text: Buffer, layer: number): void {
    for (const selector of this.#detectors) {
      const finds = this.#findsOf(selector, text);
      for (let i = 0; i < finds.length; i += 2) {
        let begin = finds[i]!;
        let end = finds[i + 1]!;
        for (let above = layer; above > 0; above--) {
          begin = this.#layers[above - 1]!.originBegin(begin);
          end = this.#layers[above - 1]!.originEnd(end);
        }
        const value = { valueBegin: finds[i]!, valueEnd: finds[i + 1]! };
        this.#spans.push({ begin, end, selector, layer, ...value, bare: false });
      }
    }
  }

  #findsOf(index: number, text: Buffer): number[] {
    const { scan, pattern, check } = this.#selectors[index]!;
    const finds: number[] = [];
    if (scan !== undefined) scan(text, finds);
    else if (pattern?.test(text) === true) {
      for (let at = 0; at <= text.length; ) {
        const match = pattern.find(at, 1);
        if (match === null) break;
        const begin = match[0]!;
        const end = match[1]!;
        if (begin === end || (check !== undefined && !check(text, begin, end))) {
          at = begin + 1;
          continue;
        }
        finds.push(begin, end);
        at = end;
      }
    }
    return finds;
  }

  #searchBase64(text: Buffer): void {
    const decoded = new Scratch();
    /** Of each line: its end, and where it stood. */
    const lines: (readonly [end: number, begin: number, originEnd: number])[] = [];
    for (let at = 0; at < text.length; ) {
      const begin = at;
      while (at < text.length && sextet(text[at]!) >= 0) at++;
      const run = at - begin;
      if (run < runBytesMin || run % 4 === 1) {
        if (run === 0) at++;
        continue;
      }
      let isText = true;
      let bits = 0;
      for (let i = 0; i < run && isText; i++) {
        bits = ((bits << 6) | sextet(text[begin + i]!)) & 0xffff;
        if (i % 4 === 0) continue;
        const byte = (bits >>> (6 - 2 * (i % 4))) & 0xff;
        isText = (byte >= 0x20 && byte !== 0x7f) || byte === 0x0a || byte === 0x0d || byte === 0x09;
        decoded.append(Buffer.of(byte), 0, 1);
      }
      decoded.append(lineFeed, 0, 1);
      let end = at;
      while (end < text.length && text[end] === code("=") && end < at + 2) end++;
      lines.push(isText ? [decoded.size, begin, end] : [decoded.size, 0, 0]);
    }
    if (lines.length === 0) return;
    for (const selector of this.#detectors) {
      const finds = this.#findsOf(selector, decoded.bytes);
      for (let i = 0; i < finds.length; i += 2) {
        const line = lines.find(([end]) => end > finds[i]!);
        if (line === undefined || finds[i + 1]! > line[0] || line[2] === 0) continue;
        const [, begin, end] = line;
        this.#spans.push({ begin, end, selector, layer: noLayer, valueBegin: 0, valueEnd: 0, bare: false });
      }
    }
  }

  /** Looks for patterns in the bytes of each range. @returns a quarantineCause */
  #searchBytes(
    text: Buffer,
    ranges: readonly FieldFind[],
    limits: { readonly matchesMax: number; readonly outputBytesMax: number },
  ): number {
    this.#rewrites.clear();
    const layer = this.#mode === redactMode.replace ? rewritten : noLayer;
    let count = 0;
    for (const { begin, end, bare } of ranges) {
      for (const selector of this.#bytePatterns) {
        const bytes = this.#selectors[selector]!.bytes!;
        const found: Match[] = [];
        bytes.matches = count;
        const piece = text.subarray(begin, end);
        const cause = bytes.find(piece, limits, this.#mode === redactMode.drop, this.#rewrites, found);
        count = bytes.matches;
        if (cause !== quarantineCause.none) return cause;
        for (const match of found) {
          const value = { valueBegin: match.rewriteBegin, valueEnd: match.rewriteEnd };
          this.#spans.push({ begin: begin + match.begin, end: begin + match.end, selector, layer, ...value, bare });
        }
      }
    }
    return quarantineCause.none;
  }

  #merge(): void {
    this.#spans.sort((a, b) => a.begin - b.begin || b.end - a.end || a.selector - b.selector || b.layer - a.layer);
    const kept: Span[] = [];
    for (const span of this.#spans) {
      const before = kept.at(-1);
      if (before !== undefined && span.begin < before.end) {
        if (span.end > before.end) {
          before.end = span.end;
          before.layer = noLayer;
        }
      } else {
        kept.push(span);
      }
    }
    this.#spans = kept;
  }

  /**
   * Leaves of the spans what lies in the fields found: of a string whole escapes, of a number or a word all of it, so that JSON stays JSON
   * behind other text, too.
   */
  #keepInScope(text: Buffer, ranges: readonly FieldFind[]): void {
    const pieces: Span[] = [];
    let range = 0;
    // Where in `ranges[walked]` the next escape or byte begins that no piece has yet.
    let walked = -1;
    let unit = 0;
    for (const span of this.#spans) {
      while (range < ranges.length && ranges[range]!.end <= span.begin) range++;
      for (let i = range; i < ranges.length && ranges[i]!.begin < span.end; i++) {
        const { begin: rangeBegin, end: rangeEnd, bare } = ranges[i]!;
        const next = () => Math.min(unit + unitBytes(text, unit), rangeEnd);
        if (walked !== i) unit = rangeBegin;
        walked = i;
        let begin = unit;
        if (bare) {
          if (span.end > span.begin) unit = rangeEnd;
        } else {
          while (unit < rangeEnd && next() <= span.begin) unit = next();
          begin = unit;
          while (unit < rangeEnd && unit < span.end) unit = next();
        }
        const end = unit;
        if (end === begin) continue;
        const whole = begin === span.begin && end === span.end;
        pieces.push({ ...span, begin, end, layer: whole || span.layer === rewritten ? span.layer : noLayer, bare });
      }
    }
    this.#spans = pieces;
  }

  #isJson(text: Buffer): boolean {
    this.#json.reset(text, 0, text.length);
    const first = this.#json.peek();
    if (first !== code("{") && first !== code("[")) return false;
    return this.#json.skipValue() && this.#json.peek() === -1;
  }

  /** Ends soon behind `bytesMax` bytes of output, with part of it; so does `#rewriteJson`. */
  #rewritePlain(text: Buffer, bytesMax: number, out: Scratch): void {
    let copied = 0;
    const inString = !this.#scope.empty;
    for (const span of this.#spans) {
      let { begin } = span;
      if ((this.#decode & redactDecode.json) !== 0 && begin > copied && text[begin - 1] === backslash) {
        let backslashes = 1;
        while (backslashes < begin - copied && text[begin - 1 - backslashes] === backslash) backslashes++;
        if (backslashes % 2 === 1 && escapeLetters.has(text[begin]!)) begin--;
      }
      out.append(text, copied, begin);
      if (span.bare) appendAll(quoteText, out);
      this.#appendReplacement(text, span, begin, span.end, span.bare || inString, out);
      if (span.bare) appendAll(quoteText, out);
      copied = span.end;
      if (out.size > bytesMax) return;
    }
    this.matches = this.#spans.length;
    out.append(text, copied, text.length);
  }

  #rewriteJson(text: Buffer, bytesMax: number, out: Scratch): void {
    const spans = this.#spans;
    let copied = 0;
    let at = 0;
    let next = 0;
    const replace = (begin: number, end: number, quoted: boolean) => {
      out.append(text, copied, begin);
      if (quoted) appendAll(quoteText, out);
      this.#appendReplacement(text, spans[next]!, begin, end, true, out);
      if (quoted) appendAll(quoteText, out);
      copied = end;
      this.matches++;
    };
    while (next < spans.length && at < text.length) {
      const c = text[at]!;
      if (c === quote) {
        const begin = at + 1;
        let end = begin;
        while (text[end] !== quote) end += unitBytes(text, end);
        let unit = begin;
        for (; next < spans.length && spans[next]!.begin < end; next++) {
          const span = spans[next]!;
          // Whole escapes.
          while (unit < end && unit + unitBytes(text, unit) <= span.begin) unit += unitBytes(text, unit);
          let to = unit;
          while (to < end && to < span.end) to += unitBytes(text, to);
          if (to > unit) replace(unit, to, false);
          if (out.size > bytesMax) return;
          unit = to;
          if (span.end > end) break;
        }
        at = end + 1;
      } else if (isAlnum(c) || c === code("-")) {
        let end = at + 1;
        while (end < text.length && isBare(text[end]!)) end++;
        if (spans[next]!.begin < end && spans[next]!.end > at) replace(at, end, true);
        if (out.size > bytesMax) return;
        at = end;
      } else {
        at++;
      }
      while (next < spans.length && spans[next]!.end <= at) next++;
    }
    out.append(text, copied, text.length);
  }

  /** What the bytes from `begin` to `end` stand for, decoded as far as is known. */
  #valueOf(text: Buffer, span: Span, begin: number, end: number, inString: boolean): Buffer {
    if (span.layer > 0 && begin === span.begin && end === span.end)
      return this.#texts[span.layer]!.subarray(span.valueBegin, span.valueEnd);
    const raw = text.subarray(begin, end);
    return inString && this.#value.decode(raw, redactDecode.json) ? this.#value.text : raw;
  }

  #appendReplacement(text: Buffer, span: Span, begin: number, end: number, inString: boolean, out: Scratch): void {
    const selector = this.#selectors[span.selector]!;
    const json = inString || span.bare;
    if (span.layer === rewritten) {
      const text = this.#rewrites.bytes.subarray(span.valueBegin, span.valueEnd);
      // Groups are a string's content already; a rewrite that is none becomes some.
      appendAll(json && !isJsonContent(text) ? jsonContent(text) : text, out);
      return;
    }
    if (this.#mode === redactMode.replace) {
      appendAll(json ? selector.tokenJson : selector.token, out);
      return;
    }
    const value = this.#valueOf(text, span, begin, end, inString);
    if (this.#mode === redactMode.mask) {
      this.#appendMask(value, json, out);
      return;
    }
    const hash = createHmac("sha256", this.#key).update(normalized(value, selector.normal)).digest("hex");
    appendAll(
      json ? Buffer.concat([bracketOpen, selector.labelJson]) : Buffer.concat([bracketOpen, selector.label]),
      out,
    );
    appendAll(Buffer.from(`${this.#hashMark}${hash.slice(0, 24)}]`), out);
  }

  #appendMask(value: Buffer, json: boolean, out: Scratch): void {
    let characters = 0;
    for (const c of value) if (!continuesCharacter(c)) characters++;
    // Never more than half of it.
    let masked = characters - Math.min(this.#keepLast, Math.floor(characters / 2));
    let at = 0;
    for (; at < value.length; at++) {
      if (continuesCharacter(value[at]!)) continue;
      if (masked === 0) break;
      masked--;
      appendAll(asterisk, out);
    }
    const kept = value.subarray(at);
    appendAll(json ? jsonContent(kept) : kept, out);
  }
}

const bracketOpen = Buffer.from("[");

const appendAll = (bytes: Buffer, out: Scratch) => out.append(bytes, 0, bytes.length);

const continuesCharacter = (c: number) => (c & 0xc0) === 0x80;

const isBare = (c: number) => isAlnum(c) || c === code("-") || c === code("+") || c === code(".");

/** Bytes of a JSON string's content at `at`: an escape, or one. */
function unitBytes(text: Buffer, at: number): number {
  if (text[at] !== backslash) return 1;
  return Math.min(byteAt(text, at + 1) === code("u") ? 6 : 2, text.length - at);
}

function normalized(value: Buffer, normal: number): Buffer {
  if (normal === redactNormal.none) return value;
  if (normal === redactNormal.lower) return Buffer.from(value.map(lowered));
  return Buffer.from(value.filter(isAlnum).map(raised));
}

const wholeRecord = (text: Buffer): FieldFind => ({ begin: 0, end: text.length, selector: 0, bare: false });

/** Could it stand between the quotes of a JSON string as it is? */
function isJsonContent(text: Buffer): boolean {
  for (let at = 0; at < text.length; at++) {
    const c = text[at]!;
    if (c === quote || c < 0x20) return false;
    if (c !== backslash) continue;
    const escaped = byteAt(text, ++at);
    if (!simpleEscapes.has(escaped) && escaped !== code("u")) return false;
    for (let digits = 0; escaped === code("u") && digits < 4; digits++) if (!isHex(byteAt(text, ++at))) return false;
  }
  return true;
}

/** A text as the content of a JSON string; bytes beyond ASCII as they are. */
function jsonContent(text: Buffer): Buffer {
  const escaped = text
    .toString("latin1")
    .replace(/[\0-\x1f"\\]/g, (c) => (c < " " ? `\\u00${c.charCodeAt(0).toString(16).padStart(2, "0")}` : `\\${c}`));
  return Buffer.from(escaped, "latin1");
}

function sextet(c: number): number {
  if (c >= 0x41 && c <= 0x5a) return c - 0x41;
  if (c >= 0x61 && c <= 0x7a) return c - 0x61 + 26;
  if (c >= 0x30 && c <= 0x39) return c - 0x30 + 52;
  return c === 0x2b || c === 0x2d ? 62 : c === 0x2f || c === 0x5f ? 63 : -1;
}
