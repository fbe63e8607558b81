/**
 * The memory of one worker's ledger: the counters of promise P2, published as one consistent snapshot.
 *
 *     0          8       8 + 8 × cells
 *     | sequence | block 0 | block 1 |
 *
 *     block: | LedgerCells | retired OutputCells | OutputCells × outputs | engine counts (countCell, ruleCell, routeCell) |
 *
 * `sequence` counts snapshots; number n lies in block n modulo 2. The writer fills the other block, then counts: a worker that is ended while it
 * writes leaves the snapshot before it whole. A reader copies the block and keeps the copy when the sequence is the same before and after. The main thread lays out a block for every worker and manifest. All cells are float64,
 * exact to 2^53; everything but the engine's counts and `manifest*` runs on from block to block.
 */

import { countCellsFixed, countCellsPerRoute, countCellsPerRule } from "../engine/layout.ts";
import { latencyBucketCount } from "./latency.ts";

/** Of the worker as a whole, since it started. */
export const ledgerCell = {
  lostOversizeRecords: 0,
  lostOversizeBytes: 1,
  lostFrameRecords: 2,
  lostFrameBytes: 3,
  /** Datagrams that the kernel dropped before we could read them; their bytes nobody knows. */
  lostKernelRecords: 4,
  /** Datagrams for which the ring had no room (portable engine). */
  lostRingFullRecords: 5,
  lostRingFullBytes: 6,
  /** Bytes of a cut connection that were received but are no whole record (framing undecided, ring full at the deadline). */
  lostShutdownBytes: 7,
  /** Open TCP connections, for people. */
  connections: 8,
  /** What consoles and files of this worker handed to the process's stream writers. */
  handedStreamRecords: 9,
  handedStreamBytes: 10,
  /** How often rules of class reduce began to be skipped under overload. */
  overloadEntered: 11,
  /** What passed while they were. */
  bypassedRecords: 12,
  bypassedBytes: 13,
  /** The level at which they are skipped now; 0: all run. For people. */
  bypassActive: 14,
  /** Bytes that connections hold of records without an end. For people. */
  unfinishedBytes: 15,
  /** Withheld by a rule that could not finish them, and the quarantine could not take them; no `quarantined…` count holds them. */
  lostQuarantineFullRecords: 16,
  lostQuarantineFullBytes: 17,
  /** Of what was received: records that a command has released from the quarantine. */
  releasedRecords: 18,
  releasedBytes: 19,
  /** What listeners did about connections, since the worker started: `ListenerCounts`. */
  refusedConnections: 20,
  refusedSource: 21,
  refusedDescriptors: 22,
  closedIdle: 23,
  closedSlow: 24,
  handshakesFailed: 25,
  certificatesRefused: 26,
  rateWaits: 27,
  /** Of the open connections: those over TLS. For people. */
  tlsConnections: 28,
} as const;
export const ledgerCells = 29;

/**
 * Of one output at one worker, since the output exists there. Bytes are as written, without LFs. At every snapshot, in records and in
 * bytes: `recovered + routed = delivered + queued + spooled + deadLettered + quarantined + Σ lost…`.
 */
