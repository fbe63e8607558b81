/** Opens the TCP input that this system, engine and way of listening have; with TLS always that of `net`. */

import type { TcpInput, TcpOptions } from "./tcp_input.ts";
import { openNativeTcp } from "./tcp_native.ts";
import { NetTcpInput } from "./tcp_net.ts";

/** @throws StreamGateError SG_PORT_IN_USE naming the port and the way out, or the system's error */
export async function openTcpInput(options: TcpOptions): Promise<TcpInput> {
  const { kind, inbox, tls } = options;
  const native =
    kind.name === "native" && inbox !== undefined && tls === undefined
      ? await openNativeTcp(options, inbox)
      : undefined;
  return native ?? NetTcpInput.listen(options);
}
