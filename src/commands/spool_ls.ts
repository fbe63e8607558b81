/** `streamgate spool ls` and `streamgate dead-letter ls`: each lane and what it holds. Reads only; an instance may run meanwhile. */

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { inspectLane, segmentsOf } from "../data/delivery/spool/inspect.ts";
import { print } from "./print.ts";
import { lanesOf, type SpoolTarget } from "./spool_target.ts";
import { table, timeText } from "./table.ts";

/** @returns exit status 0 */
export async function command({ json, ...target }: SpoolTarget & { readonly json: boolean }): Promise<number> {
  const rows = [];
  for (const { output, lane, directory } of await lanesOf(target)) {
    const row = { output, lane, directory, groups: 0, records: 0, bytes: 0, damages: 0, diskBytes: 0 };
    let oldestMs: number | undefined;
    for await (const found of inspectLane(directory)) {
      if (found.kind === "damage") {
        if (found.what !== "unfinished") row.damages++;
      } else if (!found.done) {
        row.groups++;
        row.records += found.header.records;
        row.bytes += found.header.recordBytes;
        oldestMs = Math.min(oldestMs ?? Number.POSITIVE_INFINITY, found.header.timeMs);
      }
    }
    for (const segment of await segmentsOf(directory))
      row.diskBytes += await stat(join(directory, segment)).then(
        ({ size }) => size,
        () => 0,
      );
    rows.push({ ...row, oldest: oldestMs === undefined ? null : timeText(oldestMs) });
  }
  if (json) print(`${JSON.stringify(rows)}\n`);
  else if (rows.length === 0) print("nothing\n");
  else
    print(
      table([
        ["output", "lane", "groups", "records", "bytes", "on disk", "damages", "oldest"],
        ...rows.map((row) => [
          row.output,
          row.lane,
          row.groups,
          row.records,
          row.bytes,
          row.diskBytes,
          row.damages,
          row.oldest ?? "-",
        ]),
      ]),
    );
  return 0;
}
