/**
 * The spool of one output at one worker: a lane of groups on disk, append only, read in order, settled in any order.
 *
 * A group is one payload's records, not yet encoded. Its id (`groupId`) is the same after a restart, so that a receiver can tell a repeat. The
 * native lane works on a thread of its own (`native/spool/`), the portable one on Node's file calls; the files are the same.
 */

import type { Batch } from "../../engine/batch.ts";

/** When what was written is flushed to the disk: after every group, once an interval for all of them, or when the system likes. */
export type Fsync = "always" | "interval" | "never";

export interface LaneOptions {
  /** `<data>/spool/<output id>/<lane>`; made when the first group is appended. */
  readonly directory: string;
  readonly fsync: Fsync;
  readonly fsyncIntervalMs: number;
  /** A segment is closed at this size; the next group begins another. */
  readonly segmentBytesMax: number;
  /** Of all segments of the lane. Over it the oldest groups that are not in flight are given up: `spoolFull`. */
  readonly bytesMax: number;
  /** Groups older than this are given up: `spoolExpired`. 0: never. */
  readonly ageMsMax: number;
}

/** Consecutive records of a batch. */
export interface LaneRange {
  readonly batch: Batch;
  readonly from: number;
  readonly to: number;
}

/** What is kept of a group beside its records. */
export interface GroupMeta {
  /** Number of its first record in the lane: one more than that of the record before it. */
  readonly firstSequence: bigint;
  /** When its first record was received, milliseconds since 1970. */
  readonly timeMs: number;
  /** Identity of the protect rules that its records have passed (`src/data/delivery/protection.ts`). */
  readonly protection: bigint;
  /** Dead letters only: why, in the destination's words or ours; at most 1,000 bytes of UTF-8 are kept. */
  readonly reason: string;
}

export interface Group extends GroupMeta {
  readonly records: number;
  /** Record bytes, without framing. */
  readonly bytes: number;
  /** Random, chosen when the lane was opened that wrote it; part of the group's id. */
  readonly epoch: number;
  /** Each record as four bytes of length, big-endian, and its bytes: the framing `length32`. */
  readonly body: Uint8Array;
}

export interface LaneAmount {
  records: number;
  /** Record bytes, without framing. */
  bytes: number;
}

export type LaneLoss = "spoolFull" | "spoolExpired" | "spoolDamaged";

/** Code of an append's error: what may be given up is not enough for the group. */
export const spoolFullCode = "SPOOL_FULL";

/** The state of a lane; `Readonly` for whoever is not the lane. */
export interface LaneState {
  /** What its files held when it was opened. */
  readonly recovered: Readonly<LaneAmount>;
  /** Written and not yet settled: what is read and in flight included. */
  readonly held: Readonly<LaneAmount>;
  /** Appends that are not written yet. */
  readonly pending: Readonly<LaneAmount>;
  /** Bytes of its files. */
  readonly diskBytes: number;
  readonly groups: number;
  readonly oldestMs: number | undefined;
  /** Sequence of the record behind the last one that is on disk as `fsync` promises. */
  readonly durableSequence: bigint;
  readonly nextSequence: bigint;
  readonly epoch: number;
}

export interface LaneEvents {
  /** Groups were given up, or found damaged: at open, at a read, or for room. `recovered`: whether they were counted in `recovered`. */
  lost(cause: LaneLoss, amount: LaneAmount): void;
  /** A group was written, room was made, or the disk answers again: look at `state`. */
  changed(): void;
}

export interface Lane {
  readonly state: LaneState;
  /**
   * Writes one group behind the last. Batches are held by the caller until it settles. Never reorders.
   * @returns resolves when it is written (with `fsync: always`: on the disk)
   * @throws with the system's code (ENOSPC, EIO …) when it is not: nothing of it is in the lane then, and the caller still has it
   */
  append(ranges: readonly LaneRange[], meta: Omit<GroupMeta, "reason"> & { readonly reason?: string }): Promise<void>;
  /** The next group that was not read since the lane was opened; undefined when there is none yet. One read at a time. */
  read(): Promise<Group | undefined>;
  /** This group is done with. The cursor moves over groups that are settled without a gap, and reaches the disk within the interval. */
  settle(firstSequence: bigint): void;
  /** From the next append, read or interval on. Less room than is taken gives up the oldest with the next append. */
  configure(options: Omit<LaneOptions, "directory">): void;
  /** Everything to the disk, the cursor too. */
  flush(): Promise<void>;
  /** Flushes and closes. Twice does no harm. */
  close(): Promise<void>;
}

/** @throws StreamGateError SG_SPOOL_VERSION for files of a version that is not known, SG_SPOOL when the directory cannot be used */
export type LaneOpener = (options: LaneOptions, events: LaneEvents) => Promise<Lane>;

/** `payments-w0-1f3a09c2-1200`: what a receiver tells a repeat by; halves of a split group append `/1` and `/2`, other parts `/50-80`. */
export function groupId(output: string, lane: string, epoch: number, firstSequence: bigint): string {
  return `${output}-${lane}-${epoch.toString(16).padStart(8, "0")}-${firstSequence}`;
}
