/**
 * What waits in memory, as one account of all workers: queues of outputs, and records that have no end yet. Whoever fills one of them
 * says how much it holds and asks whether there is room.
 *
 * Memory, in 32-bit words: the account's limit, the number of workers, 14 unused; then a line of 64 bytes for each worker with a word
 * for each kind, which only that worker writes. All in KiB, so that 32 bits do.
 *
 * A quarter of the account is kept for unfinished records, whatever queues ask for: a queue that is over its limit spills or makes its
 * source wait, but a connection in the middle of a record can do neither.
 */

export const memoryKind = { queues: 0, unfinished: 1 } as const;
export type MemoryKind = keyof typeof memoryKind;

const headerWords = 16;
const workerWords = 16;
const unitBytes = 1024;
const kinds = Object.keys(memoryKind) as MemoryKind[];

/** @param limitBytes `accountBytes` of src/settings/memory.ts */
export function createMemoryAccount(limitBytes: number, workers: number): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(4 * (headerWords + workers * workerWords));
  const words = new Int32Array(memory);
  words[0] = Math.max(1, Math.floor(limitBytes / unitBytes));
  words[1] = workers;
  return memory;
}

export class MemoryBudget {
  readonly #words: Int32Array;
  readonly #own: number;
  readonly #workers: number;
  /** Of all workers together. */
  readonly limitBytes: number;

  private constructor(memory: SharedArrayBuffer, index: number) {
    this.#words = new Int32Array(memory);
    this.#workers = this.#words[1]!;
    this.#own = headerWords + index * workerWords;
    this.limitBytes = this.#words[0]! * unitBytes;
  }

  /** The account as worker `index` sees it, which begins with nothing: what its predecessor held is gone with it. */
  static open(memory: SharedArrayBuffer, index: number): MemoryBudget {
    const budget = new MemoryBudget(memory, index);
    for (const kind of kinds) budget.set(kind, 0);
    return budget;
  }

  /** This worker holds so much now. Call when it has changed: per block or pass, not per record. */
  set(kind: MemoryKind, bytes: number): void {
    const word = this.#own + memoryKind[kind];
    const units = Math.ceil(bytes / unitBytes);
    if (this.#words[word] !== units) Atomics.store(this.#words, word, units);
  }

  /** What all workers hold of this. */
  held(kind: MemoryKind): number {
    let units = 0;
    for (let worker = 0; worker < this.#workers; worker++)
      units += Atomics.load(this.#words, headerWords + worker * workerWords + memoryKind[kind]);
    return units * unitBytes;
  }

  /** Bytes that queues may still take before they are over; never less than 0. */
  get left(): number {
    const unfinished = Math.max(this.held("unfinished"), this.limitBytes / 4);
    return Math.max(0, this.limitBytes - unfinished - this.held("queues"));
  }

  /** Spill, or let sources wait. */
  get over(): boolean {
    return this.left === 0;
  }

  /** What unfinished records of one worker may hold: half of the account, in equal parts, for the kernel deals out connections evenly. */
  get unfinishedBytesMax(): number {
    return Math.floor(this.limitBytes / 2 / this.#workers);
  }
}

/** What an input that holds unfinished records sees of the account. */
export interface UnfinishedAccount {
  /** What it may hold. */
  readonly unfinishedBytesMax: number;
  readonly over: boolean;
  set(kind: "unfinished", bytes: number): void;
}

/** The account of a worker with several such inputs: each has an equal part, and the worker holds the sum. */
export function unfinishedParts(budget: MemoryBudget, parts: number): readonly UnfinishedAccount[] {
  const held = new Array<number>(parts).fill(0);
  return held.map((_, part) => ({
    unfinishedBytesMax: Math.floor(budget.unfinishedBytesMax / parts),
    get over() {
      return budget.over;
    },
    set(_kind, bytes) {
      held[part] = bytes;
      let sum = 0;
      for (const one of held) sum += one;
      budget.set("unfinished", sum);
    },
  }));
}
