/**
 * A record's bytes as re2js' automata read them. Takes the place of re2js' own input, because that reads broken UTF-8 as
 * U+FFFD, which `.` and negated classes match, where RE2 matches nothing.
 *
 * Positions count from the record's start. A step answers the code point shifted left by 3, plus its bytes; -8 at the end.
 */

/**
 * What RE2's automaton, which works on bytes, takes for "80 to 10FFFF" is any lead byte with the right number of continuation
 * bytes. Those that are no code point (overlong forms, beyond 10FFFF) get this number, and classes that reach from 80 to
 * 10FFFF get it too (`pattern.ts`).
 */
export const lenientRune = 0x110000;
/** A byte that no class matches. */
const brokenRune = 0x110001;
const brokenStep = (brokenRune << 3) | 1;
const atEnd = -8;

/** re2js' flags for what holds at a place (Utils.EMPTY_*). */
const beginLine = 1;
const endLine = 2;
const beginText = 4;
const endText = 8;
const wordBoundary = 16;
const noWordBoundary = 32;

interface Literal {
  readonly bytes: readonly number[] | null;
  automaton8(): { searchUTF8(bytes: Uint8Array, start: number, end: number): boolean };
}

export class RecordInput {
  #bytes: Buffer;
  /** re2js reads these two of its inputs. */
  readonly start = 0;
  end = 0;
  /** Where re2js' place 0 is in the text; not 0 while the input is narrowed. */
  #base = 0;
  readonly #prefix: Buffer;
  readonly #literals = new Map<Literal, Buffer>();

  /** @param prefix bytes that every match begins with */
  constructor(prefix: Buffer) {
    this.#prefix = prefix;
    this.#bytes = prefix;
  }

  set(bytes: Buffer): void {
    this.#bytes = bytes;
    this.widen();
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  /**
   * Lets re2js see no character before `start` and behind `end`, though what holds at these places is as before. Places count
   * from elsewhere then, since re2js keeps tables of the size of its input.
   * @returns what to add to re2js' places
   */
  narrow(start: number, end: number): number {
    // Place 0 is the text's beginning for re2js, and must be nothing else.
    this.#base = Math.max(0, start - 1);
    this.end = end - this.#base;
    return this.#base;
  }

  widen(): void {
    this.#base = 0;
    this.end = this.#bytes.length;
  }

  endPos(): number {
    return this.end;
  }

  canCheckPrefix(): boolean {
    return true;
  }

  prefixLength(): number {
    return this.#prefix.length;
  }

  /** Distance from `at` to the next place where the prefix stands; -1 for none. */
  index(_pattern: unknown, at: number): number {
    const from = this.#base + at;
    const found = this.#bytes.indexOf(this.#prefix, from);
    return found < 0 || found > this.#base + this.end ? -1 : found - from;
  }

  hasString(literal: Literal, at: number): boolean {
    let bytes = this.#literals.get(literal);
    if (bytes === undefined) {
      bytes = Buffer.from(literal.bytes ?? []);
      this.#literals.set(literal, bytes);
    }
    return this.#bytes.indexOf(bytes, at) >= 0;
  }

  hasAnyString(literal: Literal, at: number): boolean {
    return literal.automaton8().searchUTF8(this.#bytes, at, this.end);
  }

  step(place: number): number {
    const bytes = this.#bytes;
    if (place >= this.end) return atEnd;
    const at = this.#base + place;
    const end = this.#base + this.end;
    const lead = bytes[at]!;
    if (lead < 0x80) return (lead << 3) | 1;
    if (lead < 0xc2 || lead > 0xf4 || at + 1 >= end) return brokenStep;
    const second = bytes[at + 1]!;
    if ((second & 0xc0) !== 0x80) return brokenStep;
    if (lead < 0xe0) return (((lead & 0x1f) << 6) | (second & 0x3f)) * 8 + 2;
    if (at + 2 >= end) return brokenStep;
    const third = bytes[at + 2]!;
    if ((third & 0xc0) !== 0x80) return brokenStep;
    if (lead < 0xf0) {
      const rune = ((lead & 0x0f) << 12) | ((second & 0x3f) << 6) | (third & 0x3f);
      return (rune < 0x800 ? lenientRune : rune) * 8 + 3;
    }
    if (at + 3 >= end) return brokenStep;
    const fourth = bytes[at + 3]!;
    if ((fourth & 0xc0) !== 0x80) return brokenStep;
    const rune = ((lead & 0x07) << 18) | ((second & 0x3f) << 12) | ((third & 0x3f) << 6) | (fourth & 0x3f);
    return (rune < 0x10000 || rune > 0x10ffff ? lenientRune : rune) * 8 + 4;
  }

  /** What holds between the bytes before and at `at`. Byte by byte, as in RE2: only ASCII makes words and lines. */
  context(place: number): number {
    const bytes = this.#bytes;
    const at = this.#base + place;
    let flags = 0;
    let wordBefore = false;
    let wordAfter = false;
    if (at === 0) flags |= beginText | beginLine;
    else {
      const before = bytes[at - 1]!;
      if (before === 10) flags |= beginLine;
      wordBefore = isWord(before);
    }
    if (at === bytes.length) flags |= endText | endLine;
    else {
      const after = bytes[at]!;
      if (after === 10) flags |= endLine;
      wordAfter = isWord(after);
    }
    return flags | (wordBefore === wordAfter ? noWordBoundary : wordBoundary);
  }

  /** First continuation byte at or after `at` and before `limit`; -1 for none. */
  continuationFrom(at: number, limit: number): number {
    const bytes = this.#bytes;
    for (let i = at; i < limit; i++) if ((bytes[i]! & 0xc0) === 0x80) return i;
    return -1;
  }
}

function isWord(byte: number): boolean {
  const lower = byte | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x5f;
}
