/**
 * An output's records on disk, on their way there, and on their way back: a lane that this worker appends to, and lanes that it has adopted
 * and only reads (of workers that are no more, of a shutdown, of dead letters to be tried again).
 *
 *     stage ─▶ staged ─▶ unwritten ─▶ lane ─▶ ready ─▶ claim
 *              ranges    groups       disk    read back
 *
 * What is staged or unwritten is in memory and bounded by whoever stages; at most `readAheadMax` groups are read and not claimed.
 */

import type { Claim } from "../claim.ts";
import type { Cut, Payload, Segment } from "../packer.ts";
import { Queue } from "../queue.ts";
import type { Replay, Replayed, WithheldRecords } from "./replay.ts";
import { type Group, groupId, type Lane, type LaneAmount, type LaneLoss, spoolFullCode } from "./spool.ts";

/** Groups handed to the lane and not written yet: enough for one flush to serve many. */
const appendsMax = 64;
const readAheadMax = 4;
/** Of those: one large group is enough to keep a sender busy. */
const readAheadBytesMax = 2 * 1024 * 1024;
/** After the disk has refused. */
const refusedMs = 1000;

export interface SpoolSite {
  /** A record is larger than the spool: it is lost. */
  tooLarge(amount: LaneAmount): void;
  /** Largest group, in record bytes, for which a lane finds room: a fraction of what it may hold. */
  groupBytesMax(): number;
  /** A fresh lane that is read before this output's own at the next start. @param lost told of what it gives up */
  openAhead(lost: (cause: LaneLoss, amount: LaneAmount) => void): Promise<LaneAhead>;
  readonly outputId: string;
  readonly replay: Replay;
  /** There may be something to claim, or room to stage. */
  changed(): void;
  /** The disk refuses, with the system's code; undefined: it takes again. */
  refused(code: string | undefined): void;
  /** `amount` of what is on disk is lost. */
  lost(cause: LaneLoss, amount: LaneAmount): void;
  /** Protect rules of the manifest that runs withheld records of a group that was read, or changed some. */
  replayed(withheld: WithheldRecords): void;
}

/** A lane for what is older than everything that is on disk. */
export interface LaneAhead {
  readonly lane: Lane;
  /** Takes it away with all that was written to it, after it was closed. */
  remove(): Promise<void>;
}

/** Reads one lane and settles what was read. */
export class LaneReader {
  readonly lane: Lane;
  readonly name: string;
  readonly #site: SpoolSite;
  readonly #ready: Group[] = [];
  /** On disk and not settled, what is in flight included. */
  records: number;
  bytes: number;
  #inFlight = 0;
  #reading = false;
  /** There may be a group that was not read. */
  #unread: boolean;
  #started = false;
  #closed = false;

  constructor(lane: Lane, name: string, site: SpoolSite) {
    this.lane = lane;
    this.name = name;
    this.#site = site;
    this.records = lane.state.held.records;
    this.bytes = lane.state.held.bytes;
    this.#unread = this.records > 0;
  }

  /** Whether all that it had has been settled. */
  get drained(): boolean {
    return !this.#unread && this.#ready.length === 0 && this.#inFlight === 0 && !this.#reading;
  }
  /** Whether nothing waits to be claimed; claims may be in flight. */
  get empty(): boolean {
    return !this.#unread && this.#ready.length === 0 && !this.#reading;
  }
  /** What was read and is not settled keeps so much memory. */
  memoryBytes = 0;

  appended(records: number, bytes: number): void {
    this.records += records;
    this.bytes += bytes;
    this.#unread = true;
  }

  lost({ records, bytes }: LaneAmount): void {
    this.records -= records;
    this.bytes -= bytes;
  }

