/** What `streamgate --version` says: the program, the engine that runs on this machine with its kernel, and Node. */

import { selectEngine } from "../data/engine/select.ts";
import { readSettings } from "../settings/settings.ts";
import { version } from "../version.ts";
import { print } from "./print.ts";

/**
 * Prints one line such as `streamgate 0.1.0 · native (RE2 1.27.1, avx2) · node v26.10.0`; a warning about the engine goes to
 * standard error.
 * @throws StreamGateError SG_ENGINE_UNAVAILABLE when STREAMGATE_ENGINE names an engine that does not load, SG_SETTING when it
 * names none; the version is told all the same
 */
export async function command(): Promise<number> {
  const line = (engine: string) => print(`streamgate ${version} · ${engine} · node ${process.version}\n`);
  try {
    const { kind, warning } = await selectEngine(readSettings({ flags: {}, env: process.env }, ["engine"]).engine);
    line(kind.description);
    if (warning !== undefined) process.stderr.write(`streamgate: ${warning}\n`);
  } catch (error) {
    line("no engine");
    throw error;
  }
  return 0;
}
