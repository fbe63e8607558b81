/** What every route works with. */

import type { OutputConfig, PatternChecker } from "../../manifest/manifest.ts";
import type { Evaluate } from "../../plan/evaluation.ts";
import type { LiveRules } from "../../plan/live.ts";
import type { Price } from "../../prices/price.ts";
import type { Telemetry } from "../../telemetry/telemetry.ts";
import type { Audit } from "../audit.ts";
import type { Calls } from "../calls.ts";
import type { Planes } from "../planes.ts";
import type { Sightings } from "../sightings.ts";
import type { Store } from "../store.ts";
import type { Tails } from "../tail.ts";

export interface ControlLog {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** What became of one record that was sent to an output to try it. */
export interface OutputTest {
  /** refused: the destination answered and did not take it. unreachable: it did not answer. */
  readonly status: "delivered" | "refused" | "unreachable";
  /** Of the destination's answer. */
  readonly http_status?: number;
  /** The beginning of the destination's answer, its words unchanged; of one that did not answer, what the network said. */
  readonly answer?: string;
  /** What that answer means for records, as `Verdict` in src/outputs/output.ts has it. */
  readonly verdict?: unknown;
  readonly took_ms: number;
}

/** `Calls`: what REST and gRPC do alike. */
export interface RouteContext extends Calls {
  readonly store: Store;
  /** Asks RE2 about a pattern. */
  readonly check: PatternChecker;
  /** Runs single records through rules, on an engine. */
  readonly evaluate: Evaluate;
  /** Sends one record to an output, its references to secrets read as a data plane reads them. Absent: this process sends nothing. */
  readonly testOutput?: (config: OutputConfig) => Promise<OutputTest>;
  readonly log: ControlLog;
  /** Metrics and health of this process; where a data plane runs in it, also what `GET /status` answers. Absent: it tells nothing. */
  readonly telemetry?: Telemetry;
  /** Where a data plane runs in this process: people who look on. */
  readonly tails?: Tails;
  /** Likewise: what rules do to live traffic. */
  readonly live?: LiveRules;
  /** Data planes that report; absent: none can be asked. */
  readonly planes?: Planes;
  /** Who changed what protects. */
  readonly audit: Audit;
  /** What rules were seen to do to errors. */
  readonly sightings: Sightings;
  /** Of outputs that are no vendor's own; absent: nothing. */
  readonly price?: Price;
}