  claim(): Claim | undefined {
    for (let group = this.#ready.shift(); group !== undefined; group = this.#ready.shift()) {
      this.memoryBytes -= group.body.length;
      const claim = new SpoolClaim(group, this, this.#site);
      if (claim.payload.records === 0) {
        claim.settle(0);
        continue;
      }
      this.readAhead();
      return claim;
    }
    this.readAhead();
    return undefined;
  }

  /** From now on its groups are read. */
  start(): void {
    this.#started = true;
    this.readAhead();
  }

  readAhead(): void {
    if (!this.#started || this.#reading || this.#closed || !this.#unread || this.#ready.length >= readAheadMax) return;
    if (this.#ready.reduce((sum, { bytes }) => sum + bytes, 0) >= readAheadBytesMax) return;
    this.#reading = true;
    // An append that ends while it reads is seen by the next look.
    this.#unread = false;
    this.lane.read().then(
      (group) => {
        this.#reading = false;
        if (this.#closed) return;
        if (group !== undefined) {
          this.#unread = true;
          this.#ready.push(group);
          this.memoryBytes += group.body.length;
          this.readAhead();
        }
        this.#site.changed();
      },
      () => {
        // The disk does not answer: again with the next change, at the latest when somebody claims.
        this.#reading = false;
        this.#unread = true;
      },
    );
  }

  /** Records that were read have become others: some are withheld, the rest may have changed. */
  replayed(withheld: WithheldRecords): void {
    const { dropped, quarantined, quarantineFull, rewrittenBytes } = withheld;
    const records = dropped.records + quarantined.records + quarantineFull.records;
    this.records -= records;
    this.bytes += rewrittenBytes - dropped.bytes - quarantined.bytes - quarantineFull.bytes;
    if (records > 0 || rewrittenBytes !== 0) this.#site.replayed(withheld);
  }

  began({ bytes }: Payload): void {
    this.#inFlight++;
    this.memoryBytes += bytes;
  }
  settled(records: number, bytes: number): void {
    this.records -= records;
    this.bytes -= bytes;
  }
  /** All records of a group are settled. */
  ended(firstSequence: bigint, { bytes }: Payload): void {
    this.#inFlight--;
    this.memoryBytes -= bytes;
    this.lane.settle(firstSequence);
    // Not at once: a claim may end while it is made, and whoever claims would claim the next one in the middle of that.
    queueMicrotask(() => this.#site.changed());
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#ready.length = 0;
    await this.lane.close();
  }
}

function rangesOf({ segments }: Payload) {
  return segments.map(({ shared, from, to }) => ({ batch: shared.batch, from, to }));
}

/** A group that was read: made a payload when it is claimed, by the protect rules of that moment. */
class SpoolClaim implements Claim {
  id: string;
  readonly #firstSequence: bigint;
  readonly #reader: LaneReader;
  readonly #site: SpoolSite;
  /** Of the protect rules that its records have passed. */
  #identity: bigint;
  payload: Payload;
  done = 0;

  constructor(group: Group, reader: LaneReader, site: SpoolSite) {
    this.#firstSequence = group.firstSequence;
    this.#reader = reader;
    this.#site = site;
    this.id = groupId(site.outputId, reader.name, group.epoch, group.firstSequence);
    this.#identity = site.replay.identity;
    const replayed = site.replay.run(group, site.outputId);
    this.payload = replayed.payload;
    reader.began(this.payload);
    this.#replayed(replayed);
  }

  get stale(): boolean {
    return this.#identity !== this.#site.replay.identity;
  }

  protectAgain(): void {
    this.#identity = this.#site.replay.identity;
    const before = this.payload;
    if (this.done > 0) this.id += `/${this.done}-${before.records}`;
    const replayed = this.#site.replay.again(before.ranges(this.done, before.records), this.#site.outputId);
    before.release();
    this.payload = replayed.payload;
    this.#reader.memoryBytes += this.payload.bytes - before.bytes;
    this.done = 0;
    this.#replayed(replayed);
    if (this.payload.records === 0) this.#reader.ended(this.#firstSequence, this.payload);
  }

  #replayed(replayed: Replayed): void {
    // Where records are missing, those behind them lie elsewhere than a receiver may have seen them under the name.
    const { dropped, quarantined, quarantineFull } = replayed;
    if (dropped.records + quarantined.records + quarantineFull.records > 0)
      this.id += `/p${this.#identity.toString(16)}`;
    this.#reader.replayed(replayed);
  }

  settle(count: number): void {
    this.#reader.settled(count, this.payload.bytesOf(this.done, this.done + count));
    this.done += count;
    if (this.done < this.payload.records) return;
    const { payload } = this;
    this.#reader.ended(this.#firstSequence, payload);
    payload.release();
  }
}

export class SpoolQueue {
  readonly own: LaneReader;
  readonly #site: SpoolSite;
  readonly #staged = new Queue(Number.POSITIVE_INFINITY);
  /** Groups in order; the first `#submitted` of them are with the lane. */
  #unwritten: Payload[] = [];
  #submitted = 0;
  #failed = false;
  #refused: NodeJS.Timeout | undefined;
  #adopted: LaneReader[] = [];
  #nextSequence: bigint;
  /** Sequences of the own lane: the next one when it was opened, and now, as far as its appends have been told. */
  readonly openedAt: number;
  writtenTo: number;
  /** As `write` was called last: what it could not hand over then goes as soon as the disk has taken what was before it. */
  #wanted: { readonly cut: Cut; readonly partly: boolean } | undefined;
  #started = false;

  constructor(own: LaneReader, site: SpoolSite) {
    this.own = own;
    this.#site = site;
    this.#nextSequence = own.lane.state.nextSequence;
    this.openedAt = Number(this.#nextSequence);
    this.writtenTo = this.openedAt;
  }

  get adopted(): readonly LaneReader[] {
    return this.#adopted;
  }
  /** On disk. */
  get records(): number {
    return this.#adopted.reduce((sum, { records }) => sum + records, this.own.records);
  }
  get bytes(): number {
    return this.#adopted.reduce((sum, { bytes }) => sum + bytes, this.own.bytes);
  }
  /** In memory, on the way to the disk. */
  get stagedRecords(): number {
    return this.#staged.records;
  }
  get stagedBytes(): number {
    return this.#staged.bytes;
  }
  get stagedCharge(): number {
    return this.#staged.charge;
  }
  /** Of what was read and is not settled. */
  get readBytes(): number {
    return this.#adopted.reduce((sum, { memoryBytes }) => sum + memoryBytes, this.own.memoryBytes);
  }
  /** The disk takes nothing at the moment. */
  get refusing(): boolean {
    return this.#refused !== undefined || this.#failed;
  }
  /** Something waits here, so that what comes next must wait behind it. */
  get occupied(): boolean {
    return this.#staged.records > 0 || !this.own.empty || this.#adopted.some((reader) => !reader.empty);
  }

  /** Of the protect rules that run: what records have passed that come now. */
  get protection(): bigint {
    return this.#site.replay.identity;
  }

  adopt(reader: LaneReader): void {
    this.#adopted.push(reader);
    if (this.#started) reader.start();
  }

  /** From now on what is on disk is read, to be claimed. */
  start(): void {
    this.#started = true;
    for (const reader of [...this.#adopted, this.own]) reader.start();
  }

  /** Takes adopted lanes that are done with out. */
  takeDrained(): readonly LaneReader[] {
    const drained = this.#adopted.filter((reader) => reader.drained);
    if (drained.length > 0) this.#adopted = this.#adopted.filter((reader) => !drained.includes(reader));
    return drained;
  }

  stage({ shared, from, to, timeMs, protection, receivedMs, lastReceivedMs }: Readonly<Segment>): void {
    this.#staged.push(shared, from, to, timeMs, protection, receivedMs, lastReceivedMs);
  }

  /** Hands groups to the lane. @param partly also one that is not full, when nothing else is under way */
  write(given: Cut, partly: boolean): void {
    const cut = { ...given, bytesMax: Math.min(given.bytesMax, this.#site.groupBytesMax()) };
    this.#wanted = { cut, partly };
    if (this.refusing) return;
    while (this.#submitted < appendsMax) {
      if (this.#submitted === this.#unwritten.length) {
        const full = this.#staged.waitingRecords >= cut.recordsMax || this.#staged.waitingBytes >= cut.bytesMax;
        if (!full && !(partly && this.#submitted === 0)) return;
        const payload = this.#staged.take(cut);
        if (payload === undefined) return;
        this.#unwritten.push(payload);
      }
      this.#submit(this.#unwritten[this.#submitted++]!);
    }
  }

  #writeOn(): void {
    if (this.#wanted !== undefined) this.write(this.#wanted.cut, this.#wanted.partly);
  }

  #submit(payload: Payload): void {
    const firstSequence = this.#nextSequence;
    this.#nextSequence += BigInt(payload.records);
    this.own.lane.append(rangesOf(payload), this.#meta(payload, firstSequence)).then(
      () => this.#written(payload),
      (error: NodeJS.ErrnoException) => this.#refuse(error.code ?? error.name),
    );
  }

  #written(payload: Payload): void {
    this.#unwritten.splice(this.#unwritten.indexOf(payload), 1);
    this.#submitted--;
    this.#staged.settle(payload.records, payload.bytes);
    this.own.appended(payload.records, payload.bytes);
    this.writtenTo += payload.records;
    payload.release();
    this.#settleRefusal();
    this.#writeOn();
    this.own.readAhead();
    this.#site.changed();
  }

  /** The lane refuses what stood behind it as well: nothing is handed over until all of that has come back. */
  #refuse(code: string): void {
    this.#submitted--;
    if (!this.#failed && this.#refused === undefined) this.#site.refused(code);
    this.#failed = true;
    if (code === spoolFullCode && this.#submitted === 0) this.#giveUpTooLarge();
    this.#settleRefusal();
  }

  /** A single record for which a lane that holds nothing else has no room would be tried for ever, and hold up all behind it. */
  #giveUpTooLarge(): void {
    const [head] = this.#unwritten;
    if (head === undefined || head.records > 1 || head.bytes < 4 * this.#site.groupBytesMax()) return;
    this.#unwritten.shift();
    this.#staged.settle(head.records, head.bytes);
    this.#site.tooLarge({ records: head.records, bytes: head.bytes });
    head.release();
  }

  #settleRefusal(): void {
    if (!this.#failed || this.#submitted > 0) return;
    this.#failed = false;
    this.#nextSequence = this.own.lane.state.nextSequence;
    this.#refused = setTimeout(() => {
      this.#refused = undefined;
      this.#site.refused(undefined);
      this.#writeOn();
      this.#site.changed();
    }, refusedMs).unref();
  }

  /** Gives up the oldest records that are not with the lane until at most `chargeMax` is charged. @returns what was given up */
  shed(chargeMax: number, cut: Cut): LaneAmount {
    const given = { records: 0, bytes: 0 };
    while (this.#staged.charge > chargeMax) {
      const payload = this.#unwritten.splice(this.#submitted, 1)[0] ?? this.#staged.take(cut);
      if (payload === undefined) break;
      given.records += payload.records;
      given.bytes += payload.bytes;
      this.#staged.settle(payload.records, payload.bytes);
      payload.release();
    }
    return given;
  }

  /**
   * The oldest records that are not on disk, where nothing before them is: a destination that takes them spares the disk, or need not wait
   * for one that refuses. `settle` them afterwards.
   */
  takeStaged(cut: Cut): Payload | undefined {
    if (this.#submitted > 0 || !this.own.empty || this.#adopted.some((reader) => !reader.empty)) return undefined;
    return this.#unwritten.shift() ?? this.#staged.take(cut);
  }
  settleStaged(records: number, bytes: number): void {
    this.#staged.settle(records, bytes);
  }

  /** Adopted lanes first, they are older. */
  claim(): Claim | undefined {
    for (const reader of this.#adopted) {
      const claim = reader.claim();
      if (claim !== undefined) return claim;
    }
    // Behind what adopted lanes still have to give.
    return this.#adopted.some((reader) => !reader.empty) ? undefined : this.own.claim();
  }

  /**
   * Writes records that are older than what the own lane holds, where the next start reads them first. What finds no room there is lost as it is
   * anywhere else in the spool, the oldest first.
   * @returns whether the disk took them; then they count as spooled, or as lost. Else nothing of them is on disk
   */
  async writeAhead(payloads: readonly Payload[]): Promise<boolean> {
    const losses: [LaneLoss, LaneAmount][] = [];
    let ahead: LaneAhead | undefined;
    try {
      ahead = await this.#site.openAhead((cause, amount) => losses.push([cause, amount]));
      const { lane } = ahead;
      let firstSequence = lane.state.nextSequence;
      for (const payload of payloads) {
        const { records, bytes } = payload;
        try {
          await lane.append(rangesOf(payload), this.#meta(payload, firstSequence));
          firstSequence += BigInt(records);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== spoolFullCode) throw error;
          losses.push(["spoolFull", { records, bytes }]);
        }
      }
      await lane.close();
    } catch (error) {
      this.#site.refused((error as NodeJS.ErrnoException).code ?? (error as Error).name);
      await ahead?.lane.close();
      // What counts as lost must not come back with the next start.
      await ahead?.remove().catch(() => undefined);
      return false;
    }
    for (const { records, bytes } of payloads) this.own.appended(records, bytes);
    for (const [cause, amount] of losses) {
      this.own.lost(amount);
      this.#site.lost(cause, amount);
    }
    return true;
  }

  #meta(payload: Payload, firstSequence: bigint) {
    return { firstSequence, timeMs: payload.timeMs, protection: payload.protection };
  }

  /** Writes everything that is staged. @returns whether the disk took it all; what it did not take is still staged */
  async writeAll(cut: Cut): Promise<boolean> {
    while (this.#staged.records > 0 && !this.refusing) {
      this.write(cut, true);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return this.#staged.records === 0;
  }

  async close(): Promise<void> {
    clearTimeout(this.#refused);
    await Promise.all([this.own, ...this.#adopted].map((reader) => reader.close()));
  }
}
