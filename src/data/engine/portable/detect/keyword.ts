/** Is there a word before a value that says what it is: `ssn`, `phone`? Twin of native/detect/keyword.h. */

/** Words in lower case, as `hasKeywordBefore` looks for them. */
export const keywords = (...words: string[]): readonly string[] => words;

/** Does one of `words` stand within the `reach` bytes before `at`? Case does not matter, nor what surrounds the word. */
export function hasKeywordBefore(text: Buffer, at: number, reach: number, words: readonly string[]): boolean {
  const before = text.toString("latin1", Math.max(0, at - reach), at).replace(/[A-Z]/g, (c) => c.toLowerCase());
  return words.some((word) => before.includes(word));
}
