/** `streamgate outputs rm ID…`: takes outputs out of the draft. */

import type { Connection } from "./client/connection.ts";
import { visible } from "./client/terminal.ts";
import { say, writeJson } from "./client/written.ts";

/** At the first that is not there it ends, and those before it are gone. @returns exit status 0 */
export async function command(
  connection: Connection,
  { ids, json }: { readonly ids: readonly string[]; readonly json: boolean },
): Promise<number> {
  for (const id of ids) {
    await connection.call("DELETE", `/outputs/${encodeURIComponent(id)}`);
    if (!json) say(`removed output ${visible(id)} from the draft; records go there until \`streamgate publish\``);
  }
  if (json) writeJson({ deleted: ids });
  return 0;
}
