/** Every rule type. Adding one: its file, its test beside it, and a line here. */

import { attributeFilter } from "./attribute_filter.ts";
import { filter } from "./filter.ts";
import { redact } from "./redact.ts";
import { route } from "./route.ts";
import type { RuleType } from "./rule.ts";

const all: readonly RuleType[] = [filter, redact, attributeFilter, route];

export const ruleTypes: ReadonlyMap<string, RuleType> = new Map(all.map((ruleType) => [ruleType.type, ruleType]));
