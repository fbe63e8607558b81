/**
 * Where a worker's records meet its engine: chunks of its own sockets run in place, blocks of its ring run in turn.
 *
 * A chunk runs at once when nothing waits before it and the outputs take more; else it goes into the ring, and when the ring is
 * full its source holds the rest and pauses. So the order within a source never changes, and what waits is bounded.
 */

import { BatchPool, type SharedBatch } from "../delivery/batch_pool.ts";
import type { Outputs, PreparedOutputs } from "../delivery/outputs.ts";
import type { Engine, EngineKind, Framer, PreparedPlan, Ring } from "../engine/engine.ts";
import { runResult } from "../engine/layout.ts";
import { notify, waitForBlocks } from "../ring/wait.ts";

/** What a source of bytes pushes into: this worker's inbox, or the ring of another worker. */
export interface Intake {
  /** @returns where it stopped: `chunk.length`, or less: hold the rest, pause, and wait for room */
  accept(framer: Framer, chunk: Uint8Array, from: number): number;
  /** The stream has ended. @returns false: wait for room and call again */
  acceptEnd(framer: Framer): boolean;
  /** Calls `resume` when there may be room, in the order of the calls; it returns false when it must wait on. */
  waitForRoom(resume: () => boolean): void;
}

/** Blocks that run before sockets and timers get their turn again; of 64 KiB each, a few milliseconds. */
const blocksPerTurn = 32;
/** A claim whose producer died before it wrote the header is skipped when the head has not moved for this long. */
const deadClaimMs = 1000;

export interface InboxOptions {
  readonly kind: EngineKind;
  readonly ringMemory: SharedArrayBuffer;
  readonly producer: number;
  readonly outputs: Outputs;
  /** Publishes the ledger: called after every block or chunk. */
  readonly published: () => void;
}

export class Inbox implements Intake {
  readonly ring: Ring;
  readonly #engine: Engine;
  readonly #ringMemory: SharedArrayBuffer;
  readonly #outputs: Outputs;
  readonly #published: () => void;
  readonly #pool = new BatchPool();
  #open: SharedBatch;
  /** Records of the open batch that the outputs have. */
  #handedOut = 0;
  /** Set when the open batch is full and the outputs take no more: bytes that the next record needs. */
  #needBytes: number | undefined;
  /** A block of the ring is half run. */
  #midBlock = false;
  #waiters: (() => boolean)[] = [];
  #turn: NodeJS.Immediate | undefined;
  #flush: NodeJS.Immediate | undefined;
  #watching = false;
  #closed = false;
  /** A plan runs. Before the first one everything waits in the ring. */
  #hasPlan = false;

  constructor({ kind, ringMemory, producer, outputs, published }: InboxOptions) {
    this.#engine = kind.createEngine();
    this.ring = kind.openRing(ringMemory, producer);
    this.#ringMemory = ringMemory;
    this.#outputs = outputs;
    this.#published = published;
    this.#open = this.#pool.take();
    this.#engine.attach(this.#open.batch);
  }

  /** Whether nothing waits for the engine. */
  get idle(): boolean {
    return this.ring.isEmpty() && this.#waiters.length === 0;
  }

  accept(framer: Framer, chunk: Uint8Array, from: number): number {
    const nowMs = Date.now();
    let at = from;
    if (this.ring.isEmpty() && this.#ready()) {
      at = this.#engine.runChunk(framer, chunk, at, nowMs);
      while (at < chunk.length && this.#rotate()) at = this.#engine.runChunk(framer, chunk, at, nowMs);
      this.#handOut();
      if (at === chunk.length) return at;
    }
    at = this.ring.pushChunk(framer, chunk, at, nowMs);
    this.#later();
    return at;
  }

  acceptEnd(framer: Framer): boolean {
    const nowMs = Date.now();
    if (this.ring.isEmpty() && this.#ready()) {
      let done = this.#engine.runEnd(framer, nowMs);
      while (!done && this.#rotate()) done = this.#engine.runEnd(framer, nowMs);
      this.#handOut();
      if (done) return true;
    }
    const done = this.ring.pushEnd(framer, nowMs);
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

  /** Runs what the ring holds from now on. */
  start(): void {
    this.#later();
  }

  /**
   * Phase 2 of a reload, between two blocks: what has run leaves to the outputs that it was made for, and what comes
   * next meets the new plan.
   */
  swap(prepared: PreparedPlan, counts: Float64Array, outputs: PreparedOutputs): void {
    // A block half run is finished under its plan even if the outputs are full: a stuck output must not keep its own removal away.
    while (this.#midBlock) {
      if (this.#needBytes !== undefined) this.#attachFresh(this.#needBytes);
      this.#midBlock = this.#engine.runBlock(this.ring) === runResult.batchFull;
      if (this.#midBlock) this.#seal();
    }
    this.#handOut();
    this.#engine.use(prepared, counts);
    this.#hasPlan = true;
    this.#outputs.swap(outputs);
    this.#later();
  }

  /** A producer of this ring has died. */
  producerDied(): void {
    while (this.ring.skipAbandoned(false)) {}
    const head = this.ring.bytes;
    setTimeout(() => {
      if (this.#closed || this.ring.isEmpty()) return;
      if (this.ring.bytes === head) this.ring.skipAbandoned(true);
      this.#later();
    }, deadClaimMs).unref();
    this.#later();
  }

  close(): void {
    this.#closed = true;
    clearImmediate(this.#turn);
    clearImmediate(this.#flush);
    notify(this.#ringMemory);
    this.#engine.close();
    this.ring.close();
  }

  /** Whether a record could run now. */
  #ready(): boolean {
    if (!this.#hasPlan || !this.#outputs.accepting) return false;
    if (this.#needBytes !== undefined) this.#attachFresh(this.#needBytes);
    return true;
  }

  /** The batch is full: the next one, or false when the outputs take no more. */
  #rotate(): boolean {
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

  /** Gives the outputs what the open batch has gained. */
  #handOut(): void {
    const { batch } = this.#open;
    const to = batch.records;
    if (to > this.#handedOut) {
      this.#outputs.push(this.#open, this.#handedOut, to);
      this.#handedOut = to;
      this.#flush ??= setImmediate(() => this.#flushOutputs());
    }
    // Everything was copied away at once (a console that keeps up): begin the same memory again while it is in the cache.
    if (this.#open.unshared && this.#needBytes === undefined) {
      batch.clear();
      this.#handedOut = 0;
    }
    this.#published();
  }

  #flushOutputs(): void {
    this.#flush = undefined;
    if (this.idle) this.#outputs.flush();
  }

  #later(): void {
    if (this.#closed) return;
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#run();
    });
  }

  /** One turn: a bounded number of blocks, then whoever waits for room, then again or asleep. */
  #run(): void {
    let blocks = 0;
    let more = true;
    while (more && blocks < blocksPerTurn && this.#ready()) {
      const result = this.#engine.runBlock(this.ring);
      this.#midBlock = result === runResult.batchFull;
      if (result === runResult.batchFull) more = this.#rotate();
      else if (result === runResult.empty) more = this.ring.skipAbandoned(false);
      else blocks++;
    }
    this.#handOut();
    while (this.#waiters.length > 0 && this.#waiters[0]!()) this.#waiters.shift();
    // With an output full, `outputsChanged` continues.
    if (blocks === blocksPerTurn) this.#later();
    else if (this.#hasPlan && this.#outputs.accepting) void this.#watch();
    if (this.idle) this.#flush ??= setImmediate(() => this.#flushOutputs());
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
