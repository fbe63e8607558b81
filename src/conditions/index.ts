/** Conditions over one record: their form, their reader, and what they compile to. */

export { compileCondition } from "./compile.ts";
export { type ConditionConfig, conditionSchema } from "./condition.ts";
export { readCondition } from "./read.ts";
