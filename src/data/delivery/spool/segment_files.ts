/**
 * One segment's file as a lane sees it (`lane.ts`): what touches every byte of it. The native engine's lives in a thread of its own
 * (`native_segment.ts`, `native/spool/`), the portable one's is Node's file calls (`portable_segment.ts`). The bytes are the same.
 */

import type { GroupHeaderFields } from "./format.ts";
import type { LaneRange } from "./spool.ts";

export interface GroupToWrite {
  readonly fields: GroupHeaderFields;
  readonly reason: Uint8Array;
  /** Their records and bytes are those of `fields`. */
  readonly ranges: readonly LaneRange[];
}

export interface Written {
  /** Groups that are there whole, from the first on; all of them, unless there is an error. */
  readonly groups: number;
  /** With the system's code. What was written behind the last whole group is garbage. */
  readonly error?: Error;
}

/** A range of sequences that is missing. */
export interface SegmentHole {
  readonly from: bigint;
  readonly to: bigint;
  /** Record bytes, where headers are left that tell; else 0. */
  readonly bytes: number;
}

export interface SegmentScan {
  /** A `segmentState`. */
  readonly state: number;
  readonly version: number;
  readonly epoch: number;
  /** Good groups. */
  readonly found: number;
  /** Of these, those that end behind `passed`. */
  readonly groups: number;
  readonly records: number;
  readonly bytes: number;
  /** Where the first of them starts, and its first sequence. */
  readonly readOffset: number;
  readonly readSequence: bigint;
  /** Where the last good group ends; one past its last record, or `expected` when there is none. */
  readonly endOffset: number;
  readonly endSequence: bigint;
  /** End and record bytes of whole groups behind it whose bodies are damaged; 0n: none. */
  readonly tailSequence: bigint;
  readonly tailBytes: number;
  readonly oldestMs: number;
  readonly newestMs: number;
  readonly holes: readonly SegmentHole[];
}

/** A group as read, where it ends included. */
export interface ReadGroup {
  readonly fields: GroupHeaderFields;
  readonly endOffset: number;
  readonly reason: Uint8Array;
  readonly body: Uint8Array;
}

/** All of these reject with the system's code, and are done in the order in which they are called. */
export interface SegmentFile {
  /** Writes groups one behind the other from `offset` on; `sync`: and brings them to the disk. Batches are let go when it settles. */
  append(offset: number, groups: readonly GroupToWrite[], sync: boolean): Promise<Written>;
  /** What was written is on the disk. */
  sync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  /**
   * Reads the first `bytes` and tells what is in them.
   * @param passed groups that end at or before it are done with
   * @param expected the sequence that the lane had reached before this segment
   */
  scan(bytes: number, passed: bigint, expected: bigint): Promise<SegmentScan>;
  /**
   * The first good group at or behind `offset`, with a sequence of at least `sequenceMin`.
   * @param end where to stop looking
   */
  read(offset: number, end: number, epoch: number, sequenceMin: bigint): Promise<ReadGroup | undefined>;
  close(): Promise<void>;
}

export interface SegmentFiles {
  /** Makes a file that must not exist, with this header. */
  create(path: string, header: Uint8Array): Promise<SegmentFile>;
  /** For reading. */
  open(path: string): Promise<SegmentFile>;
}
