/** Reads a condition as a person, the control API or another control plane wrote it. */

import { StreamGateError } from "../errors.ts";
import { attributeNumber, type Condition } from "../plan/operations.ts";
import type { PatternChecker } from "../plan/pattern.ts";
import { syslogFault, syslogPrefix } from "../plan/syslog_field.ts";
import { attributePathFault } from "../rules/attribute_filter.ts";
import { checkRulePattern } from "../rules/pattern.ts";
import { brokenText, firstViolation, isRecord, nameOf, placeOf, withoutNulls } from "../schema.ts";
import { compileCondition } from "./compile.ts";
import {
  type ConditionConfig,
  caseKeys,
  conditionSchema,
  nestingMax,
  operators,
  questions,
  questionsMax,
} from "./condition.ts";
import { networkOf } from "./network.ts";

const known: readonly string[] = Object.keys(conditionSchema.properties);
const example = 'write it as {"severity":{"at_least":"ERROR"}}';

/**
 * Checks a condition, and all that lie in it.
 * @param place where it stands, such as `outputs[2] filter`: what an error's place begins with
 * @param check asks RE2 about a pattern
 * @returns the condition without nulls
 * @throws StreamGateError SG_CONDITION naming the field (`outputs[1] filter.any[0].pattern`), the reason and what would be right
 */
export function readCondition(value: unknown, place: string, check: PatternChecker): ConditionConfig {
  const given = withoutNulls(value);
  const broken = brokenText(given);
  if (broken !== undefined)
    throw refused(placeOf(broken, place), "is not well-formed Unicode: it holds half of a surrogate pair");
  const reader = new Reader(check);
  reader.read(given, place, 1);
  return given as ConditionConfig;
}

class Reader {
  readonly #check: PatternChecker;
  #questions = 0;

  constructor(check: PatternChecker) {
    this.#check = check;
  }

  read(value: unknown, place: string, depth: number): void {
    if (!isRecord(value)) throw refused(place, `must be an object, not ${nameOf(value)}`, example);
    if (depth > nestingMax)
      throw refused(
        place,
        `lies in more than ${nestingMax - 1} conditions`,
        "put conditions side by side in all or any",
      );
    const stranger = Object.keys(value).find((key) => !known.includes(key));
    if (stranger !== undefined)
      throw refused(placeOf([stranger], place), "is no part of a condition", `known are ${known.join(", ")}`);
    const violation = firstViolation(conditionSchema, value);
    if (violation !== undefined) throw refused(placeOf(violation.path, place), violation.what, example);
    const condition = value as ConditionConfig;
    this.#checkShape(condition, place);

    this.#count(condition, place);
    for (const kind of ["all", "any"] as const)
      for (const [index, part] of (condition[kind] ?? []).entries())
        this.read(part, placeOf([kind, String(index)], place), depth + 1);
    if (condition.not !== undefined) this.read(condition.not, placeOf(["not"], place), depth + 1);
    this.#checkPatterns(condition, place);
    this.#checkField(condition, place);
    this.#checkNetworks(condition, place);
    if (condition.ignore_case === true) this.#checkCompiled(compileCondition(condition), place);
  }

