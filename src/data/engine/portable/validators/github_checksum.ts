/** The checksum in GitHub's tokens. Twin of native/validators/github_checksum.h, where it is told. */

import { crc32 } from "node:zlib";

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** @param body what follows the prefix `ghp_`; 36 letters and digits */
export function passesGithubChecksum(body: Uint8Array): boolean {
  const random = body.length - 6;
  let crc = crc32(body.subarray(0, random));
  for (let i = body.length - 1; i >= random; i--) {
    if (body[i] !== digits.charCodeAt(crc % 62)) return false;
    crc = Math.floor(crc / 62);
  }
  return true;
}
