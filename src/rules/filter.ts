/** `filter`: drops a record that contains a text, or in which a pattern is found. */

import { Type } from "typebox";
import { checkRulePattern } from "./pattern.ts";
import { defineRule, protectParam } from "./rule.ts";

export const filter = defineRule({
  type: "filter",
  description: "Drops a record that contains `value`, or in which RE2 finds `pattern`.",
  class: "reduce",
  params: Type.Object({
    value: Type.Optional(
      Type.String({ minLength: 1, description: "Text to look for, byte for byte; upper and lower case differ." }),
    ),
    pattern: Type.Optional(
      Type.String({ minLength: 1, description: "RE2 pattern to look for anywhere in the record." }),
    ),
    protect: protectParam,
  }),
  examples: [{ value: "DEBUG" }, { pattern: "^GET /health(z|check) " }, { value: "internal-only", protect: true }],
  refusal({ value, pattern }, check) {
    if (value === undefined && pattern === undefined) {
      return {
        code: "SG_RULE_PARAMS",
        what: "needs `value` or `pattern`",
        fix: 'give one, such as {"value":"DEBUG"}',
      };
    }
    if (value !== undefined && pattern !== undefined) {
      return {
        code: "SG_RULE_PARAMS",
        what: "has both `value` and `pattern`",
        fix: "give one of them, or write two rules",
      };
    }
    if (pattern === undefined) return undefined;
    const checked = checkRulePattern(pattern, "pattern", check);
    return "refusal" in checked ? checked.refusal : undefined;
  },
  compile: ({ value, pattern }) => [
    value === undefined
      ? { name: "dropPattern", args: [Buffer.from(pattern!)] }
      : { name: "dropLiteral", args: [Buffer.from(value)] },
  ],
});
