/** Drives an engine with one redact rule, as its user writes it. */

import type { EngineKind } from "../../src/data/engine/engine.ts";
import { countCell, countCellsFixed, countCellsPerRule, ruleCell } from "../../src/data/engine/layout.ts";
import { readRules } from "../../src/manifest/manifest.ts";
import { compilePlan } from "../../src/plan/compile.ts";
import type { Plan } from "../../src/plan/operations.ts";
import { resolveRuleKeys } from "../../src/rules/secrets_of_rules.ts";
import { engines, type RunOptions, run } from "./engines.ts";

/** What `{"env":…}` gives in tests. */
export const testKey = "a key that is long enough for a test";

export function redactPlan(...params: readonly object[]): Plan {
  const given = params.map((one, index) => ({ id: `r${index}`, type: "redact", params: one }));
  const { rules } = readRules(given, (pattern) => engines()[0]!.checkPattern(pattern));
  return compilePlan(resolveRuleKeys(rules, { env: () => testKey, file: () => testKey }));
}

export interface Redacted {
  readonly lines: string[];
  /** Of the first rule. */
  readonly replacements: number;
  readonly changed: number;
  readonly dropped: number;
  readonly withheld: number;
  readonly counts: Float64Array;
}

export function redacted(
  kind: EngineKind,
  plan: Plan | object,
  lines: readonly string[],
  options: RunOptions = {},
): Redacted {
  const input = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  const { records, counts } = run(kind, "operations" in plan ? (plan as Plan) : redactPlan(plan), input, options);
  const cell = (name: keyof typeof ruleCell) => counts[countCellsFixed + ruleCell[name]]!;
  return {
    lines: records.map(String),
    replacements: cell("replacements"),
    changed: cell("changedRecords"),
    dropped: cell("droppedRecords"),
    withheld: counts[countCell.quarantinedMatchLimitRecords]! + counts[countCell.quarantinedOutputLimitRecords]!,
    counts: counts.slice(0, countCellsFixed + countCellsPerRule),
  };
}
