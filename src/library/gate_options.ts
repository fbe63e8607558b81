/** What `createGate` takes and gives. */

import type { Weakening } from "../manifest/weakened.ts";
import type { ManifestInput } from "./compiled_rules.ts";
import type { GateSettings } from "./gate_settings.ts";

/** One line of the gate's own log. It never holds a record's content or a secret. */
export interface GateLogLine {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number | boolean | undefined>>;
}

/** Settings of `streamgate run`, of which none is read from the environment, and: */
export interface GateOptions extends GateSettings {
  /**
   * What runs. Without `control` it has to be given. With it, it is published where the data directory holds nothing that was; else what was
   * published last runs. A manifest without outputs writes records to this process's standard output.
   */
  readonly manifest?: ManifestInput;
  /** True: the control API too, on `controlPort` (default 8000). Default: the data plane alone, and `publish`. */
  readonly control?: boolean;
  /** Gets the lines of the gate's log; absent: nobody does. With several gates in a process each gets the lines of all. */
  readonly log?: (line: GateLogLine) => void;
}

/** As the system gave them, where 0 was asked for. */
export interface GatePorts {
  readonly tcp: number;
  readonly udp: number;
  /** With `tlsCert`. */
  readonly tls?: number;
  /** With `control`. */
  readonly control?: number;
}

/** A gate that runs in this process: its workers are threads, its sockets are served until `close`. */
export interface Gate {
  readonly ports: GatePorts;
  /** The version that runs. */
  readonly version: string;
  /**
   * Runs another manifest: when it resolves every worker does, so the next record meets it. No connection closes and no record is lost.
   * @returns its version, and which rules protect less than before
   * @throws StreamGateError as `compile`, and SG_PUBLISH_REFUSED when a worker refuses it; what ran before runs on
   */
  publish(manifest: ManifestInput): Promise<{ readonly version: string; readonly weakened: readonly Weakening[] }>;
  /** The account, the outputs and how they fare: what `GET /status` answers (docs/status.md). */
  status(): Promise<Readonly<Record<string, unknown>>>;
  /**
   * Takes no more records, delivers what came (at most `shutdownTimeoutMs`, default 10,000) and frees everything. Calling it twice does no harm. What
   * could not be delivered is in the spool or counted lost, and said in the log.
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
