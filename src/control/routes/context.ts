/** What every route works with. */

import type { Publisher } from "../../bus/bus.ts";
import type { PatternChecker } from "../../manifest/manifest.ts";
import type { Store } from "../store.ts";

export interface ControlLog {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export interface RouteContext {
  readonly store: Store;
  readonly publisher: Publisher;
  /** Asks RE2 about a pattern. */
  readonly check: PatternChecker;
  readonly log: ControlLog;
  /** Where a data plane runs in this process: what it answers `GET /status` with. */
  readonly status?: () => Promise<object>;
}
