/** A report of rule tests for people: one line a test, and of each failure what was expected and what came, the difference marked. */

import type { TestFailure, TestReport } from "./run.ts";

/** Longest piece of a record that is shown: of a longer one the part around the first difference. */
const shownMax = 160;

/**
 * @param where what stands in front of each file's tests, such as the file's name
 * @returns lines, each with its line end
 */
export function reportText({ tests, untested_rules }: TestReport, where: string): string {
  const lines = [`${where}\n`];
  for (const { name, passed, failures } of tests) {
    lines.push(`  ${passed ? "ok  " : "FAIL"}  ${name}\n`);
    for (const [index, failure] of failures.entries())
      lines.push(...failureLines(failure, failures[index - 1]).map((line) => `          ${line}\n`));
  }
  if (untested_rules.length > 0)
    lines.push(`  note  no test made these rules do anything: ${untested_rules.join(", ")}\n`);
  return lines.join("");
}

const labelWidth = 12;
const label = (name: string) => name.replace("_", " ").padEnd(labelWidth);

/** @param before the failure in front of it: of the same step the record is not shown again */
function failureLines({ step, what, expected, got, input }: TestFailure, before: TestFailure | undefined): string[] {
  const compared = what === "output" || what === "created";
  const at = compared ? firstDifference(expected, got) : what === "excludes" ? got.indexOf(expected) : undefined;
  const from = Math.max(0, (at ?? 0) - shownMax / 2);
  const mark = at === undefined ? "" : " ".repeat(oneLine(got.slice(0, at), from).length);
  return [
    ...(step === undefined || step === before?.step ? [] : [`step ${step}`]),
    ...(before !== undefined && step === before.step ? [] : [label("input") + oneLine(input, 0)]),
    label(what === "fate" ? "expected" : what) + oneLine(expected, compared ? from : 0),
    label("got") + oneLine(got, from),
    ...(at === undefined ? [] : [`${label("")}${mark}^ ${compared ? "differs from here" : "here"}`]),
  ];
}

/** Index of the first UTF-16 unit that differs; the shorter one's end where one begins the other. */
function firstDifference(one: string, other: string): number {
  const end = Math.min(one.length, other.length);
  for (let at = 0; at < end; at++) if (one[at] !== other[at]) return at;
  return end;
}

/** Text from `from` on as one line of bounded length; what a terminal would act on is shown as an escape. */
function oneLine(text: string, from: number): string {
  const part = text.slice(from, from + shownMax);
  const escaped = part.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => JSON.stringify(character).slice(1, -1));
  return `${from > 0 ? "…" : ""}${escaped}${from + shownMax < text.length ? "…" : ""}`;
}
