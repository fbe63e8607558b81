/** Which groups of the quarantine a command means, and how it says what became of them. */

import { basename, join } from "node:path";
import type { QuarantineAnswer } from "../data/quarantine/request.ts";
import { type FoundDamage, type FoundGroup, scanQuarantine } from "../data/quarantine/scan.ts";
import { quarantineDirectory } from "../data/quarantine/store.ts";
import { StreamGateError } from "../errors.ts";
import { mustExist } from "./existing_data_dir.ts";
import { print } from "./print.ts";
import { count } from "./table.ts";

export interface QuarantineTarget {
  readonly dataDir: string;
  /** Ids, or the beginnings of some that begin no other. None: as the rest says. */
  readonly ids: readonly string[];
  /** Groups in which this rule withheld a record. */
  readonly rule?: string | undefined;
  /** Groups whose newest record was received before this time, milliseconds since 1970. */
  readonly beforeMs?: number | undefined;
  readonly all?: boolean;
}

/** One quarantine: an instance has one; `run` and `data` over the same directory have one each. */
export interface Quarantine {
  /** The directory that an instance locks: the data directory, or `data` in it, which `streamgate data` uses. */
  readonly root: string;
  readonly directory: string;
  readonly groups: readonly FoundGroup[];
  readonly damages: readonly FoundDamage[];
}

/** Those in which there is something. @throws StreamGateError SG_DATA_DIR when the data directory is not there */
export async function readQuarantines(dataDir: string): Promise<readonly Quarantine[]> {
  await mustExist(dataDir);
  const quarantines: Quarantine[] = [];
  for (const root of [dataDir, join(dataDir, "data")]) {
    const directory = join(root, quarantineDirectory);
    const groups: FoundGroup[] = [];
    const damages: FoundDamage[] = [];
    for await (const { found } of scanQuarantine(directory))
      for (const one of found)
        if (one.kind === "group") groups.push(one);
        else damages.push(one);
    if (groups.length + damages.length > 0) quarantines.push({ root, directory, groups, damages });
  }
  return quarantines;
}

/** Of each quarantine what a command means. @throws StreamGateError SG_QUARANTINE when an id names nothing, or several */
export async function groupsOf({ dataDir, ids, rule, beforeMs, all = false }: QuarantineTarget): Promise<Quarantine[]> {
  const quarantines = await readQuarantines(dataDir);
  const named = new Set<string>();
  const every = quarantines.flatMap(({ groups }) => groups);
  for (const id of ids) {
    const matching = every.filter((group) => group.id === id);
    const found = matching.length > 0 ? matching : every.filter((group) => group.id.startsWith(id));
    const [only, another] = found;
    if (only === undefined)
      throw new StreamGateError("SG_QUARANTINE", {
        where: dataDir,
        what: `has no group ${id} in its quarantine`,
        fix: "`streamgate quarantine ls` lists them; look in another directory with --data-dir",
      });
    if (another !== undefined)
      throw new StreamGateError("SG_QUARANTINE", {
        where: id,
        what: `begins the ids of ${found.length} groups`,
        fix: "give more of the id",
      });
    named.add(only.id);
  }
  const wanted = ({ id, group: { meta, lastMs } }: FoundGroup) =>
    (ids.length === 0 || named.has(id)) &&
    (rule === undefined || meta.rules.includes(rule)) &&
    (beforeMs === undefined || lastMs < beforeMs);
  return quarantines.map((quarantine) => ({
    ...quarantine,
    groups: quarantine.groups.filter(wanted),
    damages: all ? quarantine.damages : [],
  }));
}

/** `release` and `purge` do nothing by default. @throws StreamGateError SG_SETTING */
export function mustName({ ids, rule, beforeMs, all }: QuarantineTarget, command: string, others: string): void {
  if (ids.length > 0 || rule !== undefined || beforeMs !== undefined || all === true) return;
  throw new StreamGateError("SG_SETTING", {
    where: command,
    what: "is not told which groups",
    fix: `give ids, as \`streamgate quarantine ls\` shows them, or ${others}`,
  });
}

export interface Outcome {
  readonly done: number;
  readonly withheldAgain: number;
  readonly left: QuarantineAnswer["left"];
  /** Groups that wait for the instance to start, or to come to them. */
  readonly waiting: number;
}

/** @returns exit status 0; 1 when some had to stay */
export function tell(verb: string, { done, withheldAgain, left, waiting }: Outcome, json: boolean): number {
  if (json) print(`${JSON.stringify({ done, withheldAgain, left, waiting })}\n`);
  else {
    print(`${count(done, "group")} ${verb}\n`);
    if (withheldAgain > 0)
      print(`${count(withheldAgain, "record")} of them could not be finished again, and stayed as new groups\n`);
    if (waiting > 0)
      print(`${count(waiting, "group")} will be ${verb} by the instance, at the latest when it starts\n`);
    for (const { id, why } of left) print(`${id} stays: ${why}\n`);
  }
  return left.length === 0 ? 0 : 1;
}

/** The names by which damaged segments are purged whole. */
export function damagedSegments({ damages }: Quarantine): readonly string[] {
  return [...new Set(damages.map(({ segment }) => basename(segment)))];
}
