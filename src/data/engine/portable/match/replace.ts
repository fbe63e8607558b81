/**
 * Replaces every match as `RE2::GlobalReplace` does: leftmost-first, never an empty match directly behind the last match, and a
 * rewrite in which `\0` to `\9` stand for groups and `\\` for a backslash.
 */

import { quarantineCause } from "../../layout.ts";
import { Pattern } from "./pattern.ts";
import { PatternRefusal } from "./syntax.ts";

/** Bytes put together piece by piece; the memory stays for the next record. */
export class Scratch {
  #bytes = Buffer.allocUnsafeSlow(4096);
  size = 0;

  /** The bytes so far. A view: valid until the next `append`. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.size);
  }

  clear(): void {
    // One record of megabytes must not hold its memory for good.
    if (this.#bytes.length > 4 * 1024 * 1024) this.#bytes = Buffer.allocUnsafeSlow(4096);
    this.size = 0;
  }

  append(from: Buffer, start: number, end: number): void {
    const size = this.size + (end - start);
    if (size > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(size, 2 * this.#bytes.length));
      this.#bytes.copy(grown, 0, 0, this.size);
      this.#bytes = grown;
    }
    from.copy(this.#bytes, this.size, start, end);
    this.size = size;
  }
}

/** A part of a rewrite: bytes as they are, or a group's number. */
type Piece = Buffer | number;

/** Where a match lies in its text, and what stands for it in a scratch. */
export interface Match {
  readonly begin: number;
  readonly end: number;
  readonly rewriteBegin: number;
  readonly rewriteEnd: number;
}

export class Replacement {
  readonly #pattern: Pattern;
  readonly #pieces: readonly Piece[];
  readonly #groups: number;
  /** Matches that the last `run` replaced. */
  matches = 0;

  /** @throws PatternRefusal with RE2's words, about the rewrite too */
  constructor(pattern: string, rewrite: Uint8Array) {
    this.#pattern = new Pattern(pattern);
    this.#pieces = readRewrite(Buffer.from(rewrite), this.#pattern.groups);
    this.#groups = this.#pieces.reduce<number>(
      (most, piece) => (typeof piece === "number" ? Math.max(most, piece) : most),
      0,
    );
  }

  /**
   * Writes `text` with its matches replaced to `out`.
   * @param matchesMax one more match, and the text is not finished
   * @param outputBytesMax one more byte, likewise
   * @returns a quarantineCause; on `none` with 0 matches `out` is of no use: the text stays as it is
   */
  run(text: Buffer, matchesMax: number, outputBytesMax: number, out: Scratch): number {
    this.matches = 0;
    out.clear();
    let copied = 0;
    const replace = (match: readonly number[]) => {
      out.append(text, copied, match[0]!);
      copied = match[1]!;
      return this.#rewrite(text, match, outputBytesMax, out) ? undefined : quarantineCause.outputLimit;
    };
    const cause = this.#each(text, matchesMax, replace);
    if (cause !== quarantineCause.none || this.matches === 0) return cause;
    out.append(text, copied, text.length);
    return out.size > outputBytesMax ? quarantineCause.outputLimit : quarantineCause.none;
  }

