/** `streamgate publish`: the draft becomes the next version, and data planes run it. */

import type { Connection } from "./client/connection.ts";
import { type Published, tellPublished } from "./client/published.ts";

export interface PublishOptions {
  readonly comment?: string | undefined;
  /** Wait until every data plane has applied it, so long at most. */
  readonly waitMs?: number | undefined;
  readonly json: boolean;
}

/** @returns exit status 0; 1 when it was published and a data plane has not applied it, or not in time */
export async function command(connection: Connection, { comment, waitMs, json }: PublishOptions): Promise<number> {
  const { body } = await connection.call<Published>("POST", "/publish", {
    ...(comment !== undefined && { body: { comment } }),
    query: { wait: waitMs === undefined ? undefined : `${waitMs}ms` },
    ...(waitMs !== undefined && { waitMs }),
  });
  return tellPublished(body, json);
}
