/** The account of an engine in process: what came, and what became of it (promise P2). */

import { countCell, countCellsFixed, countCellsPerRule, frameCell, ruleCell } from "../data/engine/layout.ts";
import type { Plan } from "../plan/operations.ts";

export interface Amount {
  readonly records: number;
  /** As received, without framing, where nothing else is said. */
  readonly bytes: number;
}

/** What one rule did since the engine was made. */
export interface RuleStats {
  readonly dropped: Amount;
  /** Records that it changed, and the matches that it replaced in them. */
  readonly changed: { readonly records: number; readonly replacements: number };
  /** What it could not finish. */
  readonly quarantined: Amount;
  /** Records that it made to tell what it dropped (`dedupe`, `throttle`). */
  readonly summaries: Amount;
  /** `sample`: how many records those stand for that it kept by chance. */
  readonly sampledWeight: number;
}

/**
 * Always, in records and in bytes:
 * `received + created = passed + quarantined + lost.oversize + lost.frame + lost.unfinished + Σ rules[id].dropped`.
 */
export interface EngineStats {
  readonly engine: "native" | "portable";
  /** Records whose end came, and what was lost before one did. */
  readonly received: Amount;
  /** Summaries that rules made. */
  readonly created: Amount;
  /** Records that came out. */
  readonly passed: Amount;
  /** The bytes of those as they came out, without line ends. */
  readonly written: Amount;
  /** Withheld because a protect rule could not finish: they never come out; `onWithheld` gets them. */
  readonly quarantined: Amount;
  readonly lost: {
    /** What was cut off at `maxRecordBytes`; as records those of which nothing was left. */
    readonly oversize: Amount;
    /** Malformed or unfinished frames (framings `octet` and `length32`). */
    readonly frame: Amount;
    /** Of streams that were destroyed in the middle of a record. */
    readonly unfinished: Amount;
  };
  /** By rule id; rules with `enabled: false` are not in it. */
  readonly rules: Readonly<Record<string, RuleStats>>;
}

export interface Cells {
  /** `countCell`s and `ruleCell`s. */
  readonly counts: Float64Array;
  /** `frameCell`s. */
  readonly losses: Float64Array;
  readonly unfinished: Amount;
}

export function statsOf(engine: "native" | "portable", plan: Plan, { counts, losses, unfinished }: Cells): EngineStats {
  const cell = (name: keyof typeof countCell) => counts[countCell[name]]!;
  const loss = (name: keyof typeof frameCell) => losses[frameCell[name]]!;
  const oversize = { records: loss("lostOversizeRecords"), bytes: loss("lostOversizeBytes") };
  const frame = { records: loss("lostFrameRecords"), bytes: loss("lostFrameBytes") };
  return {
    engine,
    received: {
      records: cell("receivedRecords") + oversize.records + frame.records + unfinished.records,
      bytes: cell("receivedBytes") + oversize.bytes + frame.bytes + unfinished.bytes,
    },
    created: { records: cell("createdRecords"), bytes: cell("createdBytes") },
    passed: { records: cell("passedRecords"), bytes: cell("passedBytes") },
    written: { records: cell("passedRecords"), bytes: cell("writtenBytes") },
    quarantined: {
      records: cell("quarantinedMatchLimitRecords") + cell("quarantinedOutputLimitRecords"),
      bytes: cell("quarantinedMatchLimitBytes") + cell("quarantinedOutputLimitBytes"),
    },
    lost: { oversize, frame, unfinished: { ...unfinished } },
    // From entries: an id such as `__proto__` is a key like any other.
    rules: Object.fromEntries(plan.rules.map(({ id }, rule) => [id, ruleStats(counts, rule)])),
  };
}

function ruleStats(counts: Float64Array, rule: number): RuleStats {
  const at = (name: keyof typeof ruleCell) => counts[countCellsFixed + rule * countCellsPerRule + ruleCell[name]]!;
  return {
    dropped: { records: at("droppedRecords"), bytes: at("droppedBytes") },
    changed: { records: at("changedRecords"), replacements: at("replacements") },
    quarantined: { records: at("quarantinedRecords"), bytes: at("quarantinedBytes") },
    summaries: { records: at("summaryRecords"), bytes: at("summaryBytes") },
    sampledWeight: at("sampledWeight"),
  };
}
