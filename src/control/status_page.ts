/** What runs in this process, and what became of each record: the same page over REST and gRPC. */

import { activePipeline, passthrough } from "../manifest/manifest.ts";
import type { LiveRules } from "../plan/live.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { ruleFlags } from "./effect_report.ts";
import type { Store } from "./store.ts";

export interface StatusContext {
  readonly telemetry?: Telemetry;
  readonly live?: LiveRules;
  readonly store: Store;
}

/** @returns undefined: this process runs no data plane */
export async function statusOf({ telemetry, live, store }: StatusContext): Promise<object | undefined> {
  if (telemetry?.status === undefined) return undefined;
  if (live === undefined) return telemetry.status();
  const [told, activity] = await Promise.all([telemetry.status(), live.activity()]);
  const { processors } = activePipeline(store.published ?? passthrough);
  return { ...told, rule_flags: ruleFlags(processors, activity, Date.now()) };
}
