/** `streamgate check FILE`: says whether rules, a configuration file or a manifest would be accepted, and if not, which field and why. */

import { selectEngine } from "../data/engine/select.ts";
import { compilePlan } from "../plan/compile.ts";
import { withoutRuleKeys } from "../rules/secrets_of_rules.ts";
import { print } from "./print.ts";
import { readRulesFile } from "./rules_file.ts";

export interface CheckOptions {
  /** `-`: standard input. */
  readonly file: string;
  readonly engine?: "native" | "portable";
}

/**
 * Prints `ok: …`, and warnings to standard error.
 * @returns exit status 0
 * @throws StreamGateError naming the field and the reason
 */
export async function command({ file, engine }: CheckOptions): Promise<number> {
  const { kind, warning } = await selectEngine(engine);
  if (warning !== undefined) process.stderr.write(`streamgate: ${warning}\n`);
  const { rules, outputs, warnings } = readRulesFile(file === "-" ? 0 : file, (pattern) => kind.checkPattern(pattern));
  kind.prepare(compilePlan(withoutRuleKeys(rules), outputs)).close();
  for (const warning of warnings) process.stderr.write(`streamgate: warning: ${warning}\n`);
  const counts = [count(rules.length, "rule"), ...(outputs === undefined ? [] : [count(outputs.length, "output")])];
  print(`ok: ${counts.join(", ")}\n`);
  return 0;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
