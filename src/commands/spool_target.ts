/** Which lanes a `spool` or `dead-letter` command means. */

import { findLanes, type LanePlace, type SpoolKind } from "../data/delivery/spool/places.ts";
import { StreamGateError } from "../errors.ts";
import { mustExist } from "./existing_data_dir.ts";

export interface SpoolTarget {
  readonly dataDir: string;
  readonly kind: SpoolKind;
  readonly output?: string | undefined;
  readonly lane?: string | undefined;
}

/** @throws StreamGateError SG_DATA_DIR when the data directory is not there; SG_SPOOL when an output or a lane is named that is not there */
export async function lanesOf({ dataDir, kind, output, lane }: SpoolTarget): Promise<LanePlace[]> {
  await mustExist(dataDir);
  const places = await findLanes(dataDir, kind, output, lane);
  if (places.length > 0 || output === undefined) return places;
  const there = [...new Set((await findLanes(dataDir, kind)).map((place) => `${place.output}/${place.lane}`))];
  throw new StreamGateError("SG_SPOOL", {
    where: dataDir,
    what: `holds no ${kind === "spool" ? "spool" : "dead letters"} of ${lane === undefined ? output : `${output}/${lane}`}`,
    fix: there.length === 0 ? "look in another directory with --data-dir" : `there is ${there.join(", ")}`,
  });
}
