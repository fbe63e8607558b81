/**
 * Sends each record to the worker that owns its key: this worker's own run at once or go into its ring, the others' go into their
 * owners' rings, gathered into blocks. For the portable engine; twin of `native/shard/router.h`, where groups are explained.
 */

import type { Sharding } from "../engine/engine.ts";
import { stopCause } from "../engine/layout.ts";
import { RecordContext } from "../engine/portable/plan/record_context.ts";
import type { Runner } from "../engine/portable/plan/run.ts";
import type { GroupProgress, PortableFramer } from "../frame/framer.ts";
import { SharedRing } from "../ring/shared.ts";
import { ShardOwners } from "./shard_key.ts";

/** Most records in a group, as on the native engine. */
const groupRecordsMax = 4096;

export class ShardRouter {
  /** A `stopCause` of the last call. */
  stoppedBy: number = stopCause.none;
  readonly #context = new RecordContext();
  readonly #owners: ShardOwners;
  readonly #self: number;
  readonly #rings: readonly SharedRing[];
  /** The group at hand: start and end of each record, who owns it, whether its LF follows. */
  readonly #ranges = new Int32Array(2 * groupRecordsMax);
  readonly #owner = new Uint8Array(groupRecordsMax);
  readonly #lfFollows = new Uint8Array(groupRecordsMax);
  readonly #owned: Uint32Array;
  #records = 0;
  #bytes = 0;
  /** Memory of the first record where it is not the chunk. */
  #carried: Buffer | undefined;
  /** Ranges of one owner's records. */
  readonly #pushed = new Int32Array(2 * groupRecordsMax);

  constructor({ key, self, rings, producer }: Sharding) {
    this.#owners = new ShardOwners(key, rings.length);
    this.#self = self;
    this.#rings = rings.map((memory) => new SharedRing(memory, producer));
    this.#owned = new Uint32Array(rings.length);
  }

  /** @param runner absent: this worker's own records go into its ring as well. @returns where it stopped, as `Engine.runChunk` */
  runChunk(runner: Runner | undefined, framer: PortableFramer, chunk: Buffer, from: number, nowMs: number): number {
    runner?.begin(this.#context.ofStream(framer.source, nowMs));
    framer.begin(chunk);
    let at = from;
    for (;;) {
      framer.mark();
      const last = this.#gather(framer, at);
      this.stoppedBy = this.#records === 0 ? stopCause.none : this.#settle(runner, framer, chunk, nowMs);
      if (this.stoppedBy !== stopCause.none) break;
      at = framer.at;
      if (last) break;
    }
    runner?.flush();
    if (this.stoppedBy === stopCause.none) {
      framer.keep();
      return chunk.length;
    }
    framer.rewind();
    return at;
  }

  runEnd(runner: Runner | undefined, framer: PortableFramer, nowMs: number): boolean {
    this.stoppedBy = stopCause.none;
    if (!framer.nextEnd()) return true;
    this.#clear();
    this.#add(framer);
    runner?.begin(this.#context.ofStream(framer.source, nowMs));
    this.stoppedBy = this.#settle(runner, framer, framer.bytes, nowMs);
    runner?.flush();
    if (this.stoppedBy !== stopCause.none) return false;
    framer.accept();
    return true;
  }

  #clear(): void {
    this.#records = 0;
    this.#bytes = 0;
    this.#carried = undefined;
    this.#owned.fill(0);
  }

  /** Collects the next group. @returns whether no whole record is left in the chunk */
  #gather(framer: PortableFramer, from: number): boolean {
    this.#clear();
    let at = from;
    while (framer.next(at)) {
      if (!this.#takesAlso(framer.end - framer.start + 1, framer.progress)) return false;
      this.#add(framer);
      framer.accept();
      at = framer.after;
      framer.at = at;
    }
    return true;
  }

  /** A group that was given back ends where it ended before, whatever has come behind it since. */
  #takesAlso(bytes: number, progress: GroupProgress): boolean {
    if (progress.records !== 0) return this.#records < progress.records;
    if (this.#records === 0) return true;
    if (this.#records === groupRecordsMax) return false;
    // Rings of one data plane are all of one size.
    return this.#rings[0]!.sharesBlock(this.#records + 1, this.#bytes + bytes);
  }

  #add(framer: PortableFramer): void {
    const i = this.#records++;
    const { bytes, start, end } = framer;
    const owner = this.#owners.owner(bytes, start, end, framer.source);
    this.#ranges[2 * i] = start;
    this.#ranges[2 * i + 1] = end;
    this.#owner[i] = owner;
    this.#lfFollows[i] = framer.followedByLf ? 1 : 0;
    this.#owned[owner]!++;
    this.#bytes += end - start + 1;
    // Only the first record of a chunk can lie in the framer's own memory.
    if (framer.carriesRecord) this.#carried = bytes;
  }

  /** Moves every record of the group that is not settled yet, as far as there is room. @returns a `stopCause` */
  #settle(runner: Runner | undefined, framer: PortableFramer, chunk: Buffer, nowMs: number): number {
    const { progress, source } = framer;
    const push = (owner: number, skip: number): boolean => {
      const pushed = this.#pushed;
      let records = 0;
      let seen = 0;
      let carried: Buffer | undefined;
      for (let i = 0; i < this.#records; i++) {
        if (this.#owner[i] !== owner || seen++ < skip) continue;
        if (i === 0) carried = this.#carried;
        pushed[2 * records] = this.#ranges[2 * i]!;
        pushed[2 * records + 1] = this.#ranges[2 * i + 1]!;
        records++;
      }
      return this.#rings[owner]!.pushRecords(pushed, records, carried, chunk, source, nowMs);
    };
    let ringFull = false;
    for (let owner = 0; owner < this.#rings.length; owner++) {
      if (owner === this.#self || this.#owned[owner] === 0 || progress.owners.has(owner)) continue;
      if (push(owner, 0)) progress.owners.add(owner);
      else ringFull = true;
    }
    const own = this.#owned[this.#self]!;
    let batchFull = false;
    if (progress.own < own) {
      if (runner === undefined) {
        if (push(this.#self, progress.own)) progress.own = own;
        else ringFull = true;
      } else {
        batchFull = !this.#runOwn(runner, progress, chunk);
      }
    }
    if (!batchFull && !ringFull) {
      progress.records = 0;
      progress.own = 0;
      progress.owners.clear();
      return stopCause.none;
    }
    progress.records = this.#records;
    return batchFull ? stopCause.batchFull : stopCause.ringFull;
  }

  /** @returns false when the batch is full */
  #runOwn(runner: Runner, progress: GroupProgress, chunk: Buffer): boolean {
    let seen = 0;
    for (let i = 0; i < this.#records; i++) {
      if (this.#owner[i] !== this.#self || seen++ < progress.own) continue;
      const bytes = i === 0 && this.#carried !== undefined ? this.#carried : chunk;
      if (!runner.run(bytes, this.#ranges[2 * i]!, this.#ranges[2 * i + 1]!, this.#lfFollows[i] === 1)) return false;
      progress.own++;
    }
    return true;
  }
}
