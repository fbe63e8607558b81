/** The native writer thread (`native/writer/stream_writer.h`) as a StreamWriter, and how a producer wakes it. */

import { loadAddon } from "../../engine/addon.ts";
import type { StreamWriter } from "./stream_writer.ts";

interface StreamWriterHandle {
  readonly writtenRecords: number;
  readonly writtenBytes: number;
  readonly lostRecords: number;
  readonly lostBytes: number;
  readonly drained: boolean;
  close(): void;
}

interface StreamWriterClass {
  new (fd: number, ringMemory: Uint8Array, onClosed: (reason: string) => void): StreamWriterHandle;
  notify(ringMemory: Uint8Array): void;
}

/** The class, where the addon loads and the system has what it needs (POSIX). */
function streamWriterClass(): StreamWriterClass | undefined {
  const loaded = loadAddon();
  return "addon" in loaded
    ? ((loaded.addon as { StreamWriter?: unknown }).StreamWriter as StreamWriterClass)
    : undefined;
}

export function hasNativeWriter(): boolean {
  return streamWriterClass() !== undefined;
}

/** Wakes the native writer of this ring, if it sleeps: a memory read unless it does. Callable in any thread. */
export function notifyNativeWriter(ringMemory: Uint8Array): void {
  streamWriterClass()!.notify(ringMemory);
}

export class NativeStreamWriter implements StreamWriter {
  readonly #handle: StreamWriterHandle;

  constructor(fd: number, memory: SharedArrayBuffer, onClosed: (reason: string) => void) {
    this.#handle = new (streamWriterClass()!)(fd, new Uint8Array(memory), onClosed);
  }

  get writtenRecords(): number {
    return this.#handle.writtenRecords;
  }
  get writtenBytes(): number {
    return this.#handle.writtenBytes;
  }
  get lostRecords(): number {
    return this.#handle.lostRecords;
  }
  get lostBytes(): number {
    return this.#handle.lostBytes;
  }
  drained(): boolean {
    return this.#handle.drained;
  }
  async close(): Promise<void> {
    this.#handle.close();
  }
}
