/** What subjects are asked to do, said once for all of them: each subject turns it into its own configuration, or says why it cannot. */

import { creditCard, shapes, usSsn } from "./corpora/personal_data.ts";

/** Drops first, then replacements in order. */
export interface Work {
  /** A line that contains one of these is dropped. */
  readonly drop: readonly string[];
  /** A JSON line whose value at `path` is `equals` is dropped. */
  readonly dropJson?: { readonly path: readonly string[]; readonly equals: string };
  /** Every match of `pattern` becomes `replacement`. */
  readonly redact: readonly { readonly pattern: string; readonly replacement: string }[];
  /** StreamGate's own detectors and groups of them, one rule. Peers have none. */
  readonly named?: readonly string[];
}

export type Destination =
  | { readonly kind: "file" }
  /** A FIFO that the bench reads. */
  | { readonly kind: "fifo" }
  /** `records`: how many records a request carries. */
  | { readonly kind: "http"; readonly records: number };

export interface Job {
  readonly input: "tcp" | "udp";
  readonly work: Work;
  readonly destination: Destination;
  /** How many connections will be made. */
  readonly connections: number;
  /** Worker threads, for subjects that are told; absent: the subject's default. */
  readonly workers?: number;
  /** The subject's own best configuration instead of the plain one. */
  readonly best?: boolean;
}

export const nothing: Work = { drop: [], redact: [] };
export const filterRedact: Work = { drop: ["DEBUG"], redact: [usSsn, creditCard] };
export const detectors: Work = { drop: [], redact: shapes };
export const namedDetectors: Work = { drop: [], redact: [], named: ["all"] };
export const attributeFilter: Work = {
  drop: [],
  dropJson: { path: ["service", "name"], equals: "checkout" },
  redact: [],
};
