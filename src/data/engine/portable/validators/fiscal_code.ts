/** The Italian codice fiscale: its parts and its check letter. Twin of native/validators/fiscal_code.h, where it is told. */

const digitLetters = "LMNPQRSTUV";
const months = "ABCDEHLMPRST";
/** What the letters A to Z count at odd places; 0 to 9 count as A to J do. */
const odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
/** L a letter, 9 a digit or the letter for it, M the month's. */
const form = "LLLLLL99M99L999L";

const isDigit = (c: string) => c >= "0" && c <= "9";
/** -1: neither a digit nor a letter that stands for one. */
const digitOf = (c: string) => (isDigit(c) ? Number(c) : digitLetters.indexOf(c));

/** @param bytes 16 upper-case letters and digits from 0 to `count` */
export function isFiscalCode(bytes: Uint8Array, count: number): boolean {
  if (count !== form.length) return false;
  const code = String.fromCharCode(...bytes.subarray(0, count));
  let digit = false;
  for (let i = 0; i < count; i++) {
    const c = code[i]!;
    digit ||= isDigit(c);
    const fits = form[i] === "9" ? digitOf(c) >= 0 : form[i] === "M" ? months.includes(c) : !isDigit(c);
    if (!fits) return false;
  }
  // Women's days are 40 more.
  const day = (digitOf(code[9]!) * 10 + digitOf(code[10]!)) % 40;
  if (!digit || day < 1 || day > 31 || digitOf(code[9]!) > 7) return false;
  let sum = 0;
  for (let i = 0; i < 15; i++) {
    const value = isDigit(code[i]!) ? Number(code[i]) : code.charCodeAt(i) - 0x41;
    sum += i % 2 === 0 ? odd[value]! : value;
  }
  return String.fromCharCode(0x41 + (sum % 26)) === code[15];
}
