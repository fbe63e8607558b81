/** Values that are set to a name which says secret. Twin of native/detect/generic_secret.cc, where it is told what is one. */

import { isAsDiverseAs } from "../validators/entropy.ts";
import { assignedValue } from "./assignment.ts";
import { byteAt, code, isDigit, isHex, isLetter, lowered } from "./bytes.ts";

const names = [
  "password",
  "passwd",
  "passphrase",
  "pwd",
  "secret",
  "token",
  "credential",
  "apikey",
  "accesskey",
  "privatekey",
].map((name) => Buffer.from(name));
const bytesMin = 10;
const differentMin = 8;
const separators = new Set([..."_- "].map(code));
const neverFirst = new Set([..."/$%.~*@#"].map(code));

/** Where the name at `at` ends; 0: it is none. `api_key`, `api-key` and `api key` are `apikey`. */
function nameEnd(text: Buffer, at: number): number {
  for (const name of names) {
    let end = at;
    let i = 0;
    for (; i < name.length; i++, end++) {
      if (name[i] === code("k") && i + 3 === name.length && separators.has(byteAt(text, end))) end++;
      if (lowered(byteAt(text, end)) !== name[i]) break;
    }
    if (i === name.length) return end;
  }
  return 0;
}

/** What Java writes for an object without a text: the class, an @ and its hash, as in `android.os.BinderProxy@2bd79ce`. */
function isJavaObject(value: Buffer): boolean {
  const at = value.lastIndexOf(code("@"));
  if (at < 0 || value.length - at > 9 || !value.subarray(0, at).includes(code("."))) return false;
  return value.subarray(at + 1).every(isHex);
}

function isSecret(value: Buffer): boolean {
  if (value.length < bytesMin || neverFirst.has(value[0]!)) return false;
  // An address in memory; a URL, whose own secrets other detectors know.
  if ((value[0] === code("0") && value[1] === code("x")) || value.includes("://")) return false;
  if (isJavaObject(value)) return false;
  return value.some(isLetter) && value.some(isDigit) && isAsDiverseAs(value, differentMin);
}

export function scanGenericSecret(text: Buffer, finds: number[]): void {
  for (let at = 0; at + bytesMin < text.length; ) {
    const name = isLetter(text[at]!) ? nameEnd(text, at) : 0;
    if (name === 0) {
      at++;
      continue;
    }
    const [begin, end] = assignedValue(text, name);
    if (isSecret(text.subarray(begin, end))) {
      finds.push(begin, end);
      at = end;
    } else {
      at = name;
    }
  }
}
