/** A plan made ready for the portable engine: programs, literals, tables. */

import { StreamGateError } from "../../../../errors.ts";
import { type Operation, operationFlag, type Plan } from "../../../../plan/operations.ts";
import type { PreparedPlan } from "../../engine.ts";
import { type AttributeFilter, attributeFilter } from "../attribute/attribute_filter.ts";
import { type PreparedCondition, prepareCondition } from "../condition/condition.ts";
import { LiteralSearch } from "../match/literal.ts";
import type { Pattern } from "../match/pattern.ts";
import { patternFinder, patternText, preparePattern } from "../match/pattern_bytes.ts";
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

/** Which records an output gets. */
export interface PreparedRoute {
  /** Its bit in the low or the high word of a batch entry's routes. */
  readonly low: number;
  readonly high: number;
  readonly condition: PreparedCondition;
}

export class PortablePlan implements PreparedPlan {
  readonly plan: Plan;
  readonly steps: readonly Step[];
  /** Of the outputs that do not get every record, in the order of their cells. */
  readonly routes: readonly PreparedRoute[];
  closed = false;

  /** @throws StreamGateError SG_RULE_PATTERN or SG_CONDITION with RE2's words */
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
    this.routes = (plan.routes ?? []).map(({ output, condition }) => {
      try {
        return { ...bitOf(output), condition: prepareCondition(condition) };
      } catch (error) {
        if (!(error instanceof PatternRefusal)) throw error;
        throw new StreamGateError("SG_CONDITION", {
          where: `outputs[${output}] filter`,
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
      return { kind: name, rule, pattern: preparePattern(first) };
    case "replacePattern":
      return {
        kind: name,
        rule,
        replacement: new Replacement(patternText(first), second),
        limited: (flags & operationFlag.limited) !== 0,
      };
    case "dropAttribute":
      return { kind: name, rule, filter: attributeFilter({ args }, patternFinder) };
  }
}

function bitOf(output: number): { low: number; high: number } {
  return output < 32 ? { low: 1 << output, high: 0 } : { low: 0, high: 1 << (output - 32) };
}
