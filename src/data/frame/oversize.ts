/**
 * Where a record that is longer than MAX_RECORD_BYTES is cut.
 *
 * A cut through a card number or a word would leave a half that no detector knows. So the run of word characters
 * that touches the cut goes too, and, when that run begins with a digit, the groups before it that belong to the same
 * number: `4111 1111 1111 11|11` loses all of it.
 */

const space = 0x20;
const hyphen = 0x2d;
const dot = 0x2e;

/**
 * @param bytes holds the record's first bytes at `start` to `cut`
 * @param cut where the kept part ends before trimming
 * @returns where it ends after trimming; `start` when nothing is left
 */
export function trimAtCut(bytes: Uint8Array, start: number, cut: number): number {
  let end = runStart(bytes, start, cut);
  if (end === cut) {
    // `4111 1111 1111 |1111`: the cut fell behind a separator, and the groups before it are half of a number.
    if (cut - start < 2 || !isGroupSeparator(bytes[cut - 1]!) || !isDigit(bytes[cut - 2]!)) return end;
    end = runStart(bytes, start, cut - 1);
  }
  while (isDigit(bytes[end]!) && end - start >= 2 && isGroupSeparator(bytes[end - 1]!) && isDigit(bytes[end - 2]!)) {
    end = runStart(bytes, start, end - 1);
  }
  return end;
}

/** Start of the run of `[0-9A-Za-z_]` that ends before `end`; `end` when there is none. */
function runStart(bytes: Uint8Array, start: number, end: number): number {
  let at = end;
  while (at > start && isWord(bytes[at - 1]!)) at--;
  return at;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isWord(byte: number): boolean {
  const lower = byte | 0x20;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x7a) || byte === 0x5f;
}

function isGroupSeparator(byte: number): boolean {
  return byte === space || byte === hyphen || byte === dot;
}
