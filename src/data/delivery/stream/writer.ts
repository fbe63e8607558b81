/** Opens the stream writer that this system and engine have. */

import { createRingMemory } from "../../ring/layout.ts";
import type { StreamEvents, StreamWriter } from "./stream_writer.ts";
import { hasNativeWriter, NativeStreamWriter } from "./writer_native.ts";
import { PortableStreamWriter } from "./writer_portable.ts";

/** Records that wait for the native writer, in bytes: four to eight batches, enough to keep it busy while workers fill others. */
export const streamQueueBytes = 2 * 1024 * 1024;
const ringSlots = 65_536;

export interface StreamWriterOptions {
  readonly kind: "native" | "portable";
  /** Room for what waits. The native writer takes a larger record when nothing else waits. */
  readonly queueBytes: number;
  /** Capacity of the portable writer's ring, a power of two: half of it must exceed the longest record. */
  readonly ringBytes: number;
  readonly events: StreamEvents;
}

/** @param fd stays the caller's; it is neither closed nor made non-blocking where the system lets us open it once more */
export function openStreamWriter(
  fd: number,
  { kind, queueBytes, ringBytes, events }: StreamWriterOptions,
): StreamWriter {
  return kind === "native" && hasNativeWriter()
    ? new NativeStreamWriter(fd, queueBytes, events)
    : new PortableStreamWriter(fd, createRingMemory(ringBytes, ringSlots), events);
}
