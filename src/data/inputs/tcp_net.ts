/**
 * TCP through `node:net`, and TLS above it: what the portable engine and systems other than Linux have, a single listener that deals its
 * connections out over several workers, and every listener with TLS. What becomes of a stream: `tcp_connection.ts`.
 */

import { createServer, type Server, type Socket } from "node:net";
import type { ServerTls } from "../../tls/certificate_files.ts";
import { untilNobodyWaits } from "./closing_listener.ts";
import { ListenerBook, type ListenerGuard, type LookPlan, lookPlan, unguarded } from "./listener_limits.ts";
import { portError } from "./port_error.ts";
import type { SourcePlace } from "./sources.ts";
import { NetMemory, TcpConnection } from "./tcp_connection.ts";
import { backlogMsMax, type TcpInput, type TcpOptions, turn } from "./tcp_input.ts";
import type { TlsHandshakes } from "./tls_handshakes.ts";

/** Finds peers that vanished without a word; sockets that are merely idle cost nothing. */
const keepAliveMs = 60_000;

export class NetTcpInput implements TcpInput {
  port = 0;
  lostBytes = 0;
  readonly #options: TcpOptions;
  readonly #server: Server;
  readonly #connections = new Set<TcpConnection>();
  readonly #memory: NetMemory;
  #handshakes: TlsHandshakes | undefined;
  readonly #guard: ListenerGuard;
  readonly #book: ListenerBook;
  readonly #looks: LookPlan;
  readonly #lookTimer: NodeJS.Timeout | undefined;
  /** Connections taken since the start, and those dealt out: with TLS only when they have agreed. */
  #taken = 0;
  #dealt = 0;
  #finishing = false;

  private constructor(options: TcpOptions) {
    this.#options = options;
    this.#memory = new NetMemory(options);
    this.#guard = options.guard ?? unguarded();
    this.#book = new ListenerBook(this.#guard, options.log);
    this.#looks = lookPlan(this.#guard.limits);
    if (Number.isFinite(this.#looks.everyMs))
      this.#lookTimer = setInterval(() => this.#look(), this.#looks.everyMs).unref();
    this.#server = createServer(
      { allowHalfOpen: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs },
      (socket) => this.#accept(socket),
    );
  }

  /** @throws StreamGateError SG_PORT_IN_USE, or the system's error */
  static async listen(options: TcpOptions): Promise<NetTcpInput> {
    const input = new NetTcpInput(options);
    const server = input.#server;
    const { host, port, reusePort, tls } = options;
    try {
      if (tls !== undefined) await input.#shakeHands(tls);
      await new Promise<void>((resolve, reject) => {
        server.once("error", (error) => reject(portError(error, tls === undefined ? "TCP" : "TLS", port)));
        server.listen({ port, reusePort, ...(host !== undefined && { host }) }, resolve);
      });
    } catch (error) {
      clearInterval(input.#lookTimer);
      throw error;
    }
    // Out of descriptors and the like: the listener lives on, the peer sees its connection closed.
    server.on("error", () => {});
    const address = server.address();
    input.port = typeof address === "object" && address !== null ? address.port : 0;
    return input;
  }

  /** Its code is loaded where it is used. */
  async #shakeHands({ certificates, handshakeTimeoutMs }: NonNullable<TcpOptions["tls"]>): Promise<void> {
    const { TlsHandshakes } = await import("./tls_handshakes.ts");
    this.#handshakes = new TlsHandshakes({
      tls: certificates,
      timeoutMs: handshakeTimeoutMs,
      secured: (socket, raw) => this.#take(socket, raw),
      failed: ({ remoteAddress: address }, why) => this.#handshakeFailed(address, why),
    });
  }

  get connections(): number {
    return this.#connections.size + (this.#handshakes?.pending ?? 0);
  }

  get unfinishedBytes(): number {
    return this.#memory.records.bytes;
  }

  get heldBack(): number {
    return this.#memory.records.heldBack;
  }

  useCertificates(tls: ServerTls): void {
    this.#handshakes?.use(tls);
  }

  #accept(socket: Socket): void {
    const { sources } = this.#guard;
    const place = sources?.placeOf(socket.remoteAddress);
    const refusal = place && sources?.admit(place);
    if (refusal !== undefined) {
      this.#book.happened(refusal, { address: socket.remoteAddress });
      socket.destroy();
      return;
    }
    this.#taken++;
    this.#guard.changed();
    socket.on("error", () => {});
    socket.once("close", () => {
      if (place !== undefined) sources?.closed(place);
      this.#guard.changed();
    });
    if (this.#handshakes === undefined) this.#take(socket, socket, place);
    else this.#handshakes.begin(socket);
  }

  /** @param raw that carries it: of a peer that is gone only this one knows the address */
  #take(
    socket: Socket,
    raw: Socket,
    place: SourcePlace | undefined = this.#guard.sources?.placeOf(raw.remoteAddress),
  ): void {
    const { kind, framing, maxRecordBytes, losses, tls, intake } = this.#options;
    const { sources } = this.#guard;
    const { remoteAddress: address, remotePort: port } = raw;
    const source = {
      transport: tls === undefined ? ("tcp" as const) : ("tls" as const),
      ...(address !== undefined && { address }),
      ...(port !== undefined && { port }),
    };
    const framer = kind.createFramer(framing, maxRecordBytes, source, losses);
    const connection = new TcpConnection(socket, framer, intake(this.#dealt++), {
      memory: this.#memory,
      took: (bytes) => {
        if (place === undefined || sources === undefined || this.#finishing) return 0;
        const restMs = sources.took(place, bytes);
        if (restMs > 0) this.#book.rested();
        return restMs;
      },
      closed: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
  }

  #handshakeFailed(address: string | undefined, why: string | undefined): void {
    if (this.#finishing) return;
    // With authorities named, Node ends a connection whose certificate is none of theirs, and says nothing.
    const refused = why === undefined && this.#options.tls?.certificates.requestCert === true;
    this.#book.happened(refused || why === "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE" ? "certificate" : "handshake", {
      address,
      why: why ?? (refused ? undefined : "closed before it was done"),
    });
  }

  #look(): void {
    for (const connection of this.#connections) {
      const closed = connection.look(this.#looks);
      if (closed !== undefined) this.#book.happened(closed);
    }
  }

  async finish(timeoutMs: number): Promise<void> {
    this.#finishing = true;
    clearInterval(this.#lookTimer);
    const deadline = Date.now() + timeoutMs;
    await this.#stopAccepting(Math.min(timeoutMs / 4, backlogMsMax));
    // A peer that never stops sending is cut half-way, so that what came can still be delivered.
    const cut = Date.now() + Math.min((deadline - Date.now()) / 2, 2000);
    while (this.connections > 0 && Date.now() < deadline) {
      if (Date.now() >= cut) this.#handshakes?.abandon();
      for (const connection of this.#connections) connection.finishIfQuiet(Date.now() >= cut);
      await turn();
    }
    this.#handshakes?.abandon();
    for (const connection of [...this.#connections]) this.lostBytes += connection.abandon();
    this.#memory.close();
  }

  async #stopAccepting(timeoutMs: number): Promise<void> {
    // Node has no public way to a listener's descriptor; a version that hides it does without.
    const { _handle: handle } = this.#server as unknown as { _handle?: { fd?: number } };
    await untilNobodyWaits({ fd: handle?.fd, accepted: () => this.#taken }, timeoutMs, this.#options.log);
    this.#server.close();
    for (const connection of this.#connections) connection.announceEnd();
  }
}
