/**
 * One worker: its inputs, its inbox, its outputs and its ledger, put together. Knows nothing of threads; `worker_main` feeds it
 * the main thread's requests.
 */

import type { Plan } from "../../plan/operations.ts";
import { selectorCellsOf } from "../../plan/redact_counts.ts";
import type { Log } from "../../telemetry/log.ts";
import { Outputs, type PreparedOutputs } from "../delivery/outputs.ts";
import { openStreamFeed } from "../delivery/stream/feed.ts";
import type { StreamFeed, StreamTarget } from "../delivery/stream/stream_writer.ts";
import type { EngineKind, PreparedPlan, Sharding } from "../engine/engine.ts";
import { countCell, countCellsFixed, countCellsOf, frameCell, frameCells } from "../engine/layout.ts";
import {
  type ListenerCounts,
  type ListenerGuard,
  listenerCountNames,
  zeroListenerCounts,
} from "../inputs/listener_limits.ts";
import { Sources } from "../inputs/sources.ts";
import { openTcpInput } from "../inputs/tcp.ts";
import type { TcpInput } from "../inputs/tcp_input.ts";
import { openUdpInput } from "../inputs/udp.ts";
import type { UdpInput } from "../inputs/udp_input.ts";
import { ledgerCell, ledgerCells } from "../ledger/layout.ts";
import { LedgerWriter } from "../ledger/ledger.ts";
import { runAgain } from "../quarantine/release.ts";
import { QuarantineStore } from "../quarantine/store.ts";
import { QuarantineWatch } from "../quarantine/watch.ts";
import { Inbox, type Intake, RemoteInbox } from "./inbox.ts";
import { KeyWatch } from "./key_watch.ts";
import { MemoryBudget, unfinishedParts } from "./memory_budget.ts";
import {
  type Answers,
  type ListenRequest,
  type Request,
  udpProducerBase,
  type WorkerEffect,
  type WorkerStart,
} from "./messages.ts";
import { RecentRecords } from "./recent.ts";

interface Prepared {
  readonly plan: PreparedPlan;
  readonly counts: Float64Array;
  readonly outputs: PreparedOutputs;
  readonly ledger: LedgerWriter;
}

/**
 * How often losses before the ring are read from the receiver: nothing that passes through JavaScript tells of them. It is all that
 * wakes an idle worker.
 */
const udpLossesMs = 1000;

/** Outputs that are full may take so long until they take a group of the quarantine; as long its plan is kept for the next one. */
const releaseWaitMs = 10_000;

const overloadCells = {
  entered: ledgerCell.overloadEntered,
  records: ledgerCell.bypassedRecords,
  bytes: ledgerCell.bypassedBytes,
  active: ledgerCell.bypassActive,
} as const;

type Answer = Answers[keyof Answers];

export class WorkerPlane {
  readonly #start: WorkerStart;
  readonly #kind: EngineKind;
  readonly #log: Log;
  readonly #outputs: Outputs;
  readonly #inbox: Inbox;
  readonly #quarantine: QuarantineStore;
  readonly #quarantineWatch: QuarantineWatch;
  readonly #keys: KeyWatch;
  readonly #memory: MemoryBudget;
  readonly #frameLosses = new Float64Array(frameCells);
  readonly #cells = new Float64Array(ledgerCells);
  #counts: Float64Array = new Float64Array(countCellsFixed);
  #ledger: LedgerWriter | undefined;
  #running: PreparedPlan | undefined;
  #prepared: Prepared | undefined;
  /** The plan that runs, for records of the quarantine; kept a while, since they come group by group. */
  #releasing: PreparedPlan | undefined;
  #releasingEnds: NodeJS.Timeout | undefined;
  /** Counts preparations, so that one that was discarded while its code loaded prepares nothing. */
  #preparation = 0;
  #tcp: TcpInput | undefined;
  #tls: TcpInput | undefined;
  readonly #listenerCounts: ListenerCounts = zeroListenerCounts();
  readonly #guard: ListenerGuard;
  #publishing: NodeJS.Immediate | undefined;
  #udp: UdpInput | undefined;
  /** What was cut off datagrams, as of the last look: the receiver counts it apart from the framers of TCP. */
  #udpOversize = { records: 0, bytes: 0 };
  /** The writers of file outputs, by the output's id. */
  #files: Readonly<Record<string, StreamTarget>> = {};
  readonly #recent: RecentRecords;
  /** By the state of a rule in shadow: since when it counts here. */
  #shadowSince: ReadonlyMap<bigint, number> = new Map();

