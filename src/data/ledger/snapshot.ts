/**
 * The counters of all workers and manifests as one account (promise P2), and the check that it balances.
 *
 * Records and bytes. Bytes of inputs, rules and the quarantine are as received, without framing; bytes of outputs as written.
 */

import type { PlanRule } from "../../plan/operations.ts";
import { type CountedSelector, countCellsPerSelector, selectorCell } from "../../plan/redact_counts.ts";
import {
  countCell,
  countCellsFixed,
  countCellsPerRoute,
  countCellsPerRule,
  routeCell,
  ruleCell,
} from "../engine/layout.ts";
import { type ListenerCounts, listenerCountNames, zeroListenerCounts } from "../inputs/listener_limits.ts";
import { type Transport, transport } from "../ring/layout.ts";
import { latencyBucketCount } from "./latency.ts";
import { type LedgerShape, ledgerCell, ledgerOffsets, outputCell } from "./layout.ts";

export interface Amount {
  records: number;
  bytes: number;
}

const transports = Object.keys(transport) as Transport[];

export interface RuleTotals {
  dropped: Amount;
  changed: { records: number; replacements: number };
  quarantined: Amount;
  /** Of a redact, by detector, `pattern` or `field`: records in which it replaced something, and values that it replaced. */
  redacted: Map<string, { records: number; values: number }>;
  /** Summaries that it made of what it dropped. */
  summaries: Amount;
  /** sample: records that those stand for which it kept by chance. */
  sampledWeight: number;
}

export type InputLoss = "oversize" | "frame" | "kernel" | "ring_full" | "worker" | "shutdown" | "quarantine_full";

/** Why an output lost records, by the cells that count it (`outputCell`); `worker` is known only when a worker has died. */
const outputLossCells = {
  shutdown: "lostShutdown",
  removed: "lostRemoved",
  queue_full: "lostQueueFull",
  spool_full: "lostSpoolFull",
  spool_expired: "lostSpoolExpired",
  spool_damaged: "lostSpoolDamaged",
  dead_letter: "lostDeadLetter",
  protected: "lostProtected",
  quarantine_full: "lostQuarantineFull",
} as const;
export type OutputLoss = keyof typeof outputLossCells | "worker";
const outputLosses = Object.keys(outputLossCells) as (keyof typeof outputLossCells)[];

export interface OutputTotals {
  /** Passed by the rules, and not for this output. */
  filtered: Amount;
  routed: Amount;
  /** Found in the spool at the start. */
  recovered: Amount;
  /** Acknowledged; for a console: handed to the process's stdout writer. */
  delivered: Amount;
  /** In memory. */
  queued: Amount;
  /** On disk. */
  spooled: Amount;
  deadLettered: Amount;
  /** Withheld by a protect rule of a later manifest, which could not finish them, and in the quarantine. */
  quarantined: Amount;
  lost: Record<OutputLoss, Amount>;
  /** Bytes that protect rules of a later manifest added to spooled records, or took off. */
  rewrittenBytes: number;
  fares: OutputFares;
  latency: Latency;
}

/** How an output fares now, at all workers together. */
export interface OutputFares {
  /** Workers whose breaker is in that state. */
  breaker: { closed: number; half_open: number; open: number };
  failures: number;
  inFlight: number;
  concurrency: number;
  spoolDiskBytes: number;
  /** 0: nothing is on disk. */
  spoolOldestMs: number;
  /** Workers where the disk takes nothing now. */
  spoolRefuses: number;
  /** Workers where it takes no more, or gives up records of its own. */
  overLimit: number;
}

/** Ages of acknowledged payloads: how many in each bucket of `latency.ts`, and seconds in all. */
export interface Latency {
  buckets: number[];
  seconds: number;
}

