/** The last manifest that the data plane ran, on disk: what it starts from when Redis is away. */

import { join } from "node:path";
import { parseState, readDurable, writeDurably } from "../persistence/durable_file.ts";

const fileName = "last_good.json";

/** Keeps a manifest that every worker runs. @param raw as it came: a signature is of that, and not of what was read into it */
export async function keepLastGood(dataDirectory: string, raw: unknown): Promise<void> {
  await writeDurably(join(dataDirectory, fileName), `${JSON.stringify(raw)}\n`);
}

/**
 * @returns what was kept, to be read by `readManifest`; undefined when nothing was
 * @throws StreamGateError SG_STATE_DAMAGED
 */
export async function readLastGood(dataDirectory: string): Promise<unknown | undefined> {
  const path = join(dataDirectory, fileName);
  const text = await readDurable(path);
  return text === undefined ? undefined : parseState(path, text);
}
