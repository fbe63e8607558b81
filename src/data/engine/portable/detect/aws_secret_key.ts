/** Secret access keys of Amazon Web Services. Twin of native/detect/aws_secret_key.cc, where it is told what is one. */

import { isAsDiverseAs } from "../validators/entropy.ts";
import { assignedValue } from "./assignment.ts";
import { byteAt, code, isAlnum, isDigit, isLower, isUpper, lowered } from "./bytes.ts";
import { hasKeywordBefore, keywords } from "./keyword.ts";

const secretWord = Buffer.from("secret");
const accessWord = Buffer.from("access");
const keyWord = Buffer.from("key");
const cloud = keywords("aws");
const keyBytes = 40;
const differentMin = 12;
const separators = new Set([..."_-. "].map(code));
const slash = code("/");
const plus = code("+");

const isWordAt = (text: Buffer, at: number, word: Buffer) =>
  word.every((wanted, i) => lowered(byteAt(text, at + i)) === wanted);

/** Where `word` at `at` ends, a separator before it being part of it; 0: it is not there. */
function wordEnd(text: Buffer, at: number, word: Buffer): number {
  const begin = separators.has(byteAt(text, at)) ? at + 1 : at;
  return isWordAt(text, begin, word) ? begin + word.length : 0;
}

/** Where the name of which `secret` ends at `at` does; 0: it is not one of a key of AWS. */
function nameEnd(text: Buffer, at: number): number {
  const access = wordEnd(text, at, accessWord);
  const key = wordEnd(text, access > 0 ? access : at, keyWord);
  if (key > 0) return key;
  return hasKeywordBefore(text, at, 20, cloud) ? at : 0;
}

function isKey(value: Buffer): boolean {
  if (value.length !== keyBytes || !value.every((c) => isAlnum(c) || c === slash || c === plus)) return false;
  return value.some(isUpper) && value.some(isLower) && value.some(isDigit) && isAsDiverseAs(value, differentMin);
}

export function scanAwsSecretKey(text: Buffer, finds: number[]): void {
  for (let at = 0; at + keyBytes < text.length; ) {
    if ((text[at]! | 0x20) !== secretWord[0] || !isWordAt(text, at, secretWord)) {
      at++;
      continue;
    }
    const word = at + secretWord.length;
    at = word;
    const name = nameEnd(text, word);
    if (name === 0) continue;
    const [begin, end] = assignedValue(text, name);
    if (!isKey(text.subarray(begin, end))) continue;
    finds.push(begin, end);
    at = end;
  }
}