  /**
   * Appends the matches that are not empty: where each begins and ends, and which bytes of `rewrites` stand for it. Matches are counted on from
   * what `matches` is, the empty ones too.
   * @param limits as of `run`; `outputBytesMax` of all that is in `rewrites`
   * @param firstOnly one will do
   */
  find(
    text: Buffer,
    limits: { readonly matchesMax: number; readonly outputBytesMax: number },
    firstOnly: boolean,
    rewrites: Scratch,
    matches: Match[],
  ): number {
    return this.#each(text, limits.matchesMax, (match) => {
      const begin = match[0]!;
      const end = match[1]!;
      if (begin === end) return undefined;
      const rewriteBegin = rewrites.size;
      if (!this.#rewrite(text, match, limits.outputBytesMax, rewrites)) return quarantineCause.outputLimit;
      matches.push({ begin, end, rewriteBegin, rewriteEnd: rewrites.size });
      return firstOnly ? quarantineCause.none : undefined;
    });
  }

  /** Counts matches, and calls `visit` for each until it answers a cause. */
  #each(text: Buffer, matchesMax: number, visit: (match: readonly number[]) => number | undefined): number {
    if (!this.#pattern.test(text)) return quarantineCause.none;
    let lastEnd = -1;
    for (let at = 0; at <= text.length; ) {
      const match = this.#pattern.find(at, this.#groups + 1);
      if (match === null) break;
      const end = match[1]!;
      if (match[0] === end && end === lastEnd) {
        at += at < text.length ? characterBytes(text, at) : 1;
        continue;
      }
      if (this.matches === matchesMax) return quarantineCause.matchLimit;
      this.matches++;
      const cause = visit(match);
      if (cause !== undefined) return cause;
      lastEnd = end;
      at = end;
    }
    return quarantineCause.none;
  }

  /** Appends what stands for a match. @returns false: that is more than `bytesMax` */
  #rewrite(text: Buffer, match: readonly number[], bytesMax: number, out: Scratch): boolean {
    for (const piece of this.#pieces) {
      const [from, to] = typeof piece === "number" ? [match[2 * piece]!, match[2 * piece + 1]!] : [0, piece.length];
      if (from < 0) continue;
      // Checked before it is copied: one rewrite may name a long match a thousand times.
      if (out.size + (to - from) > bytesMax) return false;
      out.append(typeof piece === "number" ? text : piece, from, to);
    }
    return out.size <= bytesMax;
  }
}

function readRewrite(rewrite: Buffer, groups: number): Piece[] {
  const pieces: Piece[] = [];
  let literal: number[] = [];
  let highest = -1;
  const flush = () => {
    if (literal.length > 0) pieces.push(Buffer.from(literal));
    literal = [];
  };
  for (let i = 0; i < rewrite.length; i++) {
    const byte = rewrite[i]!;
    if (byte !== 0x5c) {
      literal.push(byte);
      continue;
    }
    const next = rewrite[++i];
    if (next === undefined) throw new PatternRefusal("Rewrite schema error: '\\' not allowed at end.");
    if (next === 0x5c) literal.push(next);
    else if (next >= 0x30 && next <= 0x39) {
      flush();
      pieces.push(next - 0x30);
      highest = Math.max(highest, next - 0x30);
    } else throw new PatternRefusal("Rewrite schema error: '\\' must be followed by a digit or '\\'.");
  }
  flush();
  if (highest > groups)
    throw new PatternRefusal(
      `Rewrite schema requests ${highest} matches, but the regexp only has ${groups} parenthesized subexpressions.`,
    );
  return pieces;
}

/**
 * Bytes of the character at `at`; 1 where the bytes decode to none. A character is what RE2's own decoder takes for one:
 * surrogates (ED A0 80 to ED BF BF) included, overlong forms and values above 10FFFF not.
 */
function characterBytes(bytes: Buffer, at: number): number {
  const left = bytes.length - at;
  const continues = (i: number) => (bytes[at + i]! & 0xc0) === 0x80;
  const first = bytes[at]!;
  if (first < 0xc2) return 1;
  if (first < 0xe0) return left >= 2 && continues(1) ? 2 : 1;
  if (first < 0xf0) {
    if (left < 3 || !continues(1) || !continues(2)) return 1;
    return first === 0xe0 && bytes[at + 1]! < 0xa0 ? 1 : 3;
  }
  if (first > 0xf4 || left < 4 || !continues(1) || !continues(2) || !continues(3)) return 1;
  if (first === 0xf0 && bytes[at + 1]! < 0x90) return 1;
  if (first === 0xf4 && bytes[at + 1]! > 0x8f) return 1;
  return 4;
}
