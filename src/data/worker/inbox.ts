/**
 * Where a worker's records meet its engine: chunks of its own sockets run in place, blocks of its ring run in turn.
 *
 * The native reader brings no more than can run at once, its sockets keep the rest. A chunk from elsewhere runs at once when nothing
 * waits before it and the outputs take more; else it goes into the ring, and when the ring is full its source holds the rest and
 * pauses. So the order within a source never changes, and what waits is bounded.
 */

import { asksSource } from "../../plan/asks_source.ts";
import { BatchPool, type SharedBatch } from "../delivery/batch_pool.ts";
import type { Outputs, PreparedOutputs } from "../delivery/outputs.ts";
import type { Engine, EngineKind, Framer, PreparedPlan, Ring, RuleEffect, Sharding } from "../engine/engine.ts";
import { runResult, stopCause } from "../engine/layout.ts";
import type { Quarantine } from "../quarantine/store.ts";
import { Withholding } from "../quarantine/withholding.ts";
import { RingHead } from "../ring/head.ts";
import { ringHeader } from "../ring/layout.ts";
import { notify, waitForBlocks } from "../ring/wait.ts";
import { Overload, type OverloadOptions, overloadThresholds } from "./overload.ts";
import type { RecentRecords } from "./recent.ts";
import { Tail } from "./tail.ts";

const separatesSourcesAt = ringHeader.offsets.separatesSources / 4;

/** What a source of bytes pushes into: this worker's inbox, or the ring of another worker. */
export interface Intake {
  /** @returns where it stopped: `chunk.length`, or less: hold the rest, pause, and wait for room */
  accept(framer: Framer, chunk: Uint8Array, from: number): number;
  /** The stream has ended. @returns false: wait for room and call again */
  acceptEnd(framer: Framer): boolean;
  /** Calls `resume` when there may be room, in the order of the calls; it returns false when it must wait on. */
  waitForRoom(resume: () => boolean): void;
}

/** What reads sockets straight into the engine (the native TCP reader) and keeps, a bounded amount, what finds no room. */
export interface Reader {
  /**
   * One bounded pass over what is readable.
   * @returns runResult.done, or runResult.batchFull: attach another batch and call again, it goes on where it was; or
   *   runResult.ringFull: call again when the rings of other workers may have room
   */
  read(engine: Engine): number;
  /** No more wake-ups: what arrives stays with the system, and peers feel that. */
  pause(): void;
  resume(): void;
}

/** Where such a reader belongs: an inbox, as its reader sees it. */
export interface ReaderSite {
  attach(reader: Reader): void;
  detach(reader: Reader): void;
  /** There is something to read. */
  readable(): void;
}

/** Sharded: attempts of sources that find their owners' rings full, in one turn; each frames and hashes up to 64 KiB again. */
const waiterFailuresPerTurn = 8;
/** Blocks that run before sockets and timers get their turn again; of 64 KiB each, a few milliseconds. */
const blocksPerTurn = 32;
/** A claim whose producer died before it wrote the header is skipped when the head has not moved for this long. */
const deadClaimMs = 1000;
/** How often windows of summaries are looked at when no record comes that would do it. */
const tickMs = 1000;

export interface InboxOptions {
  readonly kind: EngineKind;
  readonly ringMemory: SharedArrayBuffer;
  readonly producer: number;
  readonly outputs: Outputs;
  readonly quarantine: Quarantine;
  /** Publishes the ledger: called after every block or chunk. */
  readonly published: () => void;
  /** Absent: every record runs here. */
  readonly sharding?: Sharding | undefined;
  /** Is told which records have passed. */
  readonly recent?: RecentRecords;
  /** Absent: sources wait, whatever the load. */
  readonly overload?: Pick<OverloadOptions, "mode" | "log" | "thresholds">;
}

