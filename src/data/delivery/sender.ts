/**
 * Sends one output's payloads over HTTP, one at a time and in order, and tries each until the destination has judged it.
 *
 * A payload leaves when `batch_size` records wait, or when the sender is idle and nothing more is waiting, but then at least `lingerMs`
 * after the one before it; at the latest after `payloadAgeMsMax`. A failure keeps the payload in memory, in the bounded queue, and is tried again with backoff.
 */

import type { Output } from "../../outputs/output.ts";
import { type Log, RateLimit } from "../../telemetry/log.ts";
import type { SharedBatch } from "./batch_pool.ts";
import { Delivery, type DeliverySite, type DrainLoss, drainLoss, payloadAgeMsMax } from "./delivery.ts";
import { HttpClient } from "./http.ts";
import type { Cut, Payload } from "./packer.ts";
import { pause, retryDelayMs } from "./retry.ts";

const complaintPeriodMs = 10_000;
/**
 * Between two payloads that are not full: a request costs as much as some hundred records do, and destinations answer
 * within a millisecond, so without it 50,000 lines a second leave as 2,000 requests. The first one never waits.
 */
const lingerMs = 5;

export interface SenderOptions {
  readonly key: string;
  readonly name: string;
  readonly output: Output;
  readonly queueBytes: number;
  readonly batchSize: number;
  readonly log: Log;
  readonly site: DeliverySite;
  readonly random?: () => number;
}

export class Sender extends Delivery {
  readonly #output: Output;
  readonly #log: Log;
  readonly #random: () => number;
  readonly #complaints = new RateLimit(complaintPeriodMs);
  readonly #stop = new AbortController();
  #cut: Cut;
  #http: HttpClient | undefined;
  #busy = false;
  /** When the last payload left, on performance.now()'s clock. */
  #leftMs = Number.NEGATIVE_INFINITY;
  #aged: NodeJS.Timeout | undefined;
  /** `#aged` is due after `lingerMs` already. */
  #lingers = false;
  #drained: (() => void) | undefined;

  constructor(options: SenderOptions) {
    super(options.key, options.name, options.queueBytes, options.site);
    this.#output = options.output;
    this.#log = options.log;
    this.#random = options.random ?? Math.random;
    this.#cut = this.#cutFor(options.batchSize);
  }

  override begin(batchSize: number): void {
    super.begin(batchSize);
    this.#cut = this.#cutFor(batchSize);
  }

  #cutFor(batchSize: number): Cut {
    const { recordsMax, bytesMax } = this.#output.limits;
    return { recordsMax: Math.min(batchSize, recordsMax), bytesMax };
  }

  protected override take(shared: SharedBatch, from: number, to: number): void {
    this.queue.push(shared, from, to);
    // A full queue holds up the worker, so nothing more would come to join these.
    if (this.queue.waitingRecords >= this.#cut.recordsMax || this.queue.full) this.#sendNext();
    else if (this.#aged === undefined && !this.#busy) this.#aged = setTimeout(() => this.#sendNext(), payloadAgeMsMax);
  }

  override flush(): void {
    if (this.queue.waitingRecords === 0 || this.#busy || this.#lingers) return;
    const waitMs = this.#leftMs + lingerMs - performance.now();
    if (waitMs <= 0 || this.#drained !== undefined) {
      this.#sendNext();
      return;
    }
    clearTimeout(this.#aged);
    this.#lingers = true;
    this.#aged = setTimeout(() => this.#sendNext(), waitMs);
  }

  #sendNext(): void {
    if (this.#busy) return;
    clearTimeout(this.#aged);
    this.#aged = undefined;
    this.#lingers = false;
    const payload = this.queue.take(this.#cut);
    if (payload === undefined) return;
    this.#busy = true;
    this.#leftMs = performance.now();
    void this.#send(payload);
  }

  async #send(payload: Payload): Promise<void> {
    this.settle(payload, await this.#deliver(payload));
    this.#busy = false;
    if (this.#stop.signal.aborted) this.loseQueued(drainLoss(this.#stop.signal));
    if (this.queue.records === 0) {
      this.#drained?.();
      return;
    }
    if (this.queue.waitingRecords >= this.#cut.recordsMax || this.#drained !== undefined) return this.#sendNext();
    this.#aged = setTimeout(() => this.#sendNext(), payloadAgeMsMax);
    // What came while the sender was busy leaves at the end of this turn, unless more is waiting to join it.
    setImmediate(() => {
      if (this.site.nothingWaits()) this.flush();
    });
  }

  /** Tries until there is a verdict, or until the drain is given up. Never throws. */
  async #deliver(payload: Payload): Promise<"delivered" | "lostDeadLetter" | DrainLoss> {
    const { signal } = this.#stop;
    for (let attempt = 1; ; attempt++) {
      let reason: string;
      let afterMs: number | undefined;
      try {
        const request = this.#output.request!(payload.body(), {
          records: payload.records,
          groupId: "",
          encoding: undefined,
          slot: 0,
        });
        this.#http ??= new HttpClient(request.url);
        const response = await this.#http.send(request, signal);
        const verdict = this.#output.verdict!(response, payload.records);
        if (verdict.kind === "acked") return "delivered";
        if (verdict.kind === "rejected") {
          this.#complain("rejected", { records: payload.records }, `refused a payload: ${verdict.reason}`);
          return "lostDeadLetter";
        }
        reason = `HTTP ${response.status}`;
        afterMs = verdict.kind === "retry" ? verdict.afterMs : undefined;
      } catch (error) {
        // Only the code: messages of network errors may hold the address with its user and password.
        reason = (error as NodeJS.ErrnoException).code ?? (error as Error).name;
      }
      if (signal.aborted) return drainLoss(signal);
      const delayMs = retryDelayMs(attempt, afterMs, this.#random());
      this.#complain("retry", { attempt, retryInMs: Math.round(delayMs) }, `does not take a payload: ${reason}`);
      await pause(delayMs, signal);
      if (signal.aborted) return drainLoss(signal);
    }
  }

  #complain(kind: string, fields: Record<string, number>, message: string): void {
    const heldBack = this.#complaints.pass(kind);
    if (heldBack === undefined) return;
    this.#log.warn({ ...fields, ...(heldBack > 0 && { before: heldBack }) }, `output ${this.name} ${message}`);
  }

  override async drain(signal: AbortSignal): Promise<void> {
    if (this.queue.records > 0) {
      const abandon = () => this.#abandon(signal.reason);
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
        signal.addEventListener("abort", abandon);
        if (signal.aborted) abandon();
        else this.#sendNext();
      });
      // The signal outlives this output when a reload has removed it, and must not keep it in memory.
      signal.removeEventListener("abort", abandon);
    }
    clearTimeout(this.#aged);
    await this.#http?.close();
  }

  /** The one in flight settles itself when its request has been aborted; then the rest is given up. */
  #abandon(reason: unknown): void {
    this.#stop.abort(reason);
    if (this.#busy) return;
    this.loseQueued(drainLoss(this.#stop.signal));
    this.#drained?.();
  }
}