export interface Snapshot {
  /** What engines took. */
  received: Amount;
  /** Of `received`, by the way they came. */
  receivedBy: Record<Transport, Amount>;
  /** Of `received`: what a command has released from the quarantine, so that it came again. */
  released: Amount;
  /** Summaries that rules made: they go on as records do. Bytes as they were made. */
  created: Amount;
  passed: Amount;
  /** What a protect rule could not finish, and what the quarantine has taken. */
  quarantined: { matchLimit: Amount; outputLimit: Amount };
  /** By rule id; rules of former manifests included. */
  rules: Map<string, RuleTotals>;
  /** Framed, not yet taken by an engine. */
  inRing: Amount;
  /** Lost before an engine took it; `quarantine_full` when it had: a rule withheld it and the quarantine could not take it. */
  lost: Record<InputLoss, Amount>;
  /** By output, in the manifest's order; then `retired`, the sum of those that were removed. */
  outputs: Map<string, OutputTotals>;
  /** The process's writers of standard output and of files. */
  streams: { handed: Amount; written: Amount; queued: Amount; lostClosed: Amount };
  connections: number;
  /** Of `connections`. */
  tlsConnections: number;
  /** What listeners refused, closed and let wait. */
  listeners: ListenerCounts;
  /** Rules of class reduce skipped because the engine could not keep up: how often that began, and what passed meanwhile. */
  overload: { entered: number; bypassed: Amount; level: number };
  /** Bytes that connections hold of records without an end. */
  unfinishedBytes: number;
  /** Σ over outputs of |routed since the manifest runs − passed since then|, in records and bytes. */
  routingGap: number;
}

export const retiredOutputs = "retired";

export function zeroAmount(): Amount {
  return { records: 0, bytes: 0 };
}

function zeroOutput(): OutputTotals {
  const lost = Object.fromEntries([...outputLosses, "worker"].map((cause) => [cause, zeroAmount()]));
  return {
    filtered: zeroAmount(),
    routed: zeroAmount(),
    recovered: zeroAmount(),
    delivered: zeroAmount(),
    queued: zeroAmount(),
    spooled: zeroAmount(),
    deadLettered: zeroAmount(),
    quarantined: zeroAmount(),
    lost: lost as Record<OutputLoss, Amount>,
    rewrittenBytes: 0,
    fares: zeroFares(),
    latency: { buckets: Array<number>(latencyBucketCount).fill(0), seconds: 0 },
  };
}

function zeroFares(): OutputFares {
  return {
    breaker: { closed: 0, half_open: 0, open: 0 },
    failures: 0,
    inFlight: 0,
    concurrency: 0,
    spoolDiskBytes: 0,
    spoolOldestMs: 0,
    spoolRefuses: 0,
    overLimit: 0,
  };
}

export function emptySnapshot(): Snapshot {
  return {
    received: zeroAmount(),
    receivedBy: Object.fromEntries(transports.map((name) => [name, zeroAmount()])) as Record<Transport, Amount>,
    released: zeroAmount(),
    created: zeroAmount(),
    passed: zeroAmount(),
    quarantined: { matchLimit: zeroAmount(), outputLimit: zeroAmount() },
    rules: new Map(),
    inRing: zeroAmount(),
    lost: {
      oversize: zeroAmount(),
      frame: zeroAmount(),
      kernel: zeroAmount(),
      ring_full: zeroAmount(),
      worker: zeroAmount(),
      shutdown: zeroAmount(),
      quarantine_full: zeroAmount(),
    },
    outputs: new Map(),
    streams: { handed: zeroAmount(), written: zeroAmount(), queued: zeroAmount(), lostClosed: zeroAmount() },
    connections: 0,
    tlsConnections: 0,
    listeners: zeroListenerCounts(),
    overload: { entered: 0, bypassed: zeroAmount(), level: 0 },
    unfinishedBytes: 0,
    routingGap: 0,
  };
}

/** What the cells of one worker's ledger mean. */
export interface LedgerMeaning {
  readonly rules: readonly PlanRule[];
  /** The outputs' names in the manifest's order. */
  readonly outputs: readonly string[];
  /** Of the outputs that have a filter, the index in `outputs`, ascending. */
  readonly routes?: readonly number[];
  /** Rules that replace what a pattern matches, by index: `countedPatterns`. */
  readonly patterns?: readonly number[];
  /** Whose the cells of selectors are. */
  readonly selectors?: readonly CountedSelector[];
}

export function shapeOf(meaning: LedgerMeaning): LedgerShape {
  return {
    rules: meaning.rules.length,
    outputs: meaning.outputs.length,
    routes: meaning.routes?.length ?? 0,
    selectorCells: (meaning.selectors?.length ?? 0) * countCellsPerSelector,
  };
}

