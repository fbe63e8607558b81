/**
 * What protects records that were spooled under an older manifest: the protect rules of the one that runs, and a number that tells whether
 * a group has passed them already (promise P4).
 */

import { createHash } from "node:crypto";
import { encodePlan } from "../../plan/encode.ts";
import { type OperationName, operationFlag, type Plan } from "../../plan/operations.ts";

/**
 * What thins records out protects nothing, also where it is never skipped: records that were spooled have met it, and would be
 * thinned again.
 */
const thinning: ReadonlySet<OperationName> = new Set(["sample", "dedupe", "throttle"]);

export interface Protection {
  /** The protect rules alone, in their order; their numbers are those of `plan.rules`. */
  readonly plan: Plan;
  /** Of their operations: rules with the same effect have the same identity, whatever they are called. */
  readonly identity: bigint;
}

export function protectionOf({ rules, operations }: Plan): Protection {
  // Where a spooled record goes is decided: a route would say nothing.
  const protecting = operations.filter(
    ({ name, flags }) => (flags & operationFlag.protect) !== 0 && name !== "route" && !thinning.has(name),
  );
  const anonymous: Plan = {
    rules: [{ id: "", type: "", class: "protect" }],
    operations: protecting.map((operation) => ({ ...operation, rule: 0 })),
  };
  const digest = createHash("sha256").update(encodePlan(anonymous)).digest();
  return { plan: { rules, operations: protecting }, identity: digest.readBigUInt64LE(0) };
}
