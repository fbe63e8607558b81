/**
 * One interface, two engines. `native/` wraps the addon (C++, RE2), `portable/` is TypeScript and re2js. A worker sees only this.
 *
 * The way of a record: a chunk enters with its connection's framer; `Engine.runChunk` cuts it into records, runs the plan
 * on each and appends survivors to the attached batch. What cannot run at once (the outputs are full, or it came from another
 * thread) goes through a ring as blocks: `Ring.pushChunk`, later `Engine.runBlock`. Nothing here calls back per record.
 */

import type { JsonEnvelope } from "../../outputs/envelope.ts";
import type { Plan } from "../../plan/operations.ts";
import type { PatternCheck } from "../../plan/pattern.ts";
import type { Framing } from "../frame/framing.ts";
import type { Source } from "../frame/source.ts";
import type { ShardKey } from "../shard/shard_key.ts";
import type { Batch } from "./batch.ts";
import type { Encoder } from "./encoder.ts";
import type { Withheld } from "./withheld.ts";

/** The state of one byte stream between two chunks: the unfinished record. At most MAX_RECORD_BYTES + a few bytes are held. */
export interface Framer {
  /** Bytes held of a record that is not finished. */
  readonly pendingBytes: number;
  /**
   * Bytes that have come since that record began, its header and what is over MAX_RECORD_BYTES included. 0: none has begun. Larger by a
   * whole chunk than before it: the record is still the same.
   */
  readonly begunBytes: number;
  /** Frees the memory. Calling it twice does no harm. */
  close(): void;
}

/** A ring over shared memory. Any thread may open one over the same memory; one thread only may be its consumer. */
export interface Ring {
  /** True when nothing is committed or claimed. */
  isEmpty(): boolean;
  /** Unread blocks (claimed ones included). */
  readonly blocks: number;
  /** Unread bytes (claimed ones and padding included). */
  readonly bytes: number;
  /**
   * Frames `chunk` from byte `from` and pushes whole records as blocks of at most 64 KiB of records (or one larger record).
   * @returns where it stopped: `chunk.length`, or less when the ring was full: pause the source and call again from there
   */
  pushChunk(framer: Framer, chunk: Uint8Array, from: number, receivedAtMs: number): number;
  /** Pushes what the framer still holds when its stream has ended. @returns false when the ring was full: call again */
  pushEnd(framer: Framer, receivedAtMs: number): boolean;
  /**
   * Pushes records `from` (inclusive) to `to` (exclusive) of a batch as they lie, as blocks of whole records.
   * @returns the index at which it stopped: `to`, or less when the ring was full: call again from there
   */
  pushBatch(batch: Batch, from: number, to: number): number;
  /**
   * Consumer only. Skips the claim at the head when its producer is dead.
   * @param force also skip a claim whose header was never written (its producer died between claim and first store), if an
   *   earlier forced call found it at the head; pass true only when a producer has died, and a second apart
   * @returns whether something was skipped
   */
  skipAbandoned(force: boolean): boolean;
  close(): void;
}

/** A plan made ready: RE2 programs and tables. Belongs to the thread that prepared it. */
export interface PreparedPlan {
  readonly plan: Plan;
  close(): void;
}

/** Which records are a worker's own, and where the others go (`docs/sharding.md`). */
export interface Sharding {
  readonly key: ShardKey;
  /** This worker's index in `rings`. */
  readonly self: number;
  /** The memory of every worker's ring, by index, all of one size. */
  readonly rings: readonly SharedArrayBuffer[];
  /** This thread's number in their tables of producers. */
  readonly producer: number;
}

/** What a service's records were, of those that a rule in shadow hit. */
export interface ServiceEffect {
  /** As the record spells it, UTF-8 or not; empty: it names none. At most 256 bytes. */
  readonly name: Uint8Array;
  readonly records: number;
  readonly bytes: number;
}

/** What a rule would have done since it has been in shadow, had it alone been enforced in its place. Bytes are as received. */
export interface RuleEffect {
  /** Index into the plan's rules. */
  readonly rule: number;
  /** Records that it would have dropped, changed, withheld or routed, and their bytes; by `severity`, 0 is unknown. */
  readonly records: readonly number[];
  readonly bytes: readonly number[];
  /** Bytes that would not have left: of records dropped or withheld, and what a change takes off; less than 0 where it adds. */
  readonly savedBytes: number;
  /** At most `effectServicesMax`, as they were first met. */
  readonly services: readonly ServiceEffect[];
  /** The services beyond them, together; without a name. */
  readonly others: ServiceEffect;
  /** Up to `effectExamplesMax` of the records as received, each of them as likely as any other: not to be shown as they are. */
  readonly examples: readonly Uint8Array[];
}

/** What a rule that somebody watches has done since the last look. */
export interface WatchedRule {
  /** Index into the plan's rules. */
  readonly rule: number;
  /** Records that it dropped, changed, withheld or routed, or in shadow would have. */
  readonly records: number;
  /** At most `watchedRecordsMax` of them, as received; none that is longer than `watchedRecordBytesMax`. Not to be shown as they are. */
  readonly examples: readonly Uint8Array[];
}

