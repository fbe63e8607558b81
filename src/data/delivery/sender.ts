/**
 * Sends one output's records over HTTP and settles each range of them by the destination's verdict.
 *
 * A payload leaves when `max_records` wait, or when the sender is idle and nothing more is waiting, but then at least `lingerMs` after the one
 * before it; at the latest after `max_age_ms`. Up to `concurrency` payloads are under way at once, each tried until there is a verdict
 * (`exchange.ts`); with 1 their order is kept.
 */

import type { Output, OutputResponse } from "../../outputs/output.ts";
import { type Log, RateLimit } from "../../telemetry/log.ts";
import type { EngineKind } from "../engine/engine.ts";
import { outputCell } from "../ledger/layout.ts";
import { Backlog, type WhenFull } from "./backlog.ts";
import type { SharedBatch } from "./batch_pool.ts";
import { Breaker } from "./breaker.ts";
import type { Claim } from "./claim.ts";
import { Confirmations } from "./confirmations.ts";
import { DeadLetterCauses } from "./dead_letter_causes.ts";
import type { DeadLetters } from "./dead_letters.ts";
import { Delivery, type DeliverySite, type DeliveryStatus, drainLoss } from "./delivery.ts";
import { Exchange, type Refusal } from "./exchange.ts";
import { failureOf, HttpClient, type TlsOptions } from "./http.ts";
import { Pace } from "./pace.ts";
import { pause, type RetryLimits, retryDelayMs } from "./retry.ts";
import type { RequestSigner } from "./signing.ts";
import type { WithheldRecords } from "./spool/replay.ts";
import type { LaneAmount } from "./spool/spool.ts";
import type { SpoolQueue } from "./spool/spool_queue.ts";

/** How often the size of what is on disk is looked at, at most. */
const diskMeasureMs = 250;
const complaintPeriodMs = 10_000;
/**
 * Between two payloads that are not full: a request costs as much as some hundred records do, and destinations answer
 * within a millisecond, so without it 50,000 lines a second leave as 2,000 requests. The first one never waits.
 */
const lingerMs = 5;
/** Payloads that a destination has taken and not confirmed: they occupy no connection, but their records stay queued. */
const unconfirmedMax = 64;
/** Faults of ours at one payload, with no record settled between them: then it is the payload, and those behind it must not wait for ever. */
const faultsMax = 5;
/** Encoded bodies under way at once, as many as it takes to keep a destination busy; one more than that where one is larger. */
const bodyBytesMax = 32 * 1024 * 1024;

/** What of a sender's configuration a reload may change while it runs. */
export interface SenderTuning {
  /** The same for tunings that do the same. */
  readonly identity: string;
  readonly output: Output;
  readonly recordsMax: number;
  readonly bytesMax: number;
  readonly ageMsMax: number;
  readonly encoding: "none" | "gzip" | "zstd";
  /** This worker's share. */
  readonly concurrency: { readonly max: number; readonly adapts: boolean };
  /** `deadlineMs` 0: tried for as long as it takes. */
  readonly retry: RetryLimits & { readonly deadlineMs: number };
  readonly timeoutMs: number;
  /** As of the next connection. */
  readonly tls?: () => TlsOptions;
  /** Whether the destination's certificate is. Absent: it is. */
  readonly verifiesTls?: boolean;
  readonly allowMetadata?: boolean;
  readonly signer?: RequestSigner;
  readonly queueBytesMax: number;
  readonly whenFull: WhenFull;
  readonly durable: boolean;
}

export interface SenderOptions extends SenderTuning {
  readonly key: string;
  readonly id: string;
  /** Names payloads that never saw a disk: unique to this worker and run. */
  readonly memoryId: string;
  readonly kind: EngineKind;
  readonly spool: SpoolQueue | undefined;
  readonly deadLetters: DeadLetters | undefined;
  readonly log: Log;
  readonly site: DeliverySite;
  readonly random?: () => number;
}

/** One of the requests that may be under way at once: its connection and its encoder. */
export interface Slot {
  readonly index: number;
  /** What it was made for. */
  readonly tuning: SenderTuning;
  /** Likewise: an answer that asks for confirmation may come when a reload wants none any more. */
  readonly confirmations: Confirmations | undefined;
  http: HttpClient | undefined;
  exchange: Exchange;
}

