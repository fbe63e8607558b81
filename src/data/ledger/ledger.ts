/** One worker's published counters: the writing end (the worker) and the reading end (the main thread). Memory: `layout.ts`. */

import { type LedgerShape, ledgerOffsets, sequenceBytes } from "./layout.ts";

/** What a reader tries before it gives up; a writer holds the lock for less than a microsecond. */
const readAttempts = 10_000;

export class LedgerWriter {
  readonly offsets: ReturnType<typeof ledgerOffsets>;
  readonly #sequence: Int32Array;
  readonly #cells: Float64Array;

  constructor(memory: SharedArrayBuffer, shape: LedgerShape) {
    this.offsets = ledgerOffsets(shape);
    this.#sequence = new Int32Array(memory, 0, 1);
    this.#cells = new Float64Array(memory, sequenceBytes, this.offsets.cells);
  }

  /** Publishes what `write` puts into the cells as one snapshot. It must not throw. */
  publish(write: (cells: Float64Array) => void): void {
    Atomics.add(this.#sequence, 0, 1);
    write(this.#cells);
    Atomics.add(this.#sequence, 0, 1);
  }
}

/** @returns a consistent copy of the cells; zeroes when its worker died in the middle of writing the first snapshot */
export function readLedger(memory: SharedArrayBuffer, shape: LedgerShape): Float64Array {
  const sequence = new Int32Array(memory, 0, 1);
  const cells = new Float64Array(memory, sequenceBytes, ledgerOffsets(shape).cells);
  let copy = new Float64Array(cells.length);
  for (let attempt = 0; attempt < readAttempts; attempt++) {
    const before = Atomics.load(sequence, 0);
    copy = new Float64Array(cells);
    // A read-modify-write, not a load: the plain reads above may not sink below it on machines that reorder loads.
    if (before % 2 === 0 && Atomics.add(sequence, 0, 0) === before) return copy;
  }
  return copy;
}
