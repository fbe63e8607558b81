/** The native writer thread (`native/writer/stream_writer.h`) as a StreamWriter, and its feeds in other threads. */

import { loadAddon } from "../../engine/addon.ts";
import { translated } from "../../engine/native/errors.ts";
import type { StreamCounts, StreamEvents, StreamFeed, StreamTarget, StreamWriter } from "./stream_writer.ts";

/** `StreamWriter::Event`. */
const event = { closed: 0, full: 1, room: 2, switched: 3, reached: 4 } as const;

interface StreamWriterHandle {
  readonly id: number;
  readonly drained: boolean;
  counts(cells: Float64Array): void;
  switchTo(fd: number): boolean;
  notice(bytes: number): void;
  close(): void;
}

interface StreamFeedHandle {
  push(batch: ArrayBuffer, from: number, to: number): number;
}

interface WriterAddon {
  readonly StreamWriter: new (
    fd: number,
    chargeMax: number,
    rangesMax: number,
    onEvent: (event: number, reason: string) => void,
  ) => StreamWriterHandle;
  readonly StreamFeed: new (id: number) => StreamFeedHandle;
}

/** Ranges that wait: more than hand-outs of a few records fill before their bytes count. 128 KiB of memory. */
const rangesMax = 4096;

/** Where the addon loads and the system has what it needs (POSIX). */
function writerAddon(): WriterAddon | undefined {
  const loaded = loadAddon();
  return "addon" in loaded && "StreamWriter" in loaded.addon ? (loaded.addon as unknown as WriterAddon) : undefined;
}

export function hasNativeWriter(): boolean {
  return writerAddon() !== undefined;
}

/** A feed of the native writer `id`; when that is closed it takes nothing. */
export function nativeFeed(id: number): StreamFeed {
  const handle = new (writerAddon()!.StreamFeed)(id);
  return {
    push(batch, from, to) {
      try {
        return handle.push(batch.memory, from, to);
      } catch (error) {
        throw translated(error);
      }
    },
  };
}

export class NativeStreamWriter implements StreamWriter {
  readonly target: StreamTarget;
  readonly #handle: StreamWriterHandle;
  readonly #cells = new Float64Array(6);
  /** One switch after the other: the handle knows of one. */
  #turn: Promise<void> = Promise.resolve();
  #switched: (() => void) | undefined;

  constructor(fd: number, queueBytes: number, events: StreamEvents) {
    this.#handle = new (writerAddon()!.StreamWriter)(fd, queueBytes, rangesMax, (what, reason) => {
      if (what === event.closed) events.closed(reason);
      else if (what === event.full) events.full?.(reason);
      else if (what === event.room) events.room?.();
      else if (what === event.reached) events.reached?.();
      else this.#switched?.();
    });
    this.target = { kind: "writer", id: this.#handle.id };
  }

  counts(): StreamCounts {
    this.#handle.counts(this.#cells);
    const [pushedRecords, pushedBytes, writtenRecords, writtenBytes, lostRecords, lostBytes] = this
      .#cells as unknown as [number, number, number, number, number, number];
    return { pushedRecords, pushedBytes, writtenRecords, writtenBytes, lostRecords, lostBytes };
  }
  drained(): boolean {
    return this.#handle.drained;
  }
  switchTo(fd: number): Promise<void> {
    this.#turn = this.#turn.then(
      () =>
        new Promise((resolve) => {
          if (this.#handle.switchTo(fd)) this.#switched = resolve;
          else resolve();
        }),
    );
    return this.#turn;
  }
  notice(bytes: number): void {
    this.#handle.notice(bytes);
  }
  async close(): Promise<void> {
    this.#handle.close();
    this.#switched?.();
  }
}
