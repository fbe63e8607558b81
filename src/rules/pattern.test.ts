/** A refused pattern: the engine's words, which are RE2's on both, and a way out for each kind of refusal. */

import { describe, expect, it } from "vitest";
import { engines } from "../../test/conformance/engines.ts";
import { checkRulePattern } from "./pattern.ts";

for (const engine of engines()) {
  describe(`a pattern that is refused on ${engine.name}`, () => {
    it.each([
      ["(?=a)", "invalid perl operator: (?=", "look-ahead"],
      ["(?<=a)b", "invalid perl operator: (?<=", "look-behind"],
      ["(?>a)", "invalid perl operator: (?>", "atomic"],
      ["(?z)a", "invalid perl operator: (?z", "flags"],
      ["(a)\\1", "invalid escape sequence: \\1", "back-references"],
      ["\\q", "invalid escape sequence: \\q", "escapes"],
      ["\\p{Nope}", "invalid character class range: \\p{Nope}", "\\pL"],
      ["[[:nope:]]", "invalid character class range: [:nope:]", "[:alpha:]"],
      ["[z-a]", "invalid character class range: z-a", "lower end first"],
      ["[a", "missing ]: [a", "close the character class"],
      ["(a", "missing ): (a", "close the group"],
      ["a)", "unexpected ): a)", "is written \\)"],
      ["a**", "bad repetition operator: **", "is written \\*"],
      ["*a", "no argument for repetition operator: *", "is written \\*"],
      ["a{1001}", "invalid repetition size: {1001}", "1000 times"],
      ["(?P<n", "invalid named capture group: (?P<n", "(?P<name>x)"],
      ["a\\", "trailing \\", "is written \\\\"],
    ])("%s: tells what would be right", (pattern, what, fix) => {
      const answer = checkRulePattern(pattern, "pattern", (text) => engine.checkPattern(text));
      expect(answer).toEqual({
        refusal: {
          code: "SG_RULE_PATTERN",
          param: "pattern",
          what: `RE2 refuses it: ${what}`,
          fix: expect.stringContaining(fix),
        },
      });
    });
  });
}
