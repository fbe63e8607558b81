/** Checks a replacement as `RE2::CheckRewriteString` does, and answers in its words. */

/**
 * @param groups capturing groups of the pattern
 * @returns RE2's words, or undefined when the rewrite is accepted
 */
export function rewriteError(rewrite: string, groups: number): string | undefined {
  let groupMax = 0;
  for (let at = 0; at < rewrite.length; at++) {
    if (rewrite[at] !== "\\") continue;
    const next = rewrite[++at];
    if (next === undefined) return "Rewrite schema error: '\\' not allowed at end.";
    if (next === "\\") continue;
    if (next < "0" || next > "9") return "Rewrite schema error: '\\' must be followed by a digit or '\\'.";
    groupMax = Math.max(groupMax, Number(next));
  }
  if (groupMax <= groups) return undefined;
  return `Rewrite schema requests ${groupMax} matches, but the regexp only has ${groups} parenthesized subexpressions.`;
}
