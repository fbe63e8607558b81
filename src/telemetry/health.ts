/** Whether a data plane is ready for traffic, and which condition is not met. What `/readyz` answers. */

import type { PlaneFacts } from "../data/worker/plane_facts.ts";

export interface Readiness {
  readonly ready: boolean;
  /** What fails, each as a sentence for people; empty when it is ready. */
  readonly failed: readonly string[];
  /** The conditions by name, true where it holds. */
  readonly checks: Readonly<Record<string, boolean>>;
}

/** A process without a data plane is ready when it answers. */
export const alwaysReady: Readiness = { ready: true, failed: [], checks: {} };

export function readinessOf(facts: Omit<PlaneFacts, "quarantine" | "memory" | "rings">): Readiness {
  const { listening, draining, version, living, workers, outputs, snapshot } = facts;
  const over = outputs.filter((output) => (snapshot.outputs.get(output)?.fares.overLimit ?? 0) > 0);
  const conditions: readonly (readonly [name: string, fails: string | undefined])[] = [
    ["listening", listening ? undefined : "listening: no port for records is open"],
    ["manifest", version === undefined ? "manifest: none runs yet" : undefined],
    ["workers", living === 0 ? `workers: none of ${workers} takes requests` : undefined],
    ["outputs", over.length === 0 ? undefined : `outputs: ${over.map((id) => `${id} is over its limit`).join(", ")}`],
    ["serving", draining ? "serving: the process ends" : undefined],
  ];
  const failed = conditions.flatMap(([, fails]) => (fails === undefined ? [] : [fails]));
  return {
    ready: failed.length === 0,
    failed,
    checks: Object.fromEntries(conditions.map(([name, fails]) => [name, fails === undefined])),
  };
}
