/**
 * The data plane as the main thread sees it: workers, their memory, the manifest that runs, and the account of all of them.
 *
 * The main thread owns the rings, the ledgers and the stdout writer; a worker that dies loses none of that (`supervisor.ts`).
 */

import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { StreamGateError } from "../../errors.ts";
import { activePipeline, type Manifest, type OutputConfig, passthrough, type Rule } from "../../manifest/manifest.ts";
import { compilePlan } from "../../plan/compile.ts";
import type { LiveActivity, LiveEffect, LiveShare, LiveTail, TailLook, TailWatch } from "../../plan/live.ts";
import { operationFlag } from "../../plan/operations.ts";
import { countedPatterns, countedSelectors } from "../../plan/redact_counts.ts";
import { resolveRuleKeys } from "../../rules/secrets_of_rules.ts";
import { accountBytes } from "../../settings/memory.ts";
import type { Settings } from "../../settings/settings.ts";
import type { Log } from "../../telemetry/log.ts";
import type { CertificateFiles, ServerTls } from "../../tls/certificate_files.ts";
import { openCertificates } from "../../tls/open_certificates.ts";
import { batchBytes } from "../delivery/batch_pool.ts";
import { outputNames } from "../delivery/outputs.ts";
import { type FileLease, FileWriters } from "../delivery/stream/file_writers.ts";
import type { StreamWriter } from "../delivery/stream/stream_writer.ts";
import { openStreamWriter, streamQueueBytes } from "../delivery/stream/writer.ts";
import { outputGrowthBytes, outputGrowthFactor } from "../engine/layout.ts";
import { portError } from "../inputs/port_error.ts";
import { createSources, wipeWorker } from "../inputs/sources.ts";
import { readLedger } from "../ledger/ledger.ts";
import {
  accountFields,
  add,
  addAdopted,
  addCounts,
  addDead,
  addStanding,
  copySnapshot,
  emptySnapshot,
  type LedgerMeaning,
  type Orphan,
  type Snapshot,
  shapeOf,
  zeroAmount,
} from "../ledger/snapshot.ts";
import { type OpenedGroup, QuarantineKeeper, type QuarantineStatus } from "../quarantine/keeper.ts";
import { putIntoSpool } from "../quarantine/respool.ts";
import type { RevertStatus } from "../revert/auto_revert.ts";
import { createRingMemory, ringHeader } from "../ring/layout.ts";
import { type ShardKey, shardKey } from "../shard/shard_key.ts";
import { togetherByRule } from "./effects.ts";
import { createMemoryAccount } from "./memory_budget.ts";
import { type Answers, type ListenRequest, udpProducerBase, workersMax } from "./messages.ts";
import type { PlaneFacts } from "./plane_facts.ts";
import { type Program, reload } from "./reload.ts";
import { Reloads } from "./reloads.ts";
import { RuleWatch, ruleWatchMs } from "./rule_watch.ts";
import { statusOf } from "./status.ts";
import { Supervisor } from "./supervisor.ts";
import { WorkerDied, type WorkerThread } from "./worker_thread.ts";

/** Twice the largest block but for a single large record: 64 KiB of one-byte records with four bytes of length each, 192 KiB. */
const ringBytesMin = 512 * 1024;

/** Workers have so long to hand over what a removed file output held, and its writer as long again to write it. */
const removedFileMs = 2000;

/** A worker in a long block says nothing of its lanes; everything else is known without it. */
const statusMs = 1000;

export interface Ports {
  tcpPort: number;
  udpPort: number;
  /** Absent: no TLS. */
  tlsPort?: number | undefined;
}

/** Where the keys of rules are read from. */
const read = { env: (name: string) => process.env[name], file: (path: string) => readFileSync(path, "utf8") };

/** What a worker books now: where, and what the cells mean. */
interface Booking {
  readonly ledger: SharedArrayBuffer;
  readonly meaning: LedgerMeaning;
}

