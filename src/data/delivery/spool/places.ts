/** Where lanes lie in a data directory: `spool/<output>/<lane>` and `dead_letters/<output>/<lane>`. */

import { readdir } from "node:fs/promises";
import { join } from "node:path";

export type SpoolKind = "spool" | "dead_letters";

export interface LanePlace {
  /** The directory that an instance locks: the data directory, or `data` in it, which `streamgate data` uses. */
  readonly root: string;
  readonly output: string;
  readonly lane: string;
  readonly directory: string;
}

async function directoriesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch((error) => {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  });
  // With a dot: being made.
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .sort();
}

/** @param output only this one's; `lane` likewise */
export async function findLanes(
  dataDirectory: string,
  kind: SpoolKind,
  output?: string,
  lane?: string,
): Promise<LanePlace[]> {
  const places: LanePlace[] = [];
  for (const root of [dataDirectory, join(dataDirectory, "data")])
    for (const foundOutput of await directoriesIn(join(root, kind))) {
      if (output !== undefined && output !== foundOutput) continue;
      for (const foundLane of await directoriesIn(join(root, kind, foundOutput)))
        if (lane === undefined || lane === foundLane)
          places.push({
            root,
            output: foundOutput,
            lane: foundLane,
            directory: join(root, kind, foundOutput, foundLane),
          });
    }
  return places;
}
