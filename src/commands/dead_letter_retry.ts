/**
 * `streamgate dead-letter retry OUTPUT [LANE]`: what was refused is tried again. Moves dead letters into a new lane of the output's spool; a
 * running instance takes that lane up within seconds, a stopped one when it starts.
 */

import { access, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { segmentsOf } from "../data/delivery/spool/inspect.ts";
import { rotateName } from "../data/delivery/spool/moved.ts";
import type { LanePlace } from "../data/delivery/spool/places.ts";
import { retryDeadLetters } from "../data/delivery/spool/rewrite.ts";
import { lockIfStopped } from "./instance_lock.ts";
import { print } from "./print.ts";
import { lanesOf, type SpoolTarget } from "./spool_target.ts";
import { count } from "./table.ts";

/** A running instance looks once an interval, a second by default, whether it is to end a segment. */
const rotateWaitMs = 10_000;
const rotateLookMs = 100;

/**
 * Of a running instance only segments that it has ended are moved: it is asked to end the one that it writes to.
 * @returns exit status 0; 1 when some had to stay
 */
export async function command({ json, ...target }: SpoolTarget & { readonly json: boolean }): Promise<number> {
  const places = await lanesOf(target);
  let groups = 0;
  let records = 0;
  let left = 0;
  for (const root of new Set(places.map((place) => place.root))) {
    const here = places.filter((place) => place.root === root);
    const lock = await lockIfStopped(root);
    try {
      const closed = new Map<string, Set<string>>();
      for (const place of here) {
        const names = await segmentsOf(place.directory);
        const free = lock !== undefined || (await rotate(place)) ? names : names.slice(0, -1);
        closed.set(place.directory, new Set(free));
        if (free.length < names.length) left++;
      }
      const isClosed = ({ directory }: LanePlace, segment: string) => closed.get(directory)!.has(segment);
      const moved = await retryDeadLetters(here, isClosed, Date.now());
      groups += moved.groups;
      records += moved.records;
    } finally {
      await lock?.release();
    }
  }
  if (json) print(`${JSON.stringify({ groups, records, lanesNotEnded: left })}\n`);
  else print(`${count(groups, "group")} with ${count(records, "record")} moved to the spool of ${target.output}\n`);
  if (left > 0)
    process.stderr.write(
      `streamgate: ${count(left, "lane")} may still be written to, its newest segment stays; try again, or stop the instance first\n`,
    );
  return left === 0 ? 0 : 1;
}

/** Asks the instance that writes to a lane to end its segment. @returns whether it did */
async function rotate({ directory }: LanePlace): Promise<boolean> {
  const path = join(directory, rotateName);
  await writeFile(path, "", { mode: 0o600 });
  for (let waited = 0; waited < rotateWaitMs; waited += rotateLookMs) {
    await sleep(rotateLookMs);
    if (
      await access(path).then(
        () => false,
        () => true,
      )
    )
      return true;
  }
  await rm(path, { force: true });
  return false;
}
