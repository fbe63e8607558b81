/**
 * The ways in which a byte stream is cut into records, as both engines number them.
 *
 * - `newline`: ended by LF or CR LF, or by the close.
 * - `octet`: RFC 6587 section 3.4.1 octet counting: 1 to 7 digits without leading zero, one space, that many bytes.
 * - `auto`: per record `octet` where the count is followed by `<`, else `newline`. A record that begins with a syslog priority
 *   (`<0>` to `<191>`) also ends at NUL, as Python's SysLogHandler ends it and syslog-ng reads it.
 * - `nul`: ended by NUL, or by the close.
 * - `length32`: four bytes big-endian, then that many bytes.
 * - `delimiter`: ended by a given byte string, or by the close.
 * - `datagram`: each chunk is one record; one LF, CR LF or NUL at its end is taken off.
 *
 * Empty records are none.
 */
export const framingCode = { auto: 0, newline: 1, octet: 2, nul: 3, length32: 4, delimiter: 5, datagram: 6 } as const;
export type FramingKind = keyof typeof framingCode;

export interface Framing {
  readonly kind: FramingKind;
  /** The byte string that ends a record; only with `delimiter`, 1 to 16 bytes. */
  readonly delimiter?: Uint8Array;
}
