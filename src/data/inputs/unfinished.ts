/**
 * Who is read on when records without an end hold too much memory: the rules of `native/tcp/reader.h` for sockets that `net` reads, and
 * what the log says of either.
 *
 * Over half of the bound, connections are held back in the middle of a record: not read, so that peers feel it, until there is room.
 * Read on are those that hold little, those that are nearly at the longest record, and of the others one at a time, the furthest
 * first: it ends soonest. A chunk of `net` is in memory before anybody can refuse it, so each connection may exceed its place by 64 KiB.
 */

import { KiB } from "../../settings/quantity.ts";
import { type Log, RateLimit } from "../../telemetry/log.ts";

/** A connection as these rules see it. */
export interface Unfinished {
  /** Bytes of its record that has no end yet, as of the last `ran`. */
  unfinishedBytes: number;
  heldBack: boolean;
  /** Read on. */
  letOn(): void;
}

const floorBytesMax = 64 * KiB;
const floorBytesMin = 4 * KiB;
/** How long one connection is read on alone before another is, if the bound leaves room for both. */
const turnMs = 1000;
/** How often somebody looks whether the one that is read on brings nothing. */
export const lookMs = 250;
const logPeriodMs = 10_000;

export interface UnfinishedOptions {
  /** What all connections together may hold; absent: no bound. */
  readonly bytesMax: number | undefined;
  readonly maxRecordBytes: number;
  /** Others need the memory: records grow as if they had filled their half. */
  readonly squeezed: () => boolean;
  readonly nowMs?: () => number;
}

export class UnfinishedRecords {
  readonly #bytesMax: number;
  readonly #maxRecordBytes: number;
  readonly #squeezed: () => boolean;
  readonly #nowMs: () => number;
  readonly #heldBack = new Set<Unfinished>();
  #favourite: Unfinished | undefined;
  #favouriteSinceMs = 0;
  #connections = 0;
  /** Of all connections. */
  bytes = 0;

  constructor({ bytesMax, maxRecordBytes, squeezed, nowMs }: UnfinishedOptions) {
    this.#bytesMax = bytesMax ?? Number.POSITIVE_INFINITY;
    this.#maxRecordBytes = maxRecordBytes;
    this.#squeezed = squeezed;
    this.#nowMs = nowMs ?? (() => performance.now());
  }

  get heldBack(): number {
    return this.#heldBack.size;
  }

  opened(): void {
    this.#connections++;
  }

  closed(connection: Unfinished): void {
    this.#connections--;
    this.#heldBack.delete(connection);
    connection.heldBack = false;
    this.#count(connection, 0);
    this.look();
  }

  /** A chunk of it was run. @returns whether it may be read on; else it is held back until its `letOn` is called */
  ran(connection: Unfinished, bytes: number): boolean {
    this.#count(connection, bytes);
    const mayGrow = !this.#over || this.#mayGrow(connection);
    if (!mayGrow) {
      connection.heldBack = true;
      this.#heldBack.add(connection);
    }
    if (this.#heldBack.size > 0) this.look();
    return !connection.heldBack;
  }

  /** It ends, so it is read on whatever it holds. */
  release(connection: Unfinished): void {
    this.#heldBack.delete(connection);
    connection.heldBack = false;
  }

  /** Lets those on for whom there is memory now, and without any, one. */
  look(): void {
    if (!this.#over) {
      this.#favourite = undefined;
      if (this.#heldBack.size === 0) return;
      let room = this.#bytesMax / 2 - this.bytes;
      for (const connection of [...this.#heldBack].toSorted((a, b) => b.unfinishedBytes - a.unfinishedBytes)) {
        this.#letOn(connection);
        room -= this.#bytesToGo(connection);
        if (room <= 0) return;
      }
      return;
    }
    if (this.#heldBack.size === 0) return;
    const nowMs = this.#nowMs();
    if (this.#favourite !== undefined && nowMs - this.#favouriteSinceMs < turnMs) return;
    let furthest: Unfinished | undefined;
    for (const connection of this.#heldBack)
      if (furthest === undefined || connection.unfinishedBytes > furthest.unfinishedBytes) furthest = connection;
    // The record of the one before may never end. Another goes on beside it only while the sum keeps to its bound.
    const bound = this.#squeezed() ? this.#bytesMax / 2 : this.#bytesMax;
    if (this.#favourite !== undefined && this.bytes + this.#bytesToGo(furthest!) > bound) return;
    this.#favourite = furthest;
    this.#favouriteSinceMs = nowMs;
    this.#letOn(furthest!);
  }

  #count(connection: Unfinished, bytes: number): void {
    // Its record is done, and this one is another.
    if (connection === this.#favourite && bytes < connection.unfinishedBytes) this.#favourite = undefined;
    this.bytes += bytes - connection.unfinishedBytes;
    connection.unfinishedBytes = bytes;
  }

  get #over(): boolean {
    return this.bytes > this.#bytesMax / 2 || this.#squeezed();
  }

  #mayGrow(connection: Unfinished): boolean {
    const floor = Math.min(
      floorBytesMax,
      Math.max(floorBytesMin, Math.floor(this.#bytesMax / 8 / (this.#connections + 1))),
    );
    return (
      connection.unfinishedBytes <= floor || this.#bytesToGo(connection) <= floor || connection === this.#favourite
    );
  }

  /** What its record can still gain; past the longest record it only is counted. */
  #bytesToGo(connection: Unfinished): number {
    return Math.max(0, this.#maxRecordBytes - connection.unfinishedBytes);
  }

  #letOn(connection: Unfinished): void {
    this.release(connection);
    connection.letOn();
  }
}

/** Says in the log when connections begin to be held back and when none is any more, and has somebody look meanwhile. */
export class HeldBackWatch {
  readonly #log: Log | undefined;
  readonly #look: () => void;
  readonly #complaints = new RateLimit(logPeriodMs);
  #timer: NodeJS.Timeout | undefined;
  /** The log has told that it began. */
  #told = false;

  /** @param look called every `lookMs` while connections are held back */
  constructor(log: Log | undefined, look: () => void) {
    this.#log = log;
    this.#look = look;
  }

  /** So many are held back now, of so many bytes in all. */
  saw(connections: number, unfinishedBytes: number): void {
    if (connections > 0 && this.#timer === undefined) {
      this.#timer = setInterval(this.#look, lookMs).unref();
      this.#told = this.#complaints.pass("held back") !== undefined;
      if (this.#told)
        this.#log?.warn(
          { connections, unfinishedBytes },
          "connections are held back in the middle of a record: records without an end fill their share of MEMORY_BUDGET",
        );
    } else if (connections === 0 && this.#timer !== undefined) {
      this.close();
      if (this.#told)
        this.#log?.info({ unfinishedBytes }, "no connection is held back in the middle of a record any more");
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