export class Inbox implements Intake, ReaderSite {
  readonly ring: Ring;
  readonly #engine: Engine;
  readonly #ringMemory: SharedArrayBuffer;
  readonly #ringHead: RingHead;
  readonly #ringHeader: Uint32Array;
  readonly #ringSlots: number;
  readonly #ringCapacityBytes: number;
  readonly #outputs: Outputs;
  readonly #published: () => void;
  readonly #sharded: boolean;
  readonly #recent: RecentRecords | undefined;
  /** For people who look on. */
  readonly tail: Tail;
  readonly #pool: BatchPool;
  /** Where records go that a rule cannot finish. */
  readonly withholding: Withholding;
  /** When to run fewer rules. */
  readonly overload: Overload | undefined;
  #overloadLook: NodeJS.Timeout | undefined;
  #open: SharedBatch;
  /** Records of the open batch that the outputs have. */
  #handedOut = 0;
  /** When the oldest of what the open batch has and the outputs have not came. */
  #cameMs = Number.POSITIVE_INFINITY;
  /** Set when the open batch is full and the outputs take no more: bytes that the next record needs. */
  #needBytes: number | undefined;
  /** A block of the ring is half run. */
  #midBlock = false;
  #waiters: (() => boolean)[] = [];
  #deadClaims: NodeJS.Timeout | undefined;
  #roomLook: NodeJS.Timeout | undefined;
  #ticks: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;
  #flush: NodeJS.Immediate | undefined;
  #watching = false;
  #closed = false;
  #stopped = false;
  /** A plan runs. Before the first one everything waits in the ring. */
  #hasPlan = false;
  #reader: Reader | undefined;
  /** The reader is paused and has, or may have, something. */
  #readerWaits = false;
  /** Reader and ring take turns at room that has come free, so that neither starves the other. */
  #readerFirst = false;

