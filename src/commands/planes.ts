/** `streamgate planes`: the data planes that report, and what each of them runs. */

import type { Connection } from "./client/connection.ts";
import { visible } from "./client/terminal.ts";
import { say, warn, writeJson } from "./client/written.ts";
import { print } from "./print.ts";
import { table } from "./table.ts";

interface Plane {
  readonly id: string;
  readonly state: string;
  readonly running?: string;
  readonly engine?: string;
  readonly workers?: number;
  readonly lag_ms?: number;
  readonly reported_at?: string;
  readonly refused?: { readonly version?: string; readonly what?: string };
  readonly reverted?: { readonly version: string; readonly to: string; readonly why: string };
  readonly alerts?: readonly { readonly version: string; readonly what: string }[];
}

/** @returns exit status 0; 1 when one of them does not run what is published */
export async function command(connection: Connection, { json }: { readonly json: boolean }): Promise<number> {
  const { body: planes } = await connection.call<readonly Plane[]>("GET", "/planes");
  if (json) writeJson(planes);
  else if (planes.length === 0) say("no data plane reports");
  else {
    print(
      table([
        ["plane", "state", "runs", "engine", "workers", "lag ms", "last heard of"],
        ...planes.map((plane) => [
          visible(plane.id),
          plane.state,
          plane.running ?? "-",
          plane.engine ?? "-",
          plane.workers ?? "-",
          plane.lag_ms ?? "-",
          (plane.reported_at ?? "-").replace(/\.\d+Z$/, "Z"),
        ]),
      ]),
    );
    for (const { id, refused, reverted, alerts = [] } of planes) {
      if (refused?.what !== undefined) warn(`${id} refuses version ${refused.version ?? "?"}: ${refused.what}`);
      if (reverted !== undefined)
        warn(`${id} has gone back from version ${reverted.version} to ${reverted.to}: ${reverted.why}`);
      for (const { version, what } of alerts) warn(`${id}, version ${version}: ${what}`);
    }
  }
  return planes.every(({ state }) => state === "applied") ? 0 : 1;
}
