/** `streamgate apply -f streamgate.json`: what the file says is published, whole; with `--dry-run` only told. For people and for pipelines. */

import { selectEngine } from "../data/engine/select.ts";
import { readConfiguration } from "../manifest/configuration.ts";
import { diffManifests } from "../manifest/diff.ts";
import { type Manifest, maskManifest, readManifest } from "../manifest/manifest.ts";
import type { Connection } from "./client/connection.ts";
import { type Difference, tellDifference } from "./client/difference.ts";
import { type Published, type PublishingOptions, publishingQuery, tellPublished } from "./client/published.ts";
import { visible } from "./client/terminal.ts";
import { say, warn, writeJson } from "./client/written.ts";
import { readJsonFile } from "./rules_file.ts";

export interface ApplyOptions extends PublishingOptions {
  /** `-`: standard input. */
  readonly file: string;
  readonly dryRun: boolean;
  readonly json: boolean;
}

/**
 * Refused when somebody else publishes or changes the draft in between.
 * @returns exit status 0; 1 when it was published and a data plane does not run it in time. With `--dry-run` 0: nothing would change, 1:
 *   something would; secrets that are given as text are not compared
 */
export async function command(connection: Connection, options: ApplyOptions): Promise<number> {
  const { file, dryRun, json } = options;
  const given = await readFile(file);
  const { body: published, headers } = await connection.call<Manifest>("GET", "/manifest");
  // As they may be shown, both: of secrets that are given as text only the gate can say whether they are others.
  const difference = diffManifests(published, maskManifest(given.manifest)) as unknown as Difference;
  if (dryRun) {
    if (json) writeJson(difference);
    else tell(difference, given.warnings, file);
    return difference.same ? 0 : 1;
  }
  if (!json) {
    tell(difference, given.warnings, undefined);
    const { body: drafted } = await connection.call<Difference>("GET", "/diff");
    if (!drafted.same)
      warn("the draft held changes that nobody has published: they are gone, the draft is what the file says");
  }
  const { body } = await connection.call<Published>("PUT", "/manifest", {
    body: given.raw,
    ...publishingQuery(options),
    ...(typeof headers.etag === "string" && { headers: { "if-match": headers.etag } }),
  });
  return tellPublished(body, json);
}

/** @param unchanged what is told to say the same when it does; undefined: that is told later */
function tell(difference: Difference, warnings: readonly string[], unchanged: string | undefined): void {
  for (const warning of warnings) warn(warning);
  tellDifference(difference);
  if (difference.same && unchanged !== undefined)
    say(`${visible(unchanged)} says what is published: nothing would change`);
}

async function readFile(file: string) {
  const value = readJsonFile(file === "-" ? 0 : file, "give a configuration such as examples/streamgate.json");
  const { kind } = await selectEngine(undefined);
  const check = (pattern: string) => kind.checkPattern(pattern);
  const { manifest: raw, warnings } = readConfiguration(value, check);
  return { raw, warnings, manifest: readManifest(raw, check).manifest };
}
