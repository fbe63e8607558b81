/** Check digits of ISO/IEC 7064:2003. Twin of native/validators/iso7064.h. */

/** The hybrid system modulo 11,10. @param digits ASCII digits from 0 to `count`, at least one, the check digit last */
export function passesMod11And10(digits: Uint8Array, count: number): boolean {
  let product = 10;
  for (let i = 0; i < count - 1; i++) {
    const sum = (digits[i]! - 0x30 + product) % 10;
    product = (2 * (sum === 0 ? 10 : sum)) % 11;
  }
  return (product + digits[count - 1]! - 0x30) % 10 === 1;
}
