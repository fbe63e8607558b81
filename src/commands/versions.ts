/** `streamgate versions [N]`: what was published, when, by whom and why; or one version whole. */

import type { Connection } from "./client/connection.ts";
import { visible } from "./client/terminal.ts";
import { say, writeJson } from "./client/written.ts";
import { print } from "./print.ts";
import { table } from "./table.ts";

interface Version {
  readonly version: string;
  readonly time: string;
  readonly author?: string;
  readonly comment?: string;
  readonly rollback_of?: string;
  readonly status: string;
  readonly current: boolean;
  readonly rules: number;
  readonly outputs: number;
}

export interface VersionsOptions {
  /** Absent: the list. */
  readonly version?: number | undefined;
  readonly limit?: number | undefined;
  readonly json: boolean;
}

/** @returns exit status 0 */
export async function command(connection: Connection, { version, limit, json }: VersionsOptions): Promise<number> {
  if (version !== undefined) {
    const { body } = await connection.call<object>("GET", `/versions/${version}`);
    if (json) writeJson(body);
    else print(`${JSON.stringify(body, null, 2)}\n`);
    return 0;
  }
  const { body: versions } = await connection.call<readonly Version[]>("GET", "/versions", { query: { limit } });
  if (json) writeJson(versions);
  else if (versions.length === 0) say("nothing was published yet");
  else
    print(
      table([
        ["", "version", "time", "author", "status", "rules", "outputs", "comment"],
        ...versions.map((one) => [
          one.current ? "*" : "",
          one.version,
          one.time.replace(/\.\d+Z$/, "Z"),
          visible(one.author ?? "-"),
          one.status,
          one.rules,
          one.outputs,
          visible(
            [...(one.rollback_of === undefined ? [] : [`(as ${one.rollback_of})`]), one.comment ?? ""].join(" ").trim(),
          ),
        ]),
      ]),
    );
  return 0;
}
