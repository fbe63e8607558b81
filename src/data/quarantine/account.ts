/** What the quarantine holds, of all workers: one piece of shared memory, so that its bound is one for all of them. */

const cells = { diskBytes: 0, groups: 1, records: 2, recordBytes: 3 } as const;

export interface QuarantineHeld {
  readonly groups: number;
  readonly records: number;
  /** As received. */
  readonly bytes: number;
  readonly diskBytes: number;
}

/** Of one group, or of several. */
export interface GroupAmount {
  readonly groups: number;
  readonly records: number;
  readonly recordBytes: number;
  readonly diskBytes: number;
}

export class QuarantineAccount {
  readonly memory: SharedArrayBuffer;
  readonly #cells: BigInt64Array;

  /** @param memory of an account that another thread made */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(8 * Object.keys(cells).length)) {
    this.memory = memory;
    this.#cells = new BigInt64Array(memory);
  }

  get held(): QuarantineHeld {
    const at = (cell: keyof typeof cells) => Number(Atomics.load(this.#cells, cells[cell]));
    return { groups: at("groups"), records: at("records"), bytes: at("recordBytes"), diskBytes: at("diskBytes") };
  }

  /** @returns false when there is no room: then nothing was taken */
  reserve(bytes: number, bytesMax: number): boolean {
    const before = Atomics.add(this.#cells, cells.diskBytes, BigInt(bytes));
    if (before + BigInt(bytes) <= BigInt(bytesMax)) return true;
    this.giveBack(bytes);
    return false;
  }

  giveBack(bytes: number): void {
    Atomics.sub(this.#cells, cells.diskBytes, BigInt(bytes));
  }

  /** Groups that were written into room that was reserved. */
  written({ groups, records, recordBytes }: Omit<GroupAmount, "diskBytes">): void {
    Atomics.add(this.#cells, cells.groups, BigInt(groups));
    Atomics.add(this.#cells, cells.records, BigInt(records));
    Atomics.add(this.#cells, cells.recordBytes, BigInt(recordBytes));
  }

  /** What a start found on disk. */
  found(amount: GroupAmount): void {
    Atomics.add(this.#cells, cells.diskBytes, BigInt(amount.diskBytes));
    this.written(amount);
  }

  removed({ groups, records, recordBytes, diskBytes }: GroupAmount): void {
    this.found({ groups: -groups, records: -records, recordBytes: -recordBytes, diskBytes: -diskBytes });
  }
}