export const outputCell = {
  routedRecords: 0,
  routedBytes: 1,
  /** Acknowledged; for a console: handed to the process's stdout writer. */
  deliveredRecords: 2,
  deliveredBytes: 3,
  /** In memory: waiting, being written to the spool, or read from it and in flight. */
  queuedRecords: 4,
  queuedBytes: 5,
  /** On disk and not read since. */
  spooledRecords: 6,
  spooledBytes: 7,
  /** Refused for good, and kept: in the dead-letter segments. */
  deadLetteredRecords: 8,
  deadLetteredBytes: 9,
  /** Found in the spool when its lane was opened. */
  recoveredRecords: 10,
  recoveredBytes: 11,
  /** Routed since the manifest of this block runs: with what the engine filtered it equals what it passed, for every output. */
  manifestRecords: 12,
  manifestBytes: 13,
  /** Still waiting when the shutdown's deadline came, and not spooled. */
  lostShutdownRecords: 14,
  lostShutdownBytes: 15,
  /** Given up by an output that a reload had removed, to keep what removed outputs hold within one queue. */
  lostRemovedRecords: 16,
  lostRemovedBytes: 17,
  /** Policies drop_oldest and drop_newest. */
  lostQueueFullRecords: 18,
  lostQueueFullBytes: 19,
  /** The spool was at its size limit: the oldest made room. */
  lostSpoolFullRecords: 20,
  lostSpoolFullBytes: 21,
  /** Older than the spool keeps. */
  lostSpoolExpiredRecords: 22,
  lostSpoolExpiredBytes: 23,
  /** Groups whose checksum did not match when they were read. */
  lostSpoolDamagedRecords: 24,
  lostSpoolDamagedBytes: 25,
  /** Refused for good, and the dead-letter segments could not take them. */
  lostDeadLetterRecords: 26,
  lostDeadLetterBytes: 27,
  /** Spooled under an older manifest and dropped by a protect rule of the one that runs. */
  lostProtectedRecords: 28,
  lostProtectedBytes: 29,
  /** Likewise, and in the quarantine: a protect rule could not finish them within its bounds. */
  quarantinedRecords: 30,
  quarantinedBytes: 31,
  /** What a protect rule of a later manifest took off or added in bytes, so that bytes balance: read minus spooled. */
  rewrittenBytes: 32,
  /** Sequences of this worker's own lane, for whoever has to say what a worker that died had written: the next one when it was opened, and now. */
  laneOpenedAt: 33,
  laneNext: 34,
  /** As `quarantined`, but the quarantine could not take them. */
  lostQuarantineFullRecords: 35,
  lostQuarantineFullBytes: 36,
  /** How it fares now, for people: nobody's once its worker or the output is gone. Of its breaker's states one is 1, the others 0. */
  breakerClosed: 37,
  breakerHalfOpen: 38,
  breakerOpen: 39,
  /** In a row. */
  failures: 40,
  inFlight: 41,
  concurrency: 42,
  spoolDiskBytes: 43,
  /** When the oldest record on disk left the rules, milliseconds since 1970; 0: nothing is there. */
  spoolOldestMs: 44,
  /** 1: the disk takes nothing now. */
  spoolRefuses: 45,
  /** 1: it takes no more, or gives up records of its own. */
  overLimit: 46,
  /** Acknowledged payloads by the age of their oldest record: seconds in all, then one cell for each bucket (`latency.ts`). */
  latencySeconds: 47,
  latencyBuckets: 48,
} as const;
export const outputCells = outputCell.latencyBuckets + latencyBucketCount;
/** Cells that say how an output fares: zeroed when it ends. */
export const fareCells = { from: outputCell.breakerClosed, to: outputCell.latencySeconds } as const;

export const sequenceBytes = 8;
export const ledgerBlocks = 2;

export interface LedgerShape {
  readonly outputs: number;
  readonly rules: number;
  /** Outputs that have a filter. Absent: none. */
  readonly routes?: number;
  /** Cells of selectors (`src/plan/redact_counts.ts`). Absent: none. */
  readonly selectorCells?: number;
}

/** Offsets in cells (8 bytes each) within a block. */
export function ledgerOffsets({ outputs, rules, routes = 0, selectorCells = 0 }: LedgerShape) {
  const retired = ledgerCells;
  const output = (index: number) => retired + outputCells * (1 + index);
  const counts = output(outputs);
  const route = (index: number) => counts + countCellsFixed + rules * countCellsPerRule + index * countCellsPerRoute;
  return { retired, output, counts, route, selectors: route(routes), cells: route(routes) + selectorCells };
}

export function createLedgerMemory(shape: LedgerShape): SharedArrayBuffer {
  return new SharedArrayBuffer(sequenceBytes + ledgerBlocks * 8 * ledgerOffsets(shape).cells);
}