export class Sender extends Delivery {
  readonly backlog: Backlog;
  readonly #kind: EngineKind;
  readonly #deadLetters: DeadLetters | undefined;
  readonly #deadCauses = new DeadLetterCauses();
  readonly #log: Log;
  readonly #random: () => number;
  readonly #complaints = new RateLimit(complaintPeriodMs);
  readonly #stop = new AbortController();
  readonly #breaker = new Breaker();
  readonly #idleSlots: Slot[] = [];
  readonly #unfinished: Claim[] = [];
  #tuning: SenderTuning;
  #pace: Pace;
  #confirmations: Confirmations | undefined;
  #slots = 0;
  /** Claims that are being worked on, those that wait for a confirmation included. */
  #claims = 0;
  /** Encoded bodies that are under way, or wait for a confirmation. */
  #bodyBytes = 0;
  /** When the last payload left, on performance.now()'s clock. */
  #leftMs = Number.NEGATIVE_INFINITY;
  #aged: NodeJS.Timeout | undefined;
  /** `#aged` is due after `lingerMs` already. */
  #lingers = false;
  /** The oldest record has waited as long as it may, for a request that is free to take it. */
  #overdue = false;
  #draining = false;
  /** While it drains: what is on disk, too. */
  #spoolToo = false;
  /** While it drains: manifests that may want it again, so that it does not end although nothing is left. */
  #reserved = 0;
  /** Set while it drains and has not begun to end: it goes on as if it did not drain. */
  #goOn: (() => void) | undefined;
  /** Set while it drains: called whenever something was settled, or refused. */
  #settled: (() => void) | undefined;
  #diskMeasuredMs = Number.NEGATIVE_INFINITY;
  #lastError: string | undefined;
  #spoolError: string | undefined;

  constructor(options: SenderOptions) {
    super(options.key, options.id, options.site);
    this.#kind = options.kind;
    this.#deadLetters = options.deadLetters;
    this.#log = options.log;
    this.#random = options.random ?? Math.random;
    this.backlog = new Backlog(options.queueBytesMax, options, options.spool, {
      memoryId: options.memoryId,
      overBudget: () => options.site.overBudget(),
      lost: (cause, amount) => this.lost(cause === "queueFull" ? "lostQueueFull" : "lostSpoolFull", amount),
    });
    this.#tuning = options;
    this.#pace = new Pace(options.concurrency.max, options.concurrency.adapts);
    this.tune(options);
  }

