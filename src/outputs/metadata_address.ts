/**
 * Addresses at which clouds hand out credentials to whoever asks from inside a machine, and link-local ones in general. No output sends there
 * unless ALLOW_METADATA_OUTPUTS says so: a URL in a configuration, or a name that somebody else's DNS answers for, must not make the gate talk
 * to the machine's own keys.
 */

import { addressBytes } from "../address.ts";
import { StreamGateError } from "../errors.ts";

/** Networks, as bytes and leading bits that count. */
const networks: readonly { readonly bytes: Uint8Array; readonly bits: number }[] = [
  // Link-local, RFC 3927: 169.254.169.254 at AWS, GCP, Azure, Oracle, DigitalOcean …; 169.254.170.2 of ECS, 169.254.170.23 of EKS.
  ["169.254.0.0", 16],
  // Alibaba Cloud, within what RFC 6598 has for carriers.
  ["100.100.100.200", 32],
  // Azure's wire server.
  ["168.63.129.16", 32],
  // Oracle Cloud's former one.
  ["192.0.0.192", 32],
  // Link-local, RFC 4291.
  ["fe80::", 10],
  // AWS: IMDS, and the container credentials of EKS (fd00:ec2::23).
  ["fd00:ec2::", 32],
  // GCP.
  ["fd20:ce::254", 128],
].map(([text, bits]) => ({ bytes: addressBytes(text as string)!, bits: bits as number }));

/** Networks whose addresses hold an IPv4 address, and where in them. */
const carriers: readonly { readonly bytes: Uint8Array; readonly bits: number; readonly at: number }[] = [
  // IPv4-mapped and -compatible, RFC 4291; `addressBytes` reads only the usual spelling of the first as IPv4.
  ["::ffff:0:0", 96, 12],
  ["::", 96, 12],
  // NAT64, RFC 6052 and RFC 8215, and 6to4, RFC 3056.
  ["64:ff9b::", 96, 12],
  ["64:ff9b:1::", 48, 12],
  ["2002::", 16, 2],
].map(([text, bits, at]) => ({ bytes: addressBytes(text as string)!, bits: bits as number, at: at as number }));

/** Names that the same services have where no DNS is asked, or one that lies. */
const names = ["metadata.google.internal", "metadata.goog", "metadata", "instance-data", "instance-data.ec2.internal"];

/** Whether credentials may be had at this address, written as an IPv4 or IPv6 address is. */
export function isMetadataAddress(text: string): boolean {
  const bytes = addressBytes(text);
  return bytes !== undefined && isMetadata(bytes);
}

function isMetadata(bytes: Uint8Array): boolean {
  if (networks.some((network) => contains(network, bytes))) return true;
  return carriers.some((carrier) => contains(carrier, bytes) && isMetadata(bytes.subarray(carrier.at, carrier.at + 4)));
}

function contains({ bytes, bits }: { bytes: Uint8Array; bits: number }, address: Uint8Array): boolean {
  if (bytes.length !== address.length) return false;
  const whole = bits >> 3;
  for (let at = 0; at < whole; at++) if (bytes[at] !== address[at]) return false;
  const rest = 8 - (bits & 7);
  return rest === 8 || bytes[whole]! >> rest === address[whole]! >> rest;
}

/** @param host as `URL.hostname` has it: decimal, octal and hexadecimal spellings of IPv4 are the usual one there, IPv6 is in brackets */
export function isMetadataHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  return isMetadataAddress(bare) || names.includes(bare.toLowerCase().replace(/\.$/, ""));
}

export function metadataRefusal(where: string | undefined, host: string): StreamGateError {
  return new StreamGateError("SG_OUTPUT_ADDRESS", {
    ...(where !== undefined && { where }),
    what: `${host} is where a cloud hands out credentials, or link-local`,
    fix: "send to another address, or set ALLOW_METADATA_OUTPUTS where an agent on this machine listens at a link-local one",
  });
}
