/** What a worker sees of an output that runs: it takes ranges of batches, says when it is full, and accounts for every record. */

import { latencyBucket } from "../ledger/latency.ts";
import { outputCell, outputCells } from "../ledger/layout.ts";
import type { SharedBatch } from "./batch_pool.ts";
import type { BreakerState } from "./breaker.ts";
import type { CauseCounts } from "./dead_letter_causes.ts";

/** What a delivery asks of the worker that it runs in. */
export interface DeliverySite {
  /** Called whenever a queue became smaller or a counter moved. */
  changed(): void;
  /** Whether no record waits for an engine: then a payload need not wait for more. */
  nothingWaits(): boolean;
  /** Everybody's queues together are over the memory budget. */
  overBudget(): boolean;
}

/** Why a drain gave up what was left: the process ends, or removed outputs hold more than one queue may. */
export type DrainLoss = "lostShutdown" | "lostRemoved";

/** The reason that a drain's signal was aborted with. */
export function drainLoss({ reason }: AbortSignal): DrainLoss {
  return reason === "lostRemoved" ? "lostRemoved" : "lostShutdown";
}

/** Cells that come in a pair for records and bytes, by what they have in common. */
type CellPair = {
  [K in keyof typeof outputCell]: K extends `${infer Name}Records` ? Name : never;
}[keyof typeof outputCell];

/** One lane of a spool, for people. */
export interface LaneStatus {
  readonly lane: string;
  readonly records: number;
  readonly disk_bytes: number;
  readonly oldest_ms: number | undefined;
  /** Everything below it is on disk as `fsync` promises; a decimal string. */
  readonly durable_sequence: string;
  readonly next_sequence: string;
}

/** How an output fares at one worker, for people: what the ledger does not say. */
export interface DeliveryStatus {
  readonly breaker?: BreakerState;
  readonly failures?: number;
  readonly in_flight?: number;
  readonly concurrency?: number;
  /** False: its certificate is not looked at, because the configuration says so. Absent: it is, or there is none. */
  readonly tls_verified?: boolean;
  /** What the destination, or the network, said last that was no acknowledgement. */
  readonly last_error?: string;
  readonly spool_error?: string | undefined;
  /** Records refused for good, kept or not. Absent: this kind of output is not refused anything. */
  readonly dead_letters_by_cause?: CauseCounts;
  readonly lanes: readonly LaneStatus[];
}

export abstract class Delivery {
  /** What makes it the same over a reload. */
  readonly key: string;
  /** Its id in the manifest. */
  readonly id: string;
  readonly cells = new Float64Array(outputCells);
  protected readonly site: DeliverySite;

  constructor(key: string, id: string, site: DeliverySite) {
    this.key = key;
    this.id = id;
    this.site = site;
  }

  /** Whether it takes more; when not, the worker stops. */
  abstract get accepting(): boolean;
  abstract get idle(): boolean;
  /** It is behind: what comes in has to wait here, so that more of it would not help anybody. */
  abstract get strained(): boolean;
  /** Memory that what it holds keeps, in bytes. */
  abstract get queuedBytes(): number;
  abstract get status(): DeliveryStatus;

  /**
   * Records `from` to `to` of a batch go to this output.
   * @param timeMs when they left the rules
   * @param receivedMs when the oldest of them came
   */
  push(shared: SharedBatch, from: number, to: number, timeMs: number, receivedMs = timeMs): void {
    const bytes = shared.batch.recordBytes(from, to);
    this.count("routed", to - from, bytes);
    this.count("manifest", to - from, bytes);
    this.take(shared, from, to, timeMs, receivedMs);
  }

  /** A new manifest begins to run: the numbers for it start again. */
  begin(): void {
    this.cells[outputCell.manifestRecords] = 0;
    this.cells[outputCell.manifestBytes] = 0;
  }

  /** Cells as of now, for the ledger. */
  write(to: Float64Array, at: number): void {
    this.measure();
    to.set(this.cells, at);
  }

  /** The turn is over and nothing more waits: an idle output sends what it has. */
  abstract flush(): void;
  /**
   * Resolves when nothing is left to do, or when `signal` aborts: what is left in memory then goes to the spool, or is counted as its reason
   * says (`drainLoss`).
   * @param spoolToo also what is on disk is to be delivered; else it stays there
   */
  abstract drain(signal: AbortSignal, spoolToo: boolean): Promise<void>;
  /** Queues the range, or deals with it at once. */
  protected abstract take(shared: SharedBatch, from: number, to: number, timeMs: number, receivedMs: number): void;
  /** Sets the cells of what is held, and of how it fares. */
  protected abstract measure(): void;

  protected count(pair: CellPair, records: number, bytes: number): void {
    this.cells[outputCell[`${pair}Records`]]! += records;
    this.cells[outputCell[`${pair}Bytes`]]! += bytes;
  }

  /** A payload is acknowledged whose oldest record came then. */
  protected acknowledged(receivedMs: number): void {
    // The wall clock may be set back.
    const seconds = Math.max(0, Date.now() - receivedMs) / 1000;
    this.cells[outputCell.latencySeconds]! += seconds;
    this.cells[outputCell.latencyBuckets + latencyBucket(seconds)]! += 1;
  }

  protected hold(pair: "queued" | "spooled", records: number, bytes: number): void {
    this.cells[outputCell[`${pair}Records`]] = records;
    this.cells[outputCell[`${pair}Bytes`]] = bytes;
  }
}
