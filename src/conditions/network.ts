/** A network in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3), or a single address. */

import { addressBytes } from "../address.ts";

/**
 * @param text such as `10.0.0.0/8`, `2001:db8::/32` or `192.0.2.7`
 * @returns u8 bits of the prefix · 4 or 16 bytes of the address in network order, its bits behind the prefix 0; undefined: it is none
 */
export function networkOf(text: string): Uint8Array | undefined {
  const [, address = "", prefix] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const bytes = addressBytes(address);
  if (bytes === undefined) return undefined;
  // An IPv4 address mapped to IPv6 counts as the IPv4 address that it is, and so do networks of such.
  const mapped = bytes.length === 4 && address.includes(":") ? 96 : 0;
  const bits = prefix === undefined ? 8 * bytes.length : Number(prefix) - mapped;
  if (bits < 0 || bits > 8 * bytes.length) return undefined;
  return Uint8Array.of(bits, ...bytes.map((byte, i) => byte & (0xff00 >> Math.max(0, Math.min(8, bits - 8 * i)))));
}