/** Adds the engine's counts of one block of cells: what a manifest's rules did while it ran at one worker. */
export function addCounts(to: Snapshot, cells: Float64Array, meaning: LedgerMeaning): void {
  const offsets = ledgerOffsets(shapeOf(meaning));
  const count = (cell: keyof typeof countCell) => cells[offsets.counts + countCell[cell]]!;
  add(to.received, count("receivedRecords"), count("receivedBytes"));
  for (const name of transports) {
    const at = offsets.counts + countCell.receivedByTransport + 2 * transport[name];
    add(to.receivedBy[name], cells[at]!, cells[at + 1]!);
  }
  add(to.created, count("createdRecords"), count("createdBytes"));
  add(to.passed, count("passedRecords"), count("passedBytes"));
  const { matchLimit, outputLimit } = to.quarantined;
  add(matchLimit, count("quarantinedMatchLimitRecords"), count("quarantinedMatchLimitBytes"));
  add(outputLimit, count("quarantinedOutputLimitRecords"), count("quarantinedOutputLimitBytes"));
  for (const index of meaning.routes ?? []) {
    const name = meaning.outputs[index]!;
    const { records, bytes } = filteredOf(cells, meaning, index);
    const output = to.outputs.get(name) ?? zeroOutput();
    add(output.filtered, records, bytes);
    to.outputs.set(name, output);
  }
  meaning.rules.forEach(({ id }, index) => {
    const base = offsets.counts + countCellsFixed + index * countCellsPerRule;
    const at = (cell: keyof typeof ruleCell) => cells[base + ruleCell[cell]]!;
    const rule = to.rules.get(id) ?? {
      dropped: zeroAmount(),
      changed: { records: 0, replacements: 0 },
      quarantined: zeroAmount(),
      redacted: new Map(),
      summaries: zeroAmount(),
      sampledWeight: 0,
    };
    add(rule.dropped, at("droppedRecords"), at("droppedBytes"));
    rule.changed.records += at("changedRecords");
    rule.changed.replacements += at("replacements");
    add(rule.quarantined, at("quarantinedRecords"), at("quarantinedBytes"));
    add(rule.summaries, at("summaryRecords"), at("summaryBytes"));
    rule.sampledWeight += at("sampledWeight");
    to.rules.set(id, rule);
  });
  const redacted = (rule: number, detector: string, records: number, values: number) => {
    const { redacted: of } = to.rules.get(meaning.rules[rule]!.id)!;
    const before = of.get(detector) ?? { records: 0, values: 0 };
    of.set(detector, { records: before.records + records, values: before.values + values });
  };
  for (const rule of meaning.patterns ?? []) {
    const base = offsets.counts + countCellsFixed + rule * countCellsPerRule;
    redacted(rule, "pattern", cells[base + ruleCell.changedRecords]!, cells[base + ruleCell.replacements]!);
  }
  meaning.selectors?.forEach(({ rule, detector }, index) => {
    if (detector === undefined) return;
    const at = offsets.selectors + index * countCellsPerSelector;
    redacted(rule, detector, cells[at + selectorCell.records]!, cells[at + selectorCell.values]!);
  });
}

/** What the filter of output `index` kept from it while this manifest ran. */
function filteredOf(cells: Float64Array, meaning: LedgerMeaning, index: number): Amount {
  const route = meaning.routes?.indexOf(index) ?? -1;
  if (route < 0) return zeroAmount();
  const { counts } = ledgerOffsets(shapeOf(meaning));
  const base = counts + countCellsFixed + meaning.rules.length * countCellsPerRule + route * countCellsPerRoute;
  return { records: cells[base + routeCell.filteredRecords]!, bytes: cells[base + routeCell.filteredBytes]! };
}

