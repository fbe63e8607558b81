/**
 * Optimistic concurrency: what state a client has seen, as an entity tag (RFC 9110 section 8.8.3), and whether it is still so.
 *
 *     "d12"      the draft after its 12th change
 *     "d12-v7"   the same, and version 7 is the published one
 *
 * The first goes with the draft's rules and outputs, the second with the manifest. A write takes either in If-Match: `d12` asks that
 * nobody has changed the draft since, `d12-v7` also that nobody has published.
 */

import { StreamGateError } from "../errors.ts";

export interface Revision {
  /** Changes of the draft so far. */
  readonly draft: number;
  /** Of the published manifest; undefined: none. */
  readonly version: string | undefined;
}

export function draftTag({ draft }: Revision): string {
  return `"d${draft}"`;
}

export function manifestTag({ draft, version }: Revision): string {
  return `"d${draft}-v${version ?? 0}"`;
}

/**
 * @param ifMatch the header as it came: tags with commas between, or `*`; absent: nothing is asked. One tag may come without its quotes.
 * @throws StreamGateError SG_CHANGED when none of the tags is of now
 */
export function requireMatch(ifMatch: string | undefined, now: Revision): void {
  if (ifMatch === undefined) return;
  const tags = ifMatch.split(",").map((tag) => tag.trim());
  const current = [draftTag(now), manifestTag(now)];
  if (tags.some((tag) => tag === "*" || current.includes(tag) || current.includes(`"${tag}"`))) return;
  throw new StreamGateError("SG_CHANGED", {
    where: "If-Match",
    what: `${ifMatch.slice(0, 200)} is not the state of now, which is ${manifestTag(now)}: somebody has written in between`,
    fix: "read it again, look at what has changed (GET /diff?to=draft), and write again with the ETag of that answer; nothing was changed",
  });
}
