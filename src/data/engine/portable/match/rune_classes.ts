/**
 * Which code points a program cannot tell apart. An automaton's tables have a column for each such class, not for each of a
 * million code points.
 */

/** First and last code points in pairs, ascending. */
export type RuneSet = ArrayLike<number>;

const twoByteRunes = 0x800;
/** Bytes of the table that says which set has which class; a program that needs more is not worth an automaton. */
const membershipBytesMax = 1024 * 1024;

export class RuneClasses {
  /** Classes are numbered from 1 to this. */
  readonly count: number;
  /** The class of each ASCII byte; 0 for every other byte. */
  readonly ofByte = new Uint16Array(256);
  readonly #first: Int32Array;
  readonly #classes: Uint16Array;
  readonly #short = new Uint16Array(twoByteRunes);
  readonly #has: Uint8Array;

  private constructor(first: Int32Array, classes: Uint16Array, count: number, has: Uint8Array) {
    this.#first = first;
    this.#classes = classes;
    this.#has = has;
    this.count = count;
    for (let i = 0; i < first.length && first[i]! < twoByteRunes; i++)
      this.#short.fill(classes[i]!, first[i], Math.min(first[i + 1] ?? twoByteRunes, twoByteRunes));
    this.ofByte.set(this.#short.subarray(0, 0x80));
  }

  /** @returns undefined when the tables would be too large */
  static of(sets: readonly RuneSet[]): RuneClasses | undefined {
    const bounds = new Set([0]);
    for (const set of sets) {
      for (let i = 0; i < set.length; i += 2) {
        bounds.add(set[i]!);
        bounds.add(set[i + 1]! + 1);
      }
    }
    const first = Int32Array.from(bounds).sort();
    if (first.length * sets.length > 32 * membershipBytesMax) return undefined;
    // All intervals begin in one class; each set parts those that it has from the others of their class.
    const classes = new Uint16Array(first.length).fill(1);
    let count = 1;
    for (const set of sets) {
      const parted = new Map<number, number>();
      const sizes = new Uint32Array(count + 1);
      for (const each of classes) sizes[each]! += 1;
      const inside = intervalsOf(set, first);
      const insideSizes = new Uint32Array(count + 1);
      for (const i of inside) insideSizes[classes[i]!]! += 1;
      for (const i of inside) {
        const old = classes[i]!;
        if (insideSizes[old] === sizes[old]) continue;
        let part = parted.get(old);
        if (part === undefined) {
          part = ++count;
          if (count * sets.length > membershipBytesMax || count > 0xfff0) return undefined;
          parted.set(old, part);
        }
        classes[i] = part;
      }
    }
    const has = new Uint8Array((count + 1) * sets.length);
    sets.forEach((set, number) => {
      for (const i of intervalsOf(set, first)) has[number * (count + 1) + classes[i]!] = 1;
    });
    return new RuneClasses(first, classes, count, has);
  }

  /** The class of a code point, or of a number above them all. */
  of(rune: number): number {
    if (rune < twoByteRunes) return this.#short[rune]!;
    const first = this.#first;
    let low = 0;
    let high = first.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (first[middle]! <= rune) low = middle;
      else high = middle;
    }
    return this.#classes[low]!;
  }

  /** Are the code points of a class in the set of that number? */
  has(set: number, runeClass: number): boolean {
    return this.#has[set * (this.count + 1) + runeClass] === 1;
  }
}

/** Indices of the intervals that lie in a set; each lies in it as a whole or not at all. */
function intervalsOf(set: RuneSet, first: Int32Array): number[] {
  const inside: number[] = [];
  let i = 0;
  for (let at = 0; at < set.length; at += 2) {
    let low = i;
    let high = first.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (first[middle]! < set[at]!) low = middle + 1;
      else high = middle;
    }
    for (i = low; i < first.length && first[i]! <= set[at + 1]!; i++) inside.push(i);
  }
  return inside;
}
