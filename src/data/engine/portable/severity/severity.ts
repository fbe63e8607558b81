/**
 * How bad a record says it is, read from its own text: fields of JSON, a syslog priority, `level=` of key=value, or a level's name in the
 * head of plain text. Twin of `native/severity/severity.h`; `docs/conditions.md` says what users see.
 *
 * One look: a record that begins like JSON is walked once; another, or one whose JSON tells nothing, is read word by word in its first
 * 256 bytes, and the first word that tells decides: "ERROR failed to leave DEBUG mode" is an error.
 */

import { severity } from "../../../../plan/operations.ts";
import { decodeString, type JsonScalar, JsonText } from "../attribute/json_text.ts";

const { unknown, trace, debug, info, warn, error, fatal } = severity;

/** Where a level's name in plain text may begin, and where `level=` may: formats put both before the message. */
const wordBytes = 128;
const headBytes = 256;
/** RFC 5424 section 6.2.1: facility 23, severity 7. */
const priorityMax = 191;
/** "informational" */
const wordBytesMax = 13;

/** The names that loggers use: syslog's (RFC 5424 table 2, and syslog.conf's short forms), Java's, Python's, .NET's, Go's. */
const names: ReadonlyMap<string, number> = new Map(
  (
    [
      [trace, "trace trce trc verbose finest finer"],
      [debug, "debug dbug dbg fine"],
      [info, "info information inf informational notice"],
      [warn, "warn warning wrn"],
      [error, "error err severe fail"],
      [fatal, "fatal ftl critical crit alert emergency emerg panic dpanic"],
    ] as const
  ).flatMap(([one, words]) => words.split(" ").map((word) => [word, one] as const)),
);
/** Names that are words of prose too, and no head's sign in capitals. */
const notInHeads = new Set(["fine", "finer", "finest", "fail"]);
/** Keys of key=value. */
const headKeys = new Set(["level", "severity", "lvl", "loglevel"]);
/** Fields of JSON, in the order in which they are asked. */
const fields = ["level", "severity", "severityText", "log.level", "status", "severityNumber"];
const level = fields.indexOf("level");
const logLevel = fields.indexOf("log.level");
const status = fields.indexOf("status");
const severityNumber = fields.indexOf("severityNumber");

const space = 0x20;
const doubleQuote = 0x22;
const singleQuote = 0x27;
const comma = 0x2c;
const dash = 0x2d;
const dot = 0x2e;
const colon = 0x3a;
const angleOpen = 0x3c;
const equals = 0x3d;
const angleClose = 0x3e;
const bracketOpen = 0x5b;
const braceOpen = 0x7b;
const braceClose = 0x7d;
const openings = new Set(Buffer.from("[<(|:"));
const closings = new Set(Buffer.from("]>)|"));
/** What glog's and klog's head begins with. */
const glogLevels: ReadonlyMap<number, number> = new Map([
  [0x49, info],
  [0x57, warn],
  [0x45, error],
  [0x46, fatal],
]);

/** Android's letters, as logcat writes them, and loggers that give a level one letter as its value. Verbose is below debug. */
const letterLevels: ReadonlyMap<string, number> = new Map([
  ["V", trace],
  ["T", trace],
  ["D", debug],
  ["I", info],
  ["W", warn],
  ["E", error],
  ["F", fatal],
]);

/** What stands as the value of a level's key: a level's name in any case, or its capital letter. */
function severityOfValue(word: string): number {
  return word.length === 1 ? (letterLevels.get(word) ?? unknown) : severityOfWord(word);
}

/** A level's name in any case, as a `severity`; `unknown`: it is none. Latin-1 has no letter beyond ASCII that folds into it. */
function severityOfWord(word: string): number {
  return names.get(word.toLowerCase()) ?? unknown;
}

export class SeverityReader {
  readonly #text = new JsonText();
  readonly #told: number[] = fields.map(() => unknown);
  #bytes: Uint8Array = new Uint8Array(0);

  /** @returns a `severity`; `unknown`: nothing tells */
  of(bytes: Uint8Array, start: number, end: number): number {
    const priority = readPriority(bytes, start, end);
    if (priority >= 0) return ofSyslog(priority % 8);
    this.#text.reset(bytes, start, end);
    const told = this.#text.peek() === braceOpen ? this.#ofJson(bytes) : unknown;
    return told === unknown ? ofHead(bytes, start, end) : told;
  }

