/** `streamgate outputs add TYPE name=value…`, or `-f FILE`: adds outputs to the draft. */

import { StreamGateError } from "../errors.ts";
import { outputSchema } from "../outputs/index.ts";
import type { Connection } from "./client/connection.ts";
import { readFields } from "./client/fields.ts";
import { stillDraft } from "./client/rule.ts";
import { visible } from "./client/terminal.ts";
import { say, warn, writeJson } from "./client/written.ts";
import type { ApiOutput } from "./outputs_ls.ts";
import { readJsonFile } from "./rules_file.ts";

export interface OutputsAddOptions {
  readonly type?: string | undefined;
  /** `name=value` each. */
  readonly fields: readonly string[];
  readonly id?: string | undefined;
  /** `-`: standard input. One output or a list of them. */
  readonly file?: string | undefined;
  readonly json: boolean;
}

/**
 * Outputs of a file are added one after the other; at the first that is refused it ends, and those before it stay.
 * @returns exit status 0
 */
export async function command(connection: Connection, options: OutputsAddOptions): Promise<number> {
  const added: ApiOutput[] = [];
  try {
    for (const body of outputsOf(options)) {
      const answer = await connection.call<{ output: ApiOutput; warnings?: readonly string[] }>("POST", "/outputs", {
        body,
      });
      const { output, warnings = [] } = answer.body;
      added.push(output);
      if (options.json) continue;
      for (const warning of warnings) warn(warning);
      say(`added output ${visible(output.id)} to the draft; ${stillDraft}`);
    }
  } finally {
    if (options.json && added.length > 0) writeJson(options.file === undefined ? added[0] : added);
  }
  return 0;
}

function outputsOf({ type, fields, id, file }: OutputsAddOptions): readonly unknown[] {
  if (file !== undefined) {
    if (type !== undefined) throw usage("both an output and a file of outputs are given");
    const value = readJsonFile(file === "-" ? 0 : file, "give an output as JSON, or a list of outputs");
    return Array.isArray(value) ? value : [value];
  }
  if (type === undefined) throw usage("no output is given");
  return [{ type, ...(id !== undefined && { id }), ...readFields(outputSchema(type), fields) }];
}

function usage(what: string): StreamGateError {
  return new StreamGateError("SG_SETTING", {
    where: "outputs add",
    what,
    fix: "write `outputs add http url=http://localhost:9000`, or `outputs add -f outputs.json`",
  });
}
