/** A plan made ready for the portable engine: programs, literals, tables. */

import { StreamGateError } from "../../../../errors.ts";
import { type Operation, operationFlag, type Plan } from "../../../../plan/operations.ts";
import type { PreparedPlan } from "../../engine.ts";
import { type AttributeFilter, attributeFilter } from "../attribute/attribute_filter.ts";
import { LiteralSearch } from "../match/literal.ts";
import { Pattern } from "../match/pattern.ts";
import { Replacement } from "../match/replace.ts";
import { PatternRefusal } from "../match/syntax.ts";

export type Step =
  | { readonly kind: "dropLiteral"; readonly rule: number; readonly literal: LiteralSearch }
  | { readonly kind: "dropPattern"; readonly rule: number; readonly pattern: Pattern }
  | { readonly kind: "dropAttribute"; readonly rule: number; readonly filter: AttributeFilter }
  | {
      readonly kind: "replacePattern";
      readonly rule: number;
      readonly replacement: Replacement;
      readonly limited: boolean;
    };

export class PortablePlan implements PreparedPlan {
  readonly plan: Plan;
  readonly steps: readonly Step[];
  closed = false;

  /** @throws StreamGateError SG_RULE_PATTERN with RE2's words */
  constructor(plan: Plan) {
    this.plan = plan;
    this.steps = plan.operations.map((operation) => {
      try {
        return prepareStep(operation);
      } catch (error) {
        if (!(error instanceof PatternRefusal)) throw error;
        throw new StreamGateError("SG_RULE_PATTERN", {
          where: `rule "${plan.rules[operation.rule]?.id}"`,
          what: `RE2 refuses it: ${error.message}`,
        });
      }
    });
  }

  close(): void {
    this.closed = true;
  }
}

function prepareStep({ name, rule, flags, args }: Operation): Step {
  const [first = new Uint8Array(), second = new Uint8Array()] = args;
  switch (name) {
    case "dropLiteral":
      return { kind: name, rule, literal: new LiteralSearch(first) };
    case "dropPattern":
      return { kind: name, rule, pattern: new Pattern(patternText(first)) };
    case "replacePattern":
      return {
        kind: name,
        rule,
        replacement: new Replacement(patternText(first), second),
        limited: (flags & operationFlag.limited) !== 0,
      };
    case "dropAttribute":
      return { kind: name, rule, filter: attributeFilter({ args }, attributePattern) };
  }
}

function attributePattern(bytes: Uint8Array): (text: Uint8Array, start: number, end: number) => boolean {
  const pattern = new Pattern(patternText(bytes));
  return (text, start, end) => pattern.test(Buffer.from(text.buffer, text.byteOffset + start, end - start));
}

function patternText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new PatternRefusal("invalid UTF-8");
  }
}
