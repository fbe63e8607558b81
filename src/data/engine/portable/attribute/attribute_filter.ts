/**
 * Attributes: does a JSON record hold, at the first of several places that exists, a value such as a rule or a condition asks for?
 *
 * Twin of `native/attribute/attribute_filter.h`: one strict walk checks the whole record, or of a syslog record its message (what is not JSON passes), and
 * follows all paths at once. Of duplicate keys the last counts, so nothing is decided before the end. Where a path meets an
 * array, the array is read as OTLP's list of {"key", "value"} (opentelemetry-proto, common/v1/common.proto).
 */

import { attributeKeysMax, attributeOperator, type Operation } from "../../../../plan/operations.ts";
import { syslogPathMark } from "../../../../plan/syslog_field.ts";
import { SyslogMessage } from "../syslog/message.ts";
import { SyslogFilter } from "../syslog/syslog_filter.ts";
import { Comparison, type PatternFinder } from "./comparison.ts";
import { decodeString, type JsonScalar, JsonText } from "./json_text.ts";
import { type PathNode, pathTrie, sameBytes } from "./path_trie.ts";

export interface AttributeFilter {
  /** Does the operator accept what the record `bytes[start, end)` holds? */
  matches(bytes: Uint8Array, start: number, end: number): boolean;
  /**
   * The attribute's text, strings decoded, whatever the operator and value.
   * @returns undefined: the record is not JSON, has no such attribute, or an object or array in its place
   */
  find(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined;
}

const comma = 0x2c;
const colon = 0x3a;
const bracketOpen = 0x5b;
const bracketClose = 0x5d;
const braceOpen = 0x7b;
const braceClose = 0x7d;
const quote = 0x22;
const space = 0x20;
const less = 0x3c;
const cookie = Buffer.from("@cee:");
/** Bytes that a string may also spell as a backslash and one character. */
const shortEscapes = new Set(Buffer.from('"\\/\b\f\n\r\t'));
const unicodeEscape = Buffer.from("\\u");

const keyName = Buffer.from("key");
const valueName = Buffer.from("value");
const valuesName = Buffer.from("values");
const kvlistValueName = Buffer.from("kvlistValue");
const anyValueNames = [
  ...["stringValue", "intValue", "doubleValue", "boolValue"].map((name) => Buffer.from(name)),
  kvlistValueName,
];

/**
 * Prepares a dropAttribute operation.
 * @param compilePattern called once for the operator `regex`, with its pattern's UTF-8; what it throws passes through
 * @throws RangeError when the arguments are not a dropAttribute's
 */
export function attributeFilter(
  operation: Pick<Operation, "args">,
  compilePattern: (pattern: Uint8Array) => PatternFinder,
): AttributeFilter {
  const [operator, value, ...paths] = operation.args;
  const code = operator?.length === 1 ? operator[0]! : -1;
  if (value === undefined || code < 0 || code > attributeOperator.regex)
    throw new RangeError("dropAttribute needs an operator, a value and paths");
  return attributeTest(code, [value], paths, compilePattern);
}

/**
 * The same with any operator, as a condition has them.
 * @param operator an attributeOperator
 * @param values as many as it takes
 * @param paths as in a dropAttribute's arguments
 * @throws RangeError when these do not fit
 */
export function attributeTest(
  operator: number,
  values: readonly Uint8Array[],
  paths: readonly Uint8Array[],
  compilePattern: (pattern: Uint8Array) => PatternFinder,
): AttributeFilter {
  const [only] = paths;
  if (paths.length === 1 && isSyslogPath(only!))
    return new SyslogTest(new SyslogFilter(operator, values, only!.subarray(4), compilePattern));
  return new Walk(new Comparison(operator, values, compilePattern), paths.map(readPath));
}

/** Operators that accept only what holds one of their values. */
const holding: ReadonlySet<number> = new Set([
  attributeOperator.equals,
  attributeOperator.contains,
  attributeOperator.startsWith,
  attributeOperator.endsWith,
]);

/** A path that stands for a field of syslog: `encodeSyslogPath` of `src/plan/syslog_field.ts`. */
function isSyslogPath(path: Uint8Array): boolean {
  return path.length > 4 && view(path, 0, 4).readUInt32LE(0) === syslogPathMark;
}

class SyslogTest implements AttributeFilter {
  readonly #filter: SyslogFilter;
  readonly #message = new SyslogMessage();

  constructor(filter: SyslogFilter) {
    this.#filter = filter;
  }

  matches(bytes: Uint8Array, start: number, end: number): boolean {
    this.#message.read(bytes, start, end);
    return this.#filter.matches(bytes, this.#message);
  }

