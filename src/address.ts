/** IP addresses as bytes. */

import { isIPv4, isIPv6 } from "node:net";

/** @returns 4 or 16 bytes in network order (4 for an IPv4 address mapped to IPv6 too); undefined for text that is no address */
export function addressBytes(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split("."), Number);
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text)?.[1];
  if (mapped !== undefined) return addressBytes(mapped);
  const address = text.replace(/%.*$/, "");
  if (!isIPv6(address)) return undefined;
  // `::` stands for as many zero groups as are missing; the last 32 bits may be written as IPv4.
  const [head = "", tail] = address.split("::");
  const left = groupBytes(head);
  const right = tail === undefined ? [] : groupBytes(tail);
  return Uint8Array.from([...left, ...new Array<number>(16 - left.length - right.length).fill(0), ...right]);
}

function groupBytes(groups: string): number[] {
  if (groups === "") return [];
  return groups.split(":").flatMap((group) => {
    if (group.includes(".")) return group.split(".").map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
