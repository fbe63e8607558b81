/** The operation throttle as a plan holds it: whose records, how many, and which are exempt. Twin of `native/reduce/throttle_step.h`. */

import { attributeOperator, severity, throttleKey } from "../../../../plan/operations.ts";
import { type AttributeFilter, attributeTest } from "../attribute/attribute_filter.ts";
import { RecordHash } from "./record_hash.ts";
import { Throttle } from "./throttle.ts";

export class ThrottleStep {
  /** Bytes are counted, not records. */
  readonly bytes: boolean;
  /** From this severity on records pass and cost nothing; undefined: none do. */
  readonly exempt: number | undefined;
  /** What `hash` has found. */
  high = 0;
  low = 0;
  readonly #windowMs: number;
  readonly #memoryBytes: number;
  readonly #tokensPerMs: number;
  readonly #tokensMax: number;
  readonly #by: number;
  readonly #label: string;
  readonly #key: AttributeFilter | undefined;
  readonly #hash = new RecordHash();

  /** @param args of a throttle operation (`src/plan/operations.ts`) */
  constructor([head, label, ...paths]: readonly Uint8Array[]) {
    const numbers = Buffer.from(head!);
    this.#windowMs = numbers.readDoubleLE(0);
    this.#memoryBytes = numbers.readDoubleLE(8);
    this.#tokensPerMs = numbers.readDoubleLE(16);
    this.#tokensMax = numbers.readDoubleLE(24);
    this.#by = numbers[32]!;
    this.bytes = numbers[33] !== 0;
    this.exempt = numbers[34]! <= severity.fatal ? numbers[34] : undefined;
    this.#label = Buffer.from(label!).toString();
    if (this.#by === throttleKey.attribute)
      this.#key = attributeTest(attributeOperator.exists, [], paths, () => () => false);
  }

  remember(seed: bigint): Throttle {
    return new Throttle(this.#label, this.#windowMs, this.#memoryBytes, seed, this.#tokensPerMs, this.#tokensMax);
  }

  /** Finds the hash of the record's key. Records without the attribute share one. @param address of its peer; empty: not known */
  hash(bytes: Buffer, start: number, end: number, address: Uint8Array, seedHigh: number, seedLow: number): void {
    const hash = this.#hash;
    hash.begin(seedHigh, seedLow);
    if (this.#by === throttleKey.source) hash.bytes(address, 0, address.length);
    const found = this.#key?.find(bytes, start, end);
    if (found !== undefined) {
      // An empty value is a key of its own.
      hash.byte(1);
      hash.bytes(found, 0, found.length);
    }
    hash.finish();
    this.high = hash.high;
    this.low = hash.low;
  }
}
