/**
 * TLS on sockets that a listener has accepted: shakes hands, bounded in time, and hands on the streams that may speak.
 *
 * A certificate that changes is shown to connections that come from then on; those that are open go on.
 */

import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { ServerTls } from "../../tls/certificate_files.ts";

export interface HandshakeOptions {
  readonly tls: ServerTls;
  readonly timeoutMs: number;
  /** @param raw the socket that carries it */
  readonly secured: (socket: TLSSocket, raw: Socket) => void;
  /** @param why OpenSSL's or Node's code; none: the peer's certificate is not one of ours, or it went away without a word */
  readonly failed: (raw: Socket, why: string | undefined) => void;
}

export class TlsHandshakes {
  readonly #server: Server;
  readonly #options: HandshakeOptions;
  /** Sockets that have not agreed yet. */
  readonly #pending = new Set<Socket>();

  constructor(options: HandshakeOptions) {
    this.#options = options;
    // It never listens: sockets are handed to it (the event's documentation allows that).
    this.#server = createServer({ ...options.tls, handshakeTimeout: options.timeoutMs, allowHalfOpen: true });
    this.#server.on("secureConnection", (socket) => {
      const raw = carrierOf(socket);
      if (raw === undefined || !this.#pending.delete(raw)) socket.destroy();
      else options.secured(socket, raw);
    });
    this.#server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) => {
      const raw = carrierOf(socket);
      if (raw !== undefined && this.#pending.delete(raw)) options.failed(raw, error.code ?? error.name);
      socket.destroy();
    });
  }

  get pending(): number {
    return this.#pending.size;
  }

  begin(raw: Socket): void {
    this.#pending.add(raw);
    raw.once("close", () => {
      if (this.#pending.delete(raw)) this.#options.failed(raw, undefined);
    });
    this.#server.emit("connection", raw);
  }

  /** From the next connection on. */
  use(tls: ServerTls): void {
    this.#server.setSecureContext(tls);
  }

  /** Gives up those that have not agreed yet: they have sent no record. */
  abandon(): void {
    for (const raw of [...this.#pending]) {
      this.#pending.delete(raw);
      raw.destroy();
    }
  }
}

/** Node keeps it there; the addresses of a peer that has gone do not tell any more. */
function carrierOf(socket: TLSSocket): Socket | undefined {
  return (socket as unknown as { _parent?: Socket })._parent;
}
