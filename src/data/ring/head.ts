/** What a ring's consumer runs next: looks at the block at the head without taking it. For the consumer's thread only. */

import { blockHeader, blockKind, ringHeader } from "./layout.ts";

const headAt = ringHeader.offsets.head / 4;
const capacityAt = ringHeader.offsets.capacityBytes / 4;
const kindShift = BigInt(8 * blockHeader.offsets.kind);

export class RingHead {
  readonly #words: Uint32Array;
  readonly #firstWords: BigInt64Array;
  readonly #numbers: Float64Array;
  readonly #unitsMask: number;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Uint32Array(memory, 0, ringHeader.bytes / 4);
    this.#firstWords = new BigInt64Array(memory, ringHeader.bytes);
    this.#numbers = new Float64Array(memory, ringHeader.bytes);
    this.#unitsMask = this.#words[capacityAt]! / 8 - 1;
  }

  /** When the last byte of its records came, milliseconds since 1970; Infinity: nothing is there. */
  get receivedMs(): number {
    const at = this.#words[headAt]! & this.#unitsMask;
    const kind = this.#committedKind(at);
    if (kind === blockKind.records) return this.#receivedMs(at);
    // Behind padding the ring begins again.
    if (kind === blockKind.padding && this.#committedKind(0) === blockKind.records) return this.#receivedMs(0);
    return Number.POSITIVE_INFINITY;
  }

  /** 0: not committed. */
  #committedKind(at: number): number {
    const first = Atomics.load(this.#firstWords, at);
    return BigInt.asIntN(32, first) > 0n ? Number((first >> kindShift) & 0xffffn) : 0;
  }

  #receivedMs(at: number): number {
    const ms = this.#numbers[at + blockHeader.offsets.receivedAtMs / 8]!;
    return ms > 0 ? ms : Number.POSITIVE_INFINITY;
  }
}
