/**
 * Who is connected, and how much each source sends: what limits a source, over TCP and TLS and over all workers. Twin of
 * `native/tcp/sources.h`, which works on the same memory.
 *
 *     0        64                  64 + 16 × slots     each worker: 64 + 8 × slots
 *     | header | paid until, 2 rows | worker 0         | worker 1 | …
 *
 *     header: u32 slots, u32 workers, u32 seeds[2], u32 connections, u32 connections of a source, f64 bytes a second, 32 unused
 *     worker: u32 connections, 60 unused, u32 connections of sources, 2 rows
 *
 * A source has one slot in each of two rows, by two hashes with a seed that nobody outside knows. What holds for it is the smaller of the two:
 * others that share one of them do it no harm, and those that share both are few. So memory is bounded however many sources come. A
 * worker's part is written by that worker alone and a worker that dies is wiped; the time up to which a source has paid for its bytes is one for
 * all workers, in milliseconds of the system's monotonic clock. A store that another overtakes lets a few bytes pass.
 */

import { randomBytes } from "node:crypto";
import { addressBytes } from "../../address.ts";

export interface SourceLimits {
  /** Of all sources together. 0: any number. */
  readonly connections: number;
  /** 0: any number. */
  readonly connectionsPerSource: number;
  /** Of one source. 0: any number. */
  readonly bytesPerSecond: number;
}

const headerBytes = 64;
const workerHeaderBytes = 64;
const rows = 2;
/** With 10,000 sources one in four meets nobody in neither row, and one in five somebody in both. */
const slotsDefault = 16_384;
/** Bytes of so many milliseconds may come at once. */
export const burstMs = 1000;

/** Where a source's numbers lie: its slot in each row. */
export interface SourcePlace {
  readonly first: number;
  readonly second: number;
}

export function createSources(limits: SourceLimits, workers: number): SharedArrayBuffer {
  const { connections, connectionsPerSource, bytesPerSecond } = limits;
  const slots = connectionsPerSource > 0 || bytesPerSecond > 0 ? slotsDefault : 0;
  const memory = new SharedArrayBuffer(
    headerBytes + rows * 8 * slots + workers * (workerHeaderBytes + rows * 4 * slots),
  );
  const words = new Uint32Array(memory, 0, headerBytes / 4);
  const seeds = randomBytes(8);
  words.set([slots, workers, seeds.readUInt32LE(0), seeds.readUInt32LE(4), connections, connectionsPerSource]);
  new Float64Array(memory, 24, 1)[0] = bytesPerSecond;
  return memory;
}

/** A worker has died, and its connections with it. */
export function wipeWorker(memory: SharedArrayBuffer, worker: number): void {
  const [slots] = new Uint32Array(memory, 0, 1);
  new Uint8Array(memory, workerAt(slots!, worker), workerHeaderBytes + rows * 4 * slots!).fill(0);
}

function workerAt(slots: number, worker: number): number {
  return headerBytes + rows * 8 * slots + worker * (workerHeaderBytes + rows * 4 * slots);
}

/** Why a connection is not taken. */
export type SourceRefusal = "connections" | "source";

export class Sources {
  readonly limits: SourceLimits;
  readonly memory: SharedArrayBuffer;
  readonly worker: number;
  readonly #slots: number;
  readonly #seeds: readonly [number, number];
  readonly #paidUntilMs: Float64Array;
  /** Every worker's connections: in all, then by row and slot. */
  readonly #totals: readonly Int32Array[];
  readonly #rows: readonly Int32Array[];
  readonly #nowMs: () => number;

  /** @param worker whose connections these are */
  constructor(memory: SharedArrayBuffer, worker: number, nowMs: () => number = monotonicMs) {
    this.memory = memory;
    this.worker = worker;
    this.#nowMs = nowMs;
    const [slots, workers, first, second, connections, connectionsPerSource] = new Uint32Array(memory, 0, 6);
    this.#slots = slots!;
    this.#seeds = [first!, second!];
    this.limits = {
      connections: connections!,
      connectionsPerSource: connectionsPerSource!,
      bytesPerSecond: new Float64Array(memory, 24, 1)[0]!,
    };
    this.#paidUntilMs = new Float64Array(memory, headerBytes, rows * slots!);
    const all = Array.from({ length: workers! }, (_, index) => workerAt(slots!, index));
    this.#totals = all.map((at) => new Int32Array(memory, at, 1));
    this.#rows = all.map((at) => new Int32Array(memory, at + workerHeaderBytes, rows * slots!));
  }

  /** Where the numbers of an address lie. */
  placeOf(address: string | undefined): SourcePlace {
    if (this.#slots === 0) return nowhere;
    const bytes = address === undefined ? undefined : addressBytes(address);
    const word = (at: number) =>
      bytes === undefined
        ? 0
        : (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]! | 0;
    // Of IPv6 the network counts: whoever has one address has 2⁶⁴.
    const [high, low] = bytes?.length === 16 ? [word(0), word(4)] : [-1, word(0)];
    const slot = (row: 0 | 1) => (mix(mix(high ^ this.#seeds[row]) ^ low) & (this.#slots - 1)) >>> 0;
    return { first: slot(0), second: this.#slots + slot(1) };
  }

  /**
   * Counts a connection, unless there are too many. Counted first and looked at then, so that no limit is passed, whatever other workers do
   * meanwhile; of two that come at once to the last place neither may get it.
   */
  admit(place: SourcePlace): SourceRefusal | undefined {
    const { connections, connectionsPerSource } = this.limits;
    this.#count(place, 1);
    const refusal =
      connections > 0 && this.connections > connections
        ? "connections"
        : connectionsPerSource > 0 && this.connectionsOf(place) > connectionsPerSource
          ? "source"
          : undefined;
    if (refusal !== undefined) this.#count(place, -1);
    return refusal;
  }

  closed(place: SourcePlace): void {
    this.#count(place, -1);
  }

  /** Open ones of all workers. */
  get connections(): number {
    let sum = 0;
    for (const total of this.#totals) sum += Atomics.load(total, 0);
    return sum;
  }

  connectionsOf({ first, second }: SourcePlace): number {
    let [one, other] = [0, 0];
    for (const row of this.#rows) {
      one += Atomics.load(row, first);
      other += Atomics.load(row, second);
    }
    return Math.min(one, other);
  }

  /** So many bytes came from there. @returns milliseconds until it may send again; 0: it may */
  took({ first, second }: SourcePlace, bytes: number): number {
    const { bytesPerSecond } = this.limits;
    if (bytesPerSecond === 0) return 0;
    const nowMs = this.#nowMs();
    const paid = this.#paidUntilMs;
    const untilMs = Math.max(nowMs, Math.min(paid[first]!, paid[second]!)) + (bytes * 1000) / bytesPerSecond;
    if (untilMs > paid[first]!) paid[first] = untilMs;
    if (untilMs > paid[second]!) paid[second] = untilMs;
    return Math.max(0, untilMs - nowMs - burstMs);
  }

  #count({ first, second }: SourcePlace, by: 1 | -1): void {
    Atomics.add(this.#totals[this.worker]!, 0, by);
    if (this.#slots === 0) return;
    Atomics.add(this.#rows[this.worker]!, first, by);
    Atomics.add(this.#rows[this.worker]!, second, by);
  }
}

const nowhere: SourcePlace = { first: 0, second: 0 };

/** The clock that native threads read too: CLOCK_MONOTONIC. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** The finalizer of MurmurHash3 (Austin Appleby, public domain): every bit of the input moves every bit of the output. */
function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
