/**
 * The process's one writer of a stream: standard output. It consumes a ring that all workers push whole records into, so
 * their lines never mix, and a reader that has stopped reading fills that ring and nothing else.
 */

import { ringHeader } from "../../ring/layout.ts";

export interface StreamWriter {
  /** Written whole, since the start. Bytes without LFs, as in the ring's pushedBytes. */
  readonly writtenRecords: number;
  readonly writtenBytes: number;
  /** Taken from the ring after the reader had gone, or not written when the writer was closed. */
  readonly lostRecords: number;
  readonly lostBytes: number;
  /** Everything that was pushed has been written or counted as lost. */
  drained(): boolean;
  /** Stops without writing what the ring still holds. Never waits for a reader. Twice does no harm. */
  close(): Promise<void>;
}

/** Records that producers have committed since the start. */
export function pushedRecords(memory: SharedArrayBuffer): number {
  const cursors = new BigUint64Array(memory, 0, ringHeader.bytes / 8);
  return Number(Atomics.load(cursors, ringHeader.offsets.pushedRecords / 8));
}
