/**
 * The outputs that run at one worker, and how a reload changes them: an output keeps its queue, its spool and its account for as long as there
 * is one of its id; a changed configuration holds from its next payload on. One that is gone drains in the background what it holds; a new one
 * starts.
 */

import { readFileSync } from "node:fs";
import type { OutputConfig } from "../../outputs/output.ts";
import type { Plan } from "../../plan/operations.ts";
import type { Log } from "../../telemetry/log.ts";
import type { EngineKind } from "../engine/engine.ts";
import { fareCells, outputCell, outputCells } from "../ledger/layout.ts";
import type { Quarantine } from "../quarantine/store.ts";
import type { SharedBatch } from "./batch_pool.ts";
import type { Delivery, DeliverySite, DeliveryStatus } from "./delivery.ts";
import { protectionOf } from "./protection.ts";
import { Routed } from "./routed.ts";
import type { Sender } from "./sender.ts";
import type { DiskPlace, SenderSpool } from "./sender_spool.ts";
import type { Replay } from "./spool/replay.ts";
import type { LaneAmount } from "./spool/spool.ts";
import type { StreamFeed } from "./stream/stream_writer.ts";
import { Streamed, type StreamedTuning } from "./streamed.ts";
import type { Tuning } from "./tuning.ts";

export interface PreparedOutputs {
  readonly deliveries: readonly Routed[];
  /** Of senders that run already and go on under another configuration. */
  readonly tunings: ReadonlyMap<Sender, Tuning>;
  readonly streamTunings: ReadonlyMap<Streamed, StreamedTuning>;
  readonly plan: Plan;
}

const consoleConfig: OutputConfig = { type: "console", id: "console" };

/** With none configured records go to the console. */
function effectiveOutputs(configs: readonly OutputConfig[]): readonly OutputConfig[] {
  return configs.length === 0 ? [consoleConfig] : configs;
}

const streams = ["console", "file"];

/** Ids in the manifest's order, the same at every worker. */
export function outputNames(configs: readonly OutputConfig[]): readonly string[] {
  return effectiveOutputs(configs).map((config, index) => idOf(config, index));
}

function idOf({ id, type }: OutputConfig, index: number): string {
  return typeof id === "string" ? id : `${type}-${index}`;
}

/**
 * What outputs other than streams need. Loaded with the first of them: the HTTP client and the outputs' schemas take some
 * 20 MB a worker, which a gate that only writes to the console would hold for nothing.
 */
interface Network {
  readonly tuningOf: typeof import("./tuning.ts")["tuningOf"];
  readonly Sender: typeof import("./sender.ts")["Sender"];
  readonly SenderSpool: typeof import("./sender_spool.ts")["SenderSpool"];
  readonly Replay: typeof import("./spool/replay.ts")["Replay"];
}

async function loadNetwork(): Promise<Network> {
  const [{ tuningOf }, { Sender }, { SenderSpool }, { Replay }] = await Promise.all([
    import("./tuning.ts"),
    import("./sender.ts"),
    import("./sender_spool.ts"),
    import("./spool/replay.ts"),
  ]);
  return { tuningOf, Sender, SenderSpool, Replay };
}

export interface OutputsOptions {
  readonly kind: EngineKind;
  readonly queueBytes: number;
  readonly worker: number;
  readonly workers: number;
  /** Where spools and dead letters lie; absent: there is no directory to write to. */
  readonly disk: DiskPlace | undefined;
  readonly quarantine: Quarantine;
  readonly stdout: StreamFeed;
  /** Opens the feed of a file that the main thread writes. */
  readonly openFile: (outputId: string) => StreamFeed;
  readonly log: Log;
  readonly site: DeliverySite;
  /** The setting ALLOW_METADATA_OUTPUTS. Absent: no. */
  readonly allowMetadata?: boolean;
}

