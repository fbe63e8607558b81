/** Commands that look into what an instance left refuse a directory that is not there: "nothing" would be taken for its answer. */

import { stat } from "node:fs/promises";
import { StreamGateError } from "../errors.ts";

/** @throws StreamGateError SG_DATA_DIR */
export async function mustExist(dataDir: string): Promise<void> {
  const found = await stat(dataDir).catch((error: NodeJS.ErrnoException) => error);
  if (!(found instanceof Error) && found.isDirectory()) return;
  throw new StreamGateError("SG_DATA_DIR", {
    where: dataDir,
    what: found instanceof Error ? `cannot be read: ${found.message}` : "is no directory",
    fix: "give the instance's with --data-dir or STREAMGATE_DATA_DIR",
  });
}
