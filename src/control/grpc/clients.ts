/**
 * Bounds the connections to the gRPC port. When there are too many, the oldest that has not made a call which needs a token is closed for the
 * new one, so that a crowd of connections that say nothing pushes out one another and not a client that works; when there is none, the new
 * one is closed.
 */

import type { Socket } from "node:net";

/** Each costs some 50 KiB once it speaks HTTP/2; a client needs one. */
const clientsMaxDefault = 128;

type Address = Pick<Socket, "remoteAddress" | "remotePort">;

export class Clients {
  readonly #max: number;
  /** The oldest first, by the client's address and port: with TLS a session's socket is another one than was accepted. */
  readonly #strangers = new Map<string, Socket>();
  readonly #welcome = new Map<string, Socket>();

  constructor(max: number = clientsMaxDefault) {
    this.#max = max;
  }

  get size(): number {
    return this.#strangers.size + this.#welcome.size;
  }

  /** For the event `connection` of a server. */
  add(socket: Socket): void {
    if (this.size >= this.#max) {
      const [oldest] = this.#strangers;
      if (oldest === undefined) {
        socket.destroy();
        return;
      }
      this.#strangers.delete(oldest[0]);
      oldest[1].destroy();
    }
    const key = keyOf(socket);
    this.#strangers.set(key, socket);
    socket.once("close", () => {
      for (const clients of [this.#strangers, this.#welcome]) if (clients.get(key) === socket) clients.delete(key);
    });
  }

  /** A call of this client was let in. */
  welcome(address: Address): void {
    const key = keyOf(address);
    const socket = this.#strangers.get(key);
    if (socket === undefined) return;
    this.#strangers.delete(key);
    this.#welcome.set(key, socket);
  }

  closeAll(): void {
    for (const socket of [...this.#strangers.values(), ...this.#welcome.values()]) socket.destroy();
  }
}

function keyOf({ remoteAddress, remotePort }: Address): string {
  return `${remoteAddress} ${remotePort}`;
}
