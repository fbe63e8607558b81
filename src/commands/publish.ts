/** `streamgate publish`: the draft becomes the next version, and data planes run it. */

import type { Connection } from "./client/connection.ts";
import { type Published, type PublishingOptions, publishingQuery, tellPublished } from "./client/published.ts";

/** @returns exit status 0; 1 when it was published and a data plane does not run it, or not in time */
export async function command(
  connection: Connection,
  { json, ...options }: PublishingOptions & { readonly json: boolean },
): Promise<number> {
  const { body } = await connection.call<Published>("POST", "/publish", publishingQuery(options));
  return tellPublished(body, json);
}