export class Outputs {
  readonly #options: OutputsOptions;
  /** Those that drain, the oldest first, each with what gives it up. */
  readonly #retired = new Map<Delivery, { giveUp: AbortController; done: Promise<void> }>();
  /** Sums of outputs that are gone for good. */
  readonly #gone = new Float64Array(outputCells);
  readonly #scratch = new Float64Array(outputCells);
  readonly #spools = new Map<Delivery, SenderSpool>();
  /** What outputs that are gone have left on disk, by their id. */
  readonly #left = new Map<string, LaneAmount>();
  /** Of a shutdown. */
  readonly #deadline = new AbortController();
  /** Tells payloads of this run from those of another that never reached the disk either. */
  readonly #epoch = crypto.getRandomValues(new Uint32Array(1))[0]!.toString(16).padStart(8, "0");
  #network: Network | undefined;
  #replay: Replay | undefined;
  #plan: Plan = { rules: [], operations: [] };
  #active: readonly Routed[] = [];

  constructor(options: OutputsOptions) {
    this.#options = options;
  }

  get active(): readonly Delivery[] {
    return this.#active.map(({ delivery }) => delivery);
  }

  /** False when one of them is full and its policy is `block`: the worker takes no more. */
  get accepting(): boolean {
    return this.#active.every(({ delivery }) => delivery.accepting);
  }

  /** Whether one of them is behind: skipping rules would only send more to it. */
  get strained(): boolean {
    return this.#active.some(({ delivery }) => delivery.strained);
  }

