/** `streamgate rules enable ID…` and `rules disable ID…`: switches rules of the draft on and off, in their places. */

import { StreamGateError } from "../errors.ts";
import type { Connection } from "./client/connection.ts";
import { type ApiRule, rulePath, stillDraft } from "./client/rule.ts";
import { visible } from "./client/terminal.ts";
import { say, writeJson } from "./client/written.ts";

export interface RulesEnableOptions {
  readonly ids: readonly string[];
  readonly enabled: boolean;
  readonly json: boolean;
}

/** @returns exit status 0 */
export async function command(connection: Connection, { ids, enabled, json }: RulesEnableOptions): Promise<number> {
  const { body: rules, headers } = await connection.call<readonly ApiRule[]>("GET", "/rules");
  const wanted = ids.map((id) => {
    const rule = rules.find((one) => one.id === id);
    if (rule !== undefined) return rule;
    throw new StreamGateError("SG_RULE_MISSING", {
      what: `no rule has the id ${JSON.stringify(id)}`,
      fix: "`streamgate rules ls` lists them",
    });
  });
  const updated: ApiRule[] = [];
  // What is sent back is what was read: nobody else's change in between is undone.
  let etag = headers.etag;
  for (const rule of wanted) {
    const { enabled: before = true, ...rest } = rule;
    if (before === enabled) {
      updated.push(rule);
      if (!json) say(`rule ${visible(rule.id)} is ${enabled ? "enabled" : "disabled"} already`);
      continue;
    }
    const answer = await connection.call<{ rule: ApiRule }>("PUT", rulePath(rule.id), {
      body: enabled ? rest : { ...rest, enabled: false },
      ...(typeof etag === "string" && { headers: { "if-match": etag } }),
    });
    etag = answer.headers.etag;
    updated.push(answer.body.rule);
    if (!json) say(`${enabled ? "enabled" : "disabled"} rule ${visible(rule.id)} in the draft; ${stillDraft}`);
  }
  if (json) writeJson(updated);
  return 0;
}
