/** The first part of a JSON Web Token, decoded: a JSON object that names its algorithm. Twin of native/validators/jwt_header.h. */

const name = /"alg"[ \n\r\t]*:/;
const nameBytesMin = '"alg"'.length;

/** @param part base64url without padding */
export function isJwtHeader(part: Buffer): boolean {
  if (part.length % 4 === 1) return false;
  const header = Buffer.from(part.toString("latin1"), "base64url");
  const size = Math.floor((part.length * 6) / 8);
  if (size < nameBytesMin + 4 || header[0] !== 0x7b || header[size - 1] !== 0x7d) return false;
  // Control characters are in no JSON but as white space.
  for (let i = 1; i < size; i++) {
    const c = header[i]!;
    if (c < 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return false;
  }
  return name.test(header.toString("latin1", 1));
}
