/** One worker's published counters: the writing end (the worker) and the reading end (the main thread). Memory: `layout.ts`. */

import { type LedgerShape, ledgerBlocks, ledgerOffsets, sequenceBytes } from "./layout.ts";

/** What a reader tries before it gives up; a copy is torn only when two snapshots are begun while it is made, each of microseconds. */
const readAttempts = 10_000;

function blocksOf(memory: SharedArrayBuffer, { cells }: { cells: number }): readonly Float64Array[] {
  return Array.from(
    { length: ledgerBlocks },
    (_, block) => new Float64Array(memory, sequenceBytes + block * 8 * cells, cells),
  );
}

export class LedgerWriter {
  readonly offsets: ReturnType<typeof ledgerOffsets>;
  readonly #sequence: Int32Array;
  readonly #blocks: readonly Float64Array[];

  constructor(memory: SharedArrayBuffer, shape: LedgerShape) {
    this.offsets = ledgerOffsets(shape);
    this.#sequence = new Int32Array(memory, 0, 1);
    this.#blocks = blocksOf(memory, this.offsets);
  }

  /** Publishes what `write` puts into the cells, all of them, as one snapshot. It must not throw. */
  publish(write: (cells: Float64Array) => void): void {
    const next = Atomics.load(this.#sequence, 0) + 1;
    write(this.#blocks[next & 1]!);
    // A read-modify-write, not a store: the plain writes of the next snapshot may not rise above it.
    Atomics.add(this.#sequence, 0, 1);
  }
}

/** @returns a consistent copy of the cells as of the last snapshot; zeroes when there is none yet */
export function readLedger(memory: SharedArrayBuffer, shape: LedgerShape): Float64Array {
  const sequence = new Int32Array(memory, 0, 1);
  const blocks = blocksOf(memory, ledgerOffsets(shape));
  for (let attempt = 1; ; attempt++) {
    const before = Atomics.load(sequence, 0);
    const copy = new Float64Array(blocks[before & 1]!);
    // A read-modify-write, not a load: the plain reads above may not sink below it on machines that reorder loads.
    if (Atomics.add(sequence, 0, 0) === before || attempt === readAttempts) return copy;
  }
}
