/** A plan made ready for the portable engine: programs, literals, tables. */

import { StreamGateError } from "../../../../errors.ts";
import { attributeOperator, type Operation, operationFlag, type Plan } from "../../../../plan/operations.ts";
import type { PreparedPlan } from "../../engine.ts";
import { type AttributeFilter, attributeFilter, attributeTest } from "../attribute/attribute_filter.ts";
import { type PreparedCondition, prepareCondition } from "../condition/condition.ts";
import { Redaction } from "../detect/redaction.ts";
import { LiteralSearch } from "../match/literal.ts";
import type { Pattern } from "../match/pattern.ts";
import { patternFinder, patternText, preparePattern } from "../match/pattern_bytes.ts";
import { Replacement } from "../match/replace.ts";
import { PatternRefusal } from "../match/syntax.ts";
import { DedupeStep } from "../reduce/dedupe_step.ts";
import { SampleStep } from "../reduce/sample_step.ts";
import { ThrottleStep } from "../reduce/throttle_step.ts";

interface StepOfRule {
  readonly rule: number;
  /** Never skipped, and careful where something is not known. */
  readonly protect: boolean;
  /** Only counts what it would do. */
  readonly shadow: boolean;
  /** The records that it looks at; absent: all. */
  readonly when: PreparedCondition | undefined;
}

export type Step = StepOfRule & Work;

/** What a step does; names as in the operation table. */
export type Work =
  | { readonly kind: "dropLiteral"; readonly literal: LiteralSearch }
  | { readonly kind: "dropPattern"; readonly pattern: Pattern }
  | { readonly kind: "dropAttribute"; readonly filter: AttributeFilter }
  | { readonly kind: "replacePattern"; readonly replacement: Replacement; readonly limited: boolean }
  | {
      readonly kind: "redact";
      readonly redaction: Redaction;
      readonly limited: boolean;
      /** Of its selectors' cells, behind the routes'. */
      cells: number;
    }
  | { readonly kind: "drop" }
  | { readonly kind: "sample"; readonly sample: SampleStep }
  | { readonly kind: "dedupe"; readonly dedupe: DedupeStep }
  | { readonly kind: "throttle"; readonly throttle: ThrottleStep }
  /** The bits of outputs 0 to 31 and 32 to 63. */
  | { readonly kind: "route"; readonly low: number; readonly high: number };

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
  /** Of each rule: has it steps in shadow? */
  readonly shadows: readonly boolean[];
  /** Finds a JSON record's service; undefined: no rule is in shadow. */
  readonly service: AttributeFilter | undefined;
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
    let selectorCells = 0;
    for (const step of this.steps) {
      if (step.kind !== "redact" || step.shadow) continue;
      step.cells = selectorCells;
      selectorCells += step.redaction.countCells;
    }
    this.shadows = plan.rules.map((_, rule) => this.steps.some((step) => step.shadow && step.rule === rule));
    const { service = [] } = plan;
    if (service.length > 0) this.service = attributeTest(attributeOperator.exists, [], service, patternFinder);
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

function prepareStep(operation: Operation): Step {
  const { rule, flags, when } = operation;
  return {
    rule,
    protect: (flags & operationFlag.protect) !== 0,
    shadow: (flags & operationFlag.shadow) !== 0,
    when: when === undefined ? undefined : prepareCondition(when),
    ...prepareWork(operation),
  };
}

function prepareWork({ name, flags, args }: Operation): Work {
  const [first = new Uint8Array(), second = new Uint8Array()] = args;
  switch (name) {
    case "dropLiteral":
      return { kind: name, literal: new LiteralSearch(first) };
    case "dropPattern":
      return { kind: name, pattern: preparePattern(first) };
    case "replacePattern":
      return {
        kind: name,
        replacement: new Replacement(patternText(first), second),
        limited: (flags & operationFlag.limited) !== 0,
      };
    case "dropAttribute":
      return { kind: name, filter: attributeFilter({ args }, patternFinder) };
    case "redact":
      return { kind: name, redaction: new Redaction(args), limited: (flags & operationFlag.limited) !== 0, cells: 0 };
    case "drop":
      return { kind: name };
    case "sample":
      return { kind: name, sample: new SampleStep(args) };
    case "dedupe":
      return { kind: name, dedupe: new DedupeStep(args) };
    case "throttle":
      return { kind: name, throttle: new ThrottleStep(args) };
    case "route": {
      const routes = Buffer.from(first);
      return { kind: name, low: routes.readUInt32LE(0), high: routes.readUInt32LE(4) };
    }
  }
}

function bitOf(output: number): { low: number; high: number } {
  return output < 32 ? { low: 1 << output, high: 0 } : { low: 0, high: 1 << (output - 32) };
}
