/**
 * The process's one writer of a stream: standard output, or a file. All workers push whole records into its bounded queue, so their
 * lines never mix, and a reader that has stopped reading fills that queue and nothing else.
 */

import type { Batch } from "../../engine/batch.ts";

/** What feeds are opened on, in any thread of the process: plain data. */
export type StreamTarget =
  /** A ring that the writer consumes. */
  | { readonly kind: "ring"; readonly memory: SharedArrayBuffer }
  /** A native writer: takes batches of the addon's by reference. */
  | { readonly kind: "writer"; readonly id: number };

/** Since the start. Bytes without LFs. */
export interface StreamCounts {
  readonly pushedRecords: number;
  readonly pushedBytes: number;
  /** Written whole. */
  readonly writtenRecords: number;
  readonly writtenBytes: number;
  /** Taken after the reader had gone, or not written when the writer was closed. */
  readonly lostRecords: number;
  readonly lostBytes: number;
}

export interface StreamEvents {
  /** Once for each descriptor, with the system's words: the stream can not be written to any more. */
  closed(reason: string): void;
  /** The device has no room, or the file takes nothing for another reason; it is tried again until it does. */
  full?(reason: string): void;
  /** It takes bytes again. */
  room?(): void;
  /** The mark that `notice` set lies behind. */
  reached?(): void;
}

export interface StreamWriter {
  readonly target: StreamTarget;
  /** Of one moment nearly: what settles while they are read counts as waiting, never as more than came. */
  counts(): StreamCounts;
  /** Everything that was pushed has been written or counted as lost. */
  drained(): boolean;
  /**
   * From the next record's start on writes go to `fd`, also after `closed` was told. What is begun is written to its end first; where
   * the old descriptor refuses that (no space), the record goes whole to the new one, and its beginning is cut off the old file.
   * @param fd stays the caller's, as the one before
   * @returns when nothing more is written to the one before: it may be closed. Also when the writer is closed
   */
  switchTo(fd: number): Promise<void>;
  /** `events.reached` is told once, when this many bytes more (LFs included) have been written. Replaces the mark before. */
  notice(bytes: number): void;
  /** Stops without writing what still waits. Never waits for a reader. Twice does no harm. */
  close(): Promise<void>;
}

/** A producer's end of a writer's queue. */
export interface StreamFeed {
  /**
   * Hands records `from` (inclusive) to `to` (exclusive) of a batch to the writer, as they lie. It may take them by reference: until
   * `Batch.held` is false the batch must not be cleared.
   * @returns where it stopped: `to`, or less when the writer's queue is full: try again from there in a while
   */
  push(batch: Batch, from: number, to: number): number;
}
