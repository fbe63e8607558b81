/** dedupe: of records that are alike within a window the first passes, the others are cut and told in one summary. Twin of `native/reduce/dedupe.h`. */

import { none } from "./key_table.ts";
import { RuleMemory } from "./rule_memory.ts";

export class Dedupe extends RuleMemory {
  #high = 0;
  #low = 0;
  #found = none;

  /** @param windowMs from the first record on, by receive time */
  constructor(label: string, windowMs: number, memoryBytes: number, seed: bigint) {
    super("dedupe", label, windowMs, memoryBytes, seed);
  }

  /** Was a record of this hash seen in its window? */
  repeats(high: number, low: number): boolean {
    this.#high = high;
    this.#low = low;
    this.#found = this.table.find(high, low);
    return this.#found !== none;
  }

  override settle(bytes: Buffer, start: number, end: number, nowMs: number, cut: boolean): void {
    if (cut) this.cut(this.#found, bytes, start, end, nowMs);
    else if (this.#found !== none) this.table.touch(this.#found);
    else {
      const index = this.table.insert(this.#high, this.#low);
      this.table.firstMs[index] = nowMs;
      this.table.addDue(index);
    }
  }

  override told(index: number): void {
    this.table.remove(index);
  }
}
