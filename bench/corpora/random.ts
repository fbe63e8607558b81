/** Seeded randomness, so that every subject on every machine gets the same bytes. */

export interface Random {
  /** From 0 up to 1. */
  share(): number;
  /** A whole number from 0 up to `n`, `n` left out. */
  below(n: number): number;
  digits(count: number): string;
  letters(count: number): string;
  /** `count` of the characters in `alphabet`. */
  from(alphabet: string, count: number): string;
  pick<T>(values: readonly T[]): T;
}

/** mulberry32. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const share = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n: number) => Math.floor(share() * n);
  const from = (alphabet: string, count: number) => {
    let text = "";
    for (let i = 0; i < count; i++) text += alphabet[below(alphabet.length)];
    return text;
  };
  return {
    share,
    below,
    from,
    digits: (count) => from("0123456789", count),
    letters: (count) => from("abcdefghijklmnopqrstuvwxyz", count),
    pick: (values) => values[below(values.length)]!,
  };
}

/** Adds the check digit of ISO/IEC 7812-1, annex B. */
export function withLuhnDigit(digits: string): string {
  const sum = [...digits].reverse().reduce((total, digit, index) => {
    const doubled = Number(digit) * (index % 2 === 0 ? 2 : 1);
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return `${digits}${(10 - (sum % 10)) % 10}`;
}
