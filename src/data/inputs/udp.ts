/** Opens the UDP input that this system and engine have. */

import type { UdpInput, UdpOptions } from "./udp_input.ts";
import { openNativeUdp } from "./udp_native.ts";

/** @throws StreamGateError SG_PORT_IN_USE naming the port and the way out, or the system's error */
export async function openUdpInput(options: UdpOptions): Promise<UdpInput> {
  const native = options.kind === "native" ? openNativeUdp(options) : undefined;
  if (native !== undefined) return native;
  // With the portable engine's framing and sharding, and re2js behind them: loaded only where it runs.
  const { openPortableUdp } = await import("./udp_portable.ts");
  return openPortableUdp(options);
}
