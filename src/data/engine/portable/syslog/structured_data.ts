/**
 * STRUCTURED-DATA of RFC 5424, section 6.3: `[ID PARAM="value" …][ID …]`. Read in place. Twin of `native/syslog/structured_data.h`.
 *
 * Names are taken longer than the 32 characters that the RFC allows them, as senders write them. In a value `"`, `\` and `]` stand
 * behind a backslash; before any other character a backslash is itself (section 6.3.3).
 */

const space = 0x20;
const quote = 0x22;
const equals = 0x3d;
const bracketOpen = 0x5b;
const backslash = 0x5c;
const bracketClose = 0x5d;
const dot = 0x2e;

/** Looks at one structured data after the other. */
export class StructuredData {
  /** Where the value that `find` found last begins and ends, as it is written. */
  valueStart = 0;
  valueEnd = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;
  /** `ID.PARAM` that is looked for; undefined: the text is only checked. */
  #wanted: Uint8Array | undefined;

  /** @returns where the structured data at `start` end, at least one element; -1: there are none, or they are broken */
  end(bytes: Uint8Array, start: number, end: number): number {
    this.#bytes = bytes;
    this.#end = end;
    this.#wanted = undefined;
    let at = start;
    while (at !== -1 && at < end && bytes[at] === bracketOpen) at = this.#walk(at + 1);
    return at === start ? -1 : at;
  }

  /**
   * Looks for the first parameter for which ID, a dot and its name are `wanted`.
   * @param start where whole, well-formed structured data begin
   */
  find(bytes: Uint8Array, start: number, end: number, wanted: Uint8Array): boolean {
    this.#bytes = bytes;
    this.#end = end;
    this.#wanted = wanted;
    this.valueStart = -1;
    for (let at = start; at !== -1 && at < end && this.valueStart === -1; ) at = this.#walk(at + 1);
    return this.valueStart !== -1;
  }

  /** Walks an element, up to the parameter that is wanted. @returns where it ends, behind its bracket; -1: it is broken */
  #walk(start: number): number {
    const bytes = this.#bytes;
    const idEnd = this.#nameEnd(start);
    if (idEnd === start) return -1;
    for (let at = idEnd; at < this.#end; ) {
      if (bytes[at] === bracketClose) return at + 1;
      if (bytes[at] !== space) return -1;
      const name = at + 1;
      const nameEnd = this.#nameEnd(name);
      if (nameEnd === name || nameEnd + 1 >= this.#end) return -1;
      if (bytes[nameEnd] !== equals || bytes[nameEnd + 1] !== quote) return -1;
      const value = nameEnd + 2;
      const valueEnd = this.#valueEnd(value);
      if (valueEnd === -1) return -1;
      at = valueEnd + 1;
      if (this.#wanted === undefined || !this.#isWanted(this.#wanted, start, idEnd, name, nameEnd)) continue;
      this.valueStart = value;
      this.valueEnd = valueEnd;
      return at;
    }
    return -1;
  }

  #isWanted(wanted: Uint8Array, id: number, idEnd: number, name: number, nameEnd: number): boolean {
    const idBytes = idEnd - id;
    if (wanted.length !== idBytes + 1 + nameEnd - name || wanted[idBytes] !== dot) return false;
    for (let i = 0; i < idBytes; i++) if (wanted[i] !== this.#bytes[id + i]) return false;
    for (let i = idBytes + 1; i < wanted.length; i++)
      if (wanted[i] !== this.#bytes[name + i - idBytes - 1]) return false;
    return true;
  }

  #nameEnd(start: number): number {
    let at = start;
    while (at < this.#end && isName(this.#bytes[at]!)) at++;
    return at;
  }

  /** From behind a value's opening quote to its closing one; -1: broken. */
  #valueEnd(start: number): number {
    const bytes = this.#bytes;
    for (let at = start; at < this.#end; at++) {
      const byte = bytes[at]!;
      if (byte === quote) return at;
      if (byte === bracketClose) return -1;
      if (byte === backslash && at + 1 < this.#end && isEscaped(bytes[at + 1]!)) at++;
    }
    return -1;
  }
}

/** What a value means; the value itself where it holds no escape. */
export function unescapeParam(value: Buffer): Buffer {
  if (!value.includes(backslash)) return value;
  const out = Buffer.allocUnsafe(value.length);
  let size = 0;
  for (let at = 0; at < value.length; at++) {
    if (value[at] === backslash && at + 1 < value.length && isEscaped(value[at + 1]!)) at++;
    out[size++] = value[at]!;
  }
  return out.subarray(0, size);
}

/** SD-NAME: printable ASCII, but for `=`, space, `]` and `"`. */
function isName(byte: number): boolean {
  return byte > space && byte <= 0x7e && byte !== equals && byte !== bracketClose && byte !== quote;
}

function isEscaped(byte: number): boolean {
  return byte === quote || byte === backslash || byte === bracketClose;
}