  constructor(start: WorkerStart, kind: EngineKind, log: Log) {
    this.#start = start;
    this.#kind = kind;
    this.#log = log;
    this.#quarantine = new QuarantineStore(start.quarantine, log);
    this.#quarantineWatch = new QuarantineWatch(log);
    this.#keys = new KeyWatch(log);
    const { index, rings, dataDir } = start;
    this.#memory = MemoryBudget.open(start.memory, start.index);
    this.#guard = {
      limits: start.listenerLimits,
      counts: this.#listenerCounts,
      sources: new Sources(start.sources, start.index),
      changed: () => this.#publishSoon(),
    };
    this.#outputs = new Outputs({
      kind,
      queueBytes: start.queueBytes,
      worker: index,
      workers: rings.length,
      disk: dataDir === undefined ? undefined : { dataDir, worker: index, workers: rings.length },
      quarantine: this.#quarantine,
      stdout: this.#feed(start.stdout),
      openFile: (id) => this.#feed(this.#files[id]!),
      allowMetadata: start.allowMetadataOutputs,
      log,
      site: {
        changed: () => this.#outputsChanged(),
        nothingWaits: () => this.#inbox.idle,
        overBudget: () => this.#memory.over,
      },
    });
    this.#recent = new RecentRecords(rings.length);
    this.#inbox = new Inbox({
      recent: this.#recent,
      kind,
      ringMemory: start.rings[start.index]!,
      producer: start.index,
      outputs: this.#outputs,
      quarantine: this.#quarantine,
      published: () => this.#publish(),
      sharding: this.#sharding(start.index),
      overload: { mode: start.overload, log },
    });
  }

  /** A stream's feed that counts what it was handed. */
  #feed(target: StreamTarget): StreamFeed {
    const feed = openStreamFeed(this.#kind, target, this.#start.index);
    return {
      push: (batch, from, to) => {
        const stopped = feed.push(batch, from, to);
        this.#cells[ledgerCell.handedStreamRecords]! += stopped - from;
        this.#cells[ledgerCell.handedStreamBytes]! += batch.recordBytes(from, stopped);
        return stopped;
      },
    };
  }

  /** @param producer number of the thread that pushes */
  #sharding(producer: number): Sharding | undefined {
    const { shardKey: key, index: self, rings } = this.#start;
    return key === undefined ? undefined : { key, self, rings, producer };
  }

  async answer(request: Request): Promise<Answer> {
    switch (request.kind) {
      case "prepare":
        return this.#prepare(request);
      case "commit":
        return this.#commit();
      case "discard":
        await this.#discard();
        return undefined;
      case "listen":
        return this.#listen(request);
      case "certificates":
        this.#tls?.useCertificates(request.tls);
        return undefined;
      case "quiesce":
        return this.#quiesce(request.timeoutMs);
      case "drain":
        return this.#drain(request.timeoutMs);
      case "producerDied":
        this.#inbox.producerDied();
        return undefined;
      case "rotateQuarantine":
        this.#quarantine.rotate();
        return undefined;
      case "release":
        return this.#release(request);
      case "status":
        return { outputs: this.#outputs.status, skipped: this.#inbox.overload?.state.skipped ?? [] };
      case "effects":
        return this.#effects();
      case "recent":
        return this.#recent.list();
      case "tail":
        return this.#inbox.tail.look(request.watches, Date.now());
    }
  }

  async #prepare(request: Extract<Request, { kind: "prepare" }>): Promise<undefined> {
    const { plan, outputs, batchSize, ledger, files } = request;
    const preparation = ++this.#preparation;
    await this.#forget();
    this.#files = { ...this.#files, ...files };
    const counts = new Float64Array(countCellsOf(plan));
    const preparedOutputs = await this.#outputs.prepare(outputs, batchSize, plan);
    if (preparation !== this.#preparation) {
      await this.#outputs.discard(preparedOutputs);
      throw new Error("discarded while it was made ready");
    }
    try {
      this.#prepared = {
        plan: this.#kind.prepare(plan),
        counts,
        outputs: preparedOutputs,
        ledger: new LedgerWriter(ledger, {
          outputs: preparedOutputs.deliveries.length,
          rules: plan.rules.length,
          routes: plan.routes?.length ?? 0,
          selectorCells: selectorCellsOf(plan),
        }),
      };
    } catch (error) {
      await this.#outputs.discard(preparedOutputs);
      throw error;
    }
  }

  #commit(): undefined {
    const prepared = this.#prepared;
    if (prepared === undefined) throw new Error("nothing is prepared");
    this.#prepared = undefined;
    const before = this.#running;
    this.#running = prepared.plan;
    this.#endReleasing();
    // Up to the swap everything is booked in the old ledger, and nothing afterwards.
    this.#inbox.swap(prepared.plan, prepared.counts, prepared.outputs);
    this.#ledger = prepared.ledger;
    this.#counts = prepared.counts;
    this.#quarantineWatch.use(prepared.plan.plan.rules, prepared.counts);
    this.#countShadows(prepared.plan.plan);
    this.#keys.use(prepared.plan.plan.rules, prepared.counts);
    this.#publish();
    before?.close();
  }

  /** A rule that was in shadow before, and is the same, goes on counting. */
  #countShadows({ rules }: Plan): void {
    const since = this.#shadowSince;
    const nowMs = Date.now();
    this.#shadowSince = new Map(
      rules.flatMap(({ state }) => (state === undefined ? [] : [[state, since.get(state) ?? nowMs]])),
    );
  }

  #effects(): readonly WorkerEffect[] {
    const rules = this.#running?.plan.rules ?? [];
    return this.#inbox.effects().map(({ rule, ...effect }) => {
      const { id, state = 0n } = rules[rule]!;
      return { rule: id, sinceMs: this.#shadowSince.get(state) ?? Date.now(), ...effect };
    });
  }

  async #discard(): Promise<void> {
    this.#preparation++;
    await this.#forget();
  }

  /** What was prepared and not committed will not run. */
  async #forget(): Promise<void> {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    prepared?.plan.close();
    if (prepared !== undefined) await this.#outputs.discard(prepared.outputs);
  }

  async #listen(request: ListenRequest): Promise<Answers["listen"]> {
    const kind = this.#kind;
    const { tcpFraming: framing, maxRecordBytes, index, rings } = this.#start;
    const { host, tcpPort, udpPort, tls, reusePort } = request;
    const intakes: Intake[] = request.spread
      ? rings.map((memory, worker) => (worker === index ? this.#inbox : new RemoteInbox(kind, memory, index)))
      : [this.#inbox];
    const streams = {
      ...{ host, reusePort, kind, framing, maxRecordBytes, losses: this.#frameLosses, log: this.#log },
      guard: this.#guard,
      intake: (connection: number) => intakes[connection % intakes.length]!,
      ...(!request.spread && { inbox: this.#inbox }),
    };
    const [memory, tlsMemory = memory] = unfinishedParts(this.#memory, tls === undefined ? 1 : 2);
    if (tcpPort !== undefined) this.#tcp = await openTcpInput({ ...streams, memory: memory!, port: tcpPort });
    if (tls !== undefined) this.#tls = await openTcpInput({ ...streams, memory: tlsMemory!, port: tls.port, tls });
    if (udpPort !== undefined) {
      this.#udp = await openUdpInput({
        kind: kind.name,
        host,
        port: udpPort,
        reusePort,
        ring: rings[index]!,
        producer: udpProducerBase + index,
        maxRecordBytes,
        onReadable: () => this.#inbox.arrived(),
        sharding: this.#sharding(udpProducerBase + index),
      });
    }
    if (this.#udp !== undefined) setInterval(() => this.#readUdpLosses(), udpLossesMs).unref();
    this.#inbox.start();
    return { tcpPort: this.#tcp?.port, udpPort: this.#udp?.port, tlsPort: this.#tls?.port };
  }

  async #quiesce(timeoutMs: number): Promise<undefined> {
    await Promise.all([this.#udp?.stop(), this.#tcp?.finish(timeoutMs), this.#tls?.finish(timeoutMs)]);
    this.#readUdpLosses();
  }

  async #drain(timeoutMs: number): Promise<boolean> {
    const deadline = Date.now() + timeoutMs;
    while (!this.#inbox.idle && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    // What is left in the ring is counted there; an output that drains would hold it uncounted, or take it after it was done.
    this.#inbox.stop();
    const delivered = await this.#outputs.drain(Math.max(0, deadline - Date.now()));
    this.#quarantine.rotate();
    this.#publish();
    return delivered && this.#inbox.idle;
  }

  /**
   * Runs a group of the quarantine again. Nothing leaves unless something of it can be finished now; what cannot is sealed anew first, for
   * which there is room: the group that holds it now goes afterwards.
   */
  async #release({ entries, rules, timeMs }: Extract<Request, { kind: "release" }>): Promise<Answers["release"]> {
    const deadline = Date.now() + releaseWaitMs;
    while (!this.#outputs.accepting && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    const running = this.#running;
    if (running === undefined || !this.#outputs.accepting) return { why: "the outputs take nothing now" };
    const { plan } = running;
    // From here to the end in one go: no reload comes in between.
    this.#releasing ??= this.#kind.prepare(plan);
    clearTimeout(this.#releasingEnds);
    this.#releasingEnds = setTimeout(() => this.#endReleasing(), releaseWaitMs).unref();
    const bytes = Buffer.from(entries.buffer, entries.byteOffset, entries.byteLength);
    const { batches, counts, withheld } = runAgain(this.#kind, this.#releasing, bytes, timeMs);
    const records = counts[countCell.receivedRecords]!;
    const withheldAgain = withheld.records;
    const kept =
      withheldAgain === 0 ||
      (withheldAgain < records &&
        this.#quarantine.put({ entries: withheld.entries, rules: plan.rules, timeMs, again: true }).kept);
    withheld.clear();
    bytes.fill(0);
    if (kept) {
      for (const [cell, value] of counts.entries()) this.#counts[cell]! += value;
      this.#cells[ledgerCell.releasedRecords]! += records;
      this.#cells[ledgerCell.releasedBytes]! += counts[countCell.receivedBytes]!;
      for (const shared of batches) if (shared.batch.records > 0) this.#outputs.push(shared, 0, shared.batch.records);
      this.#outputs.flush();
    }
    for (const shared of batches) shared.release();
    this.#publish();
    if (kept) return { withheldAgain };
    if (withheldAgain === records) return { why: `a protect rule still cannot finish it (${rules.join(", ")})` };
    return { why: "what a protect rule still cannot finish could not be written anew" };
  }

  #endReleasing(): void {
    clearTimeout(this.#releasingEnds);
    this.#releasing?.close();
    this.#releasing = undefined;
  }

  #readUdpLosses(): void {
    const udp = this.#udp?.stats();
    if (udp === undefined) return;
    this.#cells[ledgerCell.lostKernelRecords] = udp.kernelDrops;
    this.#cells[ledgerCell.lostRingFullRecords] = udp.lostRingFullRecords;
    this.#cells[ledgerCell.lostRingFullBytes] = udp.lostRingFullBytes;
    this.#udpOversize = { records: udp.lostOversizeRecords, bytes: udp.lostOversizeBytes };
    this.#publish();
  }

  #outputsChanged(): void {
    this.#inbox.outputsChanged();
    this.#publish();
  }

  /** For what no record comes with: at the end of this turn, once. */
  #publishSoon(): void {
    this.#publishing ??= setImmediate(() => {
      this.#publishing = undefined;
      this.#publish();
    });
  }

  /** One consistent snapshot of everything that this worker counts. */
  #publish(): void {
    const ledger = this.#ledger;
    if (ledger === undefined) return;
    const own = this.#cells;
    const losses = this.#frameLosses;
    own[ledgerCell.lostOversizeRecords] = losses[frameCell.lostOversizeRecords]! + this.#udpOversize.records;
    own[ledgerCell.lostOversizeBytes] = losses[frameCell.lostOversizeBytes]! + this.#udpOversize.bytes;
    own[ledgerCell.lostFrameRecords] = losses[frameCell.lostFrameRecords]!;
    own[ledgerCell.lostFrameBytes] = losses[frameCell.lostFrameBytes]!;
    const { lost } = this.#inbox.withholding;
    own[ledgerCell.lostQuarantineFullRecords] = lost.records;
    own[ledgerCell.lostQuarantineFullBytes] = lost.bytes;
    const [tcp, tls] = [this.#tcp, this.#tls];
    own[ledgerCell.lostShutdownBytes] = (tcp?.lostBytes ?? 0) + (tls?.lostBytes ?? 0);
    own[ledgerCell.connections] = (tcp?.connections ?? 0) + (tls?.connections ?? 0);
    own[ledgerCell.tlsConnections] = tls?.connections ?? 0;
    own[ledgerCell.unfinishedBytes] = (tcp?.unfinishedBytes ?? 0) + (tls?.unfinishedBytes ?? 0);
    for (const name of listenerCountNames) own[ledgerCell[name]] = this.#listenerCounts[name];
    this.#memory.set("queues", this.#outputs.queuedBytes);
    this.#inbox.overload?.write(own, overloadCells);
    const { retired, output, counts } = ledger.offsets;
    ledger.publish((cells) => {
      cells.set(own, 0);
      this.#outputs.write(cells, retired, output);
      cells.set(this.#counts, counts);
      this.#inbox.withholding.correct(cells, counts);
    });
    this.#quarantineWatch.look();
    this.#keys.look();
  }
}