  /** From the next payload on; what waits leaves by the new configuration, so that a mended token frees what waited for it. */
  tune(tuning: SenderTuning): void {
    const before = this.#tuning;
    this.#tuning = tuning;
    const { max, adapts } = tuning.concurrency;
    if (before.concurrency.max !== max || before.concurrency.adapts !== adapts) {
      const { busy } = this.#pace;
      this.#pace = new Pace(max, adapts);
      for (let i = 0; i < busy; i++) this.#pace.begin();
    }
    if (before !== tuning) {
      for (const slot of this.#idleSlots.splice(0)) void this.#closeSlot(slot);
      this.#slots = this.#pace.busy;
      // Mended, perhaps: ask at once.
      this.#breaker.succeeded();
    }
    const { confirmation } = tuning.output;
    this.#confirmations =
      confirmation === undefined
        ? undefined
        : new Confirmations({ ...confirmation, send: (request) => this.#ask(request) });
    this.backlog.configure(tuning.queueBytesMax, tuning.whenFull, tuning.durable, this.#cut);
  }

  /** Of the tuning that holds. */
  get identity(): string {
    return this.#tuning.identity;
  }

  get #cut() {
    const { output, recordsMax, bytesMax } = this.#tuning;
    return {
      recordsMax: Math.min(recordsMax, output.limits.recordsMax),
      bytesMax: Math.min(bytesMax, output.limits.bytesMax),
    };
  }

  override get accepting(): boolean {
    return this.backlog.accepting;
  }
  override get idle(): boolean {
    return this.backlog.idle && this.#claims === 0;
  }
  override get strained(): boolean {
    return this.backlog.strained || this.#breaker.state !== "closed";
  }
  override get queuedBytes(): number {
    return this.backlog.charge + this.#bodyBytes;
  }
  override get status(): DeliveryStatus {
    const { spool } = this.backlog;
    return {
      breaker: this.#breaker.state,
      failures: this.#breaker.failures,
      in_flight: this.#pace.busy,
      concurrency: this.#pace.limit,
      ...(this.#tuning.verifiesTls === false && { tls_verified: false }),
      ...(this.#lastError !== undefined && { last_error: this.#lastError }),
      ...(this.#spoolError !== undefined && { spool_error: this.#spoolError }),
      dead_letters_by_cause: this.#deadCauses.counts,
      lanes: (spool === undefined ? [] : [spool.own, ...spool.adopted]).map(({ name, records, lane: { state } }) => ({
        lane: name,
        records,
        disk_bytes: state.diskBytes,
        oldest_ms: state.oldestMs,
        durable_sequence: state.durableSequence.toString(),
        next_sequence: state.nextSequence.toString(),
      })),
    };
  }

  /** Records of the backlog are lost. */
  lost(as: "lostQueueFull" | "lostSpoolFull" | "lostSpoolExpired" | "lostSpoolDamaged", amount: LaneAmount): void {
    this.count(as, amount.records, amount.bytes);
    const cause = as
      .replace("lost", "")
      .replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
      .slice(1);
    this.complain(as, { records: amount.records }, `loses records: ${cause}`);
  }

  /** Found on disk when it was opened. */
  recovered(amount: LaneAmount): void {
    this.count("recovered", amount.records, amount.bytes);
  }

  replayed({ dropped, quarantined, quarantineFull, rewrittenBytes }: WithheldRecords): void {
    this.count("lostProtected", dropped.records, dropped.bytes);
    this.count("quarantined", quarantined.records, quarantined.bytes);
    this.count("lostQuarantineFull", quarantineFull.records, quarantineFull.bytes);
    this.cells[outputCell.rewrittenBytes]! += rewrittenBytes;
    const records = quarantined.records + quarantineFull.records;
    if (records === 0) return;
    this.complain(
      "quarantined",
      { records, rules: quarantined.rules.join(", ") },
      "has spooled records that a rule could not finish within its limits: they are in the quarantine, or lost{quarantine_full}",
    );
  }

  /** Dead letters of this run made room for later ones. */
  deadLettersLost({ records, bytes }: LaneAmount): void {
    this.count("deadLettered", -records, -bytes);
    this.count("lostDeadLetter", records, bytes);
  }

  spoolRefused(code: string | undefined): void {
    this.#spoolError = code;
    if (code === undefined) return;
    this.#kick(true);
    this.complain("spool", { code }, "cannot write its spool; it is tried again every second");
  }

  /** The spool has something to claim, or room. */
  spoolChanged(): void {
    this.#kick();
    this.#settled?.();
    this.site.changed();
  }

  protected override measure(): void {
    const { spool, memoryRecords, memoryBytes } = this.backlog;
    this.hold("queued", memoryRecords, memoryBytes);
    this.hold("spooled", spool?.records ?? 0, spool?.bytes ?? 0);
    this.cells[outputCell.laneOpenedAt] = spool?.openedAt ?? 0;
    this.cells[outputCell.laneNext] = spool?.writtenTo ?? 0;
    const { state, failures } = this.#breaker;
    this.cells[outputCell.breakerClosed] = state === "closed" ? 1 : 0;
    this.cells[outputCell.breakerHalfOpen] = state === "half_open" ? 1 : 0;
    this.cells[outputCell.breakerOpen] = state === "open" ? 1 : 0;
    this.cells[outputCell.failures] = failures;
    this.cells[outputCell.inFlight] = this.#pace.busy;
    this.cells[outputCell.concurrency] = this.#pace.limit;
    this.cells[outputCell.overLimit] = this.backlog.overLimit ? 1 : 0;
    if (spool !== undefined) this.#measureDisk(spool);
  }

  /** A lane adds up its segments when it is asked, which is too dear for every block. */
  #measureDisk(spool: SpoolQueue): void {
    const nowMs = performance.now();
    if (nowMs - this.#diskMeasuredMs < diskMeasureMs) return;
    this.#diskMeasuredMs = nowMs;
    let diskBytes = 0;
    let oldest = Number.POSITIVE_INFINITY;
    for (const { lane } of [spool.own, ...spool.adopted]) {
      const { diskBytes: bytes, oldestMs = Number.POSITIVE_INFINITY } = lane.state;
      diskBytes += bytes;
      oldest = Math.min(oldest, oldestMs);
    }
    this.cells[outputCell.spoolDiskBytes] = diskBytes;
    this.cells[outputCell.spoolOldestMs] = Number.isFinite(oldest) ? oldest : 0;
    this.cells[outputCell.spoolRefuses] = this.#spoolError === undefined ? 0 : 1;
  }

  protected override take(shared: SharedBatch, from: number, to: number, timeMs: number, receivedMs: number): void {
    this.backlog.push(shared, from, to, timeMs, receivedMs);
    // A full queue holds up the worker, so nothing more would come to join these.
    if (this.backlog.payloadWaits) this.#kick();
    else if (!this.backlog.accepting) this.#kick(true);
    else if (this.#aged === undefined) this.#age(this.#tuning.ageMsMax);
  }

  override flush(): void {
    // What need not go to the disk any more, because the destination takes it.
    if (this.backlog.stagedRecords > 0) this.#kick(true);
    this.backlog.flush();
    if (this.backlog.waitingRecords === 0 || this.#pace.busy > 0 || this.#lingers) return;
    const waitMs = this.#leftMs + lingerMs - performance.now();
    if (waitMs <= 0 || this.#draining) {
      this.#kick(true);
      return;
    }
    clearTimeout(this.#aged);
    this.#lingers = true;
    this.#age(waitMs);
  }

  #age(waitMs: number): void {
    this.#aged = setTimeout(() => {
      this.#aged = undefined;
      this.#lingers = false;
      this.#overdue = this.backlog.waitingRecords > 0;
      this.backlog.flush();
      this.#kick(true);
    }, waitMs);
  }

  /** Begins as many payloads as may be under way. @param partly also one that is not full */
  #kick(partly = false): void {
    if (this.#stop.signal.aborted) return;
    let mayBePart = partly || this.#overdue || this.#draining;
    // While the breaker is not closed one payload is enough to ask with.
    while (this.#pace.free && (this.#pace.busy === 0 || this.#breaker.state === "closed")) {
      if (this.#confirmations !== undefined && this.#confirmations.waiting >= unconfirmedMax) return;
      if (this.#claims > 0 && this.#bodyBytes >= bodyBytesMax) return;
      const fromMemory = this.backlog.waitingRecords > 0;
      if (fromMemory && !mayBePart && !this.backlog.payloadWaits) return;
      // A shutdown leaves on disk what is there.
      if (!fromMemory && this.#draining && !this.#spoolToo && this.backlog.stagedRecords === 0) return;
      const claim = this.backlog.claim();
      if (claim === undefined) return;
      if (fromMemory) {
        clearTimeout(this.#aged);
        this.#aged = undefined;
        this.#lingers = false;
        this.#overdue = false;
        mayBePart = this.#draining;
        if (this.backlog.waitingRecords > 0) this.#age(this.#tuning.ageMsMax);
      }
      this.#leftMs = performance.now();
      this.#claims++;
      this.#pace.begin();
      this.#work(claim).catch((error) =>
        this.complain("fault", {}, `met a fault of the gate itself (${failureOf(error)})`),
      );
    }
  }

  /** Sees a claim to its end. Whatever goes wrong on the way is this output's own affair: the worker, and the other outputs, go on. */
  async #work(claim: Claim): Promise<void> {
    const end = await this.#finish(claim);
    this.#pace.end();
    this.#claims--;
    if (end === "stopped") this.#unfinished.push(claim);
    this.#next();
  }

  /** Delivers the claim; a fault of ours on the way costs a pause, and at last makes dead letters of the rest. */
  async #finish(claim: Claim): Promise<"settled" | "stopped"> {
    for (let faults = 0, done = claim.done; ; ) {
      try {
        return await this.#deliver(claim);
      } catch (error) {
        faults = claim.done === done ? faults + 1 : 1;
        done = claim.done;
        this.#breaker.abandoned();
        const reason = `a fault of the gate itself (${failureOf(error)})`;
        if (faults === faultsMax) return this.#buried(claim, reason);
        this.complain("fault", { faults }, `tries a payload again after ${reason}`);
        await pause(retryDelayMs(faults, undefined, this.#random(), this.#tuning.retry), this.#stop.signal);
        if (this.#stop.signal.aborted) return "stopped";
      }
    }
  }

  async #buried(claim: Claim, reason: string): Promise<"settled" | "stopped"> {
    try {
      await this.#dead(claim, claim.payload.records - claim.done, { reason });
      return "settled";
    } catch {
      // It is still held, and spilled or counted at the end.
      return "stopped";
    }
  }

  async #deliver(claim: Claim): Promise<"settled" | "stopped"> {
    let slot = this.#takeSlot();
    let held = true;
    const give = () => {
      if (held) this.#giveSlot(slot);
      held = false;
    };
    const confirmed = async (token: string) => {
      const { index, confirmations } = slot;
      // Its connection serves others meanwhile. What must be sent again shares it with them.
      give();
      this.#pace.end();
      try {
        this.#kick();
        return await confirmations!.confirmation(token, index, this.#stop.signal);
      } finally {
        this.#pace.begin();
      }
    };
    try {
      for (;;) {
        const end = await slot.exchange.deliver(claim, { confirmed });
        if (end !== "outdated") return end;
        if (claim.stale === true) claim.protectAgain!();
        if (claim.payload.records === 0) return "settled";
        if (slot.tuning === this.#tuning) continue;
        give();
        slot = this.#takeSlot();
        held = true;
      }
    } finally {
      give();
    }
  }

  #next(): void {
    this.#settled?.();
    if (this.#stop.signal.aborted) return;
    this.#kick();
    if (this.backlog.waitingRecords === 0) return;
    if (this.#aged === undefined) this.#age(this.#tuning.ageMsMax);
    if (this.#pace.busy > 0) return;
    // What came while the sender was busy leaves at the end of this turn, unless more is waiting to join it.
    setImmediate(() => {
      if (this.site.nothingWaits()) this.flush();
    });
  }

  #takeSlot(): Slot {
    const idle = this.#idleSlots.pop();
    if (idle !== undefined) return idle;
    const tuning = this.#tuning;
    const { output, retry, encoding, signer } = tuning;
    const index = this.#slots;
    const confirmations = this.#confirmations;
    const slot: Slot = { index, tuning, confirmations, http: undefined, exchange: undefined as never };
    slot.exchange = new Exchange({
      output,
      encoding,
      retry,
      cut: this.#cut,
      signer,
      timeoutMs: tuning.timeoutMs,
      encoder: output.envelope.kind === "json" ? this.#kind.createEncoder(output.envelope) : undefined,
      breaker: this.#breaker,
      pace: this.#pace,
      signal: this.#stop.signal,
      random: this.#random,
      send: (request) => {
        if (slot.http?.serves(request.url) === false) {
          void slot.http.close();
          slot.http = undefined;
        }
        slot.http ??= new HttpClient(request.url, {
          timeoutMs: tuning.timeoutMs,
          ...(tuning.tls !== undefined && { tls: tuning.tls }),
          allowMetadata: tuning.allowMetadata ?? false,
        });
        return slot.http.send(request, this.#stop.signal);
      },
      slot: index,
      current: (claim) => this.#tuning === tuning && claim.stale !== true,
      holds: (bytes) => {
        this.#bodyBytes += bytes;
      },
      delivered: (claim, count) => this.#settle(claim, count, "delivered"),
      dead: (claim, count, refusal) => this.#dead(claim, count, refusal),
      complain: (kind, fields, message) => {
        this.complain(kind, fields, message);
        this.#settled?.();
      },
    });
    this.#slots++;
    return slot;
  }

  #giveSlot(slot: Slot): void {
    if (slot.tuning !== this.#tuning) void this.#closeSlot(slot);
    else this.#idleSlots.push(slot);
  }

  async #closeSlot(slot: Slot): Promise<void> {
    slot.exchange.close();
    await slot.http?.close();
  }

  async #ask(request: Parameters<HttpClient["send"]>[0]): Promise<OutputResponse> {
    const { timeoutMs, tls, allowMetadata = false } = this.#tuning;
    const http = new HttpClient(request.url, { timeoutMs, ...(tls !== undefined && { tls }), allowMetadata });
    try {
      return await http.send(request, this.#stop.signal);
    } finally {
      await http.close();
    }
  }

  #settle(claim: Claim, count: number, as: "delivered" | "deadLettered" | "lostDeadLetter"): void {
    this.count(as, count, claim.payload.bytesOf(claim.done, claim.done + count));
    if (as === "delivered") this.acknowledged(claim.payload.receivedMs(claim.done));
    claim.settle(count);
    if (as === "delivered") this.#lastError = undefined;
    this.site.changed();
  }

  async #dead(claim: Claim, count: number, { reason, cause }: Refusal): Promise<void> {
    this.complain("rejected", { records: count }, `refuses records, which become dead letters: ${reason}`);
    const ranges = claim.payload.ranges(claim.done, claim.done + count);
    const kept = (await this.#deadLetters?.keep(ranges, reason)) ?? false;
    this.#deadCauses.add(cause ?? "rejected", count);
    this.#settle(claim, count, kept ? "deadLettered" : "lostDeadLetter");
  }

  complain(kind: string, fields: Record<string, number | string>, message: string): void {
    if (kind !== "spool") this.#lastError = message;
    const heldBack = this.#complaints.pass(kind);
    if (heldBack === undefined) return;
    const level = kind === "alert" || kind === "fault" ? "error" : "warn";
    this.#log[level]({ ...fields, ...(heldBack > 0 && { before: heldBack }) }, `output ${this.id} ${message}`);
  }

  override async drain(signal: AbortSignal, spoolToo: boolean): Promise<void> {
    this.#draining = true;
    this.#spoolToo = spoolToo;
    const { backlog } = this;
    const done = () => this.#claims === 0 && (spoolToo ? backlog.idle : backlog.memoryRecords === 0);
    // A destination that is out will not take in seconds what it did not take before; the disk will.
    const hopeless = () => !spoolToo && backlog.spool !== undefined && this.#breaker.state !== "closed";
    if (!done()) {
      const ends = await new Promise<boolean>((resolve) => {
        const leave = (end: boolean) => {
          this.#settled = this.#goOn = undefined;
          this.#reserved = 0;
          signal.removeEventListener("abort", look);
          resolve(end);
        };
        const look = () => {
          if (((done() || hopeless()) && this.#reserved === 0) || signal.aborted) leave(true);
        };
        this.#goOn = () => leave(false);
        this.#settled = look;
        // The signal outlives this output when a reload has removed it, and must not keep it in memory.
        signal.addEventListener("abort", look);
        this.backlog.flush();
        this.#kick(true);
        look();
      });
      if (!ends) return;
    }
    this.#stop.abort(signal.aborted ? signal.reason : "lostShutdown");
    clearTimeout(this.#aged);
    // Those in flight end now that they are aborted.
    while (this.#claims > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const spilled = await backlog.spill(this.#unfinished);
    if (!spilled) this.#loseRest(drainLoss(this.#stop.signal));
    await Promise.all(this.#idleSlots.splice(0).map((slot) => this.#closeSlot(slot)));
    this.site.changed();
  }

  /**
   * It drains, and a manifest that is made ready wants it again: it does not end before `release` or `goOn`, unless it has to.
   * @returns false when it ends already
   */
  reserve(): boolean {
    if (this.#goOn === undefined) return false;
    this.#reserved++;
    return true;
  }

  /** That manifest will not run. */
  release(): void {
    if (this.#reserved > 0) this.#reserved--;
    this.#settled?.();
  }

  /** That manifest runs. @returns false when it had to end meanwhile */
  goOn(): boolean {
    if (this.#goOn === undefined) return false;
    this.#draining = this.#spoolToo = false;
    this.#goOn();
    return true;
  }

  #loseRest(as: "lostShutdown" | "lostRemoved"): void {
    for (const claim of this.#unfinished) {
      // What was read from the spool is still there.
      if (!this.backlog.owns(claim)) continue;
      const count = claim.payload.records - claim.done;
      this.count(as, count, claim.payload.bytesOf(claim.done, claim.payload.records));
      if (count > 0) claim.settle(count);
    }
    const rest = this.backlog.takeRest();
    this.count(as, rest.records, rest.bytes);
  }
}
