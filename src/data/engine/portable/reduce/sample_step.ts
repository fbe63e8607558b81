/** The operation sample as a plan holds it: what of a record is hashed, and whose weight is written. Twin of `native/reduce/sample_step.h`. */

import { attributeOperator, severity } from "../../../../plan/operations.ts";
import { ShardHash } from "../../../shard/hash.ts";
import { type AttributeFilter, attributeTest } from "../attribute/attribute_filter.ts";
import { fate, KeyCount, Sampling } from "./sampling.ts";
import { WeightWriter } from "./weight.ts";

const severities = Object.keys(severity).length;

export class SampleStep {
  readonly sampling: Sampling;
  /** Kept records bear their weight. */
  readonly weighs: boolean;
  /** By key: about how many there are. Undefined: records are sampled each by itself. */
  readonly keys: KeyCount | undefined;
  readonly writer = new WeightWriter();
  readonly #key: AttributeFilter | undefined;
  readonly #keyHash = new ShardHash();

  /** @param args of a sample operation (`src/plan/operations.ts`) */
  constructor(args: readonly Uint8Array[]) {
    const [head, thresholds, weights] = args.slice(0, 3).map((arg) => Buffer.from(arg)) as [Buffer, Buffer, Buffer];
    const each = Array.from({ length: severities }, (_, index) => 8 * index);
    this.weighs = head[1] !== 0;
    this.sampling = new Sampling(
      each.map((at) => thresholds.readBigUInt64LE(at)),
      each.map((at) => weights.readDoubleLE(at)),
      head[0]!,
    );
    if (args.length === 3) return;
    this.keys = new KeyCount();
    this.#key = attributeTest(attributeOperator.exists, [], args.slice(3), () => () => false);
  }

  /** By key, when the record has one; else by chance, of which seed and sequence are all there is. @returns a `fate` */
  fateOf(
    bytes: Buffer,
    start: number,
    end: number,
    level: number,
    seedHigh: number,
    seedLow: number,
    sequence: number,
  ): number {
    if (this.sampling.exempts(level)) return fate.exempt;
    const found = this.#key?.find(bytes, start, end);
    if (found === undefined) return this.sampling.fateOf(level, seedHigh, seedLow, sequence);
    this.#keyHash.take(found, 0, found.length);
    this.keys!.add(this.#keyHash.low);
    return this.sampling.fateOfKey(level, this.#keyHash.high, this.#keyHash.low);
  }
}
