/**
 * `streamgate quarantine inspect ID`: one group record by record: when it came and from where, which rule could not finish it and why. With
 * `--content` the records themselves, each as a JSON string, so that no byte of one can talk to the terminal: they are what a rule was to hold.
 */

import { readWithheld } from "../data/engine/withheld.ts";
import { causeName } from "../data/quarantine/format.ts";
import { readKeys } from "../data/quarantine/key.ts";
import { StreamGateError } from "../errors.ts";
import { print } from "./print.ts";
import { auditQuarantine } from "./quarantine_audit.ts";
import { groupsOf } from "./quarantine_target.ts";
import { table, timeText } from "./table.ts";

export interface InspectOptions {
  readonly dataDir: string;
  readonly id: string;
  readonly content: boolean;
  readonly json: boolean;
}

/**
 * @returns exit status 0
 * @throws StreamGateError SG_QUARANTINE when no key opens it or it was changed, SG_QUARANTINE_KEY
 */
export async function command({ dataDir, id, content, json }: InspectOptions): Promise<number> {
  for (const { root, groups } of await groupsOf({ dataDir, ids: [id] }))
    for (const found of groups) {
      if (content) await auditQuarantine(root, "quarantine_show", { groups: [found.id] });
      const entries = found.open(await readKeys(root));
      if (typeof entries === "string") throw unreadable(found.segment, found.id, entries);
      const { meta, firstMs } = found.group;
      const records = [...readWithheld(entries)].map((entry) => ({
        received: timeText(entry.receivedAtMs > 0 ? entry.receivedAtMs : firstMs),
        source: sourceText(entry),
        rule: meta.rules[entry.rule] ?? "?",
        cause: causeName(entry.cause),
        bytes: entry.record.length,
        ...(content && { record: entry.record.toString("utf8") }),
      }));
      if (json) print(`${JSON.stringify({ id: found.id, output: meta.output ?? null, records })}\n`);
      else {
        const rows = records.map(({ received, source, rule, cause, bytes }) => [received, source, rule, cause, bytes]);
        if (content)
          for (const { record } of records) print(`${JSON.stringify(record).replaceAll("\x7f", "\\u007f")}\n`);
        else print(table([["received", "source", "rule", "cause", "bytes"], ...rows]));
      }
    }
  return 0;
}

function sourceText({ transport, address }: { transport: string; address: string | undefined }): string {
  return address === undefined ? transport : `${transport} ${address}`;
}

export function unreadable(segment: string, id: string, why: "no_key" | "changed"): StreamGateError {
  return why === "no_key"
    ? new StreamGateError("SG_QUARANTINE", {
        where: `${segment} group ${id}`,
        what: "no key of quarantine.key opens it",
        fix: "bring the key file back from a backup; without it the group can only be purged",
      })
    : new StreamGateError("SG_QUARANTINE", {
        where: `${segment} group ${id}`,
        what: "it was changed since it was written, or is damaged, so it is not believed",
        fix: "restore the file from a backup, or purge the group",
      });
}
