/**
 * The count before a frame, RFC 6587 section 3.4.1: MSG-LEN in ASCII digits without leading zero, one space. At most 7
 * digits here (10 MB), so that a number that merely begins a line is seldom taken for a count. Keeps no state.
 */

const countDigitsMax = 7;

/** What the bytes at a record's start are. `needMore`: cannot be told yet; `bodyAt` counts from the first digit. */
export type CountHeader = { kind: "needMore" } | { kind: "none" } | { kind: "count"; length: number; bodyAt: number };

const needMore: CountHeader = { kind: "needMore" };
const none: CountHeader = { kind: "none" };

/**
 * @param byteAt byte `index` from the record's start, or -1 where nothing has come yet
 * @param syslogOnly whether a `<` must follow (framing `auto`: what follows a real count is a syslog priority)
 */
export function readCount(byteAt: (index: number) => number, syslogOnly: boolean): CountHeader {
  let length = 0;
  let index = 0;
  for (;;) {
    const byte = byteAt(index);
    if (byte === -1) return needMore;
    if (byte === 0x20 && index > 0) break;
    if (byte < 0x30 || byte > 0x39 || (index === 0 && byte === 0x30) || index === countDigitsMax) return none;
    length = length * 10 + (byte - 0x30);
    index++;
  }
  const bodyAt = index + 1;
  if (syslogOnly) {
    const next = byteAt(bodyAt);
    if (next === -1) return needMore;
    if (next !== 0x3c) return none;
  }
  return { kind: "count", length, bodyAt };
}
