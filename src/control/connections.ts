/**
 * Bounds the connections to a port for people and tools, so that clients which connect and then say nothing, or speak a byte at a time, cost
 * a known amount of memory and keep nobody out.
 *
 * When there are too many, one of them is closed for the new one: first those that never sent a whole request, the oldest of them first,
 * then idle ones, at last the one whose client has left its answer unread longest. A request whose answer is not ready, or whose client
 * reads it, is not cut off while there is another. So a crowd of slow clients pushes out one another, and a client that sends
 * its request at once is served whatever they do; refusing new connections instead would keep it out until theirs time out.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Of the end of a process: the slowest request is a publication, which gives up on Redis within about this time. */
export const closeTimeoutMsMax = 3_000;
/** Each costs some 20 KiB; the command line, a browser and a monitor need a dozen. */
const connectionsMaxDefault = 512;

interface Connection {
  readonly socket: Socket;
  /** Requests that were answered. */
  answered: number;
  /** In the order in which they came, with their numbers over all connections. */
  readonly running: Map<IncomingMessage, { readonly response: ServerResponse; readonly number: number }>;
}

export class Connections {
  readonly #max: number;
  /** The oldest first, by the client's address and port: with TLS the socket of a request is another one than the server was given. */
  readonly #open = new Map<string, Connection>();

  #requests = 0;

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
    const connection: Connection = { socket, answered: 0, running: new Map() };
    this.#open.set(key, connection);
    socket.once("close", () => {
      if (this.#open.get(key) === connection) this.#open.delete(key);
    });
  }

  /** For the event `request`. */
  use(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#open.get(keyOf(request.socket));
    if (connection === undefined) return;
    connection.running.set(request, { response, number: this.#requests++ });
    response.once("close", () => {
      connection.running.delete(request);
      connection.answered++;
    });
  }

  /**
   * Ends with the servers: connections without a request are closed at once, those that shake hands for TLS included, of which Node's servers
   * know nothing; a request in progress has until the deadline.
   * @param close takes no more connections; resolves when the last one is gone
   */
  async endWith(close: () => Promise<void>, timeoutMs: number): Promise<void> {
    const closed = close();
    for (const [key, { running, socket }] of this.#open) if (running.size === 0) this.#close(key, socket);
    const timer = setTimeout(() => {
      for (const [key, { socket }] of this.#open) this.#close(key, socket);
    }, timeoutMs);
    await closed;
    clearTimeout(timer);
  }

  #makeRoom(): boolean {
    let idle: [string, Connection] | undefined;
    let unread: { key: string; socket: Socket; since: number } | undefined;
    for (const entry of this.#open) {
      const [key, { answered, running, socket }] = entry;
      // A request whose body is still on its way has not been answered yet, and may never be.
      const waits = [...running.keys()].every(({ complete }) => !complete);
      if (waits) {
        if (answered === 0) return this.#close(key, socket);
        idle ??= entry;
        continue;
      }
      // Answers leave in the order of requests: the first one keeps the others back.
      const { response, number } = running.values().next().value!;
      if (
        (response.writableEnded || response.writableNeedDrain) &&
        number < (unread?.since ?? Number.POSITIVE_INFINITY)
      )
        unread = { key, socket, since: number };
    }
    if (idle !== undefined) return this.#close(idle[0], idle[1].socket);
    return unread !== undefined && this.#close(unread.key, unread.socket);
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
