/** `streamgate quarantine purge`: groups go for good, by id, by rule, by age, or all of them with what is damaged. */

import { removeGroups } from "../data/quarantine/removal.ts";
import { answerTo, ask } from "../data/quarantine/request.ts";
import { scanQuarantine } from "../data/quarantine/scan.ts";
import { lockIfStopped } from "./instance_lock.ts";
import { auditQuarantine } from "./quarantine_audit.ts";
import { damagedSegments, groupsOf, mustName, type QuarantineTarget, tell } from "./quarantine_target.ts";

const answerWaitMs = 60_000;

/** @returns exit status 0; 1 when some had to stay */
export async function command({ json, ...target }: QuarantineTarget & { readonly json: boolean }): Promise<number> {
  mustName(target, "quarantine purge", "--rule ID, --older-than DAYS or --all");
  const outcome = { done: 0, withheldAgain: 0, left: [] as { id: string; why: string }[], waiting: 0 };
  for (const quarantine of await groupsOf(target)) {
    const { root, directory, groups } = quarantine;
    const ids = new Set(groups.map(({ id }) => id));
    const damaged = damagedSegments(quarantine);
    if (ids.size + damaged.length === 0) continue;
    await auditQuarantine(root, "quarantine_purge", { groups: [...ids], damaged });
    const lock = await lockIfStopped(root);
    if (lock !== undefined) {
      try {
        for await (const segment of scanQuarantine(directory)) {
          const whole = damaged.some((name) => segment.path.endsWith(name));
          const here = segment.found.some((one) => one.kind === "group" && ids.has(one.id));
          if (!whole && !here) continue;
          const gone = await removeGroups(segment, (id) => whole || ids.has(id));
          outcome.done += gone.groups;
        }
      } finally {
        await lock.release();
      }
      continue;
    }
    const name = await ask(directory, { do: "purge", groups: [...ids, ...damaged] });
    const answer = await answerTo(directory, name, answerWaitMs);
    if (answer === undefined) outcome.waiting += ids.size;
    else {
      outcome.done += answer.done.filter((id) => ids.has(id)).length;
      outcome.left.push(...answer.left);
    }
  }
  return tell("purged", outcome, json);
}
