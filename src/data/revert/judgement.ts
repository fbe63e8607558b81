/**
 * Does a version do harm? Compares what happened before a reload with what has happened since, in shares of what came, so that more or
 * less traffic plays no part. Pure.
 *
 * A share that falls is the version's doing only as far as rules and outputs explain it that the version has changed: when the traffic
 * changes, so that an old rule drops more of it, or when a destination fails that the version has not touched, nothing is found.
 *
 * Found is what can be gone back from (reduce rules that drop; outputs that are new or others), and what people have to look at: protect
 * rules and routes are never taken back.
 */

import type { RevertWord } from "../../manifest/manifest.ts";
import type { Sample } from "./sample.ts";

export interface Change {
  /** Ids of reduce rules that are new or others. */
  readonly reduce: ReadonlySet<string>;
  /** Ids of rules that protect or route. */
  readonly stays: ReadonlySet<string>;
  /** Whether one of these is new, gone or another. */
  readonly staysChanged: boolean;
  /** Ids of outputs that are new or others. */
  readonly outputs: ReadonlySet<string>;
}

export interface Limits {
  /** The share of records that pass has collapsed when it is less than this part of what it was. */
  readonly volume: number;
  /** Errors have jumped when their share is higher by this. */
  readonly errors: number;
  /** Fewer records tell nothing. */
  readonly records: number;
  /** How long a version is looked at. */
  readonly windowMs: number;
}

export interface Finding {
  readonly kind: "volume" | "errors";
  /** Whether to go back; else somebody has to look. */
  readonly revert: boolean;
  /** In the outputs too: they are to blame. */
  readonly outputs: boolean;
  /** A sentence; it holds no record. */
  readonly what: string;
}

export interface Case {
  /** While the version before ran. */
  readonly before: Sample;
  readonly since: Sample;
  readonly sinceMs: number;
  readonly change: Change;
  readonly word: RevertWord;
  readonly limits: Limits;
}

export function judge(one: Case): readonly Finding[] {
  const { volume = true, errors = true } = one.word;
  return [
    ...(volume ? [...droppedTooMuch(one), ...routedTooLittle(one)] : []),
    ...(errors ? [...refusedByOutputs(one), ...quarantinedTooMuch(one)] : []),
  ];
}

function droppedTooMuch({ before, since, change, limits }: Case): readonly Finding[] {
  if (before.received < limits.records || since.received < limits.records) return [];
  const [passedBefore, passedNow] = [passedShare(before), passedShare(since)];
  if (passedBefore <= 0 || passedNow >= limits.volume * passedBefore) return [];
  const loss = passedBefore - passedNow;
  const risen = (ids: ReadonlySet<string>) =>
    [...ids].reduce((sum, id) => sum + droppedShare(since, id) - droppedShare(before, id), 0);
  const shares = `${percent(passedNow)} of the records pass, ${percent(passedBefore)} did before`;
  const by = (ids: ReadonlySet<string>) => {
    const [most] = [...ids].sort((a, b) => droppedShare(since, b) - droppedShare(since, a));
    return `rule ${JSON.stringify(most)} drops ${percent(droppedShare(since, most!))}`;
  };
  if (risen(change.reduce) >= loss / 2)
    return [{ kind: "volume", revert: true, outputs: false, what: `${shares}: ${by(change.reduce)}` }];
  if (change.staysChanged && risen(change.stays) >= loss / 2)
    return [{ kind: "volume", revert: false, outputs: false, what: `${shares}: ${by(change.stays)}, and it protects` }];
  return [];
}

/** An output's filter, or a route, keeps from it nearly all that it got before. */
function routedTooLittle({ before, since, change, limits }: Case): readonly Finding[] {
  return [...since.outputs].flatMap(([id, now]): Finding[] => {
    const then = before.outputs.get(id);
    if (then === undefined || !(change.outputs.has(id) || change.staysChanged)) return [];
    const offered = (output: typeof now) => output.routed + output.filtered;
    if (offered(then) < limits.records || offered(now) < limits.records) return [];
    const [shareBefore, shareNow] = [then.routed / offered(then), now.routed / offered(now)];
    if (shareNow >= limits.volume * shareBefore) return [];
    const what = `output ${JSON.stringify(id)} gets ${percent(shareNow)} of what passes, ${percent(shareBefore)} before: its filter or a route keeps the rest from it`;
    return [{ kind: "volume", revert: false, outputs: false, what }];
  });
}

function refusedByOutputs({ before, since, sinceMs, change, limits }: Case): readonly Finding[] {
  return [...since.outputs].flatMap(([id, now]): Finding[] => {
    const name = `output ${JSON.stringify(id)}`;
    const changed = change.outputs.has(id);
    const answered = now.delivered + now.refused;
    if (answered >= limits.records) {
      const then = before.outputs.get(id);
      const share = now.refused / answered;
      const shareBefore = then === undefined ? 0 : then.refused / Math.max(1, then.delivered + then.refused);
      if (share - shareBefore < limits.errors) return [];
      const what = `${name} refuses ${percent(share)} of the records, ${percent(shareBefore)} before`;
      if (changed) return [{ kind: "errors", revert: true, outputs: true, what }];
      // What rules that protect make of records may be no longer what the destination takes.
      return change.staysChanged ? [{ kind: "errors", revert: false, outputs: false, what }] : [];
    }
    // Nothing got through, and there was time: a destination that is slow would have taken something.
    if (!changed || now.delivered > 0 || now.routed < limits.records || sinceMs < limits.windowMs / 2) return [];
    const what = `${name} has taken none of ${now.routed} records`;
    return [{ kind: "errors", revert: true, outputs: true, what }];
  });
}

function quarantinedTooMuch({ before, since, change, limits }: Case): readonly Finding[] {
  if (since.received < limits.records) return [];
  const share = since.quarantined / since.received;
  const shareBefore = before.quarantined / Math.max(1, before.received);
  if (share - shareBefore < limits.errors) return [];
  const what = `${percent(share)} of the records are withheld because a rule cannot finish them, ${percent(shareBefore)} before`;
  // Rules withhold that protect. Only where none of these has changed it may be what reduce rules let through now.
  if (change.staysChanged) return [{ kind: "errors", revert: false, outputs: false, what }];
  return change.reduce.size > 0 ? [{ kind: "errors", revert: true, outputs: false, what }] : [];
}

function passedShare({ received, dropped }: Sample): number {
  return 1 - [...dropped.values()].reduce((sum, records) => sum + records, 0) / received;
}

function droppedShare({ received, dropped }: Sample, id: string): number {
  return received === 0 ? 0 : (dropped.get(id) ?? 0) / received;
}

function percent(share: number): string {
  return `${Math.max(0, Math.round(share * 1000) / 10)} %`;
}
