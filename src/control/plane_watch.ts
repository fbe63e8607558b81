/**
 * Hears what data planes did by themselves: going back from a version, and what they saw and did not go back for. It is written into
 * the log and a file of its own (`audit.ts`), once each.
 *
 *     planes.jsonl         {"time":"…","action":"plane_alert","what":{"plane":"gate-3f9a1c",…},"who":{…}}
 *     control/heard.json   {"gate-3f9a1c":{"reverted":"2026-01-31T12:00:00.000Z","alert":"…"}}: what was written last of each
 *
 * Whoever may write to Redis can say anything: a few lines a minute are written and the others counted, and a time that is none, or has
 * not come yet, is not taken, as nothing could be news after it.
 */

import { join } from "node:path";
import type { PlaneReport } from "../bus/plane_report.ts";
import { parseJson } from "../json.ts";
import { readDurable, writeDurably } from "../persistence/durable_file.ts";
import { isRecord } from "../schema.ts";
import { Audit, type AuditEntry } from "./audit.ts";
import type { Planes } from "./planes.ts";

const entriesAMinuteMax = 20;
/** Planes that do not live any more of which it is known what was written. */
const othersMax = 1000;

interface Heard {
  readonly reverted?: string;
  readonly alert?: string;
}

export interface WatchParts {
  readonly planes: Planes;
  readonly log: { warn(message: string): void };
  /** The data directory. */
  readonly directory: string;
}

/** @returns ends it */
export function watchPlanes({ planes, log, directory }: WatchParts): () => void {
  const file = new Audit(directory, undefined, "planes");
  const path = join(directory, "control", "heard.json");
  let heard: Map<string, Heard> | undefined;
  let turn = Promise.resolve();
  let waiting = false;
  const minute = { startMs: 0, entries: 0, leftOut: 0 };

  const look = async () => {
    waiting = false;
    heard ??= await readHeard(path);
    // Redis may be away: planes are heard when it is back.
    const reports = await planes.list(undefined).catch(() => []);
    const entries = newMinute(minute);
    /** What is left out counts as heard: it is not written later. */
    const note = (entry: AuditEntry, sentence: string) => {
      if (minute.entries < entriesAMinuteMax) {
        minute.entries++;
        entries.push(entry);
        log.warn(sentence);
      } else if (minute.leftOut++ === 0)
        log.warn(
          `data planes say more than ${entriesAMinuteMax} things a minute: the others of this minute are counted`,
        );
    };
    let news = false;
    for (const report of reports) {
      const before = heard.get(report.id) ?? {};
      const after = { ...before };
      const who = { name: `plane ${report.id}`, address: "bus" };
      if (report.reverted !== undefined && isNews(report.reverted.at, before.reverted)) {
        const { version, to, why, outputs, at } = report.reverted;
        note(
          { action: "revert", what: { plane: report.id, why, outputs, at }, who, versions: { from: version, to } },
          `data plane ${report.id} went back from version ${version} to ${to}: ${why}`,
        );
        after.reverted = at;
        news = true;
      }
      for (const { at, version, what } of report.alerts ?? []) {
        if (!isNews(at, after.alert)) continue;
        note(
          { action: "plane_alert", what: { plane: report.id, version, what, at }, who },
          `data plane ${report.id} at version ${version}: ${what}`,
        );
        after.alert = at;
        news = true;
      }
      heard.set(report.id, after);
    }
    heard = new Map(known(heard, reports));
    await file.append(entries);
    if (news) await writeDurably(path, `${JSON.stringify(Object.fromEntries(heard))}\n`);
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

/** @returns what to write of the minute before, if one has passed */
function newMinute(minute: { startMs: number; entries: number; leftOut: number }): AuditEntry[] {
  const nowMs = Date.now();
  const { startMs, leftOut } = minute;
  if (nowMs >= startMs && nowMs < startMs + 60_000) return [];
  Object.assign(minute, { startMs: nowMs, entries: 0, leftOut: 0 });
  const what = { count: leftOut, since: new Date(startMs).toISOString() };
  return leftOut === 0 ? [] : [{ action: "plane_left_out", what, who: { name: "planes", address: "bus" } }];
}

/** Times are ISO 8601 in UTC, all of one length: their order is that of their texts. One that is to come is news when it has. */
function isNews(at: string, before: string | undefined): boolean {
  return isPast(at) && (before === undefined || at > before);
}

function isPast(at: unknown): boolean {
  if (typeof at !== "string" || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(at)) return false;
  // NaN is not in the past.
  return Date.parse(at) <= Date.now();
}

/** Planes that live, and not more than some others. */
function known(heard: ReadonlyMap<string, Heard>, reports: readonly PlaneReport[]): readonly [string, Heard][] {
  const ids = new Set(reports.map(({ id }) => id));
  const others = [...heard].filter(([id]) => !ids.has(id)).slice(-othersMax);
  return [...others, ...[...heard].filter(([id]) => ids.has(id))].filter(
    ([, { reverted, alert }]) => reverted ?? alert,
  );
}

async function readHeard(path: string): Promise<Map<string, Heard>> {
  const text = await readDurable(path).catch(() => undefined);
  try {
    const value = text === undefined ? {} : parseJson(text);
    const each = Object.entries(isRecord(value) ? value : {}).map(([id, of]): [string, Heard] => {
      const { reverted, alert } = of as Heard;
      // Of a program that took any time.
      return [id, { ...(isPast(reverted) && { reverted }), ...(isPast(alert) && { alert }) } as Heard];
    });
    return new Map(each);
  } catch {
    // Something may be written twice.
    return new Map();
  }
}
