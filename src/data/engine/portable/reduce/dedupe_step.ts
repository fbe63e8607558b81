/** The operation dedupe as a plan holds it: by what records are alike, and how much is remembered. Twin of `native/reduce/dedupe_step.h`. */

import { attributeOperator } from "../../../../plan/operations.ts";
import { type AttributeFilter, attributeTest } from "../attribute/attribute_filter.ts";
import { Dedupe } from "./dedupe.ts";
import { hashMasked } from "./mask.ts";
import { RecordHash } from "./record_hash.ts";

/** Behind each field, so that none runs into the next: no UTF-8 holds it. */
const fieldEnd = 0xff;

export class DedupeStep {
  /** The hash that `like` has found. */
  high = 0;
  low = 0;
  readonly #windowMs: number;
  readonly #memoryBytes: number;
  /** Numbers, hex, UUIDs and times count as alike. */
  readonly #masks: boolean;
  readonly #label: string;
  /** Empty: the whole record. */
  readonly #fields: readonly AttributeFilter[];
  readonly #hash = new RecordHash();

  /** @param args of a dedupe operation (`src/plan/operations.ts`) */
  constructor([head, label, ...fields]: readonly Uint8Array[]) {
    const numbers = Buffer.from(head!);
    this.#windowMs = numbers.readDoubleLE(0);
    this.#memoryBytes = numbers.readDoubleLE(8);
    this.#masks = numbers[16] !== 0;
    this.#label = Buffer.from(label!).toString();
    this.#fields = fields.map((field) =>
      attributeTest(attributeOperator.exists, [], pathsOf(Buffer.from(field)), () => () => false),
    );
  }

  remember(seed: bigint): Dedupe {
    return new Dedupe(this.#label, this.#windowMs, this.#memoryBytes, seed);
  }

  /** Finds the record's hash. @returns false when it has none of the fields, so that nothing can be said of it */
  like(bytes: Buffer, start: number, end: number, seedHigh: number, seedLow: number): boolean {
    const hash = this.#hash;
    hash.begin(seedHigh, seedLow);
    let any = this.#fields.length === 0;
    if (any) this.#take(bytes, start, end);
    for (const field of this.#fields) {
      const found = field.find(bytes, start, end);
      hash.byte(found === undefined ? 0 : 1);
      if (found !== undefined) this.#take(found, 0, found.length);
      hash.byte(fieldEnd);
      any ||= found !== undefined;
    }
    hash.finish();
    this.high = hash.high;
    this.low = hash.low;
    return any;
  }

  #take(bytes: Uint8Array, start: number, end: number): void {
    if (this.#masks) hashMasked(bytes, start, end, this.#hash);
    else this.#hash.bytes(bytes, start, end);
  }
}

/** A field's places: each a length (u32) and a path. */
function pathsOf(bytes: Buffer): Uint8Array[] {
  const paths: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at);
    paths.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return paths;
}
