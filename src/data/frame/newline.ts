/**
 * Lines: ended by LF, one CR before it taken off. And the syslog priority (RFC 5424 section 6.2.1: `<0>` to `<191>`) by
 * which framing `auto` knows the lines that senders may end with NUL instead.
 */

export const lf = 0x0a;
export const cr = 0x0d;
const priorityMax = 191;

/** Does a record begin with a priority? `byteAt(index)` is -1 where nothing has come yet. */
export function startsWithPriority(byteAt: (index: number) => number): boolean | "needMore" {
  const first = byteAt(0);
  if (first === -1) return "needMore";
  if (first !== 0x3c) return false;
  let value = 0;
  for (let index = 1; ; index++) {
    const byte = byteAt(index);
    if (byte === -1) return "needMore";
    if (byte === 0x3e) return index > 1 && value <= priorityMax;
    if (byte < 0x30 || byte > 0x39 || index > 3) return false;
    value = value * 10 + (byte - 0x30);
  }
}
