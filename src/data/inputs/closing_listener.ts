/**
 * How a listener ends without resetting anybody: nobody new is let in, everybody who waits is taken, and only then is it closed.
 * Why, and what else was tried: `native/tcp/closing.h`, docs/decisions/0018-closing-a-shared-listener.md.
 */

import type { Log } from "../../telemetry/log.ts";
import { turn } from "./tcp_input.ts";

export interface ClosingListener {
  /** Of the listening socket; undefined: it is not known. */
  readonly fd: number | undefined;
  /** Connections taken since the start. */
  accepted(): number;
  /** Takes those that wait; absent: that goes on by itself. */
  accept?(): void;
}

/** Where the system does not say whether somebody still shakes hands: as long as most need, with 250 ms to their peer and back. */
const handshakeMs = 250;

/**
 * Call `close` at once when it resolves.
 * @param timeoutMs how long peers whose handshake does not end, or that connect again and again, may keep it open
 */
export async function untilNobodyWaits(
  { fd, accepted, accept }: ClosingListener,
  timeoutMs: number,
  log: Log | undefined,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  const system = fd === undefined || fd < 0 ? undefined : await systemCalls();
  if (fd === undefined || system?.turnAway(fd) !== true) {
    // The second best: closed in a moment in which nobody came. Who came just then, or still shakes hands, is reset.
    for (let before = -1; before !== accepted() && Date.now() < deadline; ) {
      before = accepted();
      await turn();
      accept?.();
    }
    return;
  }
  const enough = Math.min(Date.now() + handshakeMs, deadline);
  for (;;) {
    // At first those get through that asked before the system had heard of it.
    await turn();
    accept?.();
    const waiting = system.waiting(fd);
    if (waiting === 0) return;
    if (Date.now() < (waiting < 0 ? enough : deadline)) continue;
    if (waiting > 0)
      log?.warn(`closing a listener at which ${waiting} connections wait that do not complete: they are reset`);
    return;
  }
}

/** Also for the portable engine, which asks for nothing but this of the addon, and does without where there is none. */
async function systemCalls() {
  if (process.platform !== "linux") return undefined;
  const { loadAddon } = await import("../engine/addon.ts");
  const loaded = loadAddon();
  if (!("addon" in loaded)) return undefined;
  const { turnAwayConnections: turnAway, waitingConnections: waiting } = loaded.addon;
  return turnAway === undefined || waiting === undefined ? undefined : { turnAway, waiting };
}
