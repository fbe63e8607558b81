/**
 * How many instructions RE2 makes of a program, so that what RE2 finds too large is too large here as well.
 *
 * re2js compiles characters, RE2 bytes: a class becomes a trie of UTF-8 byte ranges in which equal tails are shared. What
 * that comes to is reckoned here per class, without making it. A few instructions more or less remain (RE2 folds ASCII letters
 * in one instruction, and adds a prefix to find matches anywhere), in some hundred thousand.
 */

/** RE2 gives the forward program two thirds of max_mem (8 MiB), at 8 bytes an instruction. */
export const instructionsMax = Math.floor((8 * 1024 * 1024 * 2) / 3 / 8) - 100;

/** A byte range: low << 8 | high. */
type ByteRange = number;

const sizes = new Map<string, number>();

/** @param runes first and last code points of a class, in pairs; a single one is a character */
export function classInstructions(runes: ArrayLike<number>): number {
  if (runes.length === 1) return utf8Bytes(runes[0]!);
  // Programs repeat few classes many times.
  const key = runes.length <= 8 ? "" : Array.from(runes).join();
  const known = sizes.get(key);
  if (key !== "" && known !== undefined) return known;
  const sequences: ByteRange[][] = [];
  for (let i = 0; i < runes.length; i += 2) split(runes[i]!, Math.min(runes[i + 1]!, 0x10ffff), sequences);
  const size = trieInstructions(sequences);
  if (key !== "") {
    if (sizes.size > 1000) sizes.clear();
    sizes.set(key, size);
  }
  return size;
}

/** One instruction for each byte range that no other sequence's head or tail has made, and one for each branch. */
function trieInstructions(sequences: readonly ByteRange[][]): number {
  const tails = new Set<string>();
  let instructions = 0;
  let previous: readonly ByteRange[] | undefined;
  for (const sequence of sequences) {
    let shared = 0;
    if (previous !== undefined) {
      instructions++;
      while (shared < sequence.length - 1 && sequence[shared] === previous[shared]) shared++;
    }
    for (let i = shared; i < sequence.length; i++) {
      const last = i === sequence.length - 1;
      const isRange = sequence[i]! >> 8 !== (sequence[i]! & 0xff);
      if (last ? sequence.length > 1 : isRange && i > 0) {
        const tail = sequence.slice(i).join();
        if (tails.has(tail)) continue;
        tails.add(tail);
      }
      instructions++;
    }
    previous = sequence;
  }
  return instructions;
}

/** Splits code points into sequences of byte ranges, each of which may be combined freely. */
function split(low: number, high: number, into: ByteRange[][]): void {
  if (low > high) return;
  if (low === 0x80 && high === 0x10ffff) {
    // RE2's lenient form of "all but ASCII" (see record_input.ts).
    const next = (0x80 << 8) | 0xbf;
    into.push([(0xc2 << 8) | 0xdf, next], [(0xe0 << 8) | 0xef, next, next], [(0xf0 << 8) | 0xf4, next, next, next]);
    return;
  }
  for (const last of [0x7f, 0x7ff, 0xffff]) {
    if (low <= last && last < high) {
      split(low, last, into);
      split(last + 1, high, into);
      return;
    }
  }
  if (high > 0x7f) {
    for (let bytes = 1; bytes < 4; bytes++) {
      const mask = (1 << (6 * bytes)) - 1;
      if ((low & ~mask) === (high & ~mask)) continue;
      if ((low & mask) !== 0) {
        split(low, low | mask, into);
        split((low | mask) + 1, high, into);
        return;
      }
      if ((high & mask) !== mask) {
        split(low, (high & ~mask) - 1, into);
        split(high & ~mask, high, into);
        return;
      }
    }
  }
  const from = utf8(low);
  const to = utf8(high);
  into.push(from.map((byte, i) => (byte << 8) | to[i]!));
}

function utf8(rune: number): number[] {
  if (rune < 0x80) return [rune];
  const next = (shift: number) => 0x80 | ((rune >> shift) & 0x3f);
  if (rune < 0x800) return [0xc0 | (rune >> 6), next(0)];
  if (rune < 0x10000) return [0xe0 | (rune >> 12), next(6), next(0)];
  return [0xf0 | (rune >> 18), next(12), next(6), next(0)];
}

function utf8Bytes(rune: number): number {
  return rune < 0x80 ? 1 : rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
}
