/** `streamgate rules add ID TYPE name=value…`, or `-f FILE`: adds rules to the draft. */

import { StreamGateError } from "../errors.ts";
import { parseJson } from "../json.ts";
import { ruleTypes } from "../rules/index.ts";
import type { Connection } from "./client/connection.ts";
import { readFields } from "./client/fields.ts";
import { type ApiRule, stillDraft } from "./client/rule.ts";
import { visible } from "./client/terminal.ts";
import { say, writeJson } from "./client/written.ts";
import { readJsonFile } from "./rules_file.ts";

export interface RulesAddOptions {
  readonly id?: string | undefined;
  readonly type?: string | undefined;
  /** `name=value` each. */
  readonly params: readonly string[];
  /** `-`: standard input. One rule or a list of them. */
  readonly file?: string | undefined;
  /** Id of the rule that it goes before; absent: at the end. */
  readonly before?: string | undefined;
  /** A condition, as JSON. */
  readonly when?: string | undefined;
  readonly shadow: boolean;
  readonly protect: boolean;
  readonly disabled: boolean;
  readonly json: boolean;
}

/**
 * Rules of a file are added one after the other; at the first that is refused it ends, and those before it stay.
 * @returns exit status 0
 */
export async function command(connection: Connection, options: RulesAddOptions): Promise<number> {
  const added: ApiRule[] = [];
  try {
    for (const rule of rulesOf(options)) {
      const query = { before: options.before };
      const { body } = await connection.call<{ rule: ApiRule }>("POST", "/rules", { body: rule, query });
      added.push(body.rule);
      if (!options.json) say(`added rule ${visible(body.rule.id)} to the draft; ${stillDraft}`);
    }
  } finally {
    if (options.json && added.length > 0) writeJson(options.file === undefined ? added[0] : added);
  }
  return 0;
}

function rulesOf({ id, type, params, file, when, shadow, protect, disabled }: RulesAddOptions): readonly unknown[] {
  if (file !== undefined) {
    if (id !== undefined) throw usage("both a rule and a file of rules are given");
    const value = readJsonFile(file === "-" ? 0 : file, "give a rule as JSON, or a list of rules");
    return Array.isArray(value) ? value : [value];
  }
  if (id === undefined || type === undefined)
    throw usage(id === undefined ? "no rule is given" : "its type is missing");
  return [
    {
      id,
      type,
      params: readFields(ruleTypes.get(type)?.params, params),
      ...(shadow && { mode: "shadow" }),
      ...(protect && { protect: true }),
      ...(disabled && { enabled: false }),
      ...(when !== undefined && { when: readWhen(when) }),
    },
  ];
}

function readWhen(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    const fix = 'write a condition such as {"severity":{"at_least":"ERROR"}}';
    throw new StreamGateError("SG_INPUT", { where: "--when", what: (error as Error).message, fix });
  }
}

function usage(what: string): StreamGateError {
  return new StreamGateError("SG_SETTING", {
    where: "rules add",
    what,
    fix: "write `rules add drop_debug filter value=DEBUG`, or `rules add -f rules.json`",
  });
}
