/** Records that a sender works on: taken from an output's backlog, and settled there range by range, in order. */

import type { Payload } from "./packer.ts";

export interface Claim {
  /**
   * Names the records of `payload` towards the destination, no others ever; the same when they are sent again, after a restart too where they
   * come from the spool.
   */
  readonly id: string;
  readonly payload: Payload;
  /** Of a claim from the spool: protect rules were published that its records have not passed. Then `protectAgain` before they are sent. */
  readonly stale?: boolean;
  /** Its records that are not settled pass the protect rules that run now: `payload` is another one then, `id` its name, and `done` 0. */
  protectAgain?(): void;
  /** Its records before this one are settled. */
  done: number;
  /** `count` more records, from `done` on, are done with: delivered, dead-lettered or lost. Their batches are let go when all are. */
  settle(count: number): void;
}
