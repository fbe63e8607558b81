/** `streamgate diff [FROM] [TO]`: what one version says differently from another, or the draft from what is published. */

import type { Connection } from "./client/connection.ts";
import { type Difference, tellDifference } from "./client/difference.ts";
import { writeJson } from "./client/written.ts";

export interface DiffOptions {
  /** A version's number, `published` or `draft`. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly json: boolean;
}

/** @returns exit status 0: they say the same; 1: they differ (as `diff` does; 2 is trouble) */
export async function command(connection: Connection, { from, to, json }: DiffOptions): Promise<number> {
  const { body } = await connection.call<Difference>("GET", "/diff", { query: { from, to } });
  if (json) writeJson(body);
  else tellDifference(body);
  return body.same ? 0 : 1;
}
