/** `streamgate check FILE`: says whether rules or a manifest would be accepted, and if not, which field and why. */

import { readFileSync } from "node:fs";
import { selectEngine } from "../data/engine/select.ts";
import { StreamGateError } from "../errors.ts";
import { activePipeline, readManifest, readRules } from "../manifest/manifest.ts";
import { compilePlan } from "../plan/compile.ts";

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
  const value = parse(file, readText(file));
  if (Array.isArray(value)) {
    const { rules, warnings } = readRules(value, (pattern) => kind.checkPattern(pattern));
    kind.prepare(compilePlan(rules)).close();
    report(count(rules.length, "rule"), warnings);
    return 0;
  }
  const { manifest, warnings } = readManifest(value, (pattern) => kind.checkPattern(pattern));
  const { processors, outputs } = activePipeline(manifest);
  kind.prepare(compilePlan(processors)).close();
  report(`${count(processors.length, "rule")}, ${count(outputs.length, "output")}`, warnings);
  return 0;
}

function report(what: string, warnings: readonly string[]): void {
  for (const warning of warnings) process.stderr.write(`streamgate: warning: ${warning}\n`);
  process.stdout.write(`ok: ${what}\n`);
}

function readText(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new StreamGateError(
      "SG_INPUT",
      { where: file, what: `cannot be read: ${(error as Error).message}` },
      { cause: error },
    );
  }
}

function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StreamGateError(
      "SG_MANIFEST",
      { where: file, what: `is no JSON: ${(error as Error).message}`, fix: "give a JSON list of rules, or a manifest" },
      { cause: error },
    );
  }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
