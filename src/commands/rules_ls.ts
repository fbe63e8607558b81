/** `streamgate rules ls`: the draft's rules, in the order in which they run. */

import type { Connection } from "./client/connection.ts";
import { type ApiRule, stateOf } from "./client/rule.ts";
import { visible } from "./client/terminal.ts";
import { say, summaryOf, writeJson } from "./client/written.ts";
import { print } from "./print.ts";
import { table } from "./table.ts";

/** @returns exit status 0 */
export async function command(connection: Connection, { json }: { readonly json: boolean }): Promise<number> {
  const { body: rules } = await connection.call<readonly ApiRule[]>("GET", "/rules");
  if (json) writeJson(rules);
  else if (rules.length === 0) say("no rules: every record passes as it is");
  else
    print(
      table([
        ["#", "id", "type", "state", "parameters"],
        ...rules.map((rule, index) => [index + 1, visible(rule.id), rule.type, stateOf(rule), parametersOf(rule)]),
      ]),
    );
  return 0;
}

function parametersOf({ params, when, protect }: ApiRule): string {
  return summaryOf({ ...params, ...(protect === true && { protect }), ...(when !== undefined && { when }) });
}
