/**
 * The counters of all workers and manifests as one account (promise P2), and the check that it balances.
 *
 * Records and bytes. Bytes of inputs, rules and the quarantine are as received, without framing; bytes of outputs as written.
 */

import type { PlanRule } from "../../plan/operations.ts";
import { countCell, countCellsFixed, countCellsPerRule, ruleCell } from "../engine/layout.ts";
import { type LedgerShape, ledgerCell, ledgerOffsets, outputCell } from "./layout.ts";

export interface Amount {
  records: number;
  bytes: number;
}

export interface RuleTotals {
  dropped: Amount;
  changed: { records: number; replacements: number };
  quarantined: Amount;
}

export type InputLoss = "oversize" | "frame" | "kernel" | "ring_full" | "worker" | "shutdown";
export type OutputLoss = "dead_letter" | "shutdown" | "removed" | "worker";

export interface OutputTotals {
  routed: Amount;
  /** Acknowledged; for a console: handed to the process's stdout writer. */
  delivered: Amount;
  queued: Amount;
  lost: Record<OutputLoss, Amount>;
}

export interface Snapshot {
  /** What engines took. */
  received: Amount;
  passed: Amount;
  quarantined: { matchLimit: Amount; outputLimit: Amount };
  /** By rule id; rules of former manifests included. */
  rules: Map<string, RuleTotals>;
  /** Framed, not yet taken by an engine. */
  inRing: Amount;
  /** Lost before an engine took it. */
  lost: Record<InputLoss, Amount>;
  /** By output, in the manifest's order; then `retired`, the sum of those that were removed. */
  outputs: Map<string, OutputTotals>;
  /** The process's stdout writer. */
  stdout: { handed: Amount; written: Amount; queued: Amount; lostClosed: Amount };
  connections: number;
  /** Σ over outputs of |routed since the manifest runs − passed since then|, in records and bytes. */
  routingGap: number;
}

export const retiredOutputs = "retired";

function zeroAmount(): Amount {
  return { records: 0, bytes: 0 };
}

function zeroOutput(): OutputTotals {
  return {
    routed: zeroAmount(),
    delivered: zeroAmount(),
    queued: zeroAmount(),
    lost: { dead_letter: zeroAmount(), shutdown: zeroAmount(), removed: zeroAmount(), worker: zeroAmount() },
  };
}

export function emptySnapshot(): Snapshot {
  return {
    received: zeroAmount(),
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
    },
    outputs: new Map(),
    stdout: { handed: zeroAmount(), written: zeroAmount(), queued: zeroAmount(), lostClosed: zeroAmount() },
    connections: 0,
    routingGap: 0,
  };
}

/** What the cells of one worker's ledger mean. */
export interface LedgerMeaning {
  readonly rules: readonly PlanRule[];
  /** The outputs' names in the manifest's order. */
  readonly outputs: readonly string[];
}

export function shapeOf(meaning: LedgerMeaning): LedgerShape {
  return { rules: meaning.rules.length, outputs: meaning.outputs.length };
}

/** Adds the engine's counts of one block of cells: what a manifest's rules did while it ran at one worker. */
export function addCounts(to: Snapshot, cells: Float64Array, meaning: LedgerMeaning): void {
  const offsets = ledgerOffsets(shapeOf(meaning));
  const count = (cell: keyof typeof countCell) => cells[offsets.counts + countCell[cell]]!;
  add(to.received, count("receivedRecords"), count("receivedBytes"));
  add(to.passed, count("passedRecords"), count("passedBytes"));
  const { matchLimit, outputLimit } = to.quarantined;
  add(matchLimit, count("quarantinedMatchLimitRecords"), count("quarantinedMatchLimitBytes"));
  add(outputLimit, count("quarantinedOutputLimitRecords"), count("quarantinedOutputLimitBytes"));
  meaning.rules.forEach(({ id }, index) => {
    const base = offsets.counts + countCellsFixed + index * countCellsPerRule;
    const at = (cell: keyof typeof ruleCell) => cells[base + ruleCell[cell]]!;
    const rule = to.rules.get(id) ?? {
      dropped: zeroAmount(),
      changed: { records: 0, replacements: 0 },
      quarantined: zeroAmount(),
    };
    add(rule.dropped, at("droppedRecords"), at("droppedBytes"));
    rule.changed.records += at("changedRecords");
    rule.changed.replacements += at("replacements");
    add(rule.quarantined, at("quarantinedRecords"), at("quarantinedBytes"));
    to.rules.set(id, rule);
  });
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
  to.connections += own("connections");
  add(to.stdout.handed, own("handedStdoutRecords"), own("handedStdoutBytes"));
  meaning.outputs.forEach((name, index) => {
    const base = offsets.output(index);
    addOutput(to, name, cells, base);
    const passed = offsets.counts + countCell.passedRecords;
    to.routingGap += Math.abs(cells[base + outputCell.manifestRecords]! - cells[passed]!);
  });
  addOutput(to, retiredOutputs, cells, offsets.retired);
}

