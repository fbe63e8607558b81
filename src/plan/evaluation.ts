/**
 * What rules do to single records, told record by record: what preview, rule tests and examples ask. The data layer answers
 * (`src/data/engine/evaluate.ts`); who asks is handed an `Evaluate`, so that the control plane needs no engine of its own.
 *
 * It is the engine itself that runs, one record after the other, so what is told is what would happen. It costs some ten
 * microseconds a record and is meant for hundreds of them, never for traffic.
 */

import type { Plan } from "./operations.ts";

/** A record as it would arrive. */
export interface EvaluatedRecord {
  /** Without framing; any bytes, line feeds too. */
  readonly bytes: Uint8Array;
  /** Milliseconds since 1970; what windows and rates are counted in. Absent: 0. Never less than the record's before it. */
  readonly receivedAtMs?: number;
  /** Where it comes from; absent: over TCP, from nowhere in particular. */
  readonly source?: {
    /** unknown: nobody knows, so conditions that ask for it hold for rules that protect and for no others. Absent: tcp. */
    readonly transport?: "tcp" | "tls" | "udp" | "stdin" | "unknown";
    /** IPv4 or IPv6. */
    readonly address?: string;
    readonly port?: number;
  };
}

/** Why a protect rule could not finish a record (promise P6). */
export type WithheldCause = "match_limit" | "output_limit";

export interface Evaluation {
  /**
   * passed: the rules let it go, and `outputs` tells where to. dropped, withheld: by the rule `by`. empty: there was nothing in it, and an
   * empty record is none.
   */
  readonly fate: "passed" | "dropped" | "withheld" | "empty";
  /** Id of the rule that dropped or withheld it. */
  readonly by?: string;
  readonly cause?: WithheldCause;
  /** Rules that changed it before that, in their order, and how many matches each replaced. */
  readonly changes: readonly { readonly rule: string; readonly replacements: number }[];
  /** What comes out, without a line end. Absent: nothing, or no output gets it and the engine kept none of it. */
  readonly output?: Buffer;
  /** Indexes of the outputs that get it, in the plan's order. Absent: the plan names no outputs, and all get it. */
  readonly outputs?: readonly number[];
  /** Ids of rules in shadow that would have dropped, changed, withheld or routed it. */
  readonly shadows: readonly string[];
  /** What rules made beside it, such as the summary of a window that ended with this record. */
  readonly created: readonly Buffer[];
}

/**
 * Runs records through a plan, in their order, on an engine of their own: what a rule remembers of one counts for the next, and for
 * nothing else.
 * @returns one evaluation a record
 * @throws StreamGateError SG_RULE_PATTERN or SG_CONDITION when the engine refuses a pattern of the plan
 * @example
 * evaluate(compilePlan(rules), [{ bytes: Buffer.from("DEBUG x") }]); // [{ fate: "dropped", by: "drop_debug", … }]
 */
export type Evaluate = (plan: Plan, records: readonly EvaluatedRecord[]) => readonly Evaluation[];

/** A plan that is ready for records that come one after the other. */
export interface OpenEvaluation {
  run(records: readonly EvaluatedRecord[]): readonly Evaluation[];
  /** Frees the memory. */
  close(): void;
}