/** Adds what runs on from manifest to manifest: a worker's inputs and outputs. */
export function addStanding(to: Snapshot, cells: Float64Array, meaning: LedgerMeaning): void {
  const offsets = ledgerOffsets(shapeOf(meaning));
  const own = (cell: keyof typeof ledgerCell) => cells[ledgerCell[cell]]!;
  add(to.lost.oversize, own("lostOversizeRecords"), own("lostOversizeBytes"));
  add(to.lost.frame, own("lostFrameRecords"), own("lostFrameBytes"));
  add(to.lost.kernel, own("lostKernelRecords"), 0);
  add(to.lost.ring_full, own("lostRingFullRecords"), own("lostRingFullBytes"));
  add(to.lost.shutdown, 0, own("lostShutdownBytes"));
  add(to.lost.quarantine_full, own("lostQuarantineFullRecords"), own("lostQuarantineFullBytes"));
  add(to.released, own("releasedRecords"), own("releasedBytes"));
  to.connections += own("connections");
  to.tlsConnections += own("tlsConnections");
  for (const name of listenerCountNames) to.listeners[name] += own(name);
  to.overload.entered += own("overloadEntered");
  add(to.overload.bypassed, own("bypassedRecords"), own("bypassedBytes"));
  to.overload.level = Math.max(to.overload.level, own("bypassActive"));
  to.unfinishedBytes += own("unfinishedBytes");
  add(to.streams.handed, own("handedStreamRecords"), own("handedStreamBytes"));
  meaning.outputs.forEach((name, index) => {
    const base = offsets.output(index);
    addOutput(to, name, cells, base);
    const passed = cells[offsets.counts + countCell.passedRecords]!;
    const written = cells[offsets.counts + countCell.writtenBytes]!;
    const filtered = filteredOf(cells, meaning, index);
    to.routingGap += Math.abs(cells[base + outputCell.manifestRecords]! + filtered.records - passed);
    to.routingGap += Math.abs(cells[base + outputCell.manifestBytes]! + filtered.bytes - written);
  });
  addOutput(to, retiredOutputs, cells, offsets.retired);
}

/** What a worker that died left on disk for one of its outputs, as far as its last snapshot knew. */
export interface Orphan {
  readonly spooled: Amount;
  /** In memory then, and counted lost{worker}: in part it may have reached the disk all the same. */
  readonly queued: Amount;
  /** The next sequence of its lane then. */
  readonly laneNext: number;
}

/**
 * Adds the last snapshot of a worker that died: what its outputs still held in memory is lost{worker}; what was on disk stays spooled until
 * its replacement has it (`addAdopted`), and what removed outputs had there is nobody's any more.
 * @returns what its replacement will find, by output
 */
export function addDead(to: Snapshot, cells: Float64Array, meaning: LedgerMeaning): ReadonlyMap<string, Orphan> {
  const gap = to.routingGap;
  addCounts(to, cells, meaning);
  const last = emptySnapshot();
  addStanding(last, cells, meaning);
  const orphans = new Map<string, Orphan>();
  const offsets = ledgerOffsets(shapeOf(meaning));
  for (const [name, output] of last.outputs) {
    const { queued, spooled } = output;
    add(output.lost.worker, queued.records, queued.bytes);
    output.queued = zeroAmount();
    output.fares = zeroFares();
    const index = meaning.outputs.indexOf(name);
    if (index >= 0)
      orphans.set(name, { spooled, queued, laneNext: cells[offsets.output(index) + outputCell.laneNext]! });
    else {
      add(output.recovered, -spooled.records, -spooled.bytes);
      output.spooled = zeroAmount();
    }
    mergeOutput(to, name, output);
  }
  for (const cause of Object.keys(last.lost) as InputLoss[])
    add(to.lost[cause], last.lost[cause].records, last.lost[cause].bytes);
  add(to.released, last.released.records, last.released.bytes);
  add(to.streams.handed, last.streams.handed.records, last.streams.handed.bytes);
  for (const name of listenerCountNames) to.listeners[name] += last.listeners[name];
  to.overload.entered += last.overload.entered;
  add(to.overload.bypassed, last.overload.bypassed.records, last.overload.bypassed.bytes);
  to.routingGap = gap;
  return orphans;
}

/**
 * The replacement of a worker that died has opened its lanes, and counts what it found as recovered: that is no longer the dead one's. What had
 * reached the disk after the dead one's last snapshot was counted lost{worker}, and is not.
 * @param to where `addDead` added the dead one
 */
