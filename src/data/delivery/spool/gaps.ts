/** Ranges of sequences that are missing from a lane and accounted for: sorted, apart from one another. */

/** From (inclusive) to (exclusive). */
export interface SequenceRange {
  readonly from: bigint;
  readonly to: bigint;
}

/** `ranges` with one more; those that touch become one. */
export function withRange(ranges: readonly SequenceRange[], added: SequenceRange): SequenceRange[] {
  if (added.from >= added.to) return [...ranges];
  let { from, to } = added;
  const apart: SequenceRange[] = [];
  for (const range of ranges) {
    if (range.to < from || range.from > to) {
      apart.push(range);
    } else {
      if (range.from < from) from = range.from;
      if (range.to > to) to = range.to;
    }
  }
  return [...apart, { from, to }].sort((a, b) => (a.from < b.from ? -1 : 1));
}

/** What lies at or behind `floor`. */
export function withoutBelow(ranges: readonly SequenceRange[], floor: bigint): SequenceRange[] {
  return ranges.flatMap(({ from, to }) => (to <= floor ? [] : [{ from: from < floor ? floor : from, to }]));
}

/** Sequences of `range` that no range of `known` covers. */
export function countOutside(range: SequenceRange, known: readonly SequenceRange[]): number {
  let count = range.to > range.from ? range.to - range.from : 0n;
  for (const { from, to } of known) {
    const start = from > range.from ? from : range.from;
    const end = to < range.to ? to : range.to;
    if (end > start) count -= end - start;
  }
  return Number(count);
}
