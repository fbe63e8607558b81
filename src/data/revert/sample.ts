/** What of the account tells whether a version does harm: totals at one moment, and what happened between two. */

import type { Snapshot } from "../ledger/snapshot.ts";

export interface OutputSample {
  readonly filtered: number;
  readonly routed: number;
  readonly delivered: number;
  /** Refused for good by the destination. */
  readonly refused: number;
}

/** In records: since the start, or between two moments. */
export interface Sample {
  readonly received: number;
  /** By rule id. */
  readonly dropped: ReadonlyMap<string, number>;
  /** What rules could not finish. */
  readonly quarantined: number;
  /** By output id. */
  readonly outputs: ReadonlyMap<string, OutputSample>;
}

export function sampleOf({ received, rules, quarantined, lost, outputs }: Snapshot): Sample {
  return {
    received: received.records,
    dropped: new Map([...rules].map(([id, { dropped }]) => [id, dropped.records])),
    quarantined: quarantined.matchLimit.records + quarantined.outputLimit.records + lost.quarantine_full.records,
    outputs: new Map(
      [...outputs].map(([id, output]) => [
        id,
        {
          filtered: output.filtered.records,
          routed: output.routed.records,
          delivered: output.delivered.records,
          refused: output.deadLettered.records + output.lost.dead_letter.records,
        },
      ]),
    ),
  };
}

const none: OutputSample = { filtered: 0, routed: 0, delivered: 0, refused: 0 };

/** What happened from one to the other. An output that begins anew counts from 0. */
export function between(from: Sample, to: Sample): Sample {
  return {
    received: to.received - from.received,
    dropped: new Map([...to.dropped].map(([id, records]) => [id, more(from.dropped.get(id), records)])),
    quarantined: to.quarantined - from.quarantined,
    outputs: new Map(
      [...to.outputs].map(([id, output]) => {
        const { filtered, routed, delivered, refused } = from.outputs.get(id) ?? none;
        return [
          id,
          {
            filtered: more(filtered, output.filtered),
            routed: more(routed, output.routed),
            delivered: more(delivered, output.delivered),
            refused: more(refused, output.refused),
          },
        ];
      }),
    ),
  };
}

function more(from = 0, to: number): number {
  return to >= from ? to - from : to;
}