  #ofJson(bytes: Uint8Array): number {
    const text = this.#text;
    this.#bytes = bytes;
    this.#told.fill(unknown);
    const whole = this.#members((name) => {
      const field = fields.indexOf(name);
      // Once `level` has told, nothing behind it can change the answer, and the walk ends.
      if (field >= 0) return this.#takeValue(field) && this.#told[level] === unknown;
      if (name !== "log" || text.peek() !== braceOpen) return text.skipValue();
      // `log: {level: …}`, as the Elastic Common Schema nests it.
      return this.#members((key) => (key === "level" ? this.#takeValue(logLevel) : text.skipValue()));
    });
    if (this.#told[level] !== unknown) return this.#told[level]!;
    if (!whole || text.peek() !== -1) return unknown;
    return this.#told.find((one) => one !== unknown) ?? unknown;
  }

  /** Takes a value, and notes what it tells. @returns false when malformed */
  #takeValue(field: number): boolean {
    const text = this.#text;
    // Of duplicate keys the last counts, as in JSON.parse, but for a level that has told.
    this.#told[field] = unknown;
    const c = text.peek();
    if (c === braceOpen || c === bracketOpen) return text.skipValue();
    const value = text.scalar();
    if (value === undefined) return false;
    const meaning = this.#meaning(value);
    const number = smallNumber(meaning);
    if (field === severityNumber) this.#told[field] = ofOpenTelemetry(number);
    else if (number < 0) this.#told[field] = value.isString ? severityOfValue(meaning) : unknown;
    // A status of 200 is HTTP's.
    else if (field !== status) this.#told[field] = ofNumber(number);
    return true;
  }

  /** Takes an object; `take` takes each member's value, after its key and colon. @returns false when malformed */
  #members(take: (key: string) => boolean): boolean {
    const text = this.#text;
    text.take(braceOpen);
    if (text.take(braceClose)) return true;
    do {
      const key = text.peek() === doubleQuote ? text.string() : undefined;
      if (key === undefined || !text.take(colon) || !take(this.#meaning(key))) return false;
    } while (text.take(comma));
    return text.take(braceClose);
  }

  /** A scalar's text, strings decoded; bytes beyond ASCII as they come, which is enough to compare with names. */
  #meaning({ start, end, escaped }: JsonScalar): string {
    const bytes = escaped ? decodeString(this.#bytes, start, end) : this.#bytes.subarray(start, end);
    // Longer ones are no names, and not worth a string.
    return bytes.length > 32 ? "" : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  }
}

/** The number that a text of one to three digits is; -1: it is none. */
function smallNumber(text: string): number {
  return /^\d{1,3}$/.test(text) ? Number(text) : -1;
}

/** RFC 5424 table 2: 0 emergency, 1 alert, 2 critical, 3 error, 4 warning, 5 notice, 6 informational, 7 debug. */
function ofSyslog(number: number): number {
  if (number <= 2) return fatal;
  if (number === 3) return error;
  if (number === 4) return warn;
  return number === 7 ? debug : info;
}

/** `level` and `severity` as numbers: syslog's up to 7 (GELF), bunyan's and pino's from 10 on, with those that pino lets people add. */
function ofNumber(number: number): number {
  if (number <= 7) return ofSyslog(number);
  return number < 10 || number >= 70 ? unknown : Math.floor(number / 10);
}

/** OpenTelemetry's SeverityNumber: 1 to 24, four to each range. */
function ofOpenTelemetry(number: number): number {
  return number < 1 || number > 24 ? unknown : Math.floor((number + 3) / 4);
}

/** "<34>" at the head. @returns -1: there is none */
function readPriority(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 3 || bytes[start] !== angleOpen) return -1;
  let priority = 0;
  let at = start + 1;
  for (; at < end && at <= start + 3 && isDigit(bytes[at]); at++) priority = priority * 10 + bytes[at]! - 0x30;
  return at > start + 1 && at < end && bytes[at] === angleClose && priority <= priorityMax ? priority : -1;
}

/** glog's and klog's head: a capital, month and day, a space, the hour and a colon: "E1123 12:". */
function ofGlog(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 9 || bytes[start + 5] !== space || bytes[start + 8] !== colon) return unknown;
  for (const at of [1, 2, 3, 4, 6, 7]) if (!isDigit(bytes[start + at])) return unknown;
  return glogLevels.get(bytes[start]!) ?? unknown;
}

/**
 * logcat's head (threadtime): perhaps a year, month and day, time with a fraction, process, thread, a capital letter:
 * "11-23 12:31:07.482  1702  2395 E ".
 */
