/** The engine's loop in the addon: one call for a chunk or a block, numbers in and numbers out. */

import { ringHeader } from "../../ring/layout.ts";
import type { Addon, NativeEngine } from "../addon.ts";
import type { Batch } from "../batch.ts";
import type { Engine, Framer, PreparedPlan, Ring, RuleEffect, Sharding, WatchedRule } from "../engine.ts";
import type { Withheld } from "../withheld.ts";
import { translated } from "./errors.ts";
import type { NativeFramerHandle } from "./framer.ts";
import type { NativePreparedPlan } from "./plan.ts";
import type { NativeRingHandle } from "./ring.ts";

const wakeAt = ringHeader.offsets.wake / 4;
const waitingAt = ringHeader.offsets.waiting / 4;

export class NativeEngineHandle implements Engine {
  readonly handle: NativeEngine;
  /** The headers of all rings when sharded. */
  #owners: readonly Int32Array[] = [];

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

  attachWithheld(withheld: Withheld): void {
    try {
      this.handle.attachWithheld(withheld.memory);
    } catch (error) {
      throw translated(error);
    }
  }

  shard(sharding: Sharding | undefined): void {
    try {
      this.#owners = [];
      if (sharding === undefined) {
        this.handle.shard();
        return;
      }
      const { key, self, rings, producer } = sharding;
      const memories = rings.map((memory) => new Uint8Array(memory));
      this.handle.shard(key.kind, key.paths, self, memories, producer);
      this.#owners = rings.map((memory) => new Int32Array(memory, 0, ringHeader.bytes / 4));
    } catch (error) {
      throw translated(error);
    }
  }

  runChunk(framer: Framer, chunk: Uint8Array, from: number, receivedAtMs: number): number {
    try {
      return this.handle.runChunk((framer as NativeFramerHandle).handle, chunk, from, receivedAtMs);
    } catch (error) {
      throw translated(error);
    } finally {
      this.wakeOwners();
    }
  }

  runEnd(framer: Framer, receivedAtMs: number): boolean {
    try {
      return this.handle.runEnd((framer as NativeFramerHandle).handle, receivedAtMs);
    } catch (error) {
      throw translated(error);
    } finally {
      this.wakeOwners();
    }
  }

  pushChunk(framer: Framer, chunk: Uint8Array, from: number, receivedAtMs: number): number {
    try {
      return this.handle.pushChunk((framer as NativeFramerHandle).handle, chunk, from, receivedAtMs);
    } catch (error) {
      throw translated(error);
    } finally {
      this.wakeOwners();
    }
  }

  pushEnd(framer: Framer, receivedAtMs: number): boolean {
    try {
      return this.handle.pushEnd((framer as NativeFramerHandle).handle, receivedAtMs);
    } catch (error) {
      throw translated(error);
    } finally {
      this.wakeOwners();
    }
  }

  get stoppedBy(): number {
    return this.handle.stoppedBy;
  }

  /** The addon has incremented `wake` with each commit, and cannot notify a waiter of `Atomics.waitAsync`. */
  wakeOwners(): void {
    for (const words of this.#owners) if (Atomics.load(words, waitingAt) === 1) Atomics.notify(words, wakeAt);
  }

  runBlock(ring: Ring): number {
    try {
      return this.handle.runBlock((ring as NativeRingHandle).handle);
    } catch (error) {
      throw translated(error);
    }
  }

  tick(nowMs: number): boolean {
    try {
      return this.handle.tick(nowMs);
    } catch (error) {
      throw translated(error);
    }
  }

  tellLast(nowMs: number, next?: PreparedPlan): boolean {
    try {
      return this.handle.tellLast(nowMs, (next as NativePreparedPlan | undefined)?.handle);
    } catch (error) {
      throw translated(error);
    }
  }

  effects(): readonly RuleEffect[] {
    return this.handle.effects();
  }

  watch(rules: readonly number[]): void {
    this.handle.watch(rules);
  }

  takeWatched(): readonly WatchedRule[] {
    return this.handle.takeWatched();
  }

  get needBytes(): number {
    return this.handle.needBytes;
  }

  close(): void {
    this.handle.close();
  }
}
