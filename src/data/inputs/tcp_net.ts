/**
 * TCP through `node:net`: sockets, each with its framer, each holding at most one chunk while its inbox has no room. What the portable
 * engine and systems other than Linux have, and a single listener that deals its connections out over several workers.
 *
 * A socket with a held chunk is paused, so the peer feels the backpressure. A peer that closes, or is gone, ends the stream: what it
 * sent counts, a last record without its end included.
 */

import { createServer, type Server, type Socket } from "node:net";
import type { Framer } from "../engine/engine.ts";
import type { Intake } from "../worker/inbox.ts";
import { portError } from "./port_error.ts";
import { backlogMsMax, quietTurns, type TcpInput, type TcpOptions, turn } from "./tcp_input.ts";
import { HeldBackWatch, type Unfinished, UnfinishedRecords } from "./unfinished.ts";

/** Finds peers that vanished without a word; sockets that are merely idle cost nothing. */
const keepAliveMs = 60_000;

export class NetTcpInput implements TcpInput {
  readonly port: number;
  readonly #server: Server;
  readonly #connections: Set<TcpConnection>;
  /** Connections taken since the start. */
  readonly #taken: { count: number };
  readonly #memory: NetMemory;
  lostBytes = 0;

  private constructor(server: Server, connections: Set<TcpConnection>, taken: { count: number }, memory: NetMemory) {
    this.#server = server;
    this.#connections = connections;
    this.#taken = taken;
    this.#memory = memory;
    const address = server.address();
    this.port = typeof address === "object" && address !== null ? address.port : 0;
  }

  /** @throws StreamGateError SG_PORT_IN_USE, or the system's error */
  static async listen(options: TcpOptions): Promise<NetTcpInput> {
    const connections = new Set<TcpConnection>();
    const taken = { count: 0 };
    const memory = new NetMemory(options);
    const server = createServer(
      { allowHalfOpen: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs },
      (socket) => {
        const { kind, framing, maxRecordBytes, losses } = options;
        const { remoteAddress: address, remotePort: port } = socket;
        const source = {
          transport: "tcp" as const,
          ...(address !== undefined && { address }),
          ...(port !== undefined && { port }),
        };
        const framer = kind.createFramer(framing, maxRecordBytes, source, losses);
        const connection = new TcpConnection(socket, framer, options.intake(taken.count++), memory, () =>
          connections.delete(connection),
        );
        connections.add(connection);
      },
    );
    const { host, port, reusePort } = options;
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(portError(error, "TCP", port)));
      server.listen({ port, reusePort, ...(host !== undefined && { host }) }, resolve);
    });
    // Out of descriptors and the like: the listener lives on, the peer sees its connection closed.
    server.on("error", () => {});
    return new NetTcpInput(server, connections, taken, memory);
  }

  get connections(): number {
    return this.#connections.size;
  }

  get unfinishedBytes(): number {
    return this.#memory.records.bytes;
  }

  get heldBack(): number {
    return this.#memory.records.heldBack;
  }

  async finish(timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    await this.#stopAccepting(Math.min(timeoutMs / 4, backlogMsMax));
    // A peer that never stops sending is cut half-way, so that what came can still be delivered.
    const cut = Date.now() + Math.min((deadline - Date.now()) / 2, 2000);
    while (this.#connections.size > 0 && Date.now() < deadline) {
      for (const connection of this.#connections) connection.finishIfQuiet(Date.now() >= cut);
      await turn();
    }
    for (const connection of [...this.#connections]) this.lostBytes += connection.abandon();
    this.#memory.close();
  }

  /**
   * Closes the listener when a turn has brought no connection. The system completes connections by itself: to their peers, who
   * may have sent everything and gone, those that wait to be taken are as good as open, and a close would drop them unseen.
   */
  async #stopAccepting(timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (let before = -1; before !== this.#taken.count && Date.now() < deadline; ) {
      before = this.#taken.count;
      await turn();
    }
    this.#server.close();
  }
}

/** What the connections of an input hold of records without an end. */
class NetMemory {
  readonly records: UnfinishedRecords;
  readonly #account: TcpOptions["memory"];
  readonly #watch: HeldBackWatch;

