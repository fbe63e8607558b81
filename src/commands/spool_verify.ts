/** `streamgate spool verify [OUTPUT] [LANE]`: reads everything and says what is damaged. Exit status 1 when something is. Reads only. */

import { inspectLane } from "../data/delivery/spool/inspect.ts";
import { print } from "./print.ts";
import { lanesOf, type SpoolTarget } from "./spool_target.ts";
import { count } from "./table.ts";

/** @returns exit status 0 when all is good, 1 when something is damaged */
export async function command({ json, ...target }: SpoolTarget & { readonly json: boolean }): Promise<number> {
  let damages = 0;
  const lanes = [];
  for (const { output, lane, directory } of await lanesOf(target)) {
    const row = { output, lane, groups: 0, records: 0, damages: 0, damagedBytes: 0, unfinishedBytes: 0 };
    for await (const found of inspectLane(directory)) {
      if (found.kind === "group") {
        row.groups++;
        row.records += found.header.records;
      } else if (found.what === "unfinished") {
        row.unfinishedBytes += found.bytes;
      } else {
        row.damages++;
        row.damagedBytes += found.bytes;
        if (!json)
          print(`${output}/${lane} ${found.segment} ${found.offset}: ${found.bytes} bytes of ${found.what} damaged\n`);
      }
    }
    damages += row.damages;
    lanes.push(row);
    if (json) continue;
    const unfinished = row.unfinishedBytes === 0 ? "" : `, ${row.unfinishedBytes} bytes unfinished at the end`;
    print(
      `${output}/${lane}: ${count(row.groups, "good group")}, ${count(row.records, "record")}, ` +
        `${row.damages === 0 ? "no damage" : count(row.damages, "damaged place")}${unfinished}\n`,
    );
  }
  if (json) print(`${JSON.stringify(lanes)}\n`);
  return damages === 0 ? 0 : 1;
}
