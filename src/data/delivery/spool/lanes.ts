/**
 * Which lanes of an output's spool a worker serves: its own, `w<index>`, and those that nobody else does: of workers that no longer exist; `h…`,
 * what a run had in memory when it ended while older lanes were not empty; `r…`, dead letters that somebody wants tried again.
 */

import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";

export interface LanePlace {
  /** `<data>/spool/<output id>` */
  readonly directory: string;
  readonly worker: number;
  readonly workers: number;
}

export function ownLane({ worker }: LanePlace): string {
  return `w${worker}`;
}

/** For what is older than the worker's own lane; not there yet. */
export function laneAhead({ worker }: LanePlace): string {
  return `h${worker}-${Date.now()}`;
}

/** Names of lanes that are there and that this worker has to adopt, the oldest kind first. None where the directory is missing. */
export async function lanesToAdopt({ directory, worker, workers }: LanePlace): Promise<readonly string[]> {
  const names = await readdir(directory).catch(() => []);
  const abandoned = names.filter((name) => {
    const [, kind, index] = /^(w|h)(\d+)(?:-\d+)?$/.exec(name) ?? [];
    if (index === undefined || Number(index) % workers !== worker) return false;
    return kind === "h" || Number(index) >= workers;
  });
  const again = worker === 0 ? names.filter((name) => /^r\d/.test(name)) : [];
  return [...abandoned, ...again].toSorted();
}

/** A lane that was adopted and is done with. */
export async function removeLane({ directory }: LanePlace, name: string): Promise<void> {
  await rm(join(directory, name), { recursive: true, force: true });
}
