/** What a worker pushes console records into: the ring of the process's stream writer. */

import type { Batch } from "../../engine/batch.ts";
import type { EngineKind } from "../../engine/engine.ts";
import { notify } from "../../ring/wait.ts";
import { hasNativeWriter, notifyNativeWriter } from "./writer_native.ts";

export interface StreamFeed {
  /**
   * Puts records `from` (inclusive) to `to` (exclusive) of a batch into the ring as they lie, and wakes the writer.
   * @returns where it stopped: `to`, or less when the ring is full: try again from there in a while
   */
  push(batch: Batch, from: number, to: number): number;
}

/**
 * Opens the ring as a producer.
 * @param kind the same kind of engine as the writer was opened with
 * @param producer this thread's number in the ring's table of producers
 */
export function openStreamFeed(kind: EngineKind, memory: SharedArrayBuffer, producer: number): StreamFeed {
  const ring = kind.openRing(memory, producer);
  const bytes = new Uint8Array(memory);
  // The native ring calls no one; the portable one wakes a portable consumer by itself.
  const wake =
    kind.name === "portable" ? () => {} : hasNativeWriter() ? () => notifyNativeWriter(bytes) : () => notify(memory);
  return {
    push(batch, from, to) {
      const stopped = ring.pushBatch(batch, from, to);
      if (stopped > from) wake();
      return stopped;
    },
  };
}
