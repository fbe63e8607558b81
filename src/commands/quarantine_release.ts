/**
 * `streamgate quarantine release`: records run again, through the rules that are published now, and what can be finished goes to the outputs. A
 * running instance does it within seconds, a stopped one when it starts; what still cannot be finished stays.
 */

import { answerTo, ask } from "../data/quarantine/request.ts";
import { lockIfStopped } from "./instance_lock.ts";
import { auditQuarantine } from "./quarantine_audit.ts";
import { groupsOf, mustName, type QuarantineTarget, tell } from "./quarantine_target.ts";

const answerWaitMs = 60_000;

export interface ReleaseOptions extends QuarantineTarget {
  readonly withoutRule: boolean;
  readonly json: boolean;
}

/** @returns exit status 0; 1 when some had to stay */
export async function command({ withoutRule, json, ...target }: ReleaseOptions): Promise<number> {
  mustName(target, "quarantine release", "--rule ID or --all");
  const outcome = { done: 0, withheldAgain: 0, left: [] as { id: string; why: string }[], waiting: 0 };
  for (const { root, directory, groups } of await groupsOf(target)) {
    if (groups.length === 0) continue;
    await auditQuarantine(root, "quarantine_release", { groups: groups.map(({ id }) => id), withoutRule });
    const name = await ask(directory, { do: "release", groups: groups.map(({ id }) => id), withoutRule });
    const lock = await lockIfStopped(root);
    await lock?.release();
    const answer = lock === undefined ? await answerTo(directory, name, answerWaitMs) : undefined;
    if (answer === undefined) {
      outcome.waiting += groups.length;
      continue;
    }
    outcome.done += answer.done.length;
    outcome.withheldAgain += answer.withheldAgain;
    outcome.left.push(...answer.left);
  }
  return tell("released", outcome, json);
}