  constructor({ memory, maxRecordBytes, log }: TcpOptions) {
    this.#account = memory;
    this.records = new UnfinishedRecords({
      bytesMax: memory?.unfinishedBytesMax,
      maxRecordBytes,
      squeezed: () => memory?.over ?? false,
    });
    this.#watch = new HeldBackWatch(log, () => {
      this.records.look();
      this.changed();
    });
  }

  /** Call when records have grown, ended or gone. */
  changed(): void {
    const { bytes, heldBack } = this.records;
    this.#account?.set("unfinished", bytes);
    this.#watch.saw(heldBack, bytes);
  }

  close(): void {
    this.#watch.close();
  }
}

class TcpConnection implements Unfinished {
  unfinishedBytes = 0;
  heldBack = false;
  readonly #socket: Socket;
  readonly #framer: Framer;
  readonly #intake: Intake;
  readonly #memory: NetMemory;
  readonly #closed: () => void;
  /** The chunk that found no room, from `#heldFrom` on. */
  #held: Buffer | undefined;
  #heldFrom = 0;
  #ended = false;
  #done = false;
  #turnsWithoutData = 0;
  /** At a shutdown. */
  #wasHeldBack = false;

  constructor(socket: Socket, framer: Framer, intake: Intake, memory: NetMemory, closed: () => void) {
    this.#socket = socket;
    this.#framer = framer;
    this.#intake = intake;
    this.#memory = memory;
    memory.records.opened();
    this.#closed = closed;
    socket.on("data", (chunk: Buffer) => this.#data(chunk));
    socket.on("end", () => this.#end());
    // A reset counts as a close: what was received stays. "close" follows.
    socket.on("error", () => {});
    socket.on("close", () => this.#end());
  }

  #data(chunk: Buffer): void {
    this.#turnsWithoutData = 0;
    const at = this.#intake.accept(this.#framer, chunk, 0);
    if (at < chunk.length) this.#hold(chunk, at);
    else if (!this.#ran()) this.#socket.pause();
  }

  /** The framer has the whole chunk. @returns whether to read on */
  #ran(): boolean {
    const goesOn = this.#memory.records.ran(this, this.#framer.pendingBytes);
    this.#memory.changed();
    return goesOn;
  }

  letOn(): void {
    if (!this.#done && this.#held === undefined) this.#socket.resume();
  }

  #hold(chunk: Buffer, from: number): void {
    this.#held = chunk;
    this.#heldFrom = from;
    this.#socket.pause();
    this.#intake.waitForRoom(() => this.#resume());
  }

  /** There may be room. @returns false when there was too little */
  #resume(): boolean {
    if (this.#done) return true;
    if (this.#held !== undefined) {
      this.#heldFrom = this.#intake.accept(this.#framer, this.#held, this.#heldFrom);
      if (this.#heldFrom < this.#held.length) return false;
      this.#held = undefined;
    }
    if (this.#ended) return this.#tryEnd();
    this.#turnsWithoutData = 0;
    if (this.#ran()) this.#socket.resume();
    return true;
  }

  #end(): void {
    if (this.#ended || this.#done) return;
    this.#ended = true;
    // With a chunk held, `#resume` comes to the end after it.
    if (this.#held === undefined && !this.#tryEnd()) this.#intake.waitForRoom(() => this.#resume());
  }

  #tryEnd(): boolean {
    if (!this.#intake.acceptEnd(this.#framer)) return false;
    this.#finish();
    return true;
  }

  #finish(): void {
    if (this.#done) return;
    this.#forget();
    this.#socket.end();
    this.#socket.destroySoon();
    this.#closed();
  }

  #forget(): void {
    this.#done = true;
    this.#framer.close();
    this.#memory.records.closed(this);
    this.#memory.changed();
  }

  /** Ends the stream from our side when nothing arrived for `quietTurns`, or at once with `cut`. */
  finishIfQuiet(cut: boolean): void {
    if (this.#ended || this.#held !== undefined) return;
    if (this.heldBack) {
      // It was not looked at. Those that hold the memory are quiet or cut and end, so its turn comes, a cut notwithstanding.
      this.#wasHeldBack = true;
      return;
    }
    if ((!cut || this.#wasHeldBack) && ++this.#turnsWithoutData < quietTurns) return;
    this.#socket.pause();
    this.#end();
  }

  /** Gives up what could not be handed on. @returns its bytes */
  abandon(): number {
    const held = this.#held === undefined ? 0 : this.#held.length - this.#heldFrom;
    const bytes = held + this.#framer.pendingBytes + this.#socket.readableLength;
    this.#held = undefined;
    if (!this.#done) {
      this.#forget();
      this.#socket.destroy();
      this.#closed();
    }
    return bytes;
  }
}
