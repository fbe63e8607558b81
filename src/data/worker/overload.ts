/**
 * Fail open, made safe (promise P1): when a worker's engine cannot keep up, it runs a plan without the dearest reduce rules for a while.
 * Rules that protect, routes and output filters are never skipped.
 *
 * It opens only when, over a window, the engine took over 90 % of the worker's thread, the ring was over 80 % full and no output made
 * the worker wait: with a slow output, more records would only wait longer. It skips more from window to window while that lasts, and
 * less when either is well below again; an output that makes the worker wait ends it at once. Between two blocks: no record meets half
 * of one plan and half of another. A reload ends it.
 *
 * What passes meanwhile is counted: which of those records a skipped rule would have dropped nobody knows without running it.
 */

import { type LightenedPlan, lightenedPlans } from "../../plan/lightened.ts";
import { type Log, RateLimit } from "../../telemetry/log.ts";
import type { EngineKind, PreparedPlan } from "../engine/engine.ts";
import { countCell } from "../engine/layout.ts";

export interface OverloadThresholds {
  /** Shares of the thread's time that the engine takes. */
  readonly engineEnter: number;
  readonly engineLeave: number;
  /** Shares of the ring that are unread: the most seen in a window. */
  readonly ringEnter: number;
  readonly ringLeave: number;
  readonly windowMs: number;
}

export const overloadThresholds: OverloadThresholds = {
  engineEnter: 0.9,
  engineLeave: 0.7,
  ringEnter: 0.8,
  ringLeave: 0.5,
  windowMs: 500,
};

export interface OverloadState {
  readonly active: boolean;
  /** 0: all rules run. */
  readonly level: number;
  /** Ids of the rules that are skipped, the dearest first. */
  readonly skipped: readonly string[];
  /** How often it opened. */
  readonly entered: number;
  /** What passed while rules were skipped. */
  readonly bypassed: { readonly records: number; readonly bytes: number };
  /** Of the last window. */
  readonly engineShare: number;
  readonly ringShare: number;
}

export interface OverloadOptions {
  readonly mode: "bypass" | "backpressure";
  readonly prepare: EngineKind["prepare"];
  /** Puts a plan to work with the counts that run: `Engine.use`, between two blocks. */
  readonly use: (plan: PreparedPlan, counts: Float64Array) => void;
  readonly log: Log;
  readonly thresholds?: OverloadThresholds;
}

const logPeriodMs = 10_000;
/** In one line of the log. */
const rulesNamedMax = 20;

export class Overload {
  readonly #options: OverloadOptions;
  readonly #thresholds: OverloadThresholds;
  readonly #complaints = new RateLimit(logPeriodMs);
  #full: PreparedPlan | undefined;
  #counts: Float64Array = new Float64Array();
  /** Made on the first entry under a plan, each prepared when it is first needed. */
  #levels: readonly LightenedPlan[] | undefined;
  #prepared: (PreparedPlan | undefined)[] = [];
  #level = 0;
  #entered = 0;
  #bypassedRecords = 0;
  #bypassedBytes = 0;
  /** The engine's counts of what passed, as of the last look while open. */
  #passedRecords = 0;
  #passedBytes = 0;
  #windowBeganMs = 0;
  #engineMs = 0;
  #ringMost = 0;
  #blocked = false;
  #engineShare = 0;
  #ringShare = 0;

  constructor(options: OverloadOptions) {
    this.#options = options;
    this.#thresholds = options.thresholds ?? overloadThresholds;
  }

  get active(): boolean {
    return this.#level > 0;
  }

