/** What the main thread knows of its data plane without asking a worker: what metrics and health are made of. */

import type { Snapshot } from "../ledger/snapshot.ts";
import type { QuarantineStatus } from "../quarantine/keeper.ts";
import type { RevertStatus } from "../revert/auto_revert.ts";
import type { Reloads } from "./reloads.ts";

export interface RingFacts {
  readonly worker: number;
  readonly records: number;
  readonly bytes: number;
  readonly capacityBytes: number;
}

export interface PlaneFacts {
  readonly snapshot: Snapshot;
  /** Worker threads that there are to be, those that take requests, and how often one died. */
  readonly workers: number;
  readonly living: number;
  readonly deaths: number;
  readonly rings: readonly RingFacts[];
  readonly listening: boolean;
  /** The end has begun. */
  readonly draining: boolean;
  /** Of the manifest that runs; undefined: none does. */
  readonly version: string | undefined;
  /** Ids of the rules and outputs of that manifest, in its order. */
  readonly rules: readonly string[];
  readonly outputs: readonly string[];
  readonly reloads: Reloads;
  /** How going back from versions stands; absent: nobody does. */
  readonly revert?: RevertStatus;
  readonly memory: { readonly budgetBytes: number; readonly heldBytes: number };
  /** Absent: there is none. */
  readonly quarantine?: QuarantineStatus;
}
