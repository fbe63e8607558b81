/** How planes learn of a manifest. Two buses: `embedded` (one process) and Redis. */

import type { Manifest } from "../manifest/manifest.ts";
import type { PlaneReport } from "./plane_report.ts";

/** The control plane's side. */
export interface Publisher {
  /**
   * Hands a manifest over. When it resolves, data planes run it (embedded) or the notice is out (Redis).
   * @throws StreamGateError SG_BUS_AWAY when the bus does not answer, SG_PUBLISH_REFUSED when a data plane refuses; in both
   *   cases the manifest that ran before goes on
   */
  publish(manifest: Manifest): Promise<{ subscribersNotified: number }>;
  close(): Promise<void>;
}

/** The data plane's side. */
export interface Subscriber {
  /**
   * Begins to listen, for as long as the process lives, through every outage.
   * @param onManifest called for each manifest, one call at a time, never with the same text twice in a row; `undefined`: the bus
   *   answers and holds none (told only while no manifest has been delivered). When it rejects, the reason is logged and what
   *   ran before runs on.
   * @param onUnreadable told of what is no manifest at all
   * @returns resolves when the bus has been asked once and its answer handled, or when it turned out to be away
   */
  start(onManifest: (raw: unknown | undefined) => Promise<void>, onUnreadable?: (error: Error) => void): Promise<void>;
  /** Whether the bus answered the last time it was asked. */
  readonly reached: boolean;
  close(): Promise<void>;
}

/** Where a data plane reports; it may be away, and nobody waits for it. */
export interface PlaneReporter {
  /** Replaces what it said before. */
  report(report: PlaneReport): void;
  /** It ends in order: nobody waits for it any more. */
  close(): Promise<void>;
}

/** The control plane's view of the data planes that report. */
export interface PlaneReports {
  /** Of those that live, as far as the bus knows. @throws StreamGateError SG_BUS_AWAY */
  list(): Promise<readonly PlaneReport[]>;
  /** Calls `onChange` when one may have said something new. @returns ends it */
  watch(onChange: () => void): () => void;
  close(): Promise<void>;
}

/** The part of the program's log that a bus speaks to. */
export interface BusLog {
  info(message: string): void;
  warn(message: string): void;
}
