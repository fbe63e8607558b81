/** How a serving command ends: the first SIGTERM or SIGINT drains it, a second one ends it at once with 130. */

import type { Log } from "../telemetry/log.ts";
import { takeSignals } from "./default_signals.ts";

/** 128 + SIGINT's number, as shells report it. */
const exitAtOnce = 130;

/**
 * @param stop runs once, at the first signal; when it resolves the process exits with 0, whatever is still open
 */
export function onShutdown(log: Log, stop: () => Promise<void>): void {
  let stopping = false;
  const signalled = (signal: NodeJS.Signals) => {
    if (stopping) process.exit(exitAtOnce);
    stopping = true;
    log.info(`${signal}: finishing what came; again to stop at once`);
    stop().then(
      () => process.exit(0),
      (error: Error) => {
        log.error(`the shutdown failed: ${error.message}`);
        process.exit(1);
      },
    );
  };
  takeSignals();
  process.on("SIGTERM", signalled);
  process.on("SIGINT", signalled);
}
