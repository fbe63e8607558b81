/**
 * What an engine counts of `redact` by detector: cells behind the routes', two for each selector of each such operation that acts (not of
 * those in shadow), in the plan's order. A plan under overload (`lightened.ts`) has the same ones: what protects is in all of them.
 */

import { operationFlag, type Plan } from "./operations.ts";
import { redactSelector } from "./redact_arguments.ts";

/** Of one selector. A record in which several found something counts for each. */
export const selectorCell = {
  /** Records in which it found something that was replaced. */
  records: 0,
  /** Values of its that were replaced. */
  values: 1,
} as const;
export const countCellsPerSelector = 2;

/** Whose cells they are. */
export interface CountedSelector {
  /** Index into the plan's rules. */
  readonly rule: number;
  /** The detector's name; `pattern` or `field` for those; undefined: a scope, which finds nothing by itself. */
  readonly detector: string | undefined;
}

export function countedSelectors({ operations }: Pick<Plan, "operations">): readonly CountedSelector[] {
  return operations
    .filter(({ name, flags }) => name === "redact" && (flags & operationFlag.shadow) === 0)
    .flatMap(({ rule, args }) => args.slice(2).map((argument) => ({ rule, detector: detectorOf(argument) })));
}

/**
 * Rules that replace what a pattern matches by the operation for that alone, which has no selectors: what they count by rule is what their
 * detector `pattern` does.
 */
export function countedPatterns({ operations }: Pick<Plan, "operations">): readonly number[] {
  return operations
    .filter(({ name, flags }) => name === "replacePattern" && (flags & operationFlag.shadow) === 0)
    .map(({ rule }) => rule);
}

/** How many cells they are. */
export function selectorCellsOf({ operations }: Pick<Plan, "operations">): number {
  let selectors = 0;
  for (const { name, flags, args } of operations)
    if (name === "redact" && (flags & operationFlag.shadow) === 0) selectors += Math.max(0, args.length - 2);
  return selectors * countCellsPerSelector;
}

function detectorOf(argument: Uint8Array): string | undefined {
  const { scanner, pattern, bytesPattern, key, path } = redactSelector;
  const kind = argument[0];
  if (kind === bytesPattern) return "pattern";
  if (kind === key || kind === path) return "field";
  if (kind !== scanner && kind !== pattern) return undefined;
  const bytes = Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength);
  const labelAt = 6 + bytes.readUInt32LE(2);
  return bytes.toString("utf8", labelAt + 4, labelAt + 4 + bytes.readUInt32LE(labelAt));
}
