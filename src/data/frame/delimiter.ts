/** Finds a byte string that may begin in bytes that came earlier and end in the chunk. */

/**
 * @param tail the last bytes before the chunk that belong to the same record, at most `delimiter.length - 1` are looked at
 * @returns where the first delimiter ends in `chunk`, at or after `from`; -1 when there is none
 */
export function delimiterEnd(
  delimiter: Buffer,
  tail: Uint8Array,
  tailBytes: number,
  chunk: Buffer,
  from: number,
): number {
  const overlapMax = Math.min(delimiter.length - 1, tailBytes);
  // The longest overlap begins earliest, so it is the first match.
  for (let overlap = overlapMax; overlap > 0; overlap--) {
    const rest = delimiter.length - overlap;
    if (chunk.length - from < rest) continue;
    let same = true;
    for (let i = 0; same && i < overlap; i++) same = tail[tailBytes - overlap + i] === delimiter[i];
    for (let i = 0; same && i < rest; i++) same = chunk[from + i] === delimiter[overlap + i];
    if (same) return from + rest;
  }
  const found = chunk.indexOf(delimiter, from);
  return found < 0 ? -1 : found + delimiter.length;
}