function ofLogcat(bytes: Uint8Array, start: number, end: number): number {
  const begins = (at: number, shape: string) => {
    if (end - at < shape.length) return false;
    for (let i = 0; i < shape.length; i++)
      if (shape[i] === "d" ? !isDigit(bytes[at + i]) : bytes[at + i] !== shape.charCodeAt(i)) return false;
    return true;
  };
  const digits = (at: number) => {
    let to = at;
    while (to < end && isDigit(bytes[to])) to++;
    return to;
  };
  let at = begins(start, "dddd-") ? start + 5 : start;
  if (!begins(at, "dd-dd dd:dd:dd.ddd")) return unknown;
  at = digits(at + 15);
  for (let numbers = 0; numbers < 2; numbers++) {
    let number = at;
    while (number < end && number - at < 8 && bytes[number] === space) number++;
    if (number === at) return unknown;
    at = digits(number);
    if (at === number) return unknown;
  }
  if (end - at < 3 || bytes[at] !== space || bytes[at + 2] !== space) return unknown;
  const letter = String.fromCharCode(bytes[at + 1]!);
  return letter === "T" ? unknown : (letterLevels.get(letter) ?? unknown);
}

function ofHead(bytes: Uint8Array, start: number, end: number): number {
  const glog = ofGlog(bytes, start, end);
  if (glog !== unknown) return glog;
  const logcat = ofLogcat(bytes, start, end);
  if (logcat !== unknown) return logcat;
  const head = Math.min(end, start + headBytes);
  for (let from = start; from < head; ) {
    if (!isWord(bytes[from])) {
      from++;
      continue;
    }
    let to = from + 1;
    while (to < head && isWord(bytes[to])) to++;
    // A word that the head's end cuts is none.
    if (to === head && head < end && isWord(bytes[head])) break;
    if (to - from <= wordBytesMax) {
      const word = latin1(bytes, from, to);
      const lower = word.toLowerCase();
      let told: number = unknown;
      if (headKeys.has(lower)) told = ofKeyValue(bytes, to, end);
      else if (from - start < wordBytes) {
        told = names.get(lower) ?? unknown;
        if (told !== unknown && !isSign(bytes, start, end, from, to, word)) told = unknown;
      }
      if (told !== unknown) return told;
    }
    from = to;
  }
  return unknown;
}

/** What `level=error`, `level="error"`, `"level":"error"` and their like tell; `after`: behind the key. */
function ofKeyValue(bytes: Uint8Array, after: number, end: number): number {
  const at = (i: number) => (i < end ? bytes[i]! : -1);
  const quote = (c: number) => c === doubleQuote || c === singleQuote;
  let from = after;
  const quoted = quote(at(from));
  if (quoted) from++;
  if (at(from) !== equals && !(quoted && at(from) === colon)) return unknown;
  from++;
  if (at(from) === space) from++;
  if (quote(at(from))) from++;
  let to = from;
  while (to < end && to - from <= wordBytesMax && isWord(bytes[to])) to++;
  return severityOfValue(latin1(bytes, from, to));
}

/** Is `word`, a level's name at [from, to), one that tells the record's level? */
function isSign(bytes: Uint8Array, start: number, end: number, from: number, to: number, word: string): boolean {
  const before = from === start ? -1 : bytes[from - 1]!;
  const behind = to === end ? -1 : bytes[to]!;
  // Part of a larger name: TRACE-ID, ERROR.log, DEBUG=true.
  if (behind === equals || ((behind === dash || behind === dot) && to + 1 < end && isWord(bytes[to + 1]))) return false;
  if (/^[A-Z]+$/.test(word)) return !notInHeads.has(word.toLowerCase());
  // In other cases it is a word of prose, unless it is set apart: [error], <warn>, |info|, (debug), [core:notice], a column as Windows'
  // CBS.log has it, "2026-11-23 12:31:07, Info    CBS", or a label as compilers and .NET write it, "warning: …".
  if (openings.has(before) && closings.has(behind)) return true;
  const column = before === space && from - start > 1 && bytes[from - 2] === comma;
  if (column && behind === space && to + 1 < end && bytes[to + 1] === space) return true;
  return behind === colon && (before === -1 || before === space);
}

function latin1(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString("latin1");
}

function isDigit(c: number | undefined): boolean {
  return c !== undefined && c >= 0x30 && c <= 0x39;
}

function isWord(c: number | undefined): boolean {
  if (c === undefined) return false;
  const lower = c | 0x20;
  return (c >= 0x30 && c <= 0x39) || c === 0x5f || (lower >= 0x61 && lower <= 0x7a);
}
