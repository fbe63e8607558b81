/** Whether a rule reduces or protects (promise P1): what its type says, unless the rule itself says that it protects. */

import type { RuleClass } from "../plan/operations.ts";
import { ruleTypes } from "./index.ts";
import type { Rule } from "./rule.ts";

/** @param rule as `readRule` gave it back; one of a type that is not known protects, to be on the safe side */
export function ruleClass({ type, params, protect }: Rule): RuleClass {
  if (protect === true || params.protect === true) return "protect";
  return ruleTypes.get(type)?.class ?? "protect";
}
