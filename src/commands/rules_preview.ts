/** `streamgate rules preview`: what rules would do to lines, or to records that just passed. Nothing changes. */

import { readFileSync } from "node:fs";
import { StreamGateError } from "../errors.ts";
import { isRecord } from "../schema.ts";
import type { Connection } from "./client/connection.ts";
import { paint, visible } from "./client/terminal.ts";
import { say, writeJson } from "./client/written.ts";
import { readJsonFile } from "./rules_file.ts";
import { count } from "./table.ts";

export interface RulesPreviewOptions {
  /** Of lines; absent, and no `recent`: standard input. */
  readonly file?: string | undefined;
  readonly recent?: number | undefined;
  /** A list of rules, or an object with rules and outputs; absent: the draft's. */
  readonly rules?: string | undefined;
  readonly json: boolean;
}

interface PreviewLine {
  readonly line: number;
  readonly fate: "passed" | "dropped" | "withheld" | "empty";
  readonly by?: string;
  readonly cause?: string;
  readonly changed_by: readonly { readonly rule: string; readonly replacements: number }[];
  readonly would_act: readonly string[];
  readonly outputs: readonly string[];
  readonly input?: string;
  readonly output?: string;
  readonly concealed?: boolean;
}

interface Preview {
  readonly lines: readonly PreviewLine[];
  readonly summary: {
    readonly records: number;
    readonly passed: number;
    readonly dropped: number;
    readonly withheld: number;
  };
  readonly warnings: readonly string[];
}

/** @returns exit status 0 */
export async function command(connection: Connection, options: RulesPreviewOptions): Promise<number> {
  const { recent, json } = options;
  const lines = recent === undefined ? readLines(options.file) : undefined;
  const body = { ...subjectOf(options.rules), ...(lines === undefined ? { recent } : { lines }) };
  const { body: preview } = await connection.call<Preview>("POST", "/rules/preview", { body });
  if (json) {
    writeJson(preview);
    return 0;
  }
  for (const warning of preview.warnings) say(`${paint("yellow", "warning")}: ${visible(warning)}`);
  for (const line of preview.lines) say(told(line, lines?.[line.line - 1]));
  const { records, passed, dropped, withheld } = preview.summary;
  say(paint("bold", `${count(records, "record")}: ${passed} passed, ${dropped} dropped, ${withheld} withheld`));
  return 0;
}

function told(line: PreviewLine, given: string | undefined): string {
  const { fate, by, cause, output, input = given, concealed, changed_by: changes, would_act: shadows, outputs } = line;
  const marks = [
    ...changes.map(({ rule, replacements }) => `${rule} replaced ${replacements}`),
    ...shadows.map((rule) => `${rule} (shadow) would act`),
    ...(fate === "passed" && outputs.length === 0 ? ["to no output"] : []),
    ...(concealed === true ? ["more is hidden here than these rules hide"] : []),
  ];
  const aside = marks.length === 0 ? "" : paint("dim", `  [${marks.map(visible).join("; ")}]`);
  if (fate === "passed")
    return `${paint("green", "pass")}  ${visible(output ?? "(not shown: a protect rule holds it)")}${aside}`;
  if (fate === "empty") return `${paint("dim", "none")}  (no record)`;
  const [word, why] = fate === "dropped" ? ["drop", `by ${by}`] : ["hold", `by ${by}: ${cause}`];
  return `${paint("red", word)}  ${visible(input ?? "(not shown: a protect rule holds it)")}${paint("dim", `  [${visible(why)}]`)}${aside}`;
}

function subjectOf(file: string | undefined): object {
  if (file === undefined) return {};
  const value = readJsonFile(file, "give a JSON list of rules, or an object with rules and outputs");
  if (Array.isArray(value)) return { rules: value };
  if (!isRecord(value)) return { rules: [value] };
  const { rules, outputs } = value;
  return { ...(rules !== undefined && { rules }), ...(outputs !== undefined && { outputs }) };
}

function readLines(file: string | undefined): readonly string[] {
  const given = file === undefined || file === "-" ? 0 : file;
  try {
    const lines = readFileSync(given, "utf8").split(/\r?\n/);
    if (lines.at(-1) === "") lines.pop();
    return lines;
  } catch (error) {
    throw new StreamGateError("SG_INPUT", {
      where: given === 0 ? "standard input" : given,
      what: `cannot be read: ${(error as Error).message}`,
      fix: "give a file of lines, or --recent 20 for records that just passed",
    });
  }
}
