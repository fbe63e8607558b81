/** Replacements are refused in RE2's words. */

import { describe, expect, it } from "vitest";
import { rewriteError } from "./rewrite.ts";

describe("rewriteError", () => {
  it.each([
    ["", 0],
    ["\\0", 0],
    ["\\\\1", 0],
    ["\\9\\1", 9],
    ["$1 $& plain", 0],
  ])("takes %s for a pattern with %d groups", (rewrite, groups) => {
    expect(rewriteError(rewrite, groups)).toBeUndefined();
  });

  it.each([
    ["\\1", 0, "Rewrite schema requests 1 matches, but the regexp only has 0 parenthesized subexpressions."],
    ["a\\", 1, "Rewrite schema error: '\\' not allowed at end."],
    ["\\n", 1, "Rewrite schema error: '\\' must be followed by a digit or '\\'."],
    ["\\7 \\é", 0, "Rewrite schema error: '\\' must be followed by a digit or '\\'."],
  ])("refuses %s for a pattern with %d groups", (rewrite, groups, words) => {
    expect(rewriteError(rewrite, groups)).toBe(words);
  });
});