export interface Engine {
  /**
   * Puts a plan to work. Call between two blocks only. What rules remember goes on where a rule of the new plan has the same `state`.
   * @param counts at least `countCellsOf(plan)` zeroed cells; the engine adds to them until the next `use`
   */
  use(prepared: PreparedPlan, counts: Float64Array): void;
  /** Sets the batch that survivors are appended to. It stays the caller's; the engine never clears it. */
  attach(batch: Batch): void;
  /**
   * Sets where records go, as received, that a rule cannot finish. Without one they are counted and kept nowhere.
   *
   * When it has no room the engine stops as with a full batch, with `needBytes` 0 and what is needed in `withheld.needBytes`: take
   * what is there, attach a larger one where that is needed, and call again.
   */
  attachWithheld(withheld: Withheld): void;
  /**
   * From now on `runChunk` and `runEnd` run only the records that this worker owns and push the others into their owners' rings, as
   * blocks; absent: they run all. Call while no source holds anything. Blocks from a ring always run here.
   * @throws StreamGateError SG_LAYOUT when the memory is no ring
   */
  shard(sharding: Sharding | undefined): void;
  /**
   * Frames `chunk` from byte `from` and runs the plan on every whole record.
   * @returns where it stopped: `chunk.length`, or less, and `stoppedBy` says why. When the batch is full attach another (see
   *   `needBytes`) and call again from there; when a ring is full, later. Never loses or repeats a record at the seam.
   */
  runChunk(framer: Framer, chunk: Uint8Array, from: number, receivedAtMs: number): number;
  /** Runs the plan on what the framer still holds when its stream has ended. @returns false when `stoppedBy` something: call again */
  runEnd(framer: Framer, receivedAtMs: number): boolean;
  /** Sharded, when nothing can run now: as `runChunk`, but this worker's own records go into its ring too. Needs no plan. */
  pushChunk(framer: Framer, chunk: Uint8Array, from: number, receivedAtMs: number): number;
  pushEnd(framer: Framer, receivedAtMs: number): boolean;
  /** A `stopCause` of the last of these four. */
  readonly stoppedBy: number;
  /** Sharded: wakes the owners that wait for blocks. The four above do that themselves; a native thread cannot. */
  wakeOwners(): void;
  /** Of the rules that are in shadow, or were and have the same state still. For a person who asks now and then: it makes objects. */
  effects(): readonly RuleEffect[];
  /** From now until the next `use` some of the records that these rules act on are kept, by index; none: nothing is, and nothing is paid. */
  watch(rules: readonly number[]): void;
  /** What was kept since the last call, an entry a rule that is watched. */
  takeWatched(): readonly WatchedRule[];
  /** Runs the block at the ring's head. @returns a `runResult`; after `batchFull` call again with a fresh batch attached */
  runBlock(ring: Ring): number;
  /**
   * Appends the summaries whose windows have ended, as a chunk or block received at `nowMs` would first. Once a second where none may come.
   * @returns false when the batch was full: attach another and call again
   */
  tick(nowMs: number): boolean;
  /**
   * Appends the summaries that rules owe and that `next` would not go on with: all of them when it is absent. Call before `use` and before
   * `close`, or what was dropped is never told.
   * @returns as `tick`
   */
  tellLast(nowMs: number, next?: PreparedPlan): boolean;
  /** After a full batch: bytes that the record which did not fit needs, its LF included. An empty batch of that size takes it. 0: see `attachWithheld`. */
  readonly needBytes: number;
  close(): void;
}

/** What of a range goes to one output. */
export interface Gathered {
  /** The index at which it stopped: the range's end, or less where the target was full. */
  readonly stopped: number;
  /** Of those before `stopped`, that go to the output. */
  readonly records: number;
  /** Theirs, LFs not counted. */
  readonly bytes: number;
  /** Stopped by a full target: bytes that the next one needs there, its LF included; else 0. An empty batch of that size takes it. */
  readonly needBytes: number;
}

export interface EngineKind {
  readonly name: "native" | "portable";
  /** For people: `native (RE2 1.27.1)`. */
  readonly description: string;
  /** Does RE2 take this pattern? The message is RE2's own words, such as `missing ]: [0-9`. */
  checkPattern(pattern: string): PatternCheck;
  /** @throws StreamGateError SG_RULE_PATTERN or SG_CONDITION when an engine's regular expressions refuse a pattern of the plan */
  prepare(plan: Plan): PreparedPlan;
  createEngine(): Engine;
  /** An empty batch in memory that this kind's stream writer can hold by reference; every engine can write to it. */
  createBatch(recordsMax: number, bytesMax: number): Batch;
  /** @throws never: an envelope is data that an output's own test has proven */
  createEncoder(envelope: JsonEnvelope): Encoder;
  /**
   * Counts the records `from` (inclusive) to `to` (exclusive) that go to an output: where all do, the range itself can be sent.
   * @param output 0 to 63: a bit of the entries' routes
   */
  routed(source: Batch, from: number, to: number, output: number): Gathered;
  /**
   * Appends those records to another batch, routes included, until it is full.
   * @param target not `source`
   */
  gather(source: Batch, from: number, to: number, output: number, target: Batch): Gathered;
  /** @param losses `frameCells` cells that the framer adds to; several framers of one thread may share them */
  createFramer(framing: Framing, maxRecordBytes: number, source: Source, losses: Float64Array): Framer;
  /**
   * Opens a ring over memory from `createRingMemory`.
   * @param producer this thread's number in the ring's table of producers, 0 to 63
   * @throws StreamGateError SG_LAYOUT when the memory is no ring
   */
  openRing(memory: SharedArrayBuffer, producer: number): Ring;
}
