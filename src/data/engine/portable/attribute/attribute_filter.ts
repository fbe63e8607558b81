/**
 * attribute_filter: drops a JSON record by the value that it holds at the first of several places that exists.
 *
 * Twin of `native/attribute/attribute_filter.h`: one strict walk checks the whole record (what is not JSON passes) and
 * follows all paths at once. Of duplicate keys the last counts, so nothing is decided before the end. Where a path meets an
 * array, the array is read as OTLP's list of {"key", "value"} (opentelemetry-proto, common/v1/common.proto).
 */

import { attributeKeysMax, attributeOperator, type Operation } from "../../../../plan/operations.ts";
import { decodeString, type JsonScalar, JsonText } from "./json_text.ts";
import { type PathNode, pathTrie, sameBytes } from "./path_trie.ts";

/** Finds a pattern anywhere in `bytes` from `start` to `end`, which are all that it sees. */
export type PatternFinder = (bytes: Uint8Array, start: number, end: number) => boolean;

export interface AttributeFilter {
  /** Is the record `bytes[start, end)` dropped? */
  drops(bytes: Uint8Array, start: number, end: number): boolean;
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
  const finder = code === attributeOperator.regex ? compilePattern(value) : undefined;
  return new Walk(code, Buffer.from(value), finder, paths.map(readPath));
}

class Walk implements AttributeFilter {
  readonly #operator: number;
  readonly #value: Buffer;
  /** A part of the value that stands in every record in which a scalar holds it, unless that record has a `\u`. */
  readonly #plain: Buffer;
  readonly #finder: PatternFinder | undefined;
  readonly #root: PathNode;
  readonly #ends: readonly PathNode[];
  readonly #text = new JsonText();
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(operator: number, value: Buffer, finder: PatternFinder | undefined, paths: readonly Buffer[][]) {
    this.#operator = operator;
    this.#value = value;
    this.#plain = plainPart(value);
    this.#finder = finder;
    const { root, ends } = pathTrie(paths);
    this.#root = root;
    this.#ends = ends;
  }

  drops(bytes: Uint8Array, start: number, end: number): boolean {
    const text = this.#text;
    text.reset(bytes, start, end);
    if (text.peek() !== braceOpen) return false;
    // This settles most records at the speed of a literal search, without asking whether they are JSON.
    if (this.#finder === undefined) {
      const record = view(bytes, start, end);
      if (!contains(record, this.#plain) && !record.includes(unicodeEscape)) return false;
    }
    this.#bytes = bytes;
    this.#root.forget();
    if (!this.#takeValue(this.#root) || text.peek() !== -1) return false;
    for (const { found } of this.#ends) if (found !== "absent") return found !== "container" && this.#accepts(found);
    return false;
  }

  find(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
    const text = this.#text;
    text.reset(bytes, start, end);
    if (text.peek() !== braceOpen) return undefined;
    this.#bytes = bytes;
    this.#root.forget();
    if (!this.#takeValue(this.#root) || text.peek() !== -1) return undefined;
    const found = this.#ends.find((end) => end.found !== "absent")?.found ?? "container";
    if (found === "container" || found === "absent") return undefined;
    return found.escaped ? decodeString(bytes, found.start, found.end) : view(bytes, found.start, found.end);
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

  #accepts(scalar: JsonScalar): boolean {
    const meaning = scalar.escaped
      ? decodeString(this.#bytes, scalar.start, scalar.end)
      : view(this.#bytes, scalar.start, scalar.end);
    if (this.#finder !== undefined) return this.#finder(meaning, 0, meaning.length);
    return this.#operator === attributeOperator.equals ? meaning.equals(this.#value) : contains(meaning, this.#value);
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

/** Everything holds the empty text, also an empty Buffer, which `Buffer.includes` denies. */
function contains(text: Buffer, part: Buffer): boolean {
  return part.length === 0 || text.includes(part);
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
    if (end > from.length) throw new RangeError("dropAttribute: a path's key lengths do not fit its bytes");
    keys.push(from.subarray(at + 4, end));
    at = end;
  }
  if (keys.length > attributeKeysMax)
    throw new RangeError(`dropAttribute: a path has more than ${attributeKeysMax} keys`);
  return keys;
}
