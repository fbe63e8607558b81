/** The sum of digits times weights. Twin of native/validators/weights.h. */

/** @param digits ASCII digits, of which `weights.length` count from `at` on */
export function weightedSum(digits: Uint8Array, at: number, weights: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += (digits[at + i]! - 0x30) * weights[i]!;
  return sum;
}
