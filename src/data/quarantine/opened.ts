/** A quarantine of a process that is no gate: of `streamgate pipe`, and of a logger. Who inspects and releases it starts nothing of this. */

import { openDataDirectory } from "../../persistence/data_directory.ts";
import type { Log } from "../../telemetry/log.ts";
import { QuarantineKeeper } from "./keeper.ts";
import { QuarantineStore } from "./store.ts";

export interface OpenQuarantine {
  readonly store: QuarantineStore;
  /** What was put there is on its way to the disk, and others may open it. */
  close(): Promise<void>;
}

/**
 * @param directory as `--data-dir` of `streamgate quarantine` names it; made when it is not there
 * @param bytesMax disk space of it
 * @throws StreamGateError SG_DATA_DIR_LOCKED while another process has it, SG_DATA_DIR, SG_QUARANTINE_KEY
 */
export async function openQuarantine(directory: string, bytesMax: number, log: Log): Promise<OpenQuarantine> {
  const lock = await openDataDirectory(directory);
  try {
    const { place } = await QuarantineKeeper.open({ root: lock.path, bytesMax, ageMsMax: 0, log });
    const store = new QuarantineStore(place, log);
    return {
      store,
      async close() {
        store.rotate();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}
