/** What an engine in process is made from. */

import type { Transport } from "../data/ring/layout.ts";
import type { RulesInput } from "./compiled_rules.ts";

export interface EngineOptions {
  /** A list of rules, a manifest, or what `compile` made. Of a manifest only the rules run: there is one output, what comes out. */
  readonly rules: RulesInput;
  /** Default: native where it loads, else portable with a process warning of code `STREAMGATE_ENGINE`. Both give the same bytes. */
  readonly engine?: "native" | "portable";
  /**
   * How bytes are cut into records: `newline`, `auto`, `octet`, `nul`, `length32`, `delimiter:TEXT`, or `datagram`, with which each call of
   * `run` and each chunk of a stream is one record. Default `newline`. What comes out is always ended by LF.
   */
  readonly framing?: string;
  /** Longest record in bytes, 1 KiB to 64 MiB; what exceeds it is discarded and counted. Default 1 MiB. */
  readonly maxRecordBytes?: number;
  /** What conditions that ask for a record's source see. Default `{ transport: "stdin" }`, as in `streamgate pipe`. */
  readonly source?: {
    readonly transport: Transport;
    /** IPv4 or IPv6. */
    readonly address?: string;
    readonly port?: number;
  };
  /**
   * Gets each record that a protect rule could not finish, before the call that brought it returns. Such records never come out; without
   * this they are counted in `stats().quarantined` and kept nowhere. What it throws is thrown as an uncaught exception.
   */
  readonly onWithheld?: (record: WithheldRecord) => void;
}

/** A record that a protect rule could not finish, as received: it may hold what the rule was to hide. */
export interface WithheldRecord {
  readonly record: Buffer;
  /** The rule's id. */
  readonly rule: string;
  /** match_limit: more matches than promise P6 lets a rule look at, or too many layers of escapes. output_limit: it grew too long. */
  readonly cause: "match_limit" | "output_limit";
  /** Milliseconds since 1970. */
  readonly receivedAtMs: number;
}