export function addAdopted(
  to: Snapshot,
  orphans: ReadonlyMap<string, Orphan>,
  cells: Float64Array,
  meaning: LedgerMeaning,
): void {
  const offsets = ledgerOffsets(shapeOf(meaning));
  for (const [name, { spooled, queued, laneNext }] of orphans) {
    const output = to.outputs.get(name)!;
    add(output.spooled, -spooled.records, -spooled.bytes);
    add(output.recovered, -spooled.records, -spooled.bytes);
    const index = meaning.outputs.indexOf(name);
    if (index < 0) continue;
    const at = (cell: keyof typeof outputCell) => cells[offsets.output(index) + outputCell[cell]]!;
    const records = Math.min(Math.max(0, at("laneOpenedAt") - laneNext), queued.records);
    if (records === 0) continue;
    // To the byte, unless something was settled meanwhile that the cursor on disk did not know: then by their share.
    const found = at("recoveredRecords") - spooled.records === records;
    const bytes = found ? at("recoveredBytes") - spooled.bytes : Math.round((records / queued.records) * queued.bytes);
    add(output.lost.worker, -records, -bytes);
    add(output.recovered, -records, -bytes);
  }
}

/** A deep copy, so that totals can be added to without being changed. */
export function copySnapshot(from: Snapshot): Snapshot {
  return structuredClone(from);
}

/**
 * @returns by how much the account is off, summed over its equations, in records and bytes; 0 whenever nothing is under way:
 *   `received + created = passed + dropped + quarantined + lost{quarantine_full}`, for each output
 *   `recovered + routed = delivered + queued + spooled + dead-lettered + quarantined + lost`, each
 *   output was offered what passed, and streams `handed = written + queued + lost{closed}`
 */
export function imbalance(snapshot: Snapshot): number {
  let off = snapshot.routingGap;
  const check = (whole: Amount, parts: readonly Amount[]) => {
    off += Math.abs(whole.records - parts.reduce((sum, part) => sum + part.records, 0));
    off += Math.abs(whole.bytes - parts.reduce((sum, part) => sum + part.bytes, 0));
  };
  const { received, created, passed, quarantined, rules, lost: inputLost, outputs, streams } = snapshot;
  const dropped = [...rules.values()].map((rule) => rule.dropped);
  const met = { records: received.records + created.records, bytes: received.bytes + created.bytes };
  check(met, [passed, ...dropped, quarantined.matchLimit, quarantined.outputLimit, inputLost.quarantine_full]);
  for (const {
    recovered,
    routed,
    rewrittenBytes,
    delivered,
    queued,
    spooled,
    deadLettered,
    quarantined: withheld,
    lost,
  } of outputs.values()) {
    const whole = {
      records: recovered.records + routed.records,
      bytes: recovered.bytes + routed.bytes + rewrittenBytes,
    };
    check(whole, [delivered, queued, spooled, deadLettered, withheld, ...Object.values(lost)]);
  }
  check(streams.handed, [streams.written, streams.queued, streams.lostClosed]);
  return off;
}

/** The account in one line of a log, for the moment when the program ends. */
export function accountFields(snapshot: Snapshot): Readonly<Record<string, number>> {
  const { received, created, passed, quarantined, rules, inRing, lost, outputs, streams } = snapshot;
  const sum = (amounts: readonly Amount[]) => amounts.reduce((total, { records }) => total + records, 0);
  const all = [...outputs.values()];
  return {
    received: received.records,
    created: created.records,
    dropped: sum([...rules.values()].map((rule) => rule.dropped)),
    quarantined:
      quarantined.matchLimit.records + quarantined.outputLimit.records + sum(all.map((output) => output.quarantined)),
    passed: passed.records,
    inRing: inRing.records,
    recovered: sum(all.map((output) => output.recovered)),
    delivered: sum(all.map((output) => output.delivered)) - streams.lostClosed.records - streams.queued.records,
    spooled: sum(all.map((output) => output.spooled)),
    deadLettered: sum(all.map((output) => output.deadLettered)),
    lostOversizeBytes: lost.oversize.bytes,
    lostFrame: lost.frame.records,
    lostKernel: lost.kernel.records,
    lostRingFull: lost.ring_full.records,
    lostQuarantineFull: lost.quarantine_full.records + sum(all.map((output) => output.lost.quarantine_full)),
    lostDeadLetter: sum(all.map((output) => output.lost.dead_letter)),
    lostQueueFull: sum(all.map((output) => output.lost.queue_full)),
    lostSpoolFull: sum(all.map((output) => output.lost.spool_full)),
    lostSpoolExpired: sum(all.map((output) => output.lost.spool_expired)),
    lostSpoolDamaged: sum(all.map((output) => output.lost.spool_damaged)),
    lostProtected: sum(all.map((output) => output.lost.protected)),
    lostRemoved: sum(all.map((output) => output.lost.removed)),
    lostWorker: sum(all.map((output) => output.lost.worker)),
    lostShutdown: sum(all.map((output) => output.lost.shutdown)) + inRing.records + streams.queued.records,
    lostShutdownUnframedBytes: lost.shutdown.bytes,
    lostClosed: streams.lostClosed.records,
    imbalance: imbalance(snapshot),
  };
}

