/**
 * What one output holds at one worker: a bounded queue in memory, behind it the spool, and the policy that says what happens when the queue
 * is full. One output's backlog never holds up another output, unless its policy is `block` (promise P3).
 *
 * - `spill`: what finds the queue full goes to the disk, and so does everything after it until the disk is empty again, so that the order holds.
 *   A disk that is slower than the input makes the worker wait; one that refuses (full, broken) costs the oldest records, counted.
 * - `block`: the worker takes no more, its ring fills, its sockets pause.
 * - `drop_oldest`, `drop_newest`: counted `queue_full`.
 *
 * `durable`: everything goes through the disk. When that refuses, the worker waits.
 */

import type { SharedBatch } from "./batch_pool.ts";
import type { Claim } from "./claim.ts";
import { type Cut, type Payload, unlimitedCut } from "./packer.ts";
import { Queue } from "./queue.ts";
import type { LaneAmount } from "./spool/spool.ts";
import type { SpoolQueue } from "./spool/spool_queue.ts";

export type WhenFull = "spill" | "block" | "drop_oldest" | "drop_newest";

export interface BacklogSite {
  /** Names payloads of the memory queue towards destinations: unique to this worker and run, and followed by a number. */
  readonly memoryId: string;
  /** Everybody's queues together are over the memory budget: take no more memory. */
  overBudget(): boolean;
  /** Given up because there was no room. */
  lost(cause: "queueFull" | "spoolFull", amount: LaneAmount): void;
}

export class Backlog {
  readonly #site: BacklogSite;
  readonly #queue: Queue;
  readonly spool: SpoolQueue | undefined;
  #whenFull: WhenFull;
  #durable: boolean;
  #cut: Cut = unlimitedCut;
  #claims = 0;
  /** Taken from the queue for a disk that did not take them. */
  #unspilled: Payload[] = [];

  /** @param spool where the output has one; without it `spill` means `block` */
  constructor(
    queueBytesMax: number,
    { whenFull, durable }: { whenFull: WhenFull; durable: boolean },
    spool: SpoolQueue | undefined,
    site: BacklogSite,
  ) {
    this.#queue = new Queue(queueBytesMax);
    this.spool = spool;
    this.#whenFull = whenFull;
    this.#durable = durable;
    this.#site = site;
  }

  configure(queueBytesMax: number, whenFull: WhenFull, durable: boolean, cut: Cut): void {
    this.#queue.bytesMax = queueBytesMax;
    this.#whenFull = whenFull;
    this.#durable = durable;
    this.#cut = cut;
  }

  /** In memory: waiting, in flight from there, or on the way to the disk. */
  get memoryRecords(): number {
    return this.#queue.records + (this.spool?.stagedRecords ?? 0);
  }
  get memoryBytes(): number {
    return this.#queue.bytes + (this.spool?.stagedBytes ?? 0);
  }
  /** Memory that all this keeps, in bytes. */
  get charge(): number {
    return this.#queue.charge + (this.spool === undefined ? 0 : this.spool.stagedCharge + this.spool.readBytes);
  }
  /** Nothing waits or is in flight, in memory or on disk. */
  get idle(): boolean {
    const spool = this.spool;
    return this.#queue.records === 0 && (spool === undefined || (spool.records === 0 && spool.stagedRecords === 0));
  }
  /** In memory and to be claimed. */
  get waitingRecords(): number {
    return this.#queue.waitingRecords;
  }
  /** Records that were to go to the disk and may leave from memory instead: see `SpoolQueue.takeStaged`. */
  get stagedRecords(): number {
    return this.#durable ? 0 : (this.spool?.stagedRecords ?? 0);
  }
  /** Whether the queue holds a payload's worth, or all it can. */
  get payloadWaits(): boolean {
    const { recordsMax, bytesMax } = this.#cut;
    return this.#queue.waitingRecords >= recordsMax || this.#queue.waitingBytes >= bytesMax || this.#queue.full;
  }

