/** A ring opened by the addon. What JavaScript adds is the wake-up: the addon cannot notify a waiter of `Atomics.waitAsync`. */

import { ringHeader } from "../../ring/layout.ts";
import type { Addon, NativeRing } from "../addon.ts";
import type { Batch } from "../batch.ts";
import type { Framer, Ring } from "../engine.ts";
import { translated } from "./errors.ts";
import type { NativeFramerHandle } from "./framer.ts";

const wakeAt = ringHeader.offsets.wake / 4;
const waitingAt = ringHeader.offsets.waiting / 4;

export class NativeRingHandle implements Ring {
  readonly handle: NativeRing;
  readonly #words: Int32Array;

  constructor(addon: Addon, memory: SharedArrayBuffer, producer: number) {
    try {
      this.handle = new addon.Ring(new Uint8Array(memory), producer);
      this.#words = new Int32Array(memory, 0, ringHeader.bytes / 4);
    } catch (error) {
      throw translated(error);
    }
  }

  isEmpty(): boolean {
    try {
      return this.handle.isEmpty();
    } catch (error) {
      throw translated(error);
    }
  }

  get blocks(): number {
    try {
      return this.handle.blocks;
    } catch (error) {
      throw translated(error);
    }
  }

  get bytes(): number {
    try {
      return this.handle.bytes;
    } catch (error) {
      throw translated(error);
    }
  }

  pushChunk(framer: Framer, chunk: Uint8Array, from: number, receivedAtMs: number): number {
    try {
      const to = this.handle.pushChunk((framer as NativeFramerHandle).handle, chunk, from, receivedAtMs);
      this.#notify();
      return to;
    } catch (error) {
      throw translated(error);
    }
  }

  pushEnd(framer: Framer, receivedAtMs: number): boolean {
    try {
      const done = this.handle.pushEnd((framer as NativeFramerHandle).handle, receivedAtMs);
      this.#notify();
      return done;
    } catch (error) {
      throw translated(error);
    }
  }

  pushBatch(batch: Batch, from: number, to: number): number {
    try {
      const stopped = this.handle.pushBatch(batch.memory, from, to);
      this.#notify();
      return stopped;
    } catch (error) {
      throw translated(error);
    }
  }

  skipAbandoned(force: boolean): boolean {
    try {
      return this.handle.skipAbandoned(force);
    } catch (error) {
      throw translated(error);
    }
  }

  close(): void {
    this.handle.close();
  }

  /** The addon has incremented `wake` with each commit; a consumer that waits is told here, once a call. */
  #notify(): void {
    if (Atomics.load(this.#words, waitingAt) === 1) Atomics.notify(this.#words, wakeAt);
  }
}
