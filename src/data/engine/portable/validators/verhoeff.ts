/** Verhoeff's check digit. Twin of native/validators/verhoeff.h, where it is told. */

/** Products in the dihedral group of order ten: 0 to 4 turn a pentagon, 5 to 9 turn it and turn it over. */
function product(a: number, b: number): number {
  if (a < 5) return b < 5 ? (a + b) % 5 : 5 + ((a + b - 5) % 5);
  return b < 5 ? 5 + ((a - b) % 5) : (a - b + 5) % 5;
}

/** Applied once more for each place to the left. */
const permutation = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

/** @param digits ASCII digits from 0 to `count`, the check digit last */
export function passesVerhoeff(digits: Uint8Array, count: number): boolean {
  let check = 0;
  for (let place = 0; place < count; place++) {
    let digit = digits[count - 1 - place]! - 0x30;
    // The permutation's eighth power changes nothing.
    for (let i = 0; i < place % 8; i++) digit = permutation[digit]!;
    check = product(check, digit);
  }
  return count > 0 && check === 0;
}
