/**
 * What a lane does, for both engines: which segment a group goes to, what is read next, how far the cursor may move, what is given up
 * when there is no room, and what of all that is counted. Bytes are the business of its `SegmentFile`s.
 *
 * Groups are not listed in memory. A segment has totals and a position; only groups that were read and are not passed by the cursor are
 * known one by one, and how many these are the caller decides. At any moment, in groups, records and bytes:
 *
 *     recovered + written = settled + held + lost        held = Σ unread of all segments + read and not settled
 *
 * Work that waits for the disk is done by two loops that may run side by side: `#commit` (one batch of appends at a time: what is queued
 * meanwhile makes the next batch, and with it one flush) and `#save` (the cursor, and then the segments that it has passed).
 */

import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { StreamGateError } from "../../../errors.ts";
import { makeDirectory, syncDirectory } from "../../../persistence/durable_file.ts";
import { CursorFile, cursorGapsMax, readCursor } from "./cursor.ts";
import {
  encodeReason,
  encodeSegmentHeader,
  type GroupHeaderFields,
  groupBytes,
  segmentHeader,
  segmentName,
  segmentState,
  sequenceOfName,
} from "./format.ts";
import { countOutside, type SequenceRange, withoutBelow, withRange } from "./gaps.ts";
import { movedRange, rotateName } from "./moved.ts";
import type { GroupToWrite, SegmentFile, SegmentFiles } from "./segment_files.ts";
import {
  type Group,
  type GroupMeta,
  type Lane,
  type LaneAmount,
  type LaneEvents,
  type LaneLoss,
  type LaneOptions,
  type LaneRange,
  type LaneState,
  spoolFullCode,
} from "./spool.ts";
import { versionError } from "./version_error.ts";

/** What is not said by `LaneOptions`: tests give it. */
export interface LaneSurroundings {
  readonly now: () => number;
  /** 0 to 2³² − 1. */
  readonly epoch: number;
}

/** One batch of appends: bounds how long the first of it waits, and how much a portable lane copies at once. */
const commitGroupsMax = 64;
const commitBytesMax = 16 * 1024 * 1024;
/** A lane has at least so many segments, so that making room does not give up everything. */
const segmentsMin = 4;

/** For so many intervals after a segment was ended on request, a lane looks whether segments were moved away. */
const movesExpectedTicks = 120;

interface Totals {
  groups: number;
  records: number;
  bytes: number;
}

interface Segment {
  readonly path: string;
  /** As in its name. */
  readonly name: bigint;
  readonly epoch: number;
  /** Of the file. */
  bytes: number;
  /** Where its last good group ends, and one past that one's last record. */
  endOffset: number;
  end: bigint;
  /** Where reading goes on. */
  readOffset: number;
  readSequence: bigint;
  unread: Totals;
  /** Groups that were read and that the cursor has not passed. */
  inFlight: number;
  oldestMs: number;
  newestMs: number;
  file: SegmentFile | undefined;
  /** Being read at this moment. */
  reading: boolean;
  /** What is on the disk as `fsync` promises. */
  synced: bigint;
  /** It could not be brought to the disk. The system tells that once, and may have dropped the bytes: nothing more is written to it. */
  broken: boolean;
  /** Nothing more is written to it, on request. */
  ended: boolean;
  /** Found missing while reading, and counted when the segment's end is reached: then what is left of its totals is what is missing. */
  missing: SequenceRange[];
}

interface InFlight extends Totals {
  readonly first: bigint;
  readonly segment: Segment;
  readonly timeMs: number;
  settled: boolean;
}

