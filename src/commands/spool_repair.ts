/** `streamgate spool repair [OUTPUT] [LANE]`: rewrites damaged segments with their good groups. Only while no instance runs. */

import { repairLane } from "../data/delivery/spool/rewrite.ts";
import { openDataDirectory } from "../persistence/data_directory.ts";
import { print } from "./print.ts";
import { lanesOf, type SpoolTarget } from "./spool_target.ts";
import { count } from "./table.ts";

/**
 * What was lost is counted by the next start, as `spool_damaged`.
 * @returns exit status 0
 * @throws StreamGateError SG_DATA_DIR_LOCKED while an instance uses the directory
 */
export async function command({ json, ...target }: SpoolTarget & { readonly json: boolean }): Promise<number> {
  const places = await lanesOf(target);
  const repaired = [];
  for (const root of new Set(places.map((place) => place.root))) {
    const lock = await openDataDirectory(root);
    try {
      for (const { output, lane, directory } of places.filter((place) => place.root === root))
        repaired.push({ output, lane, ...(await repairLane(directory, Date.now())) });
    } finally {
      await lock.release();
    }
  }
  if (json) print(`${JSON.stringify(repaired)}\n`);
  else if (repaired.length === 0) print("nothing\n");
  else
    for (const { output, lane, segments, groupsKept, bytesDropped } of repaired)
      print(
        segments === 0
          ? `${output}/${lane}: no damage\n`
          : `${output}/${lane}: ${count(segments, "segment")} rewritten with ${count(groupsKept, "group")}, ${bytesDropped} damaged bytes dropped\n`,
      );
  return 0;
}