  /** One question, one operator where it is about a field, and nothing beside them that would do nothing. */
  #checkShape(condition: ConditionConfig, place: string): void {
    const asked = questions.filter((key) => condition[key] !== undefined);
    if (asked.length !== 1)
      throw refused(
        place,
        asked.length === 0 ? "asks nothing" : `asks ${asked.join(" and ")} at once`,
        asked.length === 0
          ? `give one of ${questions.join(", ")}`
          : "keep one, or put each into a condition of its own in all or any",
      );
    const [question] = asked;
    const used = operators.filter((key) => condition[key] !== undefined);
    const about = question === "field" || question === "path";
    if (about && used.length !== 1)
      throw refused(
        place,
        used.length === 0 ? `has ${question} without an operator` : `has ${used.join(" and ")} at once`,
        used.length === 0
          ? `give one of ${operators.join(", ")}`
          : "keep one, or put each into a condition of its own in all or any",
      );
    if (!about && used.length > 0)
      throw refused(placeOf([used[0]!], place), `does nothing beside ${question}`, "it compares a field or a path");
    const subject = about ? used[0]! : question!;
    if (condition.ignore_case !== undefined && !caseKeys.has(subject))
      throw refused(placeOf(["ignore_case"], place), `does nothing beside ${subject}`, "leave it out");
  }

  #count(condition: ConditionConfig, place: string): void {
    const list = condition.values ?? condition.patterns ?? condition.in ?? condition.source;
    const asksItself = condition.all === undefined && condition.any === undefined && condition.not === undefined;
    this.#questions += list?.length ?? (asksItself ? 1 : 0);
    if (this.#questions > questionsMax)
      throw refused(place, `asks more than ${questionsMax} questions, lists and conditions in it counted`, "ask fewer");
  }

  #checkPatterns(condition: ConditionConfig, place: string): void {
    const { pattern, patterns = [], regex } = condition;
    this.#checkPattern(pattern, placeOf(["pattern"], place));
    this.#checkPattern(regex, placeOf(["regex"], place));
    for (const [index, one] of patterns.entries()) this.#checkPattern(one, placeOf(["patterns", String(index)], place));
  }

  #checkPattern(pattern: string | undefined, place: string): void {
    if (pattern === undefined) return;
    const checked = checkRulePattern(pattern, "pattern", this.#check);
    if ("refusal" in checked) throw refused(place, checked.refusal.what, checked.refusal.fix);
  }

  /** Without case a text becomes a pattern too, and may be more than RE2 takes. */
  #checkCompiled(compiled: Condition, place: string): void {
    if (compiled.kind === "all" || compiled.kind === "any")
      for (const part of compiled.of) this.#checkCompiled(part, place);
    else if (compiled.kind === "not") this.#checkCompiled(compiled.of, place);
    else if (compiled.kind === "pattern") this.#checkPattern(Buffer.from(compiled.pattern).toString(), place);
    else if ((compiled.kind === "attribute" || compiled.kind === "syslog") && compiled.operator === "regex")
      this.#checkPattern(Buffer.from(compiled.values[0]!).toString(), place);
  }

  #checkNetworks({ source = [] }: ConditionConfig, place: string): void {
    for (const [index, text] of source.entries())
      if (networkOf(text) === undefined)
        throw refused(
          placeOf(["source", String(index)], place),
          `${JSON.stringify(text)} is no network and no address`,
          "write it such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32",
        );
  }

  #checkSyslog(field: string, condition: ConditionConfig, place: string): void {
    for (const operator of operators) {
      const given = condition[operator];
      const compared = operator === "equals" || operator === "not_equals" || operator === "in";
      const fault = syslogFault(field, compared && given !== undefined ? [given].flat().map(String) : []);
      if (fault === undefined) continue;
      throw refused(placeOf([fault.of === "name" ? "field" : operator], place), fault.what, fault.fix);
    }
  }

  #checkField(condition: ConditionConfig, place: string): void {
    const { field, path } = condition;
    if (field === undefined && path === undefined) return;
    if (field?.startsWith(syslogPrefix)) this.#checkSyslog(field, condition, place);
    else {
      const fault = attributePathFault(field, path);
      if (fault !== undefined)
        throw refused(
          placeOf([field === undefined ? "path" : "field"], place),
          fault,
          "write it such as a/b/c or a.b.c",
        );
    }
    for (const operator of ["gt", "lt"] as const) {
      const limit = condition[operator];
      if (limit !== undefined && !attributeNumber.test(String(limit)))
        throw refused(
          placeOf([operator], place),
          "is further from zero, or nearer to it, than numbers that are compared",
          "give one of less than 1e99",
        );
    }
  }
}

function refused(where: string, what: string, fix?: string): StreamGateError {
  return new StreamGateError("SG_CONDITION", { where, what, ...(fix !== undefined && { fix }) });
}
