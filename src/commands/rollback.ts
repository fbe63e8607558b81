/** `streamgate rollback N`: an earlier version is published again, as a new one. */

import type { Connection } from "./client/connection.ts";
import { type Published, type PublishingOptions, publishingQuery, tellPublished } from "./client/published.ts";

export interface RollbackOptions extends PublishingOptions {
  readonly version: number;
  readonly json: boolean;
}

/** @returns exit status 0; 1 when it was published and a data plane does not run it, or not in time */
export async function command(connection: Connection, { version, json, ...options }: RollbackOptions): Promise<number> {
  const { body } = await connection.call<Published>("POST", `/versions/${version}/rollback`, publishingQuery(options));
  return tellPublished(body, json);
}
