/** Runs rule tests and judges what came of each record. Pure: an engine is handed in, and nothing is read or written. */

import { isDeepStrictEqual } from "node:util";
import { compilePlan } from "../plan/compile.ts";
import type { Evaluate, EvaluatedRecord, Evaluation } from "../plan/evaluation.ts";
import { withoutRuleKeys } from "../rules/secrets_of_rules.ts";
import type { Expectation, RuleTest, RuleTests, Step } from "./format.ts";

/** What did not hold. `expected` and `got` are texts for people; of an output they are the records themselves. */
export interface TestFailure {
  /** Of a sequence: which step, from 1. */
  readonly step?: number;
  /** The field of the expectation; fate: whether it comes out at all. */
  readonly what: "fate" | keyof Expectation;
  readonly expected: string;
  readonly got: string;
  /** The record that went in. */
  readonly input: string;
}

export interface TestResult {
  readonly name: string;
  readonly passed: boolean;
  readonly failures: readonly TestFailure[];
}

export interface TestReport {
  readonly passed: number;
  readonly failed: number;
  readonly tests: readonly TestResult[];
  /** Ids of enabled rules that did nothing in any test. */
  readonly untested_rules: readonly string[];
}

/** Rules that act without dropping or changing a record: no test can tell that they did. */
const silentTypes: ReadonlySet<string> = new Set(["route"]);

/** @throws StreamGateError where the engine refuses a pattern */
export function runRuleTests({ rules, outputs, tests }: RuleTests, evaluate: Evaluate): TestReport {
  const plan = compilePlan(withoutRuleKeys(rules), outputs);
  const outputIds = outputs.length === 0 ? ["console"] : outputs.map(({ id, type }) => String(id ?? type));
  const acted = new Set<string>();
  const results = tests.map(({ name, steps, sequence }): TestResult => {
    const evaluations = evaluate(plan, recordsOf(steps));
    for (const { by, changes, shadows } of evaluations)
      for (const id of [by, ...shadows, ...changes.map(({ rule }) => rule)]) acted.add(id ?? "");
    const failures = steps.flatMap((step, index) =>
      failuresOf(step, evaluations[index]!, outputIds).map((failure) => ({
        ...(sequence && { step: index + 1 }),
        ...failure,
        input: textOf(step.input),
      })),
    );
    return { name, passed: failures.length === 0, failures };
  });
  const passed = results.filter((result) => result.passed).length;
  return {
    passed,
    failed: results.length - passed,
    tests: results,
    untested_rules: rules
      .filter(({ id, type, enabled = true }) => enabled && !silentTypes.has(type) && !acted.has(id))
      .map(({ id }) => id),
  };
}

/** How many records it takes to run them. */
export function stepsOf(tests: readonly RuleTest[]): number {
  return tests.reduce((sum, { steps }) => sum + steps.length, 0);
}

function recordsOf(steps: readonly Step[]): readonly EvaluatedRecord[] {
  let receivedAtMs = 0;
  return steps.map(({ input, at_ms, from }) => {
    receivedAtMs = at_ms ?? receivedAtMs;
    return {
      bytes: Buffer.from(textOf(input)),
      receivedAtMs,
      ...(from !== undefined && { source: from as NonNullable<EvaluatedRecord["source"]> }),
    };
  });
}

function textOf(input: Step["input"]): string {
  return typeof input === "string" ? input : JSON.stringify(input);
}

type Failed = Pick<TestFailure, "what" | "expected" | "got">;

function failuresOf({ expect }: Step, got: Evaluation, outputIds: readonly string[]): readonly Failed[] {
  if (expect === null) return got.fate === "dropped" ? [] : [{ what: "fate", expected: "dropped", got: fateOf(got) }];
  if (typeof expect === "string") return failuresOf({ expect: { output: expect } } as Step, got, outputIds);
  const failures: Failed[] = [];
  const fail = (what: Failed["what"], expected: string, got: string) => failures.push({ what, expected, got });
  const { output, contains, excludes, dropped_by, withheld_by, changed_by, outputs, created, shadow } = expect;
  const needsRecord = output !== undefined || contains !== undefined || outputs !== undefined;
  if (dropped_by !== undefined && !(got.fate === "dropped" && got.by === dropped_by))
    fail("dropped_by", `dropped by ${dropped_by}`, fateOf(got));
  if (withheld_by !== undefined && !(got.fate === "withheld" && got.by === withheld_by))
    fail("withheld_by", `withheld by ${withheld_by}`, fateOf(got));
  if (needsRecord && got.fate !== "passed") fail("fate", "passed", fateOf(got));
  const text = got.output?.toString("utf8");
  if (got.fate === "passed") {
    if (output !== undefined && !equals(output, text))
      fail("output", textOf(output), text ?? "nothing: no output gets it");
    for (const part of listOf(contains))
      if (text?.includes(part) !== true) fail("contains", part, text ?? "nothing: no output gets it");
    if (outputs !== undefined) {
      const reached = got.outputs?.map((index) => outputIds[index]!) ?? outputIds;
      if (!sameSet(outputs, reached)) fail("outputs", namesOf(outputs), namesOf(reached));
    }
  }
  const leaving = [text ?? "", ...got.created.map((one) => one.toString("utf8"))];
  for (const part of listOf(excludes)) {
    const leak = leaving.find((one) => one.includes(part));
    if (leak !== undefined) fail("excludes", part, leak);
  }
  const changedBy = got.changes.map(({ rule }) => rule);
  if (changed_by !== undefined && namesOf(changed_by) !== namesOf(changedBy))
    fail("changed_by", namesOf(changed_by), namesOf(changedBy));
  if (shadow !== undefined && !sameSet(shadow, got.shadows)) fail("shadow", namesOf(shadow), namesOf(got.shadows));
  if (created !== undefined) {
    const made = got.created.map((one) => one.toString("utf8"));
    if (JSON.stringify(created) !== JSON.stringify(made)) fail("created", created.join("\n"), made.join("\n"));
  }
  return failures;
}

function equals(expected: string | object, text: string | undefined): boolean {
  if (text === undefined) return false;
  if (typeof expected === "string") return expected === text;
  try {
    return isDeepStrictEqual(expected, JSON.parse(text));
  } catch {
    return false;
  }
}

/** `passed: the record`, `dropped by the rule` … */
function fateOf({ fate, by, cause, output }: Evaluation): string {
  if (fate === "passed") return `passed${output === undefined ? "" : `: ${output.toString("utf8")}`}`;
  if (fate === "empty") return "no record: there is nothing in it";
  return `${fate} by ${by}${cause === undefined ? "" : ` (${cause})`}`;
}

function listOf(texts: string | readonly string[] | undefined): readonly string[] {
  return texts === undefined ? [] : typeof texts === "string" ? [texts] : texts;
}

function namesOf(ids: readonly string[]): string {
  return ids.length === 0 ? "nobody" : ids.join(", ");
}

function sameSet(one: readonly string[], other: readonly string[]): boolean {
  const [a, b] = [new Set(one), new Set(other)];
  return a.size === b.size && one.every((id) => b.has(id));
}
