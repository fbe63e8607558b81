/** A pattern in a rule: asked of RE2, with what StreamGate refuses beyond it. */

import { type PatternChecker, scanPattern } from "../plan/pattern.ts";
import type { Refusal } from "./rule.ts";

const remedies: readonly (readonly [RegExp, string])[] = [
  [
    /^invalid perl operator: \(\?[<=!]/,
    "RE2 has no look-ahead and no look-behind; match the text around it too, or use two rules",
  ],
  [/^invalid perl operator: \(\?>/, "RE2 has no atomic groups and needs none: it never backtracks; use (?:"],
  [/^invalid perl operator/, "RE2 knows the flags i, m, s and U, as in (?i) or (?i:x), and named groups (?P<name>x)"],
  [/^invalid escape sequence: \\[1-9]/, "RE2 has no back-references; list the alternatives"],
  [/^missing \]/, "close the character class with ]; a literal [ is written \\["],
  [/^missing \)/, "close the group with ); a literal ( is written \\("],
  [/^unexpected \)/, "a literal ) is written \\)"],
  [/repetition operator/, "a literal * + or ? is written \\* \\+ \\?"],
  [/^trailing \\/, "a literal \\ is written \\\\"],
  [
    /^invalid escape sequence/,
    "a letter or digit after \\ must be one of RE2's escapes, such as \\d \\s \\w \\b \\t \\x7F",
  ],
  [
    /^invalid character class range: (\\|\[:)/,
    "RE2 knows classes such as \\pL, \\p{Greek} and, within [ ], [:alpha:] and [:digit:]",
  ],
  [/^invalid character class range/, "put the lower end first, as in [a-z]; a literal - stands first or last"],
  [/^invalid repetition size/, "repeat at most 1000 times, nested repetitions multiplied, or use * or +"],
  [/^invalid named capture group/, "name groups as (?P<name>x), in letters, digits and _"],
  [/^pattern too large/, "split it into several rules"],
];

/** Why a pattern is refused, with RE2's own words, or the number of its groups. */
export function checkRulePattern(
  pattern: string,
  param: string,
  check: PatternChecker,
): { refusal: Refusal } | { groups: number } {
  const refused = (what: string, fix?: string) => ({
    refusal: { code: "SG_RULE_PATTERN", param, what, ...(fix !== undefined && { fix }) } as const,
  });
  const answer = check(pattern);
  if (!answer.ok) {
    return refused(`RE2 refuses it: ${answer.message}`, remedies.find(([words]) => words.test(answer.message))?.[1]);
  }
  // \C takes one byte out of a character, so a redaction could leave half of one; and only one engine knows it.
  if (scanPattern(pattern).anyByte)
    return refused("invalid escape sequence: \\C", "\\C (any byte) is not supported; use . or (?s:.)");
  return { groups: answer.groups };
}