  find(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
    this.#message.read(bytes, start, end);
    return this.#filter.find(bytes, this.#message);
  }
}

class Walk implements AttributeFilter {
  readonly #comparison: Comparison;
  /** Parts of the values of which one stands in every record that is accepted, unless that has a `\u`. Empty: nothing can be said. */
  readonly #plains: readonly Buffer[];
  readonly #root: PathNode;
  readonly #ends: readonly PathNode[];
  readonly #text = new JsonText();
  readonly #syslog = new SyslogMessage();
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(comparison: Comparison, paths: readonly Buffer[][]) {
    this.#comparison = comparison;
    const plains = holding.has(comparison.operator) ? comparison.values.map(plainPart) : [];
    this.#plains = plains.some(({ length }) => length === 0) ? [] : plains;
    const { root, ends } = pathTrie(paths);
    this.#root = root;
    this.#ends = ends;
  }

  matches(bytes: Uint8Array, recordStart: number, end: number): boolean {
    const start = this.#documentStart(bytes, recordStart, end);
    if (start === -1) return false;
    // This settles most records at the speed of a literal search, without asking whether they are JSON.
    if (this.#plains.length > 0) {
      const record = view(bytes, start, end);
      if (!this.#plains.some((plain) => record.includes(plain)) && !record.includes(unicodeEscape)) return false;
    }
    const found = this.#walk(bytes);
    if (found === undefined) return false;
    const { operator } = this.#comparison;
    if (operator === attributeOperator.exists) return true;
    return found === "container"
      ? operator === attributeOperator.differs
      : this.#comparison.accepts(this.#meaning(found));
  }

  find(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
    if (this.#documentStart(bytes, start, end) === -1) return undefined;
    const found = this.#walk(bytes);
    if (found === "container" || found === undefined) return undefined;
    return this.#meaning(found);
  }

  /**
   * Goes to what may be a JSON object: the record, or of a syslog record its message, also behind the cookie with which CEE announces JSON
   * (https://cee.mitre.org/language/1.0-beta1/clt.html). @returns where it begins; -1: nothing is
   */
  #documentStart(bytes: Uint8Array, recordStart: number, end: number): number {
    let start = recordStart;
    if (start < end && bytes[start] === less) {
      this.#syslog.read(bytes, start, end);
      const { message } = this.#syslog;
      if (message.start === -1) return -1;
      start = message.start;
      let from = start;
      while (from < end && bytes[from] === space) from++;
      if (sameBytes(cookie, bytes, from, Math.min(end, from + cookie.length))) start = from + cookie.length;
    }
    this.#text.reset(bytes, start, end);
    return this.#text.peek() === braceOpen ? start : -1;
  }

  /** What the first path that exists leads to. @returns undefined: the text is not JSON, or has none */
  #walk(bytes: Uint8Array): JsonScalar | "container" | undefined {
    this.#bytes = bytes;
    this.#root.forget();
    if (!this.#takeValue(this.#root) || this.#text.peek() !== -1) return undefined;
    for (const { found } of this.#ends) if (found !== "absent") return found;
    return undefined;
  }

  /** Takes the value at `node`, whatever it is, and follows the paths that go on into it. */
  #takeValue(node: PathNode): boolean {
    const c = this.#text.peek();
    if (c !== braceOpen && c !== bracketOpen) {
      const scalar = this.#text.scalar();
      if (scalar === undefined) return false;
      node.found = scalar;
      return true;
    }
    node.found = "container";
    if (node.children.length === 0) return this.#text.skipValue();
    return c === braceOpen ? this.#takeObject(node) : this.#takeList(node);
  }

  #takeObject(node: PathNode): boolean {
    return this.#members((key) => {
      const child = this.#follow(node, key);
      if (child === undefined) return this.#text.skipValue();
      child.forget();
      return this.#takeValue(child);
    });
  }

  /** An array in which the keys below `node` are looked for as OTLP attributes. Other elements are passed over. */
  #takeList(node: PathNode): boolean {
    const text = this.#text;
    text.take(bracketOpen);
    if (text.take(bracketClose)) return true;
    do {
      if (!(text.peek() === braceOpen ? this.#takeElement(node) : text.skipValue())) return false;
    } while (text.take(comma));
    return text.take(bracketClose);
  }

  /**
   * An OTLP KeyValue. `key` may come after `value`, and a later duplicate of either counts, so the value is checked first
   * and read again only when the whole element has been seen: once a key of the plan, so the work stays linear.
   */
  #takeElement(node: PathNode): boolean {
    const text = this.#text;
    let name: JsonScalar | undefined;
    let value = -1;
    const whole = this.#members((key) => {
      const c = text.peek();
      if (this.#keyIs(key, keyName)) {
        name = undefined;
        if (c !== quote) return text.skipValue();
        name = text.string();
        return name !== undefined;
      }
      if (this.#keyIs(key, valueName)) value = text.at;
      return text.skipValue();
    });
    if (!whole) return false;
    const child = name === undefined ? undefined : this.#follow(node, name);
    if (child === undefined) return true;
    child.forget();
    if (value < 0) return true;
    const after = text.at;
    text.at = value;
    this.#takeAnyValue(child);
    text.at = after;
    return true;
  }

  /** An OTLP AnyValue, or a value without that wrapping. The text has been checked, so nothing here can fail. */
  #takeAnyValue(node: PathNode): void {
    const text = this.#text;
    const start = text.at;
    /** The name of the only key, where it is one of AnyValue's. */
    let wrapping: Buffer | undefined;
    let wrapped = text.peek() === braceOpen;
    let inner = start;
    if (wrapped)
      this.#members((key) => {
        text.peek();
        inner = text.at;
        wrapping ??= anyValueNames.find((name) => this.#keyIs(key, name));
        wrapped = wrapped && wrapping !== undefined && this.#keyIs(key, wrapping);
        return text.skipValue();
      });
    if (!wrapped || wrapping === undefined) {
      text.at = start;
      this.#takeValue(node);
      return;
    }
    text.at = inner;
    const c = text.peek();
    const list = wrapping === kvlistValueName;
    if (!list && c !== braceOpen && c !== bracketOpen) {
      this.#takeValue(node);
      return;
    }
    node.found = "container";
    if (!list || c !== braceOpen || node.children.length === 0) return;
    let values = -1;
    this.#members((key) => {
      text.peek();
      if (this.#keyIs(key, valuesName)) values = text.at;
      return text.skipValue();
    });
    if (values < 0) return;
    text.at = values;
    if (text.peek() === bracketOpen) this.#takeList(node);
  }

  /** Takes an object; `take` takes each member's value, after its key and colon. @returns false when malformed */
  #members(take: (key: JsonScalar) => boolean): boolean {
    const text = this.#text;
    text.take(braceOpen);
    if (text.take(braceClose)) return true;
    do {
      const key = text.peek() === quote ? text.string() : undefined;
      if (key === undefined || !text.take(colon) || !take(key)) return false;
    } while (text.take(comma));
    return text.take(braceClose);
  }

  #follow(node: PathNode, key: JsonScalar): PathNode | undefined {
    if (!key.escaped) return node.find(this.#bytes, key.start, key.end);
    const decoded = decodeString(this.#bytes, key.start, key.end);
    return node.find(decoded, 0, decoded.length);
  }

  #keyIs(key: JsonScalar, name: Buffer): boolean {
    if (!key.escaped) return sameBytes(name, this.#bytes, key.start, key.end);
    return decodeString(this.#bytes, key.start, key.end).equals(name);
  }

  /** A scalar's text, strings decoded. */
  #meaning(scalar: JsonScalar): Buffer {
    return scalar.escaped
      ? decodeString(this.#bytes, scalar.start, scalar.end)
      : view(this.#bytes, scalar.start, scalar.end);
  }
}

/** The longest part in which no byte has an escape of two characters (RFC 8259 section 7). */
function plainPart(text: Buffer): Buffer {
  let longest = text.subarray(0, 0);
  for (let at = 0; at < text.length; at++) {
    const start = at;
    while (at < text.length && !shortEscapes.has(text[at]!)) at++;
    if (at - start > longest.length) longest = text.subarray(start, at);
  }
  return longest;
}

function view(bytes: Uint8Array, start: number, end: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
}

/** Reads a path: its keys, each as u32 length (little-endian) and bytes. */
function readPath(bytes: Uint8Array): Buffer[] {
  const from = view(bytes, 0, bytes.length);
  const keys: Buffer[] = [];
  for (let at = 0; at < from.length; ) {
    const end = at + 4 <= from.length ? at + 4 + from.readUInt32LE(at) : Number.POSITIVE_INFINITY;
    if (end > from.length) throw new RangeError("an attribute's path has key lengths that do not fit its bytes");
    keys.push(from.subarray(at + 4, end));
    at = end;
  }
  if (keys.length > attributeKeysMax)
    throw new RangeError(`an attribute's path has more than ${attributeKeysMax} keys`);
  return keys;
}
