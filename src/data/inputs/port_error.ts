/** What the system says of a port that does not open, in the user's terms. */

import { StreamGateError } from "../../errors.ts";

/** EADDRINUSE in the user's terms; any other error as it is. */
export function portError(error: NodeJS.ErrnoException, protocol: "TCP" | "UDP" | "TLS", port: number): Error {
  const setting = `${protocol}_PORT`;
  if (error.code === "EADDRINUSE")
    return new StreamGateError("SG_PORT_IN_USE", {
      where: `${protocol} port ${port}`,
      what: "is served already",
      fix: `stop the program that serves it, choose another with ${setting}, or give --share-ports to share it`,
    });
  if (error.code === "EACCES")
    return new StreamGateError("SG_SETTING", {
      where: setting,
      what: `port ${port} may not be opened by this user`,
      fix: "choose a port from 1024 up, or give the process CAP_NET_BIND_SERVICE",
    });
  if (error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND")
    return new StreamGateError("SG_SETTING", {
      where: "LISTEN_HOST",
      what: `this machine has no such address: ${error.message}`,
      fix: "name an address of this machine, or leave it out to listen on all",
    });
  return error;
}