  /** Memory that all of them keep, in bytes. */
  get queuedBytes(): number {
    let bytes = 0;
    for (const { delivery } of this.#active) bytes += delivery.queuedBytes;
    for (const delivery of this.#retired.keys()) bytes += delivery.queuedBytes;
    return bytes;
  }

  get status(): Record<string, DeliveryStatus> {
    return Object.fromEntries(this.#active.map(({ delivery }) => [delivery.id, delivery.status]));
  }

  /** @param receivedMs when the oldest of them came; absent: now */
  push(shared: SharedBatch, from: number, to: number, receivedMs?: number): void {
    const timeMs = Date.now();
    const came = receivedMs === undefined ? timeMs : Math.min(receivedMs, timeMs);
    for (const routed of this.#active) routed.push(shared, from, to, timeMs, came);
  }

  flush(): void {
    for (const { delivery } of this.#active) delivery.flush();
  }

  /**
   * Phase 1 of a reload: nothing that runs is touched.
   * @throws StreamGateError when a configuration is refused, a secret cannot be read, or a spool cannot be opened
   */
  async prepare(configs: readonly OutputConfig[], batchSize: number, plan: Plan): Promise<PreparedOutputs> {
    const effective = effectiveOutputs(configs);
    const running = new Map(this.#active.map(({ delivery }) => [delivery.key, delivery]));
    const tunings = new Map<Sender, Tuning>();
    const streamTunings = new Map<Streamed, StreamedTuning>();
    const deliveries: Routed[] = [];
    const fresh: Delivery[] = [];
    const filtered = new Set(plan.routes?.map(({ output }) => output));
    try {
      for (const [index, config] of effective.entries()) {
        const key = keyOf(config, index);
        let delivery = running.get(key);
        if (!isStream(config)) {
          this.#network ??= await loadNetwork();
          const { queueBytes, worker, workers, disk, allowMetadata = false, log } = this.#options;
          const tuning = this.#network.tuningOf(config, {
            batchSize,
            queueBytes,
            worker,
            workers,
            spools: disk !== undefined,
            read: { env: (name) => process.env[name], file: (path) => readFileSync(path, "utf8") },
            allowMetadata,
            warn: (message) => log.warn({ output: idOf(config, index) }, message),
          });
          delivery ??= await this.#reserveRetired(key);
          if (delivery === undefined) {
            delivery = await this.#createSender(config, key, index, tuning, plan);
            fresh.push(delivery);
          } else if ((delivery as Sender).identity !== tuning.identity) tunings.set(delivery as Sender, tuning);
        }
        if (delivery instanceof Streamed) streamTunings.set(delivery, this.#streamedTuning(config));
        delivery ??= this.#createStreamed(config, key, index);
        deliveries.push(new Routed(delivery, filtered.has(index) ? index : undefined, this.#options.kind));
      }
    } catch (error) {
      this.#releaseRetired(deliveries);
      await Promise.all(fresh.map((delivery) => this.#close(delivery)));
      throw error;
    }
    return { deliveries, tunings, streamTunings, plan };
  }

  /** A prepared manifest that will not run. */
  async discard(prepared: PreparedOutputs): Promise<void> {
    // Made for a plan that will not run.
    this.#replay?.use(protectionOf(this.#plan));
    this.#releaseRetired(prepared.deliveries);
    const runs = new Set([...this.active, ...this.#retired.keys()]);
    await Promise.all(
      prepared.deliveries.filter(({ delivery }) => !runs.has(delivery)).map(({ delivery }) => this.#close(delivery)),
    );
  }

  async #close(delivery: Delivery): Promise<void> {
    this.#spools.get(delivery)?.stopAdopting();
    await delivery.drain(AbortSignal.abort(), false);
    await this.#spools.get(delivery)?.close();
    this.#spools.delete(delivery);
  }

  #createStreamed(config: OutputConfig, key: string, index: number): Delivery {
    const { stdout, openFile, site } = this.#options;
    const id = idOf(config, index);
    const feed = config.type === "console" ? stdout : openFile(id);
    return new Streamed({ ...this.#streamedTuning(config), key, id, feed, site });
  }

  #streamedTuning(config: OutputConfig): StreamedTuning {
    const queue = config.queue as { when_full?: string; max_bytes?: number } | undefined;
    const policy = queue?.when_full;
    return {
      queueBytesMax: queue?.max_bytes ?? this.#options.queueBytes,
      whenFull: policy === "drop_oldest" || policy === "drop_newest" ? policy : "block",
    };
  }

  async #createSender(config: OutputConfig, key: string, index: number, tuning: Tuning, plan: Plan): Promise<Sender> {
    const { kind, disk, log, site, worker } = this.#options;
    const { Sender, SenderSpool, Replay } = this.#network!;
    const id = idOf(config, index);
    let spool: SenderSpool | undefined;
    if (disk !== undefined) {
      this.#replay ??= new Replay(kind, protectionOf(plan), this.#options.quarantine);
      spool = await SenderSpool.open(id, kind, disk, tuning.disk, this.#replay);
    }
    const { disk: _, ...own } = tuning;
    const sender = new Sender({
      ...own,
      key,
      id,
      memoryId: `${id}-w${worker}-${this.#epoch}-m`,
      kind,
      spool: spool?.queue,
      deadLetters: spool?.deadLetters,
      log,
      site,
    });
    if (spool !== undefined) {
      this.#spools.set(sender, spool);
      spool.belongsTo(sender);
    }
    return sender;
  }

  /** One of this key that still drains has the lane open: it goes on from there when the manifest runs, and drains on when it does not. */
  async #reserveRetired(key: string): Promise<Sender | undefined> {
    for (const [delivery, { done }] of this.#retired) {
      if (delivery.key !== key) continue;
      const sender = delivery as Sender;
      if (sender.reserve()) return sender;
      // It is about to let go of the lane.
      await done;
    }
    return undefined;
  }

  /** @param deliveries of a manifest that will not run */
  #releaseRetired(deliveries: readonly Routed[]): void {
    for (const { delivery } of deliveries) if (this.#retired.has(delivery)) (delivery as Sender).release();
  }

  /** Phase 2. */
  swap({ deliveries, tunings, streamTunings, plan }: PreparedOutputs): void {
    const before = this.#active;
    const running = new Set(this.active);
    for (const routed of before) routed.end();
    this.#active = deliveries;
    this.#plan = plan;
    this.#replay?.use(protectionOf(plan));
    for (const [sender, tuning] of tunings) {
      sender.tune(tuning);
      this.#spools.get(sender)?.configure(tuning.disk);
    }
    for (const [stream, tuning] of streamTunings) stream.tune(tuning);
    const kept = new Set(this.active);
    for (const delivery of kept) {
      delivery.begin();
      const spool = this.#spools.get(delivery);
      if (this.#retired.has(delivery) && (delivery as Sender).goOn()) {
        this.#retired.delete(delivery);
        spool?.start();
        continue;
      }
      if (spool === undefined || running.has(delivery)) continue;
      this.#takeOver(delivery.id);
      spool.start();
    }
    for (const { delivery } of before) if (!kept.has(delivery)) this.#retire(delivery);
  }

  /** An output of this id counts as recovered what its predecessor had left: that one's account ends without it. */
  #takeOver(id: string): void {
    const left = this.#left.get(id);
    if (left === undefined) return;
    this.#left.delete(id);
    this.#gone[outputCell.recoveredRecords]! -= left.records;
    this.#gone[outputCell.recoveredBytes]! -= left.bytes;
    this.#gone[outputCell.spooledRecords]! -= left.records;
    this.#gone[outputCell.spooledBytes]! -= left.bytes;
  }

  #retire(delivery: Delivery): void {
    const giveUp = new AbortController();
    const done = this.#drainRetired(delivery, giveUp);
    this.#retired.set(delivery, { giveUp, done });
    this.#boundRetired();
  }

  async #drainRetired(delivery: Delivery, giveUp: AbortController): Promise<void> {
    this.#spools.get(delivery)?.stopAdopting();
    await delivery.drain(AbortSignal.any([this.#deadline.signal, giveUp.signal]), true);
    // Wanted again.
    if (this.#retired.get(delivery)?.giveUp !== giveUp) return;
    await this.#spools.get(delivery)?.close();
    this.#spools.delete(delivery);
    this.#retired.delete(delivery);
    const cells = new Float64Array(outputCells);
    delivery.write(cells, 0);
    cells.fill(0, fareCells.from, fareCells.to);
    cells.forEach((value, cell) => {
      this.#gone[cell]! += value;
    });
    const left = { records: cells[outputCell.spooledRecords]!, bytes: cells[outputCell.spooledBytes]! };
    if (left.records > 0) this.#left.set(delivery.id, left);
    this.#options.site.changed();
  }

  /** Dead destinations may be removed one after the other: what they hold beside the newest stays within one queue. */
  #boundRetired(): void {
    const { queueBytes, log } = this.#options;
    let bytes = 0;
    for (const [delivery, { giveUp }] of [...this.#retired].reverse().slice(1)) {
      bytes += delivery.queuedBytes;
      if (bytes <= queueBytes || giveUp.signal.aborted) continue;
      log.warn(
        {},
        `removed output ${delivery.id} gives up what it held in memory: other removed outputs fill their share of it`,
      );
      giveUp.abort("lostRemoved");
    }
  }

  /** The cells of all outputs: those that are gone at `retiredAt`, active ones at `outputAt(index)`. */
  write(cells: Float64Array, retiredAt: number, outputAt: (index: number) => number): void {
    cells.set(this.#gone, retiredAt);
    const one = this.#scratch;
    for (const delivery of this.#retired.keys()) {
      delivery.write(one, 0);
      for (let cell = 0; cell < outputCells; cell++) cells[retiredAt + cell]! += one[cell]!;
    }
    this.#active.forEach(({ delivery }, index) => {
      delivery.write(cells, outputAt(index));
    });
  }

  /**
   * Resolves when everything that was in memory is delivered or on disk, or at the deadline: what is left then is counted lost{shutdown}.
   * @returns whether nothing was lost
   */
  async drain(timeoutMs: number): Promise<boolean> {
    const timer = setTimeout(() => this.#deadline.abort("lostShutdown"), timeoutMs);
    for (const routed of this.#active) routed.end();
    for (const spool of this.#spools.values()) spool.stopAdopting();
    const all = [...this.active, ...this.#retired.keys()];
    // A retired one is draining already and watches the same deadline.
    await Promise.all(this.active.map((delivery) => delivery.drain(this.#deadline.signal, false)));
    // What those with a spool still have is the next run's; the others have until the deadline.
    for (const [delivery, { giveUp }] of this.#retired) if (this.#spools.has(delivery)) giveUp.abort("lostShutdown");
    await Promise.all([...this.#retired.values()].map(({ done }) => done));
    clearTimeout(timer);
    await Promise.all([...this.#spools.values()].map((spool) => spool.close()));
    return all.every(({ cells }) => cells[outputCell.lostShutdownRecords] === 0);
  }
}

function isStream({ type }: OutputConfig): boolean {
  return streams.includes(type);
}

/** What keeps its queue over a reload: the same id and way of leaving; for a file the same path. */
function keyOf(config: OutputConfig, index: number): string {
  const way = config.type === "file" ? `file ${String(config.path)}` : isStream(config) ? config.type : "network";
  return `${idOf(config, index)} ${way}`;
}
