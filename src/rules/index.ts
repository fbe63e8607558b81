/** Every rule type. Adding one: its file, its test beside it, and a line here. */

import { attributeFilter } from "./attribute_filter.ts";
import { dedupe } from "./dedupe.ts";
import { filter } from "./filter.ts";
import { redact } from "./redact.ts";
import { route } from "./route.ts";
import type { RuleType } from "./rule.ts";
import { sample } from "./sample.ts";
import { throttle } from "./throttle.ts";

const all: readonly RuleType[] = [filter, redact, attributeFilter, route, sample, dedupe, throttle];

export const ruleTypes: ReadonlyMap<string, RuleType> = new Map(all.map((ruleType) => [ruleType.type, ruleType]));
