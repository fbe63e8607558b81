/** Is there a word before a value that says what it is: `ssn`, `phone`? Twin of native/detect/keyword.h, where it is told. */

/** A word's letters, and whether a word begins and ends with them. */
interface Keyword {
  readonly letters: string;
  readonly begins: boolean;
  readonly ends: boolean;
}

/** Words in lower case, as `hasKeywordBefore` looks for them: with spaces where no word goes on, and for what separates its parts. */
export const keywords = (...words: string[]): readonly Keyword[] =>
  words.map((word) => ({
    letters: Buffer.from(word.trim()).toString("latin1"),
    begins: word.startsWith(" "),
    ends: word.endsWith(" "),
  }));

/** Is there an end of a word between two characters that follow each other? */
const separates = (pair: string) => !/^[A-Za-z]{2}$/.test(pair) || /^[a-z][A-Z]$/.test(pair);

/** Does one of `words` stand within the `reach` bytes before `at`? */
export function hasKeywordBefore(text: Buffer, at: number, reach: number, words: readonly Keyword[]): boolean {
  const from = Math.max(0, at - reach);
  const before = text.toString("latin1", from, at);
  // ASCII alone, as the twin does.
  const lower = before.replace(/[A-Z]/g, (c) => c.toLowerCase());
  const spaced = lower.replace(/[_-]/g, " ");
  return words.some(({ letters, begins, ends }) => {
    const searched = letters.includes(" ") ? spaced : lower;
    for (let found = searched.indexOf(letters); found >= 0; found = searched.indexOf(letters, found + 1)) {
      const start = from + found;
      const end = start + letters.length;
      const follows = text.toString("latin1", end, end + 1);
      if (begins && start > 0 && !separates(text.toString("latin1", start - 1, start + 1))) continue;
      if (ends && (follows > "\x7f" || !separates(text.toString("latin1", end - 1, end + 1)))) continue;
      return true;
    }
    return false;
  });
}
