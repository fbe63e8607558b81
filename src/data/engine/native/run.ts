/** The engine's loop in the addon: one call for a chunk or a block, numbers in and numbers out. */

import type { Addon, NativeEngine } from "../addon.ts";
import type { Batch } from "../batch.ts";
import type { Engine, Framer, PreparedPlan, Ring } from "../engine.ts";
import { translated } from "./errors.ts";
import type { NativeFramerHandle } from "./framer.ts";
import type { NativePreparedPlan } from "./plan.ts";
import type { NativeRingHandle } from "./ring.ts";

export class NativeEngineHandle implements Engine {
  readonly handle: NativeEngine;

  constructor(addon: Addon) {
    this.handle = new addon.Engine();
  }

  use(prepared: PreparedPlan, counts: Float64Array): void {
    try {
      this.handle.use((prepared as NativePreparedPlan).handle, counts);
    } catch (error) {
      throw translated(error);
    }
  }

  attach(batch: Batch): void {
    try {
      this.handle.attach(batch.memory);
    } catch (error) {
      throw translated(error);
    }
  }

  /** Records keep no time in a batch yet, so the chunk's is not passed on. */
  runChunk(framer: Framer, chunk: Uint8Array, from: number, _receivedAtMs: number): number {
    try {
      return this.handle.runChunk((framer as NativeFramerHandle).handle, chunk, from);
    } catch (error) {
      throw translated(error);
    }
  }

  runEnd(framer: Framer, _receivedAtMs: number): boolean {
    try {
      return this.handle.runEnd((framer as NativeFramerHandle).handle);
    } catch (error) {
      throw translated(error);
    }
  }

  runBlock(ring: Ring): number {
    try {
      return this.handle.runBlock((ring as NativeRingHandle).handle);
    } catch (error) {
      throw translated(error);
    }
  }

  get needBytes(): number {
    return this.handle.needBytes;
  }

  close(): void {
    this.handle.close();
  }
}
