/**
 * Reads a pattern in RE2's syntax far enough to say two things about it: does it contain `\C`, and can a match be of any
 * length. Both engines and the control plane get the same answer because this is the only place that asks.
 *
 * It need not be right about patterns that RE2 refuses. `unbounded` errs towards true.
 */

/** RE2's answer: the number of capturing groups, or its words of refusal such as `missing ]: [0-9`. */
export type PatternCheck = { ok: true; groups: number } | { ok: false; message: string };
export type PatternChecker = (pattern: string) => PatternCheck;

export interface PatternFacts {
  /** Contains `\C`, one byte whatever character it is part of. */
  readonly anyByte: boolean;
  /** Contains `*`, `+` or `{n,}`: matches have no upper length (promise P6). */
  readonly unbounded: boolean;
}

export function scanPattern(pattern: string): PatternFacts {
  let anyByte = false;
  let unbounded = false;
  let at = 0;
  while (at < pattern.length) {
    switch (pattern[at]) {
      case "\\":
        if (pattern[at + 1] === "Q") {
          // Literal up to \E or the end; inside it a backslash is plain text.
          const end = pattern.indexOf("\\E", at + 2);
          at = end === -1 ? pattern.length : end + 2;
          break;
        }
        if (pattern[at + 1] === "C") anyByte = true;
        at = escapeEnd(pattern, at);
        break;
      case "[":
        at = classEnd(pattern, at);
        break;
      case "*":
      case "+":
        unbounded = true;
        at++;
        break;
      case "{":
        if (/^\{\d+,\}/.test(pattern.slice(at, at + 16))) unbounded = true;
        at++;
        break;
      default:
        at++;
    }
  }
  return { anyByte, unbounded };
}

/** Where the escape at `at` ends. `\x{10FFFF}` and `\p{Greek}` hold braces that are no repetition. */
function escapeEnd(pattern: string, at: number): number {
  const letter = pattern[at + 1];
  if ((letter === "x" || letter === "p" || letter === "P") && pattern[at + 2] === "{") {
    const end = pattern.indexOf("}", at + 3);
    return end === -1 ? pattern.length : end + 1;
  }
  return at + 2;
}

/** Where the class that opens at `at` ends. A `]` is literal when it comes first, also after `^`. */
function classEnd(pattern: string, at: number): number {
  let to = at + 1;
  if (pattern[to] === "^") to++;
  if (pattern[to] === "]") to++;
  while (to < pattern.length && pattern[to] !== "]") {
    if (pattern[to] === "\\") to = escapeEnd(pattern, to);
    else if (pattern.startsWith("[:", to)) {
      // A POSIX class [:alpha:]; RE2 takes `[:` as two plain characters when no `:]` follows.
      const end = pattern.indexOf(":]", to + 2);
      to = end === -1 ? to + 1 : end + 2;
    } else to++;
  }
  return Math.min(to + 1, pattern.length);
}