interface Append {
  readonly ranges: readonly LaneRange[];
  readonly meta: Omit<GroupMeta, "reason">;
  readonly reason: Uint8Array;
  readonly records: number;
  readonly bytes: number;
  /** In the segment. */
  readonly fileBytes: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class SegmentLane implements Lane {
  #options: LaneOptions;
  readonly #events: LaneEvents;
  readonly #files: SegmentFiles;
  readonly #around: LaneSurroundings;

  /** Oldest first. */
  #segments: Segment[] = [];
  #active: Segment | undefined;
  /** A commit writes to the active segment, or is about to. */
  #writing = false;
  #cursor: CursorFile;
  #next = 0n;
  /** Accounted for, and not passed by the cursor yet. */
  #gaps: SequenceRange[] = [];
  #inFlight = new Map<bigint, InFlight>();
  readonly #held: Totals = { groups: 0, records: 0, bytes: 0 };
  readonly #recovered: LaneAmount = { records: 0, bytes: 0 };
  readonly #pending: LaneAmount = { records: 0, bytes: 0 };

  #queue: Append[] = [];
  /** One past the last record of the queue. */
  #queuedTo = 0n;
  #pump: Promise<void> | undefined;
  #saving: Promise<unknown> = Promise.resolve();
  #cursorStale = false;
  #readTurn: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #ticking: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** Files that say what was moved elsewhere; the cursor says so too once it is written. */
  #moved: string[] = [];
  #movesExpected = 0;

  private constructor(options: LaneOptions, events: LaneEvents, files: SegmentFiles, around: LaneSurroundings) {
    this.#options = options;
    this.#events = events;
    this.#files = files;
    this.#around = around;
    this.#cursor = new CursorFile(options.directory, 0n);
  }

  static async open(
    options: LaneOptions,
    events: LaneEvents,
    files: SegmentFiles,
    around: LaneSurroundings,
  ): Promise<SegmentLane> {
    const lane = new SegmentLane(options, events, files, around);
    try {
      await lane.#recover();
    } catch (error) {
      if (error instanceof StreamGateError) throw error;
      throw new StreamGateError(
        "SG_SPOOL",
        {
          where: options.directory,
          what: `cannot be used: ${(error as Error).message}`,
          fix: "give the process a data directory that it may read and write, or move this directory away to start without it",
        },
        { cause: error },
      );
    }
    return lane;
  }

  configure(options: Omit<LaneOptions, "directory">): void {
    this.#options = { ...options, directory: this.#options.directory };
  }

  get #segmentBytesMax(): number {
    const { segmentBytesMax, bytesMax } = this.#options;
    return Math.min(segmentBytesMax, Math.floor(bytesMax / segmentsMin));
  }