export class DataPlane {
  readonly #settings: Settings;
  readonly #log: Log;
  readonly #rings: readonly SharedArrayBuffer[];
  readonly #writer: StreamWriter;
  readonly #files: FileWriters;
  /** Of the file outputs of the program that runs, by their id. */
  #leases: ReadonlyMap<string, FileLease> = new Map();
  /** What writers of files have counted that are closed. */
  readonly #filesPast = { pushed: zeroAmount(), written: zeroAmount(), lost: zeroAmount() };
  readonly #shardKey: ShardKey | undefined;
  readonly #quarantine: QuarantineKeeper | undefined;
  readonly #dataDir: string | undefined;
  /** Of chance, and of the hashes by which rules remember records: nobody who sends some can know it. */
  readonly #seed = randomBytes(8).readBigUInt64LE();
  /** Whose workers a test may end. */
  readonly supervisor: Supervisor;
  /** Everything that ledgers no longer hold: former manifests, dead workers. */
  readonly #past = emptySnapshot();
  readonly #bookings = new Map<number, Booking>();
  /** Of workers that died and whose replacements do not run yet: what these will find on disk, by output. */
  readonly #orphans = new Map<number, ReadonlyMap<string, Orphan>>();
  #program: Program | undefined;
  /** The rules of it, as they were published. */
  #processors: readonly Rule[] = [];
  /** What people who look on asked for last. */
  #watches: readonly TailWatch[] = [];
  #listening: { requests: ListenRequest[]; ports: Ports } | undefined;
  /** One reload, or one replacement, after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #draining = false;
  readonly #sources: SharedArrayBuffer;
  #certificates: CertificateFiles | undefined;
  /** That runs. */
  manifest: Manifest | undefined;
  /** What became of manifests. */
  readonly reloads = new Reloads();
  /** Whoever goes back from versions says how that stands; undefined: nobody does. */
  revert: { readonly status: RevertStatus } | undefined;
  readonly #watch = new RuleWatch();
  readonly #watchTimer: NodeJS.Timeout;

