/** What a worker sees of an output that runs: it takes ranges of batches, says when it is full, and accounts for every record. */

import { outputCell, outputCells } from "../ledger/layout.ts";
import type { SharedBatch } from "./batch_pool.ts";
import type { Payload } from "./packer.ts";
import { Queue } from "./queue.ts";

/** What a delivery asks of the worker that it runs in. */
export interface DeliverySite {
  /** Called whenever a queue became smaller or a counter moved. */
  changed(): void;
  /** Whether no record waits for an engine: then a payload need not wait for more. */
  nothingWaits(): boolean;
}

/** A record waits at most this long for others to share its payload while its output is idle. */
export const payloadAgeMsMax = 100;

/** Why a drain gave up what was left: the process ends, or removed outputs hold more than one queue may. */
export type DrainLoss = "lostShutdown" | "lostRemoved";

/** The reason that a drain's signal was aborted with. */
export function drainLoss({ reason }: AbortSignal): DrainLoss {
  return reason === "lostRemoved" ? "lostRemoved" : "lostShutdown";
}

export abstract class Delivery {
  /** The output's configuration in one canonical line: what makes it the same over a reload. */
  readonly key: string;
  /** For people and counters: `http 2`. */
  name: string;
  readonly cells = new Float64Array(outputCells);
  protected readonly site: DeliverySite;
  protected readonly queue: Queue;

  constructor(key: string, name: string, queueBytes: number, site: DeliverySite) {
    this.key = key;
    this.name = name;
    this.site = site;
    this.queue = new Queue(queueBytes);
  }

  /** Whether it takes more; when not, the worker stops (policy `block`). */
  get accepting(): boolean {
    return !this.queue.full;
  }
  get idle(): boolean {
    return this.queue.records === 0;
  }
  /** What the queue is charged with, in bytes: see `Queue.full`. */
  get queuedBytes(): number {
    return this.queue.charge;
  }

  /** Routes records `from` to `to` of a batch to this output. */
  push(shared: SharedBatch, from: number, to: number): void {
    const bytes = shared.batch.recordBytes(from, to);
    const { cells } = this;
    cells[outputCell.routedRecords]! += to - from;
    cells[outputCell.routedBytes]! += bytes;
    cells[outputCell.manifestRecords]! += to - from;
    cells[outputCell.manifestBytes]! += bytes;
    this.take(shared, from, to);
  }

  /** A new manifest begins to run: `batch_size` may have changed, the numbers for it start again. */
  begin(_batchSize: number): void {
    this.cells[outputCell.manifestRecords] = 0;
    this.cells[outputCell.manifestBytes] = 0;
  }

  /** Cells as of now, for the ledger. */
  write(to: Float64Array, at: number): void {
    this.cells[outputCell.queuedRecords] = this.queue.records;
    this.cells[outputCell.queuedBytes] = this.queue.bytes;
    to.set(this.cells, at);
  }

  /** The turn is over and nothing more waits: an idle output sends what it has. */
  abstract flush(): void;
  /** Resolves when nothing is queued, or when `signal` aborts: what is left then is counted as its reason says (`drainLoss`). */
  abstract drain(signal: AbortSignal): Promise<void>;
  /** Queues the range, or deals with it at once. */
  protected abstract take(shared: SharedBatch, from: number, to: number): void;

  protected settle(payload: Payload, as: "delivered" | "lostDeadLetter" | DrainLoss): void {
    const { records, bytes } = payload;
    this.#count(`${as}Records`, records, `${as}Bytes`, bytes);
    this.queue.settle(payload);
    this.site.changed();
  }

  protected countDelivered(records: number, bytes: number): void {
    this.#count("deliveredRecords", records, "deliveredBytes", bytes);
  }

  protected loseQueued(as: DrainLoss): void {
    for (;;) {
      const payload = this.queue.take({ recordsMax: Number.MAX_SAFE_INTEGER, bytesMax: Number.MAX_SAFE_INTEGER });
      if (payload === undefined) return;
      this.settle(payload, as);
    }
  }

  #count(records: keyof typeof outputCell, recordsBy: number, bytes: keyof typeof outputCell, bytesBy: number): void {
    this.cells[outputCell[records]]! += recordsBy;
    this.cells[outputCell[bytes]]! += bytesBy;
  }
}
