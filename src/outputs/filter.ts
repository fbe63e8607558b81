/** `filter`: the condition that every output may have, of whatever type: which records it gets. */

import { type ConditionConfig, conditionSchema, readCondition } from "../conditions/index.ts";
import type { PatternChecker } from "../plan/pattern.ts";
import { Type } from "../typebox.ts";

/** The field beside an output's own, for its schema. */
export const filterSchema = Type.Optional(
  Type.Object(conditionSchema.properties, {
    description:
      "Which records the output gets, looked at as the rules leave them; never skipped, whatever the load. Absent: every record.",
    examples: [{ severity: { at_least: "ERROR" } }],
  }),
);

/**
 * Checks an output's `filter`.
 * @param base the output's place, such as `outputs[1]`; empty: it stands alone
 * @returns undefined: the output has none
 * @throws StreamGateError SG_CONDITION naming the field (`outputs[1] filter.any[0].pattern`), the reason and what would be right
 */
export function readOutputFilter(value: unknown, base: string, check: PatternChecker): ConditionConfig | undefined {
  if (value === undefined || value === null) return undefined;
  return readCondition(value, base === "" ? "filter" : `${base} filter`, check);
}
