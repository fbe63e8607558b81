/** Opens the UDP input that this system and engine have. */

import type { UdpInput, UdpOptions } from "./udp_input.ts";
import { openNativeUdp } from "./udp_native.ts";
import { openPortableUdp } from "./udp_portable.ts";

/** @throws StreamGateError SG_PORT_IN_USE naming the port and the way out, or the system's error */
export async function openUdpInput(options: UdpOptions): Promise<UdpInput> {
  return (options.kind === "native" ? openNativeUdp(options) : undefined) ?? openPortableUdp(options);
}
