/** The pattern of detectors that a word beside a value leads to. */

/**
 * Matches one of `words` in any case of ASCII: letters as classes, since RE2's `(?i)` takes other alphabets' s and k for ours. A space at
 * a word's end stands for what is no lower-case letter, one within it for a space, an underscore or a hyphen. Spaces at the start say
 * something to the search only (native/detect/keyword.h).
 *
 * @example keywordPattern([" tfn ", "tax file"]) // "[Tt][Ff][Nn][\\x00-\\x60\\x7b-\\x7f]|[Tt][Aa][Xx][ _-][Ff][Ii][Ll][Ee]"
 */
export function keywordPattern(words: readonly string[]): string {
  return words
    .map((word) =>
      Array.from(word.trimStart(), (c, i) => {
        if (c === " ") return i === word.trimStart().length - 1 ? String.raw`[\x00-\x60\x7b-\x7f]` : "[ _-]";
        return /[a-z]/.test(c) ? `[${c.toUpperCase()}${c}]` : c;
      }).join(""),
    )
    .join("|");
}
