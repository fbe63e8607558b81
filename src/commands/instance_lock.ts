/** Whether an instance uses a data directory: a command that may change what lies there takes its lock, or asks the instance. */

import { StreamGateError } from "../errors.ts";
import { type DataDirectory, openDataDirectory } from "../persistence/data_directory.ts";

/** @returns undefined while an instance uses the directory. @throws StreamGateError SG_DATA_DIR */
export async function lockIfStopped(root: string): Promise<DataDirectory | undefined> {
  try {
    return await openDataDirectory(root);
  } catch (error) {
    if (error instanceof StreamGateError && error.code === "SG_DATA_DIR_LOCKED") return undefined;
    throw error;
  }
}
