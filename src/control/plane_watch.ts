/**
 * Hears what data planes did by themselves: going back from a version, and what they saw and did not go back for. It is written into
 * the log and the audit file, once each.
 *
 *     control/heard.json   {"gate-3f9a1c":{"reverted":"2026-01-31T12:00:00.000Z","alert":"…"}}: what was written last of each
 */

import { join } from "node:path";
import type { PlaneReport } from "../bus/plane_report.ts";
import { parseJson } from "../json.ts";
import { readDurable, writeDurably } from "../persistence/durable_file.ts";
import { isRecord } from "../schema.ts";
import type { Audit, AuditEntry } from "./audit.ts";
import type { Planes } from "./planes.ts";

interface Heard {
  readonly reverted?: string;
  readonly alert?: string;
}

export interface WatchParts {
  readonly planes: Planes;
  readonly audit: Audit;
  readonly log: { warn(message: string): void };
  /** The data directory. */
  readonly directory: string;
}

/** @returns ends it */
export function watchPlanes({ planes, audit, log, directory }: WatchParts): () => void {
  const path = join(directory, "control", "heard.json");
  let heard: Map<string, Heard> | undefined;
  let turn = Promise.resolve();
  let waiting = false;

  const look = async () => {
    waiting = false;
    heard ??= await readHeard(path);
    // Redis may be away: planes are heard when it is back.
    const reports = await planes.list(undefined).catch(() => []);
    const entries: AuditEntry[] = [];
    for (const report of reports) {
      const before = heard.get(report.id) ?? {};
      const after = { ...before };
      const who = { name: `plane ${report.id}`, address: "bus" };
      if (report.reverted !== undefined && isNews(report.reverted.at, before.reverted)) {
        const { version, to, why, outputs, at } = report.reverted;
        entries.push({
          action: "revert",
          what: { plane: report.id, why, outputs, at },
          who,
          versions: { from: version, to },
        });
        log.warn(`data plane ${report.id} went back from version ${version} to ${to}: ${why}`);
        after.reverted = at;
      }
      for (const { at, version, what } of report.alerts ?? []) {
        if (!isNews(at, after.alert)) continue;
        entries.push({ action: "plane_alert", what: { plane: report.id, version, what, at }, who });
        log.warn(`data plane ${report.id} at version ${version}: ${what}`);
        after.alert = at;
      }
      heard.set(report.id, after);
    }
    if (entries.length === 0) return;
    await audit.append(entries);
    await writeDurably(path, `${JSON.stringify(Object.fromEntries(known(heard, reports)))}\n`);
  };
  const onChange = () => {
    // Calls that come while one runs become one more.
    if (waiting) return;
    waiting = true;
    turn = turn.then(look).catch((error: Error) => log.warn(`what data planes did is not written: ${error.message}`));
  };
  const unwatch = planes.watch(onChange);
  onChange();
  return unwatch;
}

/** Times are ISO 8601 in UTC, all of one length: their order is that of their texts. */
function isNews(at: string, before: string | undefined): boolean {
  return before === undefined || at > before;
}

/** Planes that live, and not more than some others. */
function known(heard: ReadonlyMap<string, Heard>, reports: readonly PlaneReport[]): readonly [string, Heard][] {
  const ids = new Set(reports.map(({ id }) => id));
  const others = [...heard].filter(([id]) => !ids.has(id)).slice(-1000);
  return [...others, ...[...heard].filter(([id]) => ids.has(id))].filter(
    ([, { reverted, alert }]) => reverted ?? alert,
  );
}

async function readHeard(path: string): Promise<Map<string, Heard>> {
  const text = await readDurable(path).catch(() => undefined);
  try {
    const value = text === undefined ? {} : parseJson(text);
    return new Map(Object.entries(isRecord(value) ? value : {}) as [string, Heard][]);
  } catch {
    // Something may be written twice.
    return new Map();
  }
}
