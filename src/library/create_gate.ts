/** `createGate`, loaded with the package: what it starts is loaded with the first gate. */

import type { Gate, GateOptions } from "./gate_options.ts";

/**
 * Starts a gate in this process. Signals, the exit status and standard error stay the caller's: call `close` when you end.
 * @throws StreamGateError as a rejection, with everything closed that was opened: SG_SETTING naming the option, SG_PORT_IN_USE, SG_DATA_DIR,
 *   SG_DATA_DIR_LOCKED, SG_TLS, SG_ENGINE_UNAVAILABLE, and what a manifest is refused for
 * @example
 * const gate = await createGate({ tcpPort: 0, udpPort: 0, dataDir: "gate", manifest: { pipelines: [{ outputs: [{ type: "http", url }] }] } });
 * await gate.publish(another);
 * await gate.close();
 */
export async function createGate(options: GateOptions): Promise<Gate> {
  const { startGate } = await import("./gate.ts");
  return startGate(options);
}
