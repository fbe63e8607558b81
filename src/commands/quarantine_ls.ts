/**
 * `streamgate quarantine ls`: what protect rules could not finish, by group: which rule, why, when; no record's content, and no key is needed.
 * Reads only; an instance may run meanwhile.
 */

import { print } from "./print.ts";
import { groupsOf, type QuarantineTarget } from "./quarantine_target.ts";
import { table, timeText } from "./table.ts";

/** @returns exit status 0 */
export async function command({ json, ...target }: QuarantineTarget & { readonly json: boolean }): Promise<number> {
  const quarantines = await groupsOf({ ...target, all: target.ids.length === 0 });
  const groups = quarantines
    .flatMap((quarantine) => quarantine.groups)
    .map(({ id, group: { meta, firstMs, lastMs, records, recordBytes } }) => ({
      id,
      received: timeText(firstMs),
      last: timeText(lastMs),
      records,
      bytes: recordBytes,
      output: meta.output ?? null,
      held: meta.held.map(({ rule, ...held }) => ({ rule: meta.rules[rule] ?? "?", ...held })),
    }));
  const damages = quarantines
    .flatMap((quarantine) => quarantine.damages)
    .map(({ segment, offset, bytes, what }) => ({ segment, offset, bytes, what }));
  if (json) {
    print(`${JSON.stringify({ groups, damages })}\n`);
    return 0;
  }
  if (groups.length + damages.length === 0) print("nothing\n");
  // A line for each rule and cause: of the group's records those that it withheld.
  const rows = groups.flatMap(({ id, received, output, held }) =>
    held.map(({ rule, cause, records, bytes }) => [id, received, rule, cause, records, bytes, output ?? "all"]),
  );
  if (rows.length > 0) print(table([["id", "received", "rule", "cause", "records", "bytes", "for output"], ...rows]));
  for (const { segment, offset, bytes, what } of damages)
    print(`${segment}: ${bytes} bytes at ${offset} are ${damageText[what]}\n`);
  return 0;
}

const damageText = {
  damaged: "damaged",
  unfinished: "not written whole, or still being written",
  version: "of another version",
} as const;
