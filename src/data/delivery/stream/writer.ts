/**
 * The process's one writer of a stream: standard output. It consumes a ring that all workers push whole records into, so
 * their lines never mix, and a reader that has stopped reading fills that ring and nothing else.
 */

import { ringHeader } from "../../ring/layout.ts";
import { hasNativeWriter, NativeStreamWriter } from "./writer_native.ts";
import { PortableStreamWriter } from "./writer_portable.ts";

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

/**
 * Starts the consumer of a ring.
 * @param fd stays the caller's; it is neither closed nor made non-blocking where the system lets us open it once more
 * @param memory from `createRingMemory`; its capacity must exceed the longest record
 * @param onClosed called once, with the system's words, when the stream can not be written to any more
 */
export function openStreamWriter(
  fd: number,
  memory: SharedArrayBuffer,
  kind: "native" | "portable",
  onClosed: (reason: string) => void,
): StreamWriter {
  return kind === "native" && hasNativeWriter()
    ? new NativeStreamWriter(fd, memory, onClosed)
    : new PortableStreamWriter(fd, memory, onClosed);
}

/** Records that producers have committed since the start. */
export function pushedRecords(memory: SharedArrayBuffer): number {
  const cursors = new BigUint64Array(memory, 0, ringHeader.bytes / 8);
  return Number(Atomics.load(cursors, ringHeader.offsets.pushedRecords / 8));
}