  constructor({
    kind,
    ringMemory,
    producer,
    outputs,
    quarantine,
    published,
    sharding,
    overload,
    recent,
  }: InboxOptions) {
    this.#engine = kind.createEngine();
    this.withholding = new Withholding(this.#engine, quarantine);
    this.#sharded = sharding !== undefined;
    if (this.#sharded) this.#engine.shard(sharding);
    this.ring = kind.openRing(ringMemory, producer);
    this.#ringMemory = ringMemory;
    this.#ringHead = new RingHead(ringMemory);
    this.#ringHeader = new Uint32Array(ringMemory, 0, ringHeader.bytes / 4);
    const header = this.#ringHeader;
    this.#ringSlots = header[ringHeader.offsets.slots / 4]!;
    this.#ringCapacityBytes = header[ringHeader.offsets.capacityBytes / 4]!;
    this.#outputs = outputs;
    this.#published = published;
    this.#recent = recent;
    this.tail = new Tail(kind, this.#engine);
    this.#pool = new BatchPool(kind.createBatch);
    this.overload =
      overload &&
      new Overload({
        ...overload,
        prepare: (plan) => kind.prepare(plan),
        use: (plan, counts) => this.#engine.use(plan, counts),
      });
    this.#open = this.#pool.take();
    this.#engine.attach(this.#open.batch);
  }

  /** Whether nothing waits for the engine. */
  get idle(): boolean {
    return this.ring.isEmpty() && this.#waiters.length === 0 && !this.#readerWaits;
  }

  /** What rules in shadow would have done here. */
  effects(): readonly RuleEffect[] {
    return this.#engine.effects();
  }

  attach(reader: Reader): void {
    this.#reader = reader;
    reader.resume();
  }

  detach(reader: Reader): void {
    if (this.#reader !== reader) return;
    this.#reader = undefined;
    this.#readerWaits = false;
    this.#later();
  }

  readable(): void {
    if (this.#ready()) this.#read();
    else this.#pauseReader();
  }

  accept(framer: Framer, chunk: Uint8Array, from: number): number {
    const nowMs = Date.now();
    let at = from;
    this.#lookAtLoad();
    if (this.ring.isEmpty() && this.#ready()) {
      const beganMs = performance.now();
      this.#came(nowMs);
      at = this.#engine.runChunk(framer, chunk, at, nowMs);
      while (this.#engine.stoppedBy === stopCause.batchFull && this.#rotate())
        at = this.#engine.runChunk(framer, chunk, at, nowMs);
      this.overload?.ran(performance.now() - beganMs);
      this.#handOut();
      if (this.#engine.stoppedBy !== stopCause.batchFull) return at;
    }
    const target = this.#sharded ? this.#engine : this.ring;
    at = target.pushChunk(framer, chunk, at, nowMs);
    this.#later();
    return at;
  }

  acceptEnd(framer: Framer): boolean {
    const nowMs = Date.now();
    if (this.ring.isEmpty() && this.#ready()) {
      let done = this.#engine.runEnd(framer, nowMs);
      while (this.#engine.stoppedBy === stopCause.batchFull && this.#rotate())
        done = this.#engine.runEnd(framer, nowMs);
      this.#handOut();
      if (this.#engine.stoppedBy !== stopCause.batchFull) return done;
    }
    const target = this.#sharded ? this.#engine : this.ring;
    const done = target.pushEnd(framer, nowMs);
    this.#later();
    return done;
  }

  waitForRoom(resume: () => boolean): void {
    this.#waiters.push(resume);
    this.#later();
  }

  /** The outputs may take more than before: run what waits, and watch the ring again if they had stopped that. */
  outputsChanged(): void {
    if (!this.idle || !this.#watching) this.#later();
  }

  /** A native thread of this worker has pushed records, into this ring or their owners'. */
  arrived(): void {
    this.#engine.wakeOwners();
    this.#later();
  }

  /** Runs what the ring holds from now on. */
  start(): void {
    this.#later();
  }

  /**
   * Phase 2 of a reload, between two blocks: what has run leaves to the outputs that it was made for, and what comes
   * next meets the new plan.
   */
  swap(prepared: PreparedPlan, counts: Float64Array, outputs: PreparedOutputs): void {
    this.#finishBlock();
    this.#tellLast(prepared);
    this.#engine.use(prepared, counts);
    this.withholding.use(prepared.plan.rules);
    Atomics.store(this.#ringHeader, separatesSourcesAt, asksSource(prepared.plan) ? 1 : 0);
    this.#tickWhere(prepared);
    this.overload?.reset(prepared, counts);
    this.tail.use(
      prepared.plan,
      outputs.deliveries.map(({ delivery }) => delivery.id),
    );
    this.#hasPlan = true;
    this.#outputs.swap(outputs);
    this.#later();
  }

  /** A block half run is finished under its plan even if the outputs are full: a stuck output must not keep its own removal away. */
  #finishBlock(): void {
    while (this.#midBlock) {
      if (this.#needBytes !== undefined) this.#attachFresh(this.#needBytes);
      this.#midBlock = this.#engine.runBlock(this.ring) === runResult.batchFull;
      if (this.#midBlock && !this.withholding.madeRoom()) this.#seal();
    }
    this.#handOut();
  }

  /** What rules dropped and the plan to come does not go on with is told to the outputs at hand, even if they are full. */
  #tellLast(next?: PreparedPlan): void {
    if (!this.#hasPlan) return;
    const nowMs = Date.now();
    if (this.#needBytes !== undefined) this.#attachFresh(this.#needBytes);
    while (!this.#engine.tellLast(nowMs, next)) {
      if (this.withholding.madeRoom()) continue;
      this.#seal();
      this.#attachFresh(this.#needBytes!);
    }
    this.#handOut();
  }

  /** A plan in which nothing remembers needs no ticks, and an idle worker sleeps. */
  #tickWhere({ plan }: PreparedPlan): void {
    clearInterval(this.#ticks);
    this.#ticks = undefined;
    if (!plan.operations.some(({ name }) => name === "dedupe" || name === "throttle")) return;
    this.#ticks = setInterval(() => this.#tick(), tickMs).unref();
  }

  #tick(): void {
    // A block half run has its own time; the records behind it come soon.
    if (this.#midBlock || this.#closed || !this.#ready()) return;
    const nowMs = Date.now();
    while (!this.#engine.tick(nowMs)) if (!this.#rotate()) break;
    this.#handOut();
  }

  /**
   * Nothing runs any more: outputs that end must not be given what nobody would see to. A block half run is finished, so that the ring counts
   * what did not run and nothing else.
   */
  stop(): void {
    this.#finishBlock();
    this.#tellLast();
    clearInterval(this.#ticks);
    this.#stopped = true;
  }

  /** A producer of this ring has died. */
  producerDied(): void {
    while (this.ring.skipAbandoned(false)) {}
    this.#skipUnwritten();
    this.#later();
  }

  /**
   * A claim of which nothing was written is skipped when it is still at the head a second after it was first seen there; looks
   * again each second until the ring is empty, because living producers go on while such a claim lies behind their blocks.
   */
  #skipUnwritten(): void {
    if (this.#deadClaims !== undefined || this.#closed || this.ring.isEmpty()) return;
    this.ring.skipAbandoned(true);
    this.#deadClaims = setTimeout(() => {
      this.#deadClaims = undefined;
      this.#skipUnwritten();
      this.#later();
    }, deadClaimMs).unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#roomLook);
    clearInterval(this.#ticks);
    clearTimeout(this.#overloadLook);
    this.overload?.close();
    clearImmediate(this.#turn);
    clearImmediate(this.#flush);
    notify(this.#ringMemory);
    this.#engine.close();
    this.ring.close();
  }

  /** Whether a record could run now. */
  #ready(): boolean {
    if (!this.#hasPlan || this.#stopped) return false;
    if (!this.#outputs.accepting) {
      this.overload?.outputsBlocked();
      return false;
    }
    if (this.#needBytes !== undefined) this.#attachFresh(this.#needBytes);
    else this.#reuse();
    return true;
  }

  /** The batch is full: the next one, or false when the outputs take no more. What was withheld may have been full instead. */
  #rotate(): boolean {
    if (this.withholding.madeRoom()) return true;
    this.#seal();
    return this.#ready();
  }

  #seal(): void {
    this.#needBytes = this.#engine.needBytes;
    this.#handOut();
  }

  #attachFresh(bytes: number): void {
    this.#open.release();
    this.#open = this.#pool.take(bytes);
    this.#handedOut = 0;
    this.#needBytes = undefined;
    this.#engine.attach(this.#open.batch);
  }

  /** What runs next came then. */
  #came(ms: number): void {
    if (ms < this.#cameMs) this.#cameMs = ms;
  }

  /** Gives the outputs what the open batch has gained. */
  #handOut(): void {
    this.withholding.look();
    const { batch } = this.#open;
    const to = batch.records;
    if (to > this.#handedOut) {
      const nowMs = Date.now();
      this.#recent?.passed(batch, this.#handedOut, to, nowMs);
      this.tail.passed(batch, this.#handedOut, to, nowMs);
      this.#outputs.push(this.#open, this.#handedOut, to, this.#cameMs);
      this.#cameMs = Number.POSITIVE_INFINITY;
      this.#handedOut = to;
      this.#flush ??= setImmediate(() => this.#flushOutputs());
    }
    this.#reuse();
    this.#published();
  }

  /** Everything that it gained was handed out and has gone (a console that keeps up): begin the same memory again while it is in the cache. */
  #reuse(): void {
    if (this.#handedOut === 0 || this.#needBytes !== undefined || !this.#open.unshared) return;
    if (this.#open.batch.records !== this.#handedOut) return;
    this.#open.batch.clear();
    this.#handedOut = 0;
  }

  /** What the reader has goes to the engine past the ring: its sockets keep the rest, so there is nothing to overtake. */
  #read(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    this.#lookAtLoad();
    const beganMs = performance.now();
    this.#came(Date.now());
    let result = reader.read(this.#engine);
    while (result === runResult.batchFull && this.#rotate()) result = reader.read(this.#engine);
    this.overload?.ran(performance.now() - beganMs);
    this.#handOut();
    if (result === runResult.batchFull || result === runResult.ringFull) {
      this.#pauseReader();
      if (result === runResult.ringFull) this.#lookForRoom();
    } else if (this.#readerWaits) {
      this.#readerWaits = false;
      reader.resume();
    }
  }

  #pauseReader(): void {
    if (this.#reader === undefined || this.#readerWaits) return;
    this.#readerWaits = true;
    this.#reader.pause();
  }

  #readOn(): void {
    if (this.#readerWaits && this.#ready()) this.#read();
  }

  /** Nothing more will come now: there is nothing, or it has to wait until the outputs have dealt with what they hold. */
  get #flushIsDue(): boolean {
    return this.idle || !this.#outputs.accepting;
  }

  #flushOutputs(): void {
    this.#flush = undefined;
    if (this.#flushIsDue) this.#outputs.flush();
  }

  #later(): void {
    if (this.#closed || this.#stopped) return;
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      if (!this.#stopped) this.#run();
    });
  }

  /** One turn: a bounded number of blocks, whoever waits for room, then again or asleep. */
  #run(): void {
    this.#lookAtLoad();
    const readerFirst = this.#readerFirst;
    this.#readerFirst = !readerFirst;
    if (readerFirst) this.#readOn();
    let blocks = 0;
    let more = true;
    while (more && blocks < blocksPerTurn && this.#ready()) {
      if (this.overload?.ends === true) this.#lookAtLoad();
      const beganMs = performance.now();
      this.#came(this.#ringHead.receivedMs);
      const result = this.#engine.runBlock(this.ring);
      this.overload?.ran(performance.now() - beganMs);
      this.#midBlock = result === runResult.batchFull;
      if (result === runResult.batchFull) more = this.#rotate();
      else if (result === runResult.empty) more = this.ring.skipAbandoned(false);
      else blocks++;
    }
    this.#handOut();
    this.#callWaiters();
    if (!readerFirst) this.#readOn();
    // With an output full, `outputsChanged` continues.
    if (blocks === blocksPerTurn) this.#later();
    else if (this.#hasPlan && this.#outputs.accepting) void this.#watch();
    if (this.#flushIsDue) this.#flush ??= setImmediate(() => this.#flushOutputs());
  }

  /** Before blocks or chunks run, where one plan may follow another. */
  #lookAtLoad(): void {
    const overload = this.overload;
    if (overload === undefined || this.#midBlock || !this.#hasPlan) return;
    const { blocks, bytes } = this.ring;
    const ringShare = Math.max(blocks / this.#ringSlots, bytes / this.#ringCapacityBytes);
    if (this.#outputs.strained) overload.outputsBlocked();
    overload.look(performance.now(), ringShare);
    if (!overload.active || this.#overloadLook !== undefined) return;
    // When the flood is over nothing else may come for long.
    this.#overloadLook = setTimeout(() => {
      this.#overloadLook = undefined;
      this.#later();
    }, overloadThresholds.windowMs).unref();
  }

  #callWaiters(): void {
    if (!this.#sharded) {
      while (this.#waiters.length > 0 && this.#waiters[0]!()) this.#waiters.shift();
      return;
    }
    // One may wait for a ring that the next does not need, so some fail before the rest must wait.
    let failures = 0;
    for (let left = this.#waiters.length; left > 0 && failures < waiterFailuresPerTurn; left--) {
      const waiter = this.#waiters.shift()!;
      if (waiter()) continue;
      this.#waiters.push(waiter);
      failures++;
    }
    this.#lookForRoom();
  }

  /** Other workers' rings tell nobody that they have room again. */
  #lookForRoom(): void {
    if (this.#waiters.length === 0 && !this.#readerWaits) return;
    this.#roomLook ??= setTimeout(() => {
      this.#roomLook = undefined;
      this.#later();
    }, roomLookMs);
  }

  /** Sleeps until another thread commits a block. */
  async #watch(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    await waitForBlocks(this.#ringMemory);
    this.#watching = false;
    this.#later();
  }
}

/** The ring of another worker, for connections that a single listener deals out. */
export class RemoteInbox implements Intake {
  readonly #ring: Ring;
  readonly #memory: SharedArrayBuffer;
  #waiters: (() => boolean)[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(kind: EngineKind, memory: SharedArrayBuffer, producer: number) {
    this.#ring = kind.openRing(memory, producer);
    this.#memory = memory;
  }

  accept(framer: Framer, chunk: Uint8Array, from: number): number {
    const at = this.#ring.pushChunk(framer, chunk, from, Date.now());
    notify(this.#memory);
    return at;
  }

  acceptEnd(framer: Framer): boolean {
    const done = this.#ring.pushEnd(framer, Date.now());
    notify(this.#memory);
    return done;
  }

  waitForRoom(resume: () => boolean): void {
    this.#waiters.push(resume);
    this.#timer ??= setTimeout(() => this.#look(), roomLookMs);
  }

  #look(): void {
    this.#timer = undefined;
    while (this.#waiters.length > 0 && this.#waiters[0]!()) this.#waiters.shift();
    if (this.#waiters.length > 0) this.#timer = setTimeout(() => this.#look(), roomLookMs);
  }
}

/** The consumer of a ring tells no producer that there is room again. */
const roomLookMs = 2;