/**
 * Adds the last snapshot of a worker that died: what its outputs still held is lost{worker}, and its outputs count as retired, for
 * the replacement begins its own.
 */
export function addDead(to: Snapshot, cells: Float64Array, meaning: LedgerMeaning): void {
  const gap = to.routingGap;
  addCounts(to, cells, meaning);
  const last = emptySnapshot();
  addStanding(last, cells, meaning);
  for (const [name, output] of last.outputs) {
    add(output.lost.worker, output.queued.records, output.queued.bytes);
    output.queued = zeroAmount();
    mergeOutput(to, name, output);
  }
  for (const cause of Object.keys(last.lost) as InputLoss[])
    add(to.lost[cause], last.lost[cause].records, last.lost[cause].bytes);
  add(to.stdout.handed, last.stdout.handed.records, last.stdout.handed.bytes);
  to.routingGap = gap;
}

/** A deep copy, so that totals can be added to without being changed. */
export function copySnapshot(from: Snapshot): Snapshot {
  return structuredClone(from);
}

/**
 * @returns by how much the account is off, summed over its equations, in records and bytes; 0 whenever nothing is under way:
 *   `received = passed + dropped + quarantined`, for each output `routed = delivered + queued + lost`, each
 *   output was offered what passed, and stdout `handed = written + queued + lost{closed}`
 */
export function imbalance(snapshot: Snapshot): number {
  let off = snapshot.routingGap;
  const check = (whole: Amount, parts: readonly Amount[]) => {
    off += Math.abs(whole.records - parts.reduce((sum, part) => sum + part.records, 0));
    off += Math.abs(whole.bytes - parts.reduce((sum, part) => sum + part.bytes, 0));
  };
  const { received, passed, quarantined, rules, outputs, stdout } = snapshot;
  const dropped = [...rules.values()].map((rule) => rule.dropped);
  check(received, [passed, ...dropped, quarantined.matchLimit, quarantined.outputLimit]);
  for (const { routed, delivered, queued, lost } of outputs.values())
    check(routed, [delivered, queued, ...Object.values(lost)]);
  check(stdout.handed, [stdout.written, stdout.queued, stdout.lostClosed]);
  return off;
}

/** The account in one line of a log, for the moment when the program ends. */
export function accountFields(snapshot: Snapshot): Readonly<Record<string, number>> {
  const { received, passed, quarantined, rules, inRing, lost, outputs, stdout } = snapshot;
  const sum = (amounts: readonly Amount[]) => amounts.reduce((total, { records }) => total + records, 0);
  const all = [...outputs.values()];
  return {
    received: received.records,
    dropped: sum([...rules.values()].map((rule) => rule.dropped)),
    quarantined: quarantined.matchLimit.records + quarantined.outputLimit.records,
    passed: passed.records,
    inRing: inRing.records,
    delivered: sum(all.map((output) => output.delivered)) - stdout.lostClosed.records - stdout.queued.records,
    lostOversizeBytes: lost.oversize.bytes,
    lostFrame: lost.frame.records,
    lostKernel: lost.kernel.records,
    lostRingFull: lost.ring_full.records,
    lostRejected: sum(all.map((output) => output.lost.dead_letter)),
    lostRemoved: sum(all.map((output) => output.lost.removed)),
    lostWorker: sum(all.map((output) => output.lost.worker)),
    lostShutdown: sum(all.map((output) => output.lost.shutdown)) + inRing.records + stdout.queued.records,
    lostShutdownUnframedBytes: lost.shutdown.bytes,
    lostClosed: stdout.lostClosed.records,
  };
}

function addOutput(to: Snapshot, name: string, cells: Float64Array, base: number): void {
  const at = (cell: keyof typeof outputCell) => cells[base + outputCell[cell]]!;
  mergeOutput(to, name, {
    routed: { records: at("routedRecords"), bytes: at("routedBytes") },
    delivered: { records: at("deliveredRecords"), bytes: at("deliveredBytes") },
    queued: { records: at("queuedRecords"), bytes: at("queuedBytes") },
    lost: {
      dead_letter: { records: at("lostDeadLetterRecords"), bytes: at("lostDeadLetterBytes") },
      shutdown: { records: at("lostShutdownRecords"), bytes: at("lostShutdownBytes") },
      removed: { records: at("lostRemovedRecords"), bytes: at("lostRemovedBytes") },
      worker: zeroAmount(),
    },
  });
}

function mergeOutput(to: Snapshot, name: string, from: OutputTotals): void {
  const output = to.outputs.get(name) ?? zeroOutput();
  add(output.routed, from.routed.records, from.routed.bytes);
  add(output.delivered, from.delivered.records, from.delivered.bytes);
  add(output.queued, from.queued.records, from.queued.bytes);
  for (const cause of Object.keys(output.lost) as OutputLoss[])
    add(output.lost[cause], from.lost[cause].records, from.lost[cause].bytes);
  to.outputs.set(name, output);
}

export function add(to: Amount, records: number, bytes: number): void {
  to.records += records;
  to.bytes += bytes;
}