function addOutput(to: Snapshot, name: string, cells: Float64Array, base: number): void {
  const at = (cell: keyof typeof outputCell) => cells[base + outputCell[cell]]!;
  const amount = (pair: OutputPair): Amount => ({
    records: cells[base + outputCell[`${pair}Records`]]!,
    bytes: cells[base + outputCell[`${pair}Bytes`]]!,
  });
  const lost = Object.fromEntries(outputLosses.map((cause) => [cause, amount(outputLossCells[cause])]));
  mergeOutput(to, name, {
    filtered: zeroAmount(),
    routed: amount("routed"),
    recovered: amount("recovered"),
    delivered: amount("delivered"),
    queued: amount("queued"),
    spooled: amount("spooled"),
    deadLettered: amount("deadLettered"),
    quarantined: amount("quarantined"),
    lost: { ...lost, worker: zeroAmount() } as Record<OutputLoss, Amount>,
    rewrittenBytes: at("rewrittenBytes"),
    fares: {
      breaker: { closed: at("breakerClosed"), half_open: at("breakerHalfOpen"), open: at("breakerOpen") },
      failures: at("failures"),
      inFlight: at("inFlight"),
      concurrency: at("concurrency"),
      spoolDiskBytes: at("spoolDiskBytes"),
      spoolOldestMs: at("spoolOldestMs"),
      spoolRefuses: at("spoolRefuses"),
      overLimit: at("overLimit"),
    },
    latency: {
      buckets: [
        ...cells.subarray(base + outputCell.latencyBuckets, base + outputCell.latencyBuckets + latencyBucketCount),
      ],
      seconds: at("latencySeconds"),
    },
  });
}

type OutputPair =
  | "routed"
  | "recovered"
  | "delivered"
  | "queued"
  | "spooled"
  | "deadLettered"
  | "quarantined"
  | OutputLossPair;
type OutputLossPair = (typeof outputLossCells)[keyof typeof outputLossCells];
const amounts = [
  "filtered",
  "routed",
  "recovered",
  "delivered",
  "queued",
  "spooled",
  "deadLettered",
  "quarantined",
] as const;

function mergeOutput(to: Snapshot, name: string, from: OutputTotals): void {
  const output = to.outputs.get(name) ?? zeroOutput();
  for (const field of amounts) add(output[field], from[field].records, from[field].bytes);
  for (const cause of Object.keys(output.lost) as OutputLoss[])
    add(output.lost[cause], from.lost[cause].records, from.lost[cause].bytes);
  output.rewrittenBytes += from.rewrittenBytes;
  mergeFares(output.fares, from.fares);
  from.latency.buckets.forEach((count, bucket) => {
    output.latency.buckets[bucket]! += count;
  });
  output.latency.seconds += from.latency.seconds;
  to.outputs.set(name, output);
}

function mergeFares(to: OutputFares, from: OutputFares): void {
  for (const state of ["closed", "half_open", "open"] as const) to.breaker[state] += from.breaker[state];
  for (const field of ["failures", "inFlight", "concurrency", "spoolDiskBytes", "spoolRefuses", "overLimit"] as const)
    to[field] += from[field];
  const oldest = [to.spoolOldestMs, from.spoolOldestMs].filter((ms) => ms > 0);
  to.spoolOldestMs = oldest.length === 0 ? 0 : Math.min(...oldest);
}

export function add(to: Amount, records: number, bytes: number): void {
  to.records += records;
  to.bytes += bytes;
}
