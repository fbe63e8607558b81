/**
 * The outputs that run at one worker, and how a reload changes them: an output whose configuration did not change keeps its queue and
 * its sender; one that is gone drains in the background what it holds, as it was made; a new one starts.
 */

import { canonical } from "../../manifest/canonical.ts";
import type { OutputConfig } from "../../outputs/output.ts";
import type { Log } from "../../telemetry/log.ts";
import { outputCell, outputCells } from "../ledger/layout.ts";
import type { SharedBatch } from "./batch_pool.ts";
import { Console } from "./console.ts";
import type { Delivery, DeliverySite } from "./delivery.ts";
import type { StreamFeed } from "./stream/stream_writer.ts";

export interface PreparedOutputs {
  readonly deliveries: readonly Delivery[];
  readonly names: readonly string[];
  readonly batchSize: number;
}

const consoleConfig: OutputConfig = { type: "console" };

function isConsole({ type }: OutputConfig): boolean {
  return type === consoleConfig.type;
}

/** With none configured records go to the console. */
function effectiveOutputs(configs: readonly OutputConfig[]): readonly OutputConfig[] {
  return configs.length === 0 ? [consoleConfig] : configs;
}

/** Names in the manifest's order, the same at every worker: `http 0`, `console 1`. */
export function outputNames(configs: readonly OutputConfig[]): readonly string[] {
  return effectiveOutputs(configs).map(({ type }, index) => `${type} ${index}`);
}

/** A configuration's identity over reloads: the same one listed twice is two outputs. */
function keysOf(configs: readonly OutputConfig[]): readonly string[] {
  const seen = new Map<string, number>();
  return configs.map((config) => {
    const text = canonical(config);
    const times = seen.get(text) ?? 0;
    seen.set(text, times + 1);
    return `${text}#${times}`;
  });
}

/**
 * What outputs other than the console need. Loaded with the first of them: the HTTP client and the outputs' schemas take some
 * 20 MB a worker, which a gate that only writes to the console would hold for nothing.
 */
interface Network {
  readonly describeOutput: typeof import("../../outputs/index.ts")["describeOutput"];
  readonly Sender: typeof import("./sender.ts")["Sender"];
}

async function loadNetwork(): Promise<Network> {
  const [{ describeOutput }, { Sender }] = await Promise.all([import("../../outputs/index.ts"), import("./sender.ts")]);
  return { describeOutput, Sender };
}

export interface OutputsOptions {
  readonly queueBytes: number;
  readonly feed: StreamFeed;
  readonly log: Log;
  readonly site: DeliverySite;
}

export class Outputs {
  readonly #options: OutputsOptions;
  /** Those that drain, the oldest first, each with what gives it up. */
  readonly #retired = new Map<Delivery, AbortController>();
  /** Sums of outputs that are gone for good. */
  readonly #gone = new Float64Array(outputCells);
  readonly #scratch = new Float64Array(outputCells);
  /** Of a shutdown. */
  readonly #deadline = new AbortController();
  #network: Network | undefined;
  #active: readonly Delivery[] = [];

  constructor(options: OutputsOptions) {
    this.#options = options;
  }

  get active(): readonly Delivery[] {
    return this.#active;
  }

  /** False when one of them is full: the worker takes no more (policy `block`). */
  get accepting(): boolean {
    return this.#active.every((delivery) => delivery.accepting);
  }

  push(shared: SharedBatch, from: number, to: number): void {
    for (const delivery of this.#active) delivery.push(shared, from, to);
  }

  flush(): void {
    for (const delivery of this.#active) delivery.flush();
  }

  /** Before `prepare`: loads the code of these outputs. */
  async load(configs: readonly OutputConfig[]): Promise<void> {
    if (!configs.every(isConsole)) this.#network ??= await loadNetwork();
  }

  /** Phase 1 of a reload: nothing that runs is touched. @throws StreamGateError when a configuration is refused */
  prepare(configs: readonly OutputConfig[], batchSize: number): PreparedOutputs {
    const effective = effectiveOutputs(configs);
    const keys = keysOf(effective);
    const names = outputNames(configs);
    const running = new Map(this.#active.map((delivery) => [delivery.key, delivery]));
    const deliveries = effective.map(
      (config, index) => running.get(keys[index]!) ?? this.#create(config, keys[index]!, names[index]!, batchSize),
    );
    return { deliveries, names, batchSize };
  }

  #create(config: OutputConfig, key: string, name: string, batchSize: number): Delivery {
    const { queueBytes, feed, log, site } = this.#options;
    if (isConsole(config)) return new Console(key, name, queueBytes, feed, site);
    const { describeOutput, Sender } = this.#network!;
    const output = describeOutput(config);
    return new Sender({ key, name, output, queueBytes, batchSize, log, site });
  }

  /** Phase 2. */
  swap(prepared: PreparedOutputs): void {
    const before = this.#active;
    this.#active = prepared.deliveries;
    this.#active.forEach((delivery, index) => {
      delivery.name = prepared.names[index]!;
      delivery.begin(prepared.batchSize);
    });
    for (const delivery of before) if (!this.#active.includes(delivery)) this.#retire(delivery);
  }

  #retire(delivery: Delivery): void {
    const giveUp = new AbortController();
    this.#retired.set(delivery, giveUp);
    this.#boundRetired();
    void delivery.drain(AbortSignal.any([this.#deadline.signal, giveUp.signal])).then(() => {
      this.#retired.delete(delivery);
      const cells = new Float64Array(outputCells);
      delivery.write(cells, 0);
      cells.forEach((value, cell) => {
        this.#gone[cell]! += value;
      });
      this.#options.site.changed();
    });
  }

  /** Dead destinations may be removed one after the other: what they hold beside the newest stays within one queue. */
  #boundRetired(): void {
    const { queueBytes, log } = this.#options;
    let bytes = 0;
    for (const [delivery, giveUp] of [...this.#retired].reverse().slice(1)) {
      bytes += delivery.queuedBytes;
      if (bytes <= queueBytes || giveUp.signal.aborted) continue;
      log.warn(
        {},
        `removed output ${delivery.name} gives up what it held: other removed outputs fill their share of memory`,
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
    this.#active.forEach((delivery, index) => {
      delivery.write(cells, outputAt(index));
    });
  }

  /** Resolves when all queues are empty, or at the deadline: what is left then is counted lost{shutdown}. */
  async drain(timeoutMs: number): Promise<boolean> {
    const timer = setTimeout(() => this.#deadline.abort(), timeoutMs);
    const all = [...this.#active, ...this.#retired.keys()];
    // A retired one is draining already and watches the same deadline.
    const waits = this.#active.map((delivery) => delivery.drain(this.#deadline.signal));
    await Promise.all(waits);
    while (this.#retired.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    clearTimeout(timer);
    return all.every(({ cells }) => cells[outputCell.lostShutdownRecords] === 0);
  }
}