  private constructor(
    settings: Settings,
    engine: "native" | "portable",
    log: Log,
    dataDir: string | undefined,
    quarantine: QuarantineKeeper | undefined,
  ) {
    this.#settings = settings;
    this.#log = log;
    this.#dataDir = dataDir;
    this.#quarantine = quarantine;
    const { workers, ringSlots, ringBytes, maxRecordBytes, queueBytes, tcpFraming, shardBy } = settings;
    const count = Math.min(workers, workersMax);
    this.#rings = Array.from({ length: count }, () =>
      createRingMemory(powerOfTwo(Math.max(ringBytes, ringBytesMin)), ringSlots),
    );
    this.#writer = openStreamWriter(1, {
      kind: engine,
      queueBytes: streamQueueBytes,
      ringBytes: stdoutRingBytes(ringBytes, maxRecordBytes),
      events: {
        closed: (reason) =>
          log.warn(`standard output is closed (${reason}): console records are counted lost{closed} from now on`),
        full: (reason) => log.warn(`standard output has no room (${reason}): console records wait until it has`),
        room: () => log.info("standard output has room again"),
      },
    });
    this.#files = new FileWriters({ kind: engine, ringBytes: stdoutRingBytes(ringBytes, maxRecordBytes), log });
    const rings = this.#rings;
    const stdout = this.#writer.target;
    // A single worker owns every key.
    this.#shardKey = count > 1 ? shardKey(shardBy) : undefined;
    const { memoryBudget, overload } = settings;
    const memory = createMemoryAccount(
      accountBytes(memoryBudget, { workers: count, ringBytes, maxRecordBytes }),
      count,
    );
    this.#sources = createSources(
      {
        connections: settings.maxConnections,
        connectionsPerSource: settings.maxConnectionsPerSource,
        bytesPerSecond: settings.ratePerSource,
      },
      count,
    );
    const { idleTimeoutMs: idleMs, recordTimeoutMs: recordMs, allowMetadataOutputs } = settings;
    const listeners = { sources: this.#sources, listenerLimits: { idleMs, recordMs } };
    const limits = { tcpFraming, maxRecordBytes, queueBytes, memory, overload, allowMetadataOutputs, ...listeners };
    const places = { dataDir, quarantine: quarantine?.place };
    const shared = { engine, rings, stdout, shardKey: this.#shardKey, ...places, ...limits };
    this.supervisor = new Supervisor(
      rings.map((_, index) => ({ index, ...shared })),
      log,
      { died: (worker) => this.#died(worker), replace: (worker) => this.#replace(worker) },
    );
    this.#watchTimer = setInterval(() => void this.#look().catch(() => {}), ruleWatchMs).unref();
  }

  /**
   * Threads up and nothing listening yet.
   * @param dataDir writable and locked by this process: where outputs spool, and where the quarantine is; absent: they do not, and there is none
   * @throws StreamGateError SG_WORKER when a worker does not start, SG_QUARANTINE_KEY
   */
  static async start(
    settings: Settings,
    engine: "native" | "portable",
    log: Log,
    dataDir?: string,
  ): Promise<DataPlane> {
    const { quarantineMaxBytes: bytesMax, quarantineMaxDays } = settings;
    const ageMsMax = quarantineMaxDays * 24 * 3600 * 1000;
    const quarantine =
      dataDir === undefined ? undefined : await QuarantineKeeper.open({ root: dataDir, bytesMax, ageMsMax, log });
    const plane = new DataPlane(settings, engine, log, dataDir, quarantine);
    try {
      await plane.supervisor.start();
    } catch (error) {
      await plane.close();
      throw error;
    }
    return plane;
  }

  get workers(): number {
    return this.#rings.length;
  }

  /** As they were opened; undefined: nothing listens yet. */
  get ports(): Ports | undefined {
    return this.#listening?.ports;
  }

  /**
   * Runs a manifest: resolves when every worker does.
   * @throws StreamGateError SG_PUBLISH_REFUSED when a worker refuses it; nothing has changed then
   */
  async apply(manifest: Manifest): Promise<void> {
    const beganMs = performance.now();
    try {
      await this.#apply(manifest);
    } catch (error) {
      this.refused(manifest.version, error as Error, performance.now() - beganMs);
      throw error;
    }
    const { version } = manifest;
    this.reloads.note({ version, result: "applied", atMs: Date.now(), tookMs: performance.now() - beganMs });
  }

  /** A manifest will not run, and never came as far as `apply`. @param version undefined: nobody can tell */
  refused(version: string | undefined, { message: why }: Error, tookMs = 0): void {
    this.reloads.note({ version, result: "refused", why, atMs: Date.now(), tookMs });
  }

  #apply(manifest: Manifest): Promise<void> {
    return this.#inTurn(async () => {
      const { processors, outputs, batch_size: batchSize } = activePipeline(manifest);
      const plan = { ...compilePlan(resolveRuleKeys(processors, read), outputs), seed: this.#seed };
      const leases = await this.#leaseFiles(outputs);
      const program: Program = {
        plan,
        outputs,
        batchSize,
        files: Object.fromEntries([...leases].map(([id, { writer }]) => [id, writer.target])),
        version: manifest.version,
        meaning: {
          rules: plan.rules,
          outputs: outputNames(outputs),
          routes: (plan.routes ?? []).map(({ output }) => output),
          patterns: countedPatterns(plan),
          selectors: countedSelectors(plan),
        },
      };
      try {
        await reload(this.supervisor.living, program, ({ worker, ledger }) => this.#book(worker, program, ledger));
      } catch (error) {
        await Promise.all([...leases.values()].map((lease) => this.#release(lease, 0)));
        throw error;
      }
      this.#program = program;
      this.#processors = processors;
      this.manifest = manifest;
      this.#watch.use(processors, this.snapshot(), Date.now());
      const before = this.#leases;
      this.#leases = leases;
      for (const lease of before.values()) void this.#release(lease, removedFileMs);
      this.#quarantine?.start({
        rotate: () => this.#rotateQuarantine(),
        protecting: () => this.#protecting(),
        release: (group) => this.#releaseQuarantined(group),
      });
    });
  }

  /** Workers that do not answer are dead, and write nothing any more. */
  async #rotateQuarantine(): Promise<void> {
    const { living } = this.supervisor;
    await Promise.allSettled(living.map((worker) => worker.ask<"rotateQuarantine">({ kind: "rotateQuarantine" })));
  }

  #protecting(): ReadonlySet<string> | undefined {
    const program = this.#program;
    if (program === undefined || program.version === passthrough.version) return undefined;
    const { rules, operations } = program.plan;
    const protects = new Set(
      operations
        .filter(({ flags }) => (flags & (operationFlag.protect | operationFlag.shadow)) === operationFlag.protect)
        .map(({ rule }) => rule),
    );
    return new Set(rules.filter((_, index) => protects.has(index)).map(({ id }) => id));
  }

  /** One worker runs it; what was withheld from one output alone goes back into that one's spool. */
  async #releaseQuarantined({ entries, meta: { output, rules }, firstMs }: OpenedGroup): Promise<Answers["release"]> {
    if (this.#draining) return { why: "the instance ends" };
    if (output === undefined) {
      const [worker] = this.supervisor.living;
      if (worker === undefined) return { why: "no worker runs" };
      return worker.ask<"release">({ kind: "release", entries, rules, timeMs: firstMs });
    }
    const outputs = this.#program?.outputs ?? [];
    const config = outputs[outputNames(outputs).indexOf(output)];
    if (config === undefined || config.type === "console" || config.type === "file")
      return { why: `it was withheld from output ${output}, which is not there any more` };
    await putIntoSpool(this.#dataDir!, output, entries, firstMs);
    return { withheldAgain: 0 };
  }

  /** Opens the ports. @throws StreamGateError SG_PORT_IN_USE naming the port and the way out, SG_TLS */
  async listen(): Promise<Ports> {
    const { sharePorts, host, tlsHandshakeTimeoutMs: handshakeTimeoutMs } = this.#settings;
    let { tcpPort, udpPort, tlsPort } = this.#settings;
    this.#certificates ??= await this.#openCertificates();
    const certificates = this.#certificates;
    const several = this.#rings.length > 1;
    const perWorker = several && (await this.#perWorker());
    const reuse = perWorker || sharePorts;
    if (reuse) {
      // SO_REUSEPORT would let a second gate take part of the traffic unseen, so a plain bind asks first whether the port is free.
      if (!sharePorts || tcpPort === 0) tcpPort = await probeTcp(host, tcpPort);
      if (!sharePorts || udpPort === 0) udpPort = await probeUdp(host, udpPort);
      if (certificates !== undefined && (!sharePorts || tlsPort === 0)) tlsPort = await probeTcp(host, tlsPort, "TLS");
    }
    const requests = this.#rings.map(
      (_, index): ListenRequest => ({
        kind: "listen",
        host,
        tcpPort: perWorker || index === 0 ? tcpPort : undefined,
        udpPort: perWorker || index === 0 ? udpPort : undefined,
        tls:
          certificates !== undefined && (perWorker || index === 0)
            ? { port: tlsPort, certificates: certificates.current, handshakeTimeoutMs }
            : undefined,
        reusePort: reuse,
        // Sharded, its one owner deals out every record anyway.
        spread: several && !perWorker && this.#shardKey === undefined,
      }),
    );
    const answers = await Promise.all(
      this.supervisor.living.map((worker) => worker.ask<"listen">(requests[worker.index]!)),
    );
    const ports = {
      tcpPort: answers[0]?.tcpPort ?? tcpPort,
      udpPort: answers[0]?.udpPort ?? udpPort,
      tlsPort: answers[0]?.tlsPort,
    };
    // A replacement opens the same ports, also where the system chose them.
    for (const [index, request] of requests.entries())
      requests[index] = {
        ...request,
        ...(request.tcpPort !== undefined && { tcpPort: ports.tcpPort }),
        ...(request.udpPort !== undefined && { udpPort: ports.udpPort }),
        ...(request.tls !== undefined && { tls: { ...request.tls, port: ports.tlsPort ?? request.tls.port } }),
      };
    this.#listening = { requests, ports };
    return ports;
  }

  /** @throws StreamGateError SG_TLS */
  async #openCertificates(): Promise<CertificateFiles | undefined> {
    const { tlsCert: cert, tlsKey: key, tlsClientCa: clientCa } = this.#settings;
    const files = await openCertificates("TLS", { cert, key, clientCa }, this.#log);
    files?.onChange((tls) => this.#useCertificates(tls));
    return files;
  }

  /** Workers, and those that will replace them. */
  #useCertificates(tls: ServerTls): void {
    const requests = this.#listening?.requests ?? [];
    for (const [index, request] of requests.entries())
      if (request.tls !== undefined) requests[index] = { ...request, tls: { ...request.tls, certificates: tls } };
    for (const worker of this.supervisor.living)
      worker.ask<"certificates">({ kind: "certificates", tls }).catch(() => {});
  }

  async #perWorker(): Promise<boolean> {
    const { tcpListener } = this.#settings;
    if (tcpListener === "single") return false;
    const able = await canReusePort();
    if (!able && tcpListener === "per_worker")
      throw new StreamGateError("SG_SETTING", {
        where: "TCP_LISTENER",
        what: "this system cannot share a port between sockets (SO_REUSEPORT)",
        fix: "leave it at auto, or choose single",
      });
    return able;
  }

  /** The account of all workers since the start. */
  snapshot(): Snapshot {
    const snapshot = copySnapshot(this.#past);
    for (const { ledger, meaning } of this.#bookings.values()) {
      const cells = readLedger(ledger, shapeOf(meaning));
      addCounts(snapshot, cells, meaning);
      addStanding(snapshot, cells, meaning);
    }
    for (const memory of this.#rings) {
      const ring = ringCounters(memory);
      add(snapshot.inRing, ring.pushedRecords - ring.takenRecords, ring.pushedBytes - ring.takenBytes);
    }
    const { streams } = snapshot;
    const { pushed, written, lost } = this.#filesPast;
    add(streams.written, written.records, written.bytes);
    add(streams.lostClosed, lost.records, lost.bytes);
    add(streams.queued, pushed.records - written.records - lost.records, pushed.bytes - written.bytes - lost.bytes);
    for (const writer of [this.#writer, ...this.#files.open]) {
      const { pushedRecords, pushedBytes, writtenRecords, writtenBytes, lostRecords, lostBytes } = writer.counts();
      add(streams.written, writtenRecords, writtenBytes);
      add(streams.lostClosed, lostRecords, lostBytes);
      // What a writer has taken and not yet written waits too.
      const settled = { records: writtenRecords + lostRecords, bytes: writtenBytes + lostBytes };
      add(streams.queued, pushedRecords - settled.records, pushedBytes - settled.bytes);
    }
    return snapshot;
  }

  /** Everything that is known without asking a worker. */
  facts(): PlaneFacts {
    const { living, deaths } = this.supervisor;
    const snapshot = this.snapshot();
    const program = this.#program;
    return {
      snapshot,
      workers: this.#rings.length,
      living: living.length,
      deaths,
      rings: this.#rings.map((memory, worker) => {
        const { pushedRecords, takenRecords, pushedBytes, takenBytes } = ringCounters(memory);
        const capacityBytes = memory.byteLength - ringHeader.bytes;
        return { worker, records: pushedRecords - takenRecords, bytes: pushedBytes - takenBytes, capacityBytes };
      }),
      listening: this.#listening !== undefined,
      draining: this.#draining,
      version: program?.version,
      rules: program?.meaning.rules.map(({ id }) => id) ?? [],
      outputs: program?.meaning.outputs ?? [],
      reloads: this.reloads,
      ...(this.revert !== undefined && { revert: this.revert.status }),
      memory: { budgetBytes: this.#settings.memoryBudget, heldBytes: heldIn(snapshot).bytes },
      ...(this.#quarantine !== undefined && { quarantine: this.#quarantine.status }),
    };
  }

  /** The writers of a manifest's file outputs, by the output's id. @throws StreamGateError SG_FILE */
  async #leaseFiles(outputs: readonly OutputConfig[]): Promise<Map<string, FileLease>> {
    const leases = new Map<string, FileLease>();
    const names = outputNames(outputs);
    try {
      for (const [index, config] of outputs.entries()) {
        if (config.type !== "file") continue;
        // The outputs' schemas are loaded with the first one that needs them.
        const { fileTargetOf } = await import("../../outputs/file.ts");
        const { path, rotate, fsync, compressRotated } = fileTargetOf(config);
        const finite = (value: number) => (Number.isFinite(value) ? value : 0);
        leases.set(
          names[index]!,
          await this.#files.acquire({
            path,
            rotate: {
              maxBytes: finite(rotate.bytesMax),
              maxAgeMs: finite(rotate.ageMsMax),
              keep: Number.isFinite(rotate.keep) ? rotate.keep : Number.MAX_SAFE_INTEGER,
            },
            fsync,
            compress: compressRotated,
          }),
        );
      }
    } catch (error) {
      await Promise.all([...leases.values()].map((lease) => this.#release(lease, 0)));
      throw error;
    }
    return leases;
  }

  async #release(lease: FileLease, drainMs: number): Promise<void> {
    // Workers hand over in the background what an output that is gone still held.
    if (drainMs > 0) await new Promise((resolve) => setTimeout(resolve, drainMs).unref());
    const counts = await lease.release(drainMs);
    if (counts === undefined) return;
    const { pushed, written, lost } = this.#filesPast;
    add(pushed, counts.pushedRecords, counts.pushedBytes);
    add(written, counts.writtenRecords, counts.writtenBytes);
    add(lost, counts.lostRecords, counts.lostBytes);
  }

  /** What `GET /status` answers (docs/status.md). */
  async status({ engine, lastRun }: { engine: string; lastRun: object }): Promise<object> {
    const { living } = this.supervisor;
    const settled = await Promise.allSettled(
      living.map((worker) => within(statusMs, worker.ask<"status">({ kind: "status" }))),
    );
    const answers = settled.flatMap((answer, index) =>
      answer.status === "fulfilled" ? [{ worker: living[index]!.index, status: answer.value }] : [],
    );
    return statusOf({
      version: this.#program?.version,
      engine,
      workers: this.#rings.length,
      snapshot: this.snapshot(),
      answers,
      extra: {
        ...(this.#quarantine !== undefined && { quarantine: quarantineFields(this.#quarantine.status) }),
        memory: { budget_bytes: this.#settings.memoryBudget, held_bytes: this.inMemory().bytes },
        ...(this.revert !== undefined && { revert: this.revert.status }),
        last_run: lastRun,
      },
    });
  }

  /** What rules in shadow would have done, at all workers together. */
  async effects(): Promise<readonly LiveEffect[]> {
    const { living } = this.supervisor;
    const settled = await Promise.allSettled(living.map((worker) => worker.ask<"effects">({ kind: "effects" })));
    return togetherByRule(settled.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : [])));
  }

  /** The newest `count` of the records that workers keep, oldest first. */
  async recent(count: number): Promise<readonly Uint8Array[]> {
    const { living } = this.supervisor;
    const settled = await Promise.allSettled(living.map((worker) => worker.ask<"recent">({ kind: "recent" })));
    return settled
      .flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []))
      .toSorted((a, b) => a.atMs - b.atMs)
      .slice(-count)
      .map(({ bytes }) => bytes);
  }

  /** What people who look on see: of every worker's part so much that it is no more than was asked for. */
  async tail(watches: readonly TailWatch[]): Promise<readonly TailLook[]> {
    const { living } = this.supervisor;
    const settled = await Promise.allSettled(living.map((worker) => worker.ask<"tail">({ kind: "tail", watches })));
    const asked = this.#watches;
    this.#watches = watches;
    return asked.map(({ recordsMax }, index) => {
      const each = settled.flatMap((answer) =>
        answer.status === "fulfilled" && answer.value[index] !== undefined ? [answer.value[index]] : [],
      );
      const examples = each.flatMap((look) => look.examples);
      // Of too many each is as likely to be left out.
      while (examples.length > recordsMax) examples.splice(Math.floor(Math.random() * examples.length), 1);
      return { records: each.reduce((sum, { records }) => sum + records, 0), examples };
    });
  }

  running(): ReturnType<LiveTail["running"]> {
    const { version, outputs = [] } = this.#program ?? {};
    return { version, rules: this.#processors, outputs: outputNames(outputs) };
  }

  /** Of each output, by id: the share of bytes that its filter and routes let through; 1 where nothing was counted. */
  shares(): ReadonlyMap<string, LiveShare> {
    const share = (routed: number, filtered: number) => (routed + filtered === 0 ? 1 : routed / (routed + filtered));
    return new Map(
      [...this.snapshot().outputs].map(([id, { filtered, routed }]) => [
        id,
        { records: share(routed.records, filtered.records), bytes: share(routed.bytes, filtered.bytes) },
      ]),
    );
  }

  /** Of every rule that runs, by id. */
  async activity(): Promise<ReadonlyMap<string, LiveActivity>> {
    await this.#look();
    return this.#watch.activity;
  }

  /** Notes which rules match anything; now and then, so that it is known when they last did. */
  async #look(): Promise<void> {
    const program = this.#program;
    if (program === undefined) return;
    const shadows = program.plan.operations.some(({ flags }) => (flags & operationFlag.shadow) !== 0);
    const effects = shadows ? await this.effects() : [];
    this.#watch.look(this.snapshot(), effects, Date.now());
  }

  /** What a kill would cost now: records that are neither delivered nor on disk. */
  inMemory(): { records: number; bytes: number } {
    return heldIn(this.snapshot());
  }

  /**
   * What that can be at most, in bytes as received: rings, what stream writers hold, and of each output at each worker the queue, as much again
   * on the way to the disk, and what the queue takes beyond its bound, which is a batch.
   */
  get memoryBytesMax(): number {
    const { queueBytes, maxRecordBytes } = this.#settings;
    const beyond = Math.max(batchBytes, maxRecordBytes);
    const queues = (this.#program?.outputs ?? []).map(({ queue }) => {
      const { max_bytes = queueBytes } = (queue ?? {}) as { max_bytes?: number };
      return 2 * (max_bytes + beyond);
    });
    const each = queues.length === 0 ? queueBytes + beyond : queues.reduce((sum, bytes) => sum + bytes, 0);
    const rings = this.#rings.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const streams = (1 + this.#leases.size) * streamQueueBytes;
    // Outputs that were removed may hold as much again; there they are counted, not bounded.
    return Math.max(this.inMemory().bytes, rings + this.#rings.length * each + streams);
  }

  /**
   * Stops accepting, lets open connections finish what they sent, delivers everything.
   * @returns whether nothing was left; what was is counted lost{shutdown}
   */
  async drain(timeoutMs: number): Promise<boolean> {
    this.#draining = true;
    this.supervisor.stop();
    await this.#quarantine?.close();
    const deadline = Date.now() + timeoutMs;
    const workers = this.supervisor.living;
    const left = () => Math.max(0, deadline - Date.now());
    // All workers first: the connections of one may push into the ring of another.
    await Promise.allSettled(
      workers.map((worker) => worker.ask<"quiesce">({ kind: "quiesce", timeoutMs: left() / 2 })),
    );
    const answers = await Promise.allSettled(
      workers.map((worker) => worker.ask<"drain">({ kind: "drain", timeoutMs: left() * 0.8 })),
    );
    let delivered = answers.every((answer) => answer.status === "fulfilled" && answer.value);
    const written = () => [this.#writer, ...this.#files.open].every((writer) => writer.drained());
    while (!written() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 2));
    if (!written()) delivered = false;
    const account = accountFields(this.snapshot());
    const lost = Object.entries(account).some(([name, count]) => name.startsWith("lost") && count > 0);
    if (!delivered) this.#log.error(account, "not everything could be delivered before the deadline");
    else if (lost) this.#log.warn(account, "nothing waits any more, but not everything that came was delivered");
    else if (account.spooled! + account.deadLettered! > 0)
      this.#log.info(account, "everything that came is delivered or on disk");
    else this.#log.info(account, "everything that came is delivered");
    return delivered;
  }

  async close(): Promise<void> {
    this.#draining = true;
    clearInterval(this.#watchTimer);
    this.#certificates?.close();
    await this.#quarantine?.close();
    await this.supervisor.close();
    await this.#writer.close();
    await this.#files.close();
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(step);
    this.#turn = result.catch(() => {});
    return result;
  }

  /** From now on `worker` books in `ledger`; what it booked before becomes past. */
  #book(worker: WorkerThread, program: Program, ledger: SharedArrayBuffer): void {
    const before = this.#bookings.get(worker.index);
    if (before !== undefined) addCounts(this.#past, readLedger(before.ledger, shapeOf(before.meaning)), before.meaning);
    this.#bookings.set(worker.index, { ledger, meaning: program.meaning });
    const orphans = this.#orphans.get(worker.index);
    if (orphans === undefined) return;
    this.#orphans.delete(worker.index);
    addAdopted(this.#past, orphans, readLedger(ledger, shapeOf(program.meaning)), program.meaning);
  }

  /** A worker is gone: its numbers become past, what it claimed in rings is skipped. */
  #died(worker: WorkerThread): void {
    const booking = this.#bookings.get(worker.index);
    this.#bookings.delete(worker.index);
    wipeWorker(this.#sources, worker.index);
    if (booking !== undefined) {
      const cells = readLedger(booking.ledger, shapeOf(booking.meaning));
      this.#orphans.set(worker.index, addDead(this.#past, cells, booking.meaning));
    }
    const streams = [this.#writer, ...this.#files.open].flatMap(({ target }) =>
      target.kind === "ring" ? [target.memory] : [],
    );
    for (const memory of [...this.#rings, ...streams])
      for (const producer of [worker.index, udpProducerBase + worker.index]) {
        const epochs = new Uint32Array(memory, ringHeader.offsets.producerEpochs, udpProducerBase * 2);
        Atomics.add(epochs, producer, 1);
      }
    for (const other of this.supervisor.living) other.ask<"producerDied">({ kind: "producerDied" }).catch(() => {});
  }

  /** Its replacement runs what the others run, then serves the same ports. */
  #replace(worker: WorkerThread): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#draining) return;
      const program = this.#program;
      if (program !== undefined) await reload([worker], program, ({ ledger }) => this.#book(worker, program, ledger));
      await worker.ask<"producerDied">({ kind: "producerDied" });
      if (this.#listening !== undefined) await worker.ask<"listen">(this.#listening.requests[worker.index]!);
    }).catch((error: unknown) => {
      if (error instanceof WorkerDied) return;
      this.#log.error({ worker: worker.index }, `a replaced worker does not serve: ${(error as Error).message}`);
      // The supervisor tries again, after a longer pause.
      void worker.crash();
    });
  }
}

function heldIn({ inRing, outputs, streams }: Snapshot): { records: number; bytes: number } {
  const held = { ...inRing };
  for (const { queued } of outputs.values()) add(held, queued.records, queued.bytes);
  add(held, streams.queued.records, streams.queued.bytes);
  return held;
}

/** As `GET /status` says it. */
function quarantineFields({ diskBytes, ...held }: QuarantineStatus): object {
  return { ...held, disk_bytes: diskBytes };
}

/** What `answer` gives, or a rejection when it takes longer. */
function within<T>(limitMs: number, answer: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer in ${limitMs} ms`)), limitMs);
  return Promise.race([answer, promise]).finally(() => clearTimeout(timer));
}

function powerOfTwo(bytes: number): number {
  return 2 ** Math.ceil(Math.log2(bytes));
}

/** A block never wraps, so a ring takes for certain only what half of it holds; the largest record that an engine may write must fit. */
function stdoutRingBytes(ringBytes: number, maxRecordBytes: number): number {
  const largest = outputGrowthFactor * maxRecordBytes + outputGrowthBytes + 1024;
  return powerOfTwo(Math.max(ringBytes, 2 * largest));
}

function ringCounters(memory: SharedArrayBuffer) {
  const words = new BigUint64Array(memory, 0, ringHeader.bytes / 8);
  const at = (field: "pushedRecords" | "pushedBytes" | "takenRecords" | "takenBytes") =>
    Number(Atomics.load(words, ringHeader.offsets[field] / 8));
  // Taken first: a block taken between the two reads then counts as unread, never as less than nothing.
  const [takenRecords, takenBytes] = [at("takenRecords"), at("takenBytes")];
  return { takenRecords, takenBytes, pushedRecords: at("pushedRecords"), pushedBytes: at("pushedBytes") };
}

function probeTcp(host: string | undefined, port: number, protocol: "TCP" | "TLS" = "TCP"): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error) => reject(portError(error, protocol, port)));
    server.listen({ port, exclusive: true, ...(host !== undefined && { host }) }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : port));
    });
  });
}

function probeUdp(host: string | undefined, port: number): Promise<number> {
  const attempt = (type: "udp4" | "udp6") =>
    new Promise<number>((resolve, reject) => {
      const socket = createSocket({ type });
      socket.once("error", (error) => reject(error));
      socket.bind({ port, exclusive: true, ...(host !== undefined && { address: host }) }, () => {
        const { port: bound } = socket.address();
        socket.close(() => resolve(bound));
      });
    });
  const refuse = (error: NodeJS.ErrnoException) => Promise.reject(portError(error, "UDP", port));
  if (host !== undefined) return attempt(host.includes(":") ? "udp6" : "udp4").catch(refuse);
  // Both families where the machine has both, as the sockets themselves will be bound.
  return attempt("udp6").catch((error: NodeJS.ErrnoException) =>
    error.code === "EAFNOSUPPORT" || error.code === "EADDRNOTAVAIL" ? attempt("udp4").catch(refuse) : refuse(error),
  );
}

/** Two sockets on one port: tried, since Node knows it of Linux and some BSDs only, and old kernels lack it. */
async function canReusePort(): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port: 0, host: "127.0.0.1", reusePort: true }, () => server.close(() => resolve(true)));
  });
}