  get state(): LaneState {
    const [behindCommit] = this.#segments.filter(({ synced, end }) => synced < end);
    return {
      recovered: { ...this.#recovered },
      held: { records: this.#held.records, bytes: this.#held.bytes },
      pending: { ...this.#pending },
      diskBytes: this.#diskBytes(),
      groups: this.#held.groups,
      oldestMs: this.#oldestMs(),
      durableSequence: behindCommit === undefined ? this.#next : behindCommit.synced,
      nextSequence: this.#next,
      epoch: this.#around.epoch,
    };
  }

  append(ranges: readonly LaneRange[], meta: Omit<GroupMeta, "reason"> & { readonly reason?: string }): Promise<void> {
    let records = 0;
    let bytes = 0;
    for (const { batch, from, to } of ranges) {
      records += to - from;
      bytes += batch.recordBytes(from, to);
    }
    if (records === 0) return Promise.resolve();
    if (this.#closing !== undefined) return Promise.reject(this.#refusal("the lane is closed"));
    if (meta.firstSequence < this.#queuedTo)
      return Promise.reject(
        this.#refusal(`sequence ${meta.firstSequence} was given before; ${this.#queuedTo} is next`),
      );
    const reason = encodeReason(meta.reason ?? "");
    const fileBytes = groupBytes(records, bytes, reason.length);
    this.#pending.records += records;
    this.#pending.bytes += bytes;
    this.#queuedTo = meta.firstSequence + BigInt(records);
    return new Promise((resolve, reject) => {
      this.#queue.push({ ranges, meta, reason, records, bytes, fileBytes, resolve, reject });
      this.#pump ??= this.#commitAll();
    });
  }

  read(): Promise<Group | undefined> {
    const result = this.#readTurn.then(() => this.#readNext());
    this.#readTurn = result.catch(() => undefined);
    return result;
  }

  settle(firstSequence: bigint): void {
    const group = this.#inFlight.get(firstSequence);
    if (group === undefined || group.settled) return;
    group.settled = true;
    subtract(this.#held, group);
    this.#pass();
  }

  async flush(): Promise<void> {
    await this.#pump;
    await this.#syncWritten();
    await this.#save(true);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#pump;
    await this.#readTurn;
    clearTimeout(this.#timer);
    await this.#ticking;
    // What cannot be brought to the disk now repeats after the restart, or was never promised: closing goes on.
    await this.#syncWritten().catch(() => undefined);
    await this.#save(true).catch(() => undefined);
    for (const segment of this.#segments) await closeFile(segment);
    await this.#cursor.close().catch(() => undefined);
  }

  // ── Opening ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async #recover(): Promise<void> {
    const { directory, fsync } = this.#options;
    const names = await readdir(directory).catch((error) => {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    });
    if (names === undefined) return;
    const cursor = await readCursor(directory);
    if (cursor !== undefined) this.#cursor = new CursorFile(directory, cursor.generation);
    this.#gaps = [...(cursor?.gaps ?? [])];
    for (const name of names) {
      const range = movedRange(name);
      if (range === undefined) continue;
      this.#gaps = withRange(this.#gaps, range);
      this.#moved.push(join(directory, name));
    }
    const passed = cursor?.passed ?? 0n;
    const lost: LaneAmount = { records: 0, bytes: 0 };
    const miss = (range: SequenceRange, bytes: number) => {
      const records = countOutside(range, this.#gaps);
      this.#gaps = withRange(this.#gaps, range);
      if (records === 0) return;
      lost.records += records;
      lost.bytes += bytes;
    };

    const sequences = names.map(sequenceOfName).filter((sequence) => sequence !== undefined);
    sequences.sort((a, b) => (a < b ? -1 : 1));
    let expected = cursor?.passed ?? sequences[0] ?? 0n;
    let tail = { to: 0n, bytes: 0 };
    for (const name of sequences) {
      const path = join(directory, segmentName(name));
      const { size } = await stat(path);
      const file = await this.#files.open(path);
      try {
        const scan = await file.scan(size, passed, expected);
        if (scan.state === segmentState.unknownVersion) throw versionError(path, scan.version);
        for (const hole of scan.holes) miss(hole, hole.bytes);
        if (scan.endSequence > expected) expected = scan.endSequence;
        tail = { to: scan.tailSequence, bytes: scan.tailBytes };
        if (scan.found === 0 && size <= segmentHeader.bytes) {
          await rm(path, { force: true });
          continue;
        }
        this.#segments.push({
          path,
          name,
          epoch: scan.epoch,
          bytes: size,
          endOffset: scan.endOffset,
          end: scan.endSequence,
          readOffset: scan.readOffset,
          readSequence: scan.readSequence,
          unread: { groups: scan.groups, records: scan.records, bytes: scan.bytes },
          inFlight: 0,
          oldestMs: scan.oldestMs,
          newestMs: scan.newestMs,
          file: undefined,
          reading: false,
          synced: scan.endSequence,
          broken: false,
          ended: false,
          missing: [],
        });
        add(this.#held, { groups: scan.groups, records: scan.records, bytes: scan.bytes });
        // What a process that was killed had written may still be on its way to the disk.
        if (fsync !== "never" && name === sequences.at(-1)) await file.sync();
      } finally {
        await file.close();
      }
    }
    let end = expected;
    if (cursor !== undefined && cursor.next > end) end = cursor.next;
    if (tail.to > end) end = tail.to;
    // Of a file in which nothing is good, its name is left.
    const newest = sequences.at(-1);
    if (newest !== undefined && newest > end) end = newest;
    miss({ from: expected, to: end }, tail.bytes);
    // A file that keeps nothing but its name: the next segment must not want the same. Whether there was such a record nobody knows.
    if (newest === end && this.#segments.at(-1)?.name === newest) {
      this.#gaps = withRange(this.#gaps, { from: end, to: end + 1n });
      end += 1n;
    }
    this.#next = end;
    this.#queuedTo = end;
    this.#recovered.records = this.#held.records + lost.records;
    this.#recovered.bytes = this.#held.bytes + lost.bytes;
    if (lost.records > 0) this.#events.lost("spoolDamaged", lost);
    if (this.#segments.length > 0 || this.#moved.length > 0) {
      this.#cursorStale = true;
      this.#arm();
    }
  }

  // ── Appending ────────────────────────────────────────────────────────────────────────────────────────────────────

  async #commitAll(): Promise<void> {
    while (this.#queue.length > 0) {
      const taken: Append[] = [];
      try {
        this.#writing = true;
        await this.#commit(taken);
      } catch (error) {
        // Also what waits behind it: written now, it would come before what its owner may try again.
        const refused = [...taken, ...this.#queue];
        this.#queue = [];
        this.#queuedTo = this.#next;
        for (const append of refused) {
          this.#unpend(append);
          append.reject(error as Error);
        }
      } finally {
        this.#writing = false;
      }
      this.#arm();
    }
    this.#pump = undefined;
  }

  /** Writes what waits, as far as it fits one segment; moves it to `taken` first, and out of it when it is written. */
  async #commit(taken: Append[]): Promise<void> {
    const { fsync, bytesMax } = this.#options;
    const head = this.#queue[0]!;
    await this.#makeRoom(head.fileBytes);
    const segment = await this.#segmentFor(head);
    const groups: GroupToWrite[] = [];
    let offset = segment.endOffset;
    let prior = this.#next;
    let room = Math.min(bytesMax - this.#diskBytes(), commitBytesMax);
    while (this.#queue.length > 0 && groups.length < commitGroupsMax) {
      const next = this.#queue[0]!;
      if (groups.length > 0 && (next.fileBytes > room || offset + next.fileBytes > this.#segmentBytesMax)) break;
      taken.push(this.#queue.shift()!);
      groups.push(toWrite(next, segment.epoch, prior));
      offset += next.fileBytes;
      room -= next.fileBytes;
      prior = next.meta.firstSequence + BigInt(next.records);
    }
    const { groups: written, error } = await segment.file!.append(segment.endOffset, groups, fsync === "always");
    for (const append of taken.splice(0, written)) {
      if (segment.unread.groups === 0) {
        segment.readOffset = segment.endOffset;
        segment.readSequence = append.meta.firstSequence;
        segment.oldestMs = append.meta.timeMs;
      }
      segment.oldestMs = Math.min(segment.oldestMs, append.meta.timeMs);
      segment.newestMs = Math.max(segment.newestMs, append.meta.timeMs);
      segment.endOffset += append.fileBytes;
      segment.bytes = segment.endOffset;
      this.#next = append.meta.firstSequence + BigInt(append.records);
      segment.end = this.#next;
      add(segment.unread, { groups: 1, records: append.records, bytes: append.bytes });
      add(this.#held, { groups: 1, records: append.records, bytes: append.bytes });
      this.#unpend(append);
      append.resolve();
    }
    if (fsync !== "interval") segment.synced = segment.end;
    this.#cursorStale = true;
    if (written > 0) this.#events.changed();
    if (error !== undefined) {
      await this.#abandon(segment);
      throw error;
    }
  }

  /** The active segment, or a new one when it has no room for this group. */
  async #segmentFor({ fileBytes, meta }: Append): Promise<Segment> {
    const active = this.#active;
    if (active !== undefined) {
      if (this.#fitsActive(fileBytes)) return active;
      await this.#rotate();
    }
    const { directory, fsync } = this.#options;
    await makeDirectory(directory);
    await this.#reserveCursor();
    const name = meta.firstSequence;
    const path = join(directory, segmentName(name));
    const header = encodeSegmentHeader({
      epoch: this.#around.epoch,
      firstSequence: name,
      createdMs: this.#around.now(),
    });
    let file: SegmentFile;
    try {
      file = await this.#files.create(path, header);
    } catch (error) {
      // Half a header may be there. A file that was there before is not ours to remove.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") await rm(path, { force: true }).catch(() => undefined);
      throw error;
    }
    const segment: Segment = {
      path,
      name,
      epoch: this.#around.epoch,
      bytes: header.length,
      endOffset: header.length,
      end: this.#next,
      readOffset: header.length,
      readSequence: name,
      unread: { groups: 0, records: 0, bytes: 0 },
      inFlight: 0,
      oldestMs: Number.POSITIVE_INFINITY,
      newestMs: Number.NEGATIVE_INFINITY,
      file,
      reading: false,
      synced: this.#next,
      broken: false,
      ended: false,
      missing: [],
    };
    this.#segments.push(segment);
    this.#active = segment;
    if (fsync !== "never") await syncDirectory(directory);
    return segment;
  }

  #fitsActive(fileBytes: number): boolean {
    const active = this.#active;
    if (active === undefined || active.broken || active.ended) return false;
    return active.endOffset === segmentHeader.bytes || active.endOffset + fileBytes <= this.#segmentBytesMax;
  }

  /** Ends the active segment. */
  async #rotate(): Promise<void> {
    const segment = this.#active;
    if (segment === undefined) return;
    this.#active = undefined;
    // The next tick brings to the disk what is not there: waiting for it here would hold up every append behind this one.
    if (!segment.reading && segment.synced >= segment.end) await closeFile(segment);
  }

  /** A command waits for segments that are not written to any more. */
  async #rotateIfAsked(): Promise<void> {
    if (this.#held.groups === 0) return;
    const path = join(this.#options.directory, rotateName);
    if (await stat(path).catch(() => undefined)) {
      const segment = this.#active;
      if (segment !== undefined) {
        // The next commit begins another; one that is under way ends first.
        segment.ended = true;
        while (this.#writing && this.#active === segment) await setImmediate();
        if (this.#active === segment) {
          this.#active = undefined;
          await this.#sync(segment).catch(() => undefined);
          if (!segment.reading) await closeFile(segment);
        }
      }
      await rm(path, { force: true });
      this.#movesExpected = movesExpectedTicks;
    }
  }

  /** Forgets segments that a command has moved elsewhere: they are neither held nor lost. */
  async #forgetMoved(): Promise<void> {
    const { directory } = this.#options;
    const names = new Set(await readdir(directory).catch(() => []));
    for (const name of names) {
      const range = movedRange(name);
      const path = join(directory, name);
      if (range === undefined || this.#moved.includes(path)) continue;
      const meant = this.#segments.filter((segment) => segment.name < range.to && segment.end > range.from);
      // Said before it is done; or read meanwhile, then it repeats.
      if (meant.some((segment) => names.has(segmentName(segment.name)) || segment.inFlight > 0 || segment.reading))
        continue;
      for (const segment of meant) {
        const { records, bytes } = segment.unread;
        if (records > 0) this.#events.moved?.({ records, bytes });
        subtract(this.#held, segment.unread);
        segment.unread = { groups: 0, records: 0, bytes: 0 };
      }
      this.#gaps = withRange(this.#gaps, range);
      this.#moved.push(path);
      this.#cursorStale = true;
    }
  }

  /** Ends the active segment at its last whole group, after something went wrong in it. */
  async #abandon(segment: Segment): Promise<void> {
    this.#active = undefined;
    // When even that fails, what is behind is skipped as damaged, and counted as nothing: it was never in the lane.
    await segment.file!.truncate(segment.endOffset).catch(() => undefined);
    segment.bytes = segment.endOffset;
    if (!segment.reading) await closeFile(segment);
    if (segment.endOffset > segmentHeader.bytes) return;
    this.#segments = this.#segments.filter((other) => other !== segment);
    await rm(segment.path, { force: true }).catch(() => undefined);
  }

  /** @throws with `spoolFullCode` when what may be given up is not enough; then nothing is */
  async #makeRoom(fileBytes: number): Promise<void> {
    const { bytesMax } = this.#options;
    this.#expireSegments();
    const wanted = () => fileBytes + (this.#fitsActive(fileBytes) ? 0 : segmentHeader.bytes);
    if (this.#diskBytes() + wanted() <= bytesMax) return;
    // What is done with goes first: it costs nothing.
    await this.#save(false);
    if (this.#diskBytes() + wanted() <= bytesMax) return;
    const free = this.#segments.filter(({ inFlight, reading }) => inFlight === 0 && !reading);
    const freeBytes = free.reduce((sum, { bytes }) => sum + bytes, 0);
    if (this.#diskBytes() - freeBytes + fileBytes + segmentHeader.bytes > bytesMax)
      throw Object.assign(
        new Error(
          `the spool holds its ${bytesMax} bytes, and what could be given up is not enough for ${fileBytes} more`,
        ),
        { code: spoolFullCode },
      );
    for (const segment of free) {
      if (this.#diskBytes() + wanted() <= bytesMax) break;
      // Read from, or gone, meanwhile.
      if (segment.inFlight > 0 || segment.reading || !this.#segments.includes(segment)) continue;
      if (segment === this.#active) await this.#rotate();
      if (segment.inFlight > 0 || segment.reading) continue;
      this.#giveUp(segment, "spoolFull");
      await this.#save(false);
    }
    if (this.#diskBytes() + wanted() > bytesMax)
      throw Object.assign(new Error("the spool has no room: what would make some is being read"), {
        code: spoolFullCode,
      });
  }

  #unpend({ records, bytes }: Append): void {
    this.#pending.records -= records;
    this.#pending.bytes -= bytes;
  }

  // ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async #readNext(): Promise<Group | undefined> {
    for (;;) {
      if (this.#closing !== undefined) return undefined;
      this.#expireSegments();
      const segment = this.#segments.find(({ unread }) => unread.groups > 0);
      if (segment === undefined) return undefined;
      if (segment.readOffset >= segment.endOffset) {
        this.#giveUp(segment, "spoolDamaged");
        continue;
      }
      const { endOffset, end } = segment;
      const before = { ...segment.unread };
      segment.reading = true;
      let found: Awaited<ReturnType<SegmentFile["read"]>>;
      try {
        segment.file ??= await this.#openForReading(segment);
        found = await segment.file?.read(segment.readOffset, endOffset, segment.epoch, segment.readSequence);
      } finally {
        segment.reading = false;
      }
      if (found === undefined) {
        // Good when it was written or scanned, and not any more; what was appended meanwhile is not meant.
        this.#lose(segment, "spoolDamaged", before, { from: segment.readSequence, to: end });
        segment.readOffset = endOffset;
        segment.readSequence = end;
        await this.#closeRead(segment);
        continue;
      }
      const group = this.#take(segment, found.fields, found.endOffset);
      await this.#closeRead(segment);
      if (group === undefined) continue;
      const { fields, reason, body } = found;
      return {
        firstSequence: fields.firstSequence,
        timeMs: fields.timeMs,
        protection: fields.protection,
        reason: Buffer.from(reason).toString("utf8"),
        records: fields.records,
        bytes: fields.recordBytes,
        epoch: fields.epoch,
        body,
      };
    }
  }

  /** Moves behind a group that was read. @returns undefined when it is too old */
  #take(
    segment: Segment,
    { firstSequence, priorSequence, records, recordBytes, timeMs }: GroupHeaderFields,
    endOffset: number,
  ): InFlight | undefined {
    const end = firstSequence + BigInt(records);
    const totals = { groups: 1, records, bytes: recordBytes };
    if (priorSequence > segment.readSequence) segment.missing.push({ from: segment.readSequence, to: priorSequence });
    segment.oldestMs = Math.max(segment.oldestMs, timeMs);
    segment.readOffset = endOffset;
    segment.readSequence = end;
    if (this.#isExpired(timeMs)) {
      this.#lose(segment, "spoolExpired", totals, { from: firstSequence, to: end });
      return undefined;
    }
    subtract(segment.unread, totals);
    const group: InFlight = { ...totals, first: firstSequence, segment, timeMs, settled: false };
    segment.inFlight++;
    this.#inFlight.set(firstSequence, group);
    return group;
  }

  async #openForReading(segment: Segment): Promise<SegmentFile | undefined> {
    try {
      return await this.#files.open(segment.path);
    } catch (error) {
      // Removed under us: everything in it is missing.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  async #closeRead(segment: Segment): Promise<void> {
    if (segment !== this.#active && segment.readOffset >= segment.endOffset && !segment.reading)
      await closeFile(segment);
  }

  // ── Giving up ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** What of a segment was not read is lost. */
  #giveUp(segment: Segment, cause: LaneLoss): void {
    this.#lose(segment, cause, { ...segment.unread }, { from: segment.readSequence, to: segment.end });
    segment.readOffset = segment.endOffset;
    segment.readSequence = segment.end;
  }

  #lose(segment: Segment, cause: LaneLoss, totals: Totals, range: SequenceRange): void {
    subtract(segment.unread, totals);
    subtract(this.#held, totals);
    for (const gap of [...segment.missing, range]) this.#gaps = withRange(this.#gaps, gap);
    segment.missing = [];
    this.#cursorStale = true;
    this.#arm();
    if (totals.records > 0) this.#events.lost(cause, { records: totals.records, bytes: totals.bytes });
  }

  #isExpired(timeMs: number): boolean {
    return this.#options.ageMsMax > 0 && timeMs + this.#options.ageMsMax < this.#around.now();
  }

  /** Whole segments; of one that holds younger groups too, the old ones go when they are read. */
  #expireSegments(): void {
    for (const segment of this.#segments)
      if (segment.unread.groups > 0 && !segment.reading && this.#isExpired(segment.newestMs))
        this.#giveUp(segment, "spoolExpired");
  }

  // ── The cursor ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Moves over what is settled without a gap. */
  #pass(): void {
    for (const [first, group] of this.#inFlight) {
      if (!group.settled) return;
      this.#inFlight.delete(first);
      group.segment.inFlight--;
      this.#cursorStale = true;
      this.#arm();
    }
  }

  /** Everything before it is settled or lost. */
  #passed(): bigint {
    const [front] = this.#inFlight.keys();
    const unread = this.#segments.find(({ unread }) => unread.groups > 0);
    let passed = this.#next;
    if (unread !== undefined) passed = unread.readSequence;
    if (front !== undefined && front < passed) passed = front;
    return passed;
  }

  /** The cursor has its blocks before segments take what is left of the disk: a full one is emptied by moving it, and by nothing else. */
  #reserveCursor(): Promise<void> {
    if (this.#cursor.written) return Promise.resolve();
    const result = this.#saving.then(() => {
      if (this.#cursor.written) return;
      return this.#cursor.write({ passed: this.#passed(), next: this.#next, gaps: this.#gaps });
    });
    this.#saving = result.catch(() => undefined);
    return result;
  }

  /** Writes the cursor, then deletes the segments that it has passed. @param force also when nothing has changed */
  #save(force: boolean): Promise<void> {
    const result = this.#saving.then(() => this.#saveNow(force));
    this.#saving = result.catch(() => undefined);
    return result;
  }

  async #saveNow(force: boolean): Promise<void> {
    if (this.#segments.length === 0 && this.#next === 0n) return;
    if (!this.#cursorStale && !force) return;
    this.#cursorStale = false;
    if (this.#active !== undefined && !this.#writing && isDone(this.#active)) this.#active = undefined;
    const done = this.#segments.filter((segment) => segment !== this.#active && isDone(segment));
    const moved = [...this.#moved];
    const passed = this.#passed();
    this.#gaps = withoutBelow(this.#gaps, passed).slice(0, cursorGapsMax);
    try {
      await this.#cursor.write({ passed, next: this.#next, gaps: this.#gaps });
    } catch (error) {
      this.#cursorStale = true;
      throw error;
    }
    for (const path of moved) await rm(path, { force: true }).catch(() => undefined);
    this.#moved = this.#moved.filter((path) => !moved.includes(path));
    for (const segment of done) {
      await closeFile(segment);
      // One that cannot be removed is removed when the lane is opened again.
      await rm(segment.path, { force: true }).catch(() => undefined);
      this.#segments = this.#segments.filter((other) => other !== segment);
    }
    if (done.length > 0 && this.#options.fsync !== "never") await syncDirectory(this.#options.directory);
  }

  /** Brings what was written to the disk, oldest first. @throws for the first segment for which that fails, after the others */
  async #syncWritten(): Promise<void> {
    let failure: unknown;
    for (const segment of [...this.#segments]) {
      // Not those that have been removed meanwhile: all that was in them is settled.
      if (segment.synced >= segment.end || !this.#segments.includes(segment)) continue;
      try {
        await this.#sync(segment);
      } catch (error) {
        failure ??= error;
      }
      if (segment !== this.#active && !segment.reading) await closeFile(segment);
    }
    if (failure !== undefined) throw failure;
  }

  async #sync(segment: Segment): Promise<void> {
    if (segment.synced >= segment.end || this.#options.fsync === "never") return;
    const { end } = segment;
    try {
      if (segment.broken) throw Object.assign(new Error("a segment could not be brought to the disk"), { code: "EIO" });
      // It may have been closed: read to its end, and not written to any more.
      segment.file ??= await this.#openForReading(segment);
      await segment.file?.sync();
    } catch (error) {
      segment.broken = true;
      throw error;
    }
    if (segment.synced < end) segment.synced = end;
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#closing !== undefined) return;
    if (!this.#cursorStale && this.#held.groups === 0 && this.#movesExpected === 0) return;
    const tick = () => {
      this.#ticking = this.#tick();
    };
    this.#timer = setTimeout(tick, Math.max(1, this.#options.fsyncIntervalMs));
    this.#timer.unref();
  }

  async #tick(): Promise<void> {
    try {
      this.#expireSegments();
      await this.#syncWritten();
      await this.#save(false);
      await this.#rotateIfAsked();
      if (this.#movesExpected > 0) {
        this.#movesExpected--;
        await this.#forgetMoved();
      }
    } catch {
      // Tried again at the next tick; `durableSequence` does not move meanwhile.
      this.#cursorStale = true;
    }
    this.#timer = undefined;
    this.#arm();
    if (this.#closing === undefined) this.#events.changed();
  }

  // ── Totals ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #diskBytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Of a segment that is read in part no more is known than when the last group that was read is from: what follows is younger. */
  #oldestMs(): number | undefined {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { settled, timeMs } of this.#inFlight.values()) if (!settled) oldest = Math.min(oldest, timeMs);
    for (const { unread, oldestMs } of this.#segments) if (unread.groups > 0) oldest = Math.min(oldest, oldestMs);
    return Number.isFinite(oldest) ? oldest : undefined;
  }

  #refusal(what: string): StreamGateError {
    return new StreamGateError("SG_SPOOL", { where: this.#options.directory, what });
  }
}

function toWrite({ ranges, meta, reason, records, bytes }: Append, epoch: number, prior: bigint): GroupToWrite {
  return {
    fields: {
      records,
      recordBytes: bytes,
      reasonBytes: reason.length,
      epoch,
      firstSequence: meta.firstSequence,
      priorSequence: prior,
      protection: meta.protection,
      timeMs: meta.timeMs,
    },
    reason,
    ranges,
  };
}

function isDone({ unread, inFlight, reading }: Segment): boolean {
  return unread.groups === 0 && inFlight === 0 && !reading;
}

async function closeFile(segment: Segment): Promise<void> {
  const file = segment.file;
  segment.file = undefined;
  await file?.close().catch(() => undefined);
}

function add(to: Totals, amount: Totals): void {
  to.groups += amount.groups;
  to.records += amount.records;
  to.bytes += amount.bytes;
}

/** Never below nothing: a group that only now can be read was not counted when its segment was scanned. */
function subtract(from: Totals, amount: Totals): void {
  from.groups = Math.max(0, from.groups - amount.groups);
  from.records = Math.max(0, from.records - amount.records);
  from.bytes = Math.max(0, from.bytes - amount.bytes);
}
