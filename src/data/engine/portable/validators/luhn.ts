/** Luhn's check digit: ISO/IEC 7812-1 annex B. Twin of native/validators/luhn.h. */

/** @param digits ASCII digits only, from 0 to `count` */
export function passesLuhn(digits: Uint8Array, count: number): boolean {
  let sum = 0;
  let twice = false;
  for (let i = count - 1; i >= 0; i--, twice = !twice) {
    const value = digits[i]! - 0x30;
    sum += !twice ? value : value > 4 ? 2 * value - 9 : 2 * value;
  }
  return count > 0 && sum % 10 === 0;
}