  get state(): OverloadState {
    this.#count();
    return {
      active: this.active,
      level: this.#level,
      skipped: this.#level === 0 ? [] : this.#levels![this.#level - 1]!.skipped,
      entered: this.#entered,
      bypassed: { records: this.#bypassedRecords, bytes: this.#bypassedBytes },
      engineShare: this.#engineShare,
      ringShare: this.#ringShare,
    };
  }

  /** For the ledger: as `state`, without making an object of it. */
  write(cells: Float64Array, at: { entered: number; records: number; bytes: number; active: number }): void {
    this.#count();
    cells[at.entered] = this.#entered;
    cells[at.records] = this.#bypassedRecords;
    cells[at.bytes] = this.#bypassedBytes;
    cells[at.active] = this.#level;
  }

  /** A reload: `plan` runs with `counts` now, all of it. Call when the engine has it; what ran before may be closed then. */
  reset(plan: PreparedPlan, counts: Float64Array): void {
    this.#count();
    if (this.active) this.#options.log.info("rules that were skipped under overload run again: the rules were changed");
    this.close();
    this.#full = plan;
    this.#counts = counts;
  }

  /** The engine was at work for so long. */
  ran(ms: number): void {
    this.#engineMs += ms;
  }

  /** An output made the worker wait. */
  outputsBlocked(): void {
    this.#blocked = true;
  }

  /** Open, and an output has made the worker wait since: `look` before the next block. */
  get ends(): boolean {
    return this.#blocked && this.#level > 0;
  }

  /**
   * Between two blocks, before the next one: looks whether rules are to be skipped, or not any more.
   * @param ringShare how full the ring is now, 0 to 1
   */
  look(nowMs: number, ringShare: number): void {
    if (this.#options.mode === "backpressure") return;
    if (ringShare > this.#ringMost) this.#ringMost = ringShare;
    if (this.ends) this.#enter(0, "an output makes records wait");
    const windowMs = nowMs - this.#windowBeganMs;
    if (windowMs < this.#thresholds.windowMs) return;
    this.#engineShare = this.#engineMs / windowMs;
    this.#ringShare = this.#ringMost;
    this.#decide();
    this.#windowBeganMs = nowMs;
    this.#engineMs = 0;
    this.#ringMost = 0;
    this.#blocked = false;
  }

  /** Frees what was prepared. */
  close(): void {
    for (const plan of this.#prepared) plan?.close();
    this.#prepared = [];
    this.#levels = undefined;
    this.#level = 0;
    this.#full = undefined;
  }

  #decide(): void {
    const { engineEnter, engineLeave, ringEnter, ringLeave } = this.#thresholds;
    if (this.#engineShare > engineEnter && this.#ringShare > ringEnter && !this.#blocked) {
      if (this.#full === undefined) return;
      this.#levels ??= lightenedPlans(this.#full.plan);
      if (this.#level < this.#levels.length) this.#enter(this.#level + 1, "");
    } else if (this.active && (this.#engineShare < engineLeave || this.#ringShare < ringLeave)) {
      this.#enter(this.#level - 1, "the engine keeps up again");
    }
  }

  #enter(level: number, cause: string): void {
    const { prepare, use, log } = this.#options;
    const full = this.#full;
    if (full === undefined) return;
    let plan = full;
    try {
      if (level > 0) plan = this.#prepared[level - 1] ??= prepare(this.#levels![level - 1]!.plan);
    } catch (error) {
      // All of its patterns were prepared once: only memory can be short. Then senders wait.
      log.warn(`rules cannot be skipped under overload: ${(error as Error).message}`);
      this.#levels = this.#levels!.slice(0, level - 1);
      return;
    }
    this.#count();
    const before = this.#level;
    use(plan, this.#counts);
    this.#level = level;
    if (before === 0) {
      this.#entered++;
      this.#passedRecords = this.#counts[countCell.passedRecords]!;
      this.#passedBytes = this.#counts[countCell.passedBytes]!;
    }
    this.#say(before, cause);
  }

  #say(before: number, cause: string): void {
    const { log } = this.#options;
    const level = this.#level;
    const fields = { level, bypassed: this.#bypassedRecords };
    if (level > before) {
      const heldBack = this.#complaints.pass(`level ${level}`);
      if (heldBack === undefined) return;
      const ids = this.#levels![level - 1]!.skipped;
      const more = ids.length > rulesNamedMax ? `, and ${ids.length - rulesNamedMax} more` : "";
      const skipped = ids.slice(0, rulesNamedMax).join(", ") + more;
      log.warn(
        { ...fields, skipped, heldBack },
        "overload: rules that only reduce are skipped until the engine keeps up",
      );
    } else if (level === 0 && this.#complaints.pass("left") !== undefined) {
      log.info(fields, `overload is over, all rules run: ${cause}`);
    }
  }

  /** Books what has passed since the last look while rules were skipped. */
  #count(): void {
    if (!this.active) return;
    const records = this.#counts[countCell.passedRecords]!;
    const bytes = this.#counts[countCell.passedBytes]!;
    this.#bypassedRecords += records - this.#passedRecords;
    this.#bypassedBytes += bytes - this.#passedBytes;
    this.#passedRecords = records;
    this.#passedBytes = bytes;
  }
}
