/** `streamgate outputs ls`: the draft's outputs, their secrets hidden. */

import type { Connection } from "./client/connection.ts";
import { visible } from "./client/terminal.ts";
import { say, summaryOf, writeJson } from "./client/written.ts";
import { print } from "./print.ts";
import { table } from "./table.ts";

export interface ApiOutput {
  readonly id: string;
  readonly type: string;
  readonly [field: string]: unknown;
}

/** @returns exit status 0 */
export async function command(connection: Connection, { json }: { readonly json: boolean }): Promise<number> {
  const { body: outputs } = await connection.call<readonly ApiOutput[]>("GET", "/outputs");
  if (json) writeJson(outputs);
  else if (outputs.length === 0) say("no outputs: records go to the console");
  else
    print(
      table([
        ["id", "type", "fields"],
        ...outputs.map(({ id, type, ...fields }) => [visible(id), type, summaryOf(fields)]),
      ]),
    );
  return 0;
}
