/** Opens the stream writer that this system and engine have. */

import type { StreamWriter } from "./stream_writer.ts";
import { hasNativeWriter, NativeStreamWriter } from "./writer_native.ts";
import { PortableStreamWriter } from "./writer_portable.ts";

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
