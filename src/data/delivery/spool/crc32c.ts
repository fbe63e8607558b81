/**
 * CRC32C (Castagnoli), the checksum of the spool: polynomial 0x1EDC6F41, reflected, as in RFC 3720 section 12.1. Eight bytes a step, from
 * eight tables; the native engine has instructions for it (`native/spool/crc32c.h`).
 */

/** 0x1EDC6F41 with its bits reversed. */
const polynomial = 0x82f63b78;

/** Table 0 moves the checksum over one byte, table n over that byte and n zero bytes behind it. */
const tables = makeTables();
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables;

function makeTables(): Int32Array[] {
  const first = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ polynomial;
    first[byte] = crc;
  }
  const all = [first];
  for (let n = 1; n < 8; n++) {
    const before = all[n - 1]!;
    all.push(before.map((crc) => (crc >>> 8) ^ first[crc & 0xff]!));
  }
  return all;
}

/**
 * @param before the checksum of what comes before these bytes
 * @returns the checksum of both, 0 to 2³² − 1
 */
export function crc32c(bytes: Uint8Array, before = 0): number {
  let crc = ~before;
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      t7![crc & 0xff]! ^
      t6![(crc >>> 8) & 0xff]! ^
      t5![(crc >>> 16) & 0xff]! ^
      t4![crc >>> 24]! ^
      t3![bytes[at + 4]!]! ^
      t2![bytes[at + 5]!]! ^
      t1![bytes[at + 6]!]! ^
      t0![bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ t0![(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}
