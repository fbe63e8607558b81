/** `redact`: replaces every match of a pattern, as RE2::GlobalReplace does. */

import { Type } from "typebox";
import { scanPattern } from "../plan/pattern.ts";
import { checkRulePattern } from "./pattern.ts";
import { rewriteError } from "./rewrite.ts";
import { defineRule } from "./rule.ts";

const replacementDefault = "[REDACTED]";

export const redact = defineRule({
  type: "redact",
  description:
    "Replaces every match of `pattern` by `replacement` (an RE2 rewrite: `\\0` the match, `\\1` to `\\9` groups; `$1` is plain text).",
  class: "protect",
  params: Type.Object({
    pattern: Type.String({ description: "RE2 pattern; every non-overlapping match is replaced, leftmost first." }),
    replacement: Type.Optional(
      Type.String({
        default: replacementDefault,
        description:
          "RE2 rewrite: \\0 is the whole match, \\1 to \\9 are groups, \\\\ is a backslash; $1 is plain text.",
      }),
    ),
  }),
  examples: [
    { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "XXX-XX-XXXX" },
    { pattern: "(user=)\\S+", replacement: "\\1***" },
  ],
  refusal({ pattern, replacement = replacementDefault }, check) {
    const checked = checkRulePattern(pattern, "pattern", check);
    if ("refusal" in checked) return checked.refusal;
    const what = rewriteError(replacement, checked.groups);
    if (what === undefined) return undefined;
    return {
      code: "SG_RULE_REWRITE",
      param: "replacement",
      what: `RE2 refuses it: ${what}`,
      fix: "\\0 is the whole match, \\1 to \\9 are the pattern's groups, \\\\ is a backslash",
    };
  },
  compile: ({ pattern, replacement = replacementDefault }) => [
    {
      name: "replacePattern",
      args: [Buffer.from(pattern), Buffer.from(replacement)],
      limited: scanPattern(pattern).unbounded,
    },
  ],
});
