/** `streamgate outputs clear`: takes all outputs out of the draft; then records go to the console. */

import type { Connection } from "./client/connection.ts";
import { say, writeJson } from "./client/written.ts";

/** @returns exit status 0 */
export async function command(connection: Connection, { json }: { readonly json: boolean }): Promise<number> {
  const { body } = await connection.call("DELETE", "/outputs");
  if (json) writeJson(body);
  else say("the draft has no outputs any more; after `streamgate publish` records go to the console");
  return 0;
}
