/**
 * Writes records of batches into a body as an envelope says (`src/outputs/envelope.ts`). One interface, two engines; the same bytes
 * from both. One call for a range of a batch.
 */

import type { Batch } from "./batch.ts";

/** Why `append` stopped. */
export const encodeStop = {
  /** It took the whole range. */
  none: 0,
  /** The next record would go over a limit of the body, which is not empty: finish it. */
  full: 1,
  /** The next record alone is larger than `recordBytesMax` allows, or than an empty body: skip it, and account for it. */
  recordTooLarge: 2,
} as const;

export interface EncodeLimits {
  readonly recordsMax: number;
  /** Of the body as counted (see `JsonEnvelope.countedBesideText`), `before` and `after` included where bytes in the body count. */
  readonly bytesMax: number;
  /** Of one record as counted. */
  readonly recordBytesMax: number;
}

/** Encodes one body after the other. For one thread. */
export interface Encoder {
  /** Begins an empty body. */
  begin(limits: EncodeLimits): void;
  /**
   * Appends records `from` (inclusive) to `to` (exclusive).
   * @param timeMs written where a frame has `time`
   * @returns the index at which it stopped: `to`, or less, and `stoppedBy` says why
   */
  append(batch: Batch, from: number, to: number, timeMs: number): number;
  /** An `encodeStop` of the last `append`. */
  readonly stoppedBy: number;
  /** Records in the body so far. */
  readonly records: number;
  /** Bytes of the body so far, as counted. */
  readonly counted: number;
  /** Ends the body. @returns its bytes, memory of the caller's own from then on */
  finish(): Uint8Array;
  close(): void;
}

/**
 * Gives a body's memory back now. The collector does it too, but later: garbage of megabytes then costs fresh pages for each body (2 to 4
 * times the whole encoding), and counts against the memory that the process may take.
 * @param body from `finish`, which nobody reads any more, a socket's unfinished write included; it has no bytes afterwards
 */
export function freeBody(body: Uint8Array): void {
  (body.buffer as ArrayBuffer).transfer(0);
}
