/**
 * Opens a port for people and tools on this machine. `localhost` means both loopback addresses, since some clients try one and
 * some the other first; where the machine has no IPv6, the other is enough.
 */

import type { Server as HttpServer } from "node:http";
import type { AddressInfo, Server } from "node:net";
import { StreamGateError } from "../errors.ts";

export interface Listening {
  readonly port: number;
  /** `127.0.0.1:8000`, `[::1]:8000` */
  readonly addresses: readonly string[];
  /** Takes no more connections, ends idle ones; resolves when the last one is gone. */
  close(): Promise<void>;
}

/** With port 0 the second address may find the port of the first one taken: then both begin anew. */
const attemptsMax = 10;

/**
 * @param host `localhost`, one address or name, or undefined: every address, IPv4 and IPv6
 * @param create makes a server; called once an address
 * @param setting the flag or variable to name when the port is taken
 * @throws StreamGateError SG_PORT_IN_USE, or SG_SETTING when the port or the address cannot be had here
 */
export async function listenLocally(
  host: string | undefined,
  port: number,
  create: () => Server,
  setting: string,
): Promise<Listening> {
  const hosts = host === "localhost" ? ["127.0.0.1", "::1"] : [host];
  for (let attempt = 1; ; attempt++) {
    const servers: Server[] = [];
    let bound = port;
    try {
      for (const address of hosts) {
        const server = create();
        try {
          await listen(server, address, bound);
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException;
          if (servers.length > 0 && (code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT")) continue;
          throw error;
        }
        servers.push(server);
        bound = (server.address() as AddressInfo).port;
      }
      return {
        port: bound,
        addresses: servers.map((server) => addressOf(server)),
        close: async () => {
          await Promise.all(servers.map(closeServer));
        },
      };
    } catch (error) {
      await Promise.all(servers.map(closeServer));
      const inUse = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
      if (inUse && port === 0 && attempt < attemptsMax) continue;
      throw refusal(`${host ?? "*"}:${bound}`, setting, error as NodeJS.ErrnoException);
    }
  }
}

function listen(server: Server, host: string | undefined, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, ...(host !== undefined && { host }), exclusive: true }, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    (server as Partial<HttpServer>).closeIdleConnections?.();
  });
}

function addressOf(server: Server): string {
  const { address, port, family } = server.address() as AddressInfo;
  return family === "IPv6" ? `[${address}]:${port}` : `${address}:${port}`;
}

/** What the system's refusal means to the person who chose address and port. */
function refusal(where: string, setting: string, cause: NodeJS.ErrnoException): Error {
  switch (cause.code) {
    case "EADDRINUSE": {
      const what = "another process serves this port already";
      const fix = `stop it, or choose another port with ${setting}`;
      return new StreamGateError("SG_PORT_IN_USE", { where, what, fix }, { cause });
    }
    case "EACCES": {
      const what = "this user may not open this port";
      const fix = `choose a port from 1024 up with ${setting}`;
      return new StreamGateError("SG_SETTING", { where, what, fix }, { cause });
    }
    case "EADDRNOTAVAIL":
    case "ENOTFOUND": {
      const what = `this machine has no such address: ${cause.message}`;
      const fix = "name an address of this machine, such as localhost, 0.0.0.0 or ::";
      return new StreamGateError("SG_SETTING", { where, what, fix }, { cause });
    }
    default:
      return cause;
  }
}
