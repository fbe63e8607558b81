/** `streamgate test FILE…`: runs rule tests, with no gate and no port, and says what does not hold. For a CI. */

import { dirname, resolve } from "node:path";
import { evaluate } from "../data/engine/evaluate.ts";
import { selectEngine } from "../data/engine/select.ts";
import { StreamGateError } from "../errors.ts";
import { readRuleTests } from "../rule_tests/format.ts";
import { reportText } from "../rule_tests/report.ts";
import { runRuleTests, type TestReport } from "../rule_tests/run.ts";
import { print } from "./print.ts";
import { readJsonFile, readRulesFile } from "./rules_file.ts";

export interface TestOptions {
  /** `-`: standard input. */
  readonly files: readonly string[];
  /** Rules for files that name none. */
  readonly rules?: string;
  readonly engine?: "native" | "portable";
  readonly json: boolean;
}

/**
 * Prints a report on standard output, warnings on standard error.
 * @returns exit status: 0, or 1 when a test fails
 * @throws StreamGateError when a file cannot be read or is not well formed, naming the field
 */
export async function command({ files, rules, engine, json }: TestOptions): Promise<number> {
  const { kind, warning } = await selectEngine(engine);
  if (warning !== undefined) note(warning);
  const check = (pattern: string) => kind.checkPattern(pattern);
  const load = (file: string | 0) => {
    const { warnings, ...source } = readRulesFile(file, check);
    for (const warning of warnings) note(`${file}: warning: ${warning}`);
    return source;
  };
  const given = rules === undefined ? undefined : load(rules);
  const reports = files.map((file) => {
    const where = file === "-" ? "standard input" : file;
    const value = readJsonFile(file === "-" ? 0 : file, "give JSON with tests in it (docs/rule_tests.md)");
    const folder = file === "-" ? "." : dirname(file);
    const tests = inFile(where, () =>
      readRuleTests(value, { check, rules: given, load: (path) => load(resolve(folder, path)) }),
    );
    for (const warning of tests.warnings) note(`${where}: warning: ${warning}`);
    const report = inFile(where, () => runRuleTests(tests, (plan, records) => evaluate(kind, plan, records)));
    if (!json) print(reportText(report, where));
    return { file: where, ...report };
  });
  const total = (count: (report: TestReport) => number) => reports.reduce((sum, report) => sum + count(report), 0);
  const [passed, failed] = [total((report) => report.passed), total((report) => report.failed)];
  if (json)
    print(`${JSON.stringify({ status: failed === 0 ? "passed" : "failed", passed, failed, files: reports })}\n`);
  else print(`${passed} passed, ${failed} failed\n`);
  return failed === 0 ? 0 : 1;
}

/** A fault's place begins with the file. */
function inFile<T>(where: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof StreamGateError)) throw error;
    const { code, what, fix } = error;
    const place = error.where === undefined ? where : `${where} ${error.where}`;
    throw new StreamGateError(code, { where: place, what, ...(fix !== undefined && { fix }) }, { cause: error });
  }
}

function note(line: string): void {
  process.stderr.write(`streamgate: ${line}\n`);
}
