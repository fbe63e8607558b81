/**
 * What running data planes tell of their rules and records, for those who change rules. The data layer answers, the control plane asks, and
 * neither imports the other. Records are as engines saw them: what is shown of them passes `src/control/concealment.ts` first.
 */

import type { Rule } from "../rules/rule.ts";

/** Of a record that is longer an example is cut there. */
export const effectExampleBytesMax = 2048;

/** Records and bytes as received. */
export interface EffectAmount {
  readonly records: number;
  readonly bytes: number;
}

/** What a rule in shadow would have done to live traffic, at all workers together, had it alone been enforced in its place. */
export interface LiveEffect {
  /** Its id. */
  readonly rule: string;
  /** Since when it counts, in milliseconds since 1970. */
  readonly sinceMs: number;
  /** By `severity` of src/plan/operations.ts, 0 is unknown. */
  readonly bySeverity: readonly EffectAmount[];
  /** Bytes that would not have left; less than 0 where it would have added some. */
  readonly savedBytes: number;
  /** The most frequent ones; an empty name: records that name none. */
  readonly services: readonly (EffectAmount & { readonly name: string })[];
  /** The others, together. */
  readonly otherServices: EffectAmount;
  /** A few of the records as received. Not to be shown as they are. */
  readonly examples: readonly Uint8Array[];
}

/** What an enforced rule has done since the start of the process, or since it was first published with these parameters. */
export interface LiveActivity {
  readonly sinceMs: number;
  /** Records that met rules since then. */
  readonly received: number;
  /** Of these, records that no rule before it dropped or withheld. Those that rules make themselves are not counted, though it sees them. */
  readonly reached: number;
  /** Of these, records that the rule dropped, changed or withheld, or in shadow would have. */
  readonly matched: number;
  /** Bytes, as received, of those that it dropped. */
  readonly droppedRecords: number;
  readonly droppedBytes: number;
  /** When it was last seen to have matched something new; absent: never since `sinceMs`. */
  readonly lastMatchedMs?: number;
}

/** What an output gets of all that passes, 0 to 1; of bytes another part than of records, where it gets the long ones or the short. */
export interface LiveShare {
  readonly records: number;
  readonly bytes: number;
}

/** What one person who looks on wants to see: what passes, or what goes to an output, or what a rule acts on. */
export interface TailWatch {
  /** Id: records that it acts on, as received. */
  readonly rule?: string | undefined;
  /** Id: records that go to it, as they leave. */
  readonly output?: string | undefined;
  /** Most of them until the next look. */
  readonly recordsMax: number;
}

export interface TailLook {
  /** Records that it was about since the last look, those that are not shown among them. */
  readonly records: number;
  /** Not to be shown as they are. */
  readonly examples: readonly Uint8Array[];
}

export interface LiveTail {
  /** What was gathered for the watches of the last call, in their order; gathers for these from now on. None: gathers nothing any more. */
  tail(watches: readonly TailWatch[]): Promise<readonly TailLook[]>;
  /** The rules that run, and the ids of the outputs. */
  running(): {
    readonly version: string | undefined;
    readonly rules: readonly Rule[];
    readonly outputs: readonly string[];
  };
}

export interface LiveRules {
  /** Of the rules that are in shadow. */
  effects(): Promise<readonly LiveEffect[]>;
  /** Of every rule that runs, by id. */
  activity(): Promise<ReadonlyMap<string, LiveActivity>>;
  /** Of each output, by id: what its filter and routes let through. */
  shares(): ReadonlyMap<string, LiveShare>;
  /** The newest of the few records of each second that are kept in memory, oldest first, as the rules left them. */
  recent(count: number): Promise<readonly Uint8Array[]>;
}
