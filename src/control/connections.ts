/**
 * Bounds the connections to a port for people and tools, so that clients which connect and then say nothing, or speak a byte at a time, cost
 * a known amount of memory and keep nobody out.
 *
 * When there are too many, one of them is closed for the new one: first those that never sent a whole request, the oldest of them first,
 * then idle ones. A request that is being answered is never cut off. So a crowd of slow clients pushes out one another, and a client that sends
 * its request at once is served whatever they do; refusing new connections instead would keep it out until theirs time out.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Each costs some 20 KiB; the command line, a browser and a monitor need a dozen. */
const connectionsMaxDefault = 512;

interface Connection {
  readonly socket: Socket;
  /** Requests that were answered. */
  answered: number;
  readonly running: Set<IncomingMessage>;
}

export class Connections {
  readonly #max: number;
  /** The oldest first, by the client's address and port: with TLS the socket of a request is another one than the server was given. */
  readonly #open = new Map<string, Connection>();

  constructor(max: number = connectionsMaxDefault) {
    this.#max = max;
  }

  get size(): number {
    return this.#open.size;
  }

  /** For the event `connection` of an HTTP or HTTPS server. */
  add(socket: Socket): void {
    // A client that is gone already has no address.
    const key = keyOf(socket);
    if (this.#open.size >= this.#max && !this.#makeRoom()) {
      socket.destroy();
      return;
    }
    const connection: Connection = { socket, answered: 0, running: new Set() };
    this.#open.set(key, connection);
    socket.once("close", () => {
      if (this.#open.get(key) === connection) this.#open.delete(key);
    });
  }

  /** For the event `request`. */
  use(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#open.get(keyOf(request.socket));
    if (connection === undefined) return;
    connection.running.add(request);
    response.once("close", () => {
      connection.running.delete(request);
      connection.answered++;
    });
  }

  #makeRoom(): boolean {
    let idle: [string, Connection] | undefined;
    for (const entry of this.#open) {
      const [key, { answered, running, socket }] = entry;
      // A request whose body is still on its way has not been answered yet, and may never be.
      const waits = [...running].every(({ complete }) => !complete);
      if (!waits) continue;
      if (answered === 0) return this.#close(key, socket);
      idle ??= entry;
    }
    return idle !== undefined && this.#close(idle[0], idle[1].socket);
  }

  #close(key: string, socket: Socket): true {
    this.#open.delete(key);
    socket.destroy();
    return true;
  }
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