  /** The queue is half full, or what comes goes to the disk because the destination is behind. */
  get strained(): boolean {
    if (this.#queue.charge * 2 >= this.#queue.bytesMax) return true;
    return !this.#durable && this.spool?.occupied === true;
  }

  /** It takes no more, gives up records of its own, or its disk refuses: what somebody has to see to. */
  get overLimit(): boolean {
    const { spool } = this;
    if (spool?.refusing === true || !this.accepting) return true;
    const drops = this.#whenFull === "drop_oldest" || this.#whenFull === "drop_newest";
    return drops && this.#queue.charge * 10 >= this.#queue.bytesMax * 9;
  }

  /** Whether it takes more; when not, the worker stops. */
  get accepting(): boolean {
    const spool = this.spool;
    if (spool !== undefined && (this.#durable || spool.occupied || this.#whenFull === "spill")) {
      if (spool.refusing && !this.#durable) return true;
      return spool.stagedCharge < this.#queue.bytesMax && !(this.#site.overBudget() && spool.stagedCharge > 0);
    }
    if (this.#whenFull === "drop_oldest" || this.#whenFull === "drop_newest") return true;
    return !this.#queue.full && !(this.#site.overBudget() && this.#queue.records > 0);
  }

  push(shared: SharedBatch, from: number, to: number, timeMs: number, receivedMs = timeMs): void {
    const spool = this.spool;
    const protection = spool?.protection ?? 0n;
    const full = this.#queue.full || (this.#site.overBudget() && this.#queue.records > 0);
    if (spool !== undefined && (this.#durable || spool.occupied || (full && this.#whenFull === "spill"))) {
      spool.stage({ shared, from, to, timeMs, receivedMs, lastReceivedMs: receivedMs, protection });
      // Nothing more comes to fill a group when the worker has to wait.
      spool.write(this.#cut, !this.accepting);
      if (spool.refusing && !this.#durable) this.#shed(spool);
      return;
    }
    if (full && this.#whenFull === "drop_newest") {
      this.#site.lost("queueFull", { records: to - from, bytes: shared.batch.recordBytes(from, to) });
      return;
    }
    this.#queue.push(shared, from, to, timeMs, protection, receivedMs);
    if (this.#whenFull === "drop_oldest") this.#dropOldest(full ? shared.batch.recordBytes(from, to) : 0);
  }

  /** The turn is over: what is staged goes to the disk as it is. */
  flush(): void {
    this.spool?.write(this.#cut, true);
  }

  /** The next records to send: those in memory are older than those on disk. */
  claim(): Claim | undefined {
    const payload = this.#queue.take(this.#cut);
    if (payload !== undefined) return this.#memoryClaim(payload, this.#queue);
    const spool = this.spool;
    const claim = spool?.claim();
    if (claim !== undefined || spool === undefined || this.#durable) return claim;
    const staged = spool.takeStaged(this.#cut);
    return staged && this.#memoryClaim(staged, { settle: (records, bytes) => spool.settleStaged(records, bytes) });
  }

  #memoryClaim(payload: Payload, queue: Pick<Queue, "settle">): Claim {
    const claim: Claim = {
      id: `${this.#site.memoryId}${this.#claims++}`,
      payload,
      done: 0,
      settle: (count) => {
        queue.settle(count, payload.bytesOf(claim.done, claim.done + count));
        claim.done += count;
        if (claim.done === payload.records) payload.release();
      },
    };
    return claim;
  }

  /** Whether a claim was taken from memory: what came from the disk is still there. */
  owns(claim: Claim): boolean {
    return claim.id.startsWith(this.#site.memoryId);
  }

  /** @param bytes that came over the memory budget: as many go, at least */
  #dropOldest(bytes: number): void {
    let over = bytes;
    while ((this.#queue.full || over > 0) && this.#queue.waitingRecords > 0) {
      const payload = this.#queue.take(this.#cut);
      if (payload === undefined) return;
      over -= payload.bytes;
      this.#site.lost("queueFull", { records: payload.records, bytes: payload.bytes });
      this.#queue.settle(payload.records, payload.bytes);
      payload.release();
    }
  }

  #shed(spool: SpoolQueue): void {
    const given = spool.shed(this.#queue.bytesMax, this.#cut);
    if (given.records > 0) this.#site.lost("spoolFull", given);
  }

  /**
   * The end of a run, or of this output: what is in memory goes to the disk, in the order in which it came.
   * @param claims what a sender had begun and could not finish
   * @returns whether the disk took all of it; else the rest is still here: in the claims, and for `takeRest`
   */
  async spill(claims: readonly Claim[]): Promise<boolean> {
    const spool = this.spool;
    if (spool === undefined) return false;
    const begun = claims.filter((claim) => this.owns(claim) && claim.done < claim.payload.records);
    const older = begun.map(({ payload, done }) => payload.part(done, payload.records));
    const waiting: Payload[] = [];
    for (let payload = this.#queue.take(this.#cut); payload !== undefined; payload = this.#queue.take(this.#cut))
      waiting.push(payload);
    older.push(...waiting);
    // What the disk holds already came after these.
    const ahead = spool.occupied || spool.records > 0;
    if (older.length > 0 && ahead && !(await spool.writeAhead(older))) {
      for (const payload of older) if (!waiting.includes(payload)) payload.release();
      this.#unspilled = waiting;
      return false;
    }
    for (const payload of older) {
      if (!ahead) for (const segment of payload.segments) spool.stage(segment);
      if (waiting.includes(payload)) this.#queue.settle(payload.records, payload.bytes);
      payload.release();
    }
    for (const claim of begun) claim.settle(claim.payload.records - claim.done);
    return spool.writeAll(this.#cut);
  }

  /** Takes everything that is in memory and not claimed out of the backlog. @returns what that was */
  takeRest(): LaneAmount {
    const rest = this.spool?.shed(0, unlimitedCut) ?? { records: 0, bytes: 0 };
    const next = () => this.#unspilled.shift() ?? this.#queue.take(unlimitedCut);
    for (let payload = next(); payload !== undefined; payload = next()) {
      rest.records += payload.records;
      rest.bytes += payload.bytes;
      this.#queue.settle(payload.records, payload.bytes);
      payload.release();
    }
    return rest;
  }
}
