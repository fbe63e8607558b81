/**
 * Appends surviving records to a batch. Survivors that lie next to each other in their source are copied as one run, when the run
 * ends: at a record that is dropped or changed, or at `flush`. Until then their source must stay as it is.
 */

import type { Batch } from "../../batch.ts";
import { batchEntry, batchHeader } from "../../layout.ts";

const lf = 0x0a;
const recordsAt = batchHeader.offsets.records / 4;
const bytesAt = batchHeader.offsets.bytes / 4;
const entriesAt = batchHeader.bytes / 4;
const entryWords = batchEntry.bytes / 4;
const allRoutes = 0xffff_ffff;

export class BatchWriter {
  #batch: Batch | undefined;
  #records = 0;
  #bytes = 0;
  #source: Buffer | undefined;
  #runStart = 0;
  #runEnd = 0;

  get attached(): boolean {
    return this.#batch !== undefined;
  }

  attach(batch: Batch): void {
    this.#batch = batch;
  }

  /** Reads how full the batch is: its owner may have emptied it since the last call. */
  begin(): void {
    this.#records = this.#batch!.records;
    this.#bytes = this.#batch!.bytes;
  }

  /** Whether a record of this many bytes, its LF not counted, finds room. */
  fits(size: number): boolean {
    const batch = this.#batch!;
    return this.#records < batch.recordsMax && this.#bytes + size + 1 <= batch.bytesMax;
  }

  /**
   * @param followedByLf the byte behind the record is an LF and stays readable until `flush`; else the bytes are copied at once
   * @param routesLow bit n: goes to output n, outputs 0 to 31
   * @param routesHigh outputs 32 to 63
   */
  append(
    source: Buffer,
    start: number,
    end: number,
    followedByLf: boolean,
    routesLow: number = allRoutes,
    routesHigh: number = allRoutes,
  ): void {
    const { words, data } = this.#batch!;
    const entry = entriesAt + this.#records * entryWords;
    words[entry] = this.#bytes;
    words[entry + 1] = end - start;
    words[entry + 2] = routesLow;
    words[entry + 3] = routesHigh;
    if (!followedByLf) {
      this.#copyRun();
      source.copy(data, this.#bytes, start, end);
      data[this.#bytes + end - start] = lf;
    } else if (this.#source === source && this.#runEnd === start) this.#runEnd = end + 1;
    else {
      this.#copyRun();
      this.#source = source;
      this.#runStart = start;
      this.#runEnd = end + 1;
    }
    this.#records++;
    this.#bytes += end - start + 1;
  }

  /** Copies the run at hand and publishes how full the batch is. */
  flush(): void {
    this.#copyRun();
    const { words } = this.#batch!;
    words[recordsAt] = this.#records;
    words[bytesAt] = this.#bytes;
  }

  #copyRun(): void {
    if (this.#source === undefined) return;
    const { data } = this.#batch!;
    this.#source.copy(data, this.#runAt(), this.#runStart, this.#runEnd);
    this.#source = undefined;
  }

  /** The run's bytes are counted already, and nothing was appended behind them. */
  #runAt(): number {
    return this.#bytes - (this.#runEnd - this.#runStart);
  }
}
