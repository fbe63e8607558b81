/**
 * One stream that Node reads, plain or behind TLS: its framer, and at most one chunk that its inbox had no room for.
 *
 * A socket with a held chunk is paused, so the peer feels the backpressure; so it is while records without an end fill their share of memory,
 * and while its source is over its rate. A peer that closes, or is gone, ends the stream: what it sent counts, a last record without its end
 * included.
 */

import type { Socket } from "node:net";
import type { Framer } from "../engine/engine.ts";
import type { Intake } from "../worker/inbox.ts";
import type { LookPlan } from "./listener_limits.ts";
import { quietTurns, type TcpOptions } from "./tcp_input.ts";
import { HeldBackWatch, type Unfinished, UnfinishedRecords } from "./unfinished.ts";

/** What the connections of an input hold of records without an end. */
export class NetMemory {
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

/** What a connection asks of the input that it belongs to. */
export interface ConnectionSite {
  readonly memory: NetMemory;
  /** It brought so many bytes. @returns milliseconds for which it is not to be read */
  took(bytes: number): number;
  closed(): void;
}

export class TcpConnection implements Unfinished {
  unfinishedBytes = 0;
  heldBack = false;
  readonly #socket: Socket;
  readonly #framer: Framer;
  readonly #intake: Intake;
  readonly #site: ConnectionSite;
  /** The chunk that found no room, from `#heldFrom` on. */
  #held: Buffer | undefined;
  #heldFrom = 0;
  /** Its source is over its rate. */
  #resting: NodeJS.Timeout | undefined;
  #ended = false;
  #done = false;
  #turnsWithoutData = 0;
  /** At a shutdown. */
  #wasHeldBack = false;
  /** Looks since it brought something, and since the record at hand began. */
  #quietLooks = 0;
  #recordLooks = 0;
  /** Bytes since the record at hand began; 0: none has. */
  #begunBytes = 0;

  constructor(socket: Socket, framer: Framer, intake: Intake, site: ConnectionSite) {
    this.#socket = socket;
    this.#framer = framer;
    this.#intake = intake;
    this.#site = site;
    site.memory.records.opened();
    socket.on("data", (chunk: Buffer) => this.#data(chunk));
    socket.on("end", () => this.#end());
    // A reset counts as a close: what was received stays. "close" follows.
    socket.on("error", () => {});
    socket.on("close", () => this.#end());
  }

  #data(chunk: Buffer): void {
    this.#turnsWithoutData = 0;
    this.#quietLooks = 0;
    const at = this.#intake.accept(this.#framer, chunk, 0);
    if (at < chunk.length) this.#hold(chunk, at);
    else if (!this.#ran(chunk.length)) this.#socket.pause();
  }

  /** The framer has the whole chunk. @returns whether to read on */
  #ran(bytes: number): boolean {
    const { memory } = this.#site;
    const pendingBytes = this.#framer.pendingBytes;
    const begunBytes = this.#framer.begunBytes;
    // Else it is the record that was at hand before, and longer.
    if (this.#begunBytes === 0 || begunBytes !== this.#begunBytes + bytes) this.#recordLooks = 0;
    this.#begunBytes = begunBytes;
    const goesOn = memory.records.ran(this, pendingBytes);
    memory.changed();
    const restMs = this.#site.took(bytes);
    if (restMs > 0) this.#rest(restMs);
    return goesOn && restMs <= 0;
  }

  #rest(ms: number): void {
    this.#resting = setTimeout(() => this.#endRest(), Math.min(Math.ceil(ms), 2 ** 31 - 1)).unref();
  }

  #endRest(): void {
    clearTimeout(this.#resting);
    this.#resting = undefined;
    this.#readOn();
  }

  letOn(): void {
    this.#readOn();
  }

  #readOn(): void {
    if (this.#done || this.#held !== undefined || this.heldBack || this.#resting !== undefined) return;
    this.#socket.resume();
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
    let bytes = 0;
    if (this.#held !== undefined) {
      this.#heldFrom = this.#intake.accept(this.#framer, this.#held, this.#heldFrom);
      if (this.#heldFrom < this.#held.length) return false;
      bytes = this.#held.length;
      this.#held = undefined;
    }
    if (this.#ended) return this.#tryEnd();
    this.#turnsWithoutData = 0;
    if (this.#ran(bytes)) this.#socket.resume();
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
    this.#site.closed();
  }

  #forget(): void {
    this.#done = true;
    clearTimeout(this.#resting);
    this.#framer.close();
    const { memory } = this.#site;
    memory.records.closed(this);
    memory.changed();
  }

  /**
   * One look of those that `lookPlan` asks for. Looks count only while it is read: what waits because of us is not the peer's fault.
   * @returns why it is closed now
   */
  look({ idleLooks, recordLooks }: LookPlan): "idle" | "slow" | undefined {
    if (this.#ended || this.#held !== undefined || this.heldBack || this.#resting !== undefined) return undefined;
    this.#quietLooks++;
    this.#recordLooks = this.#begunBytes === 0 ? 0 : this.#recordLooks + 1;
    const slow = recordLooks > 0 && this.#recordLooks >= recordLooks;
    if (!slow && (idleLooks === 0 || this.#quietLooks < idleLooks)) return undefined;
    this.#socket.pause();
    this.#end();
    return slow ? "slow" : "idle";
  }

  /** At a shutdown: the peer learns that this side ends while what it sends is still read. Who heeds it sends no more, and loses nothing. */
  announceEnd(): void {
    if (!this.#done) this.#socket.end();
  }

  /** Ends the stream from our side when nothing arrived for `quietTurns`, or at once with `cut`. */
  finishIfQuiet(cut: boolean): void {
    if (this.#ended || this.#held !== undefined) return;
    // From the stop on nothing rests: what peers have sent is to be taken.
    if (this.#resting !== undefined) {
      this.#turnsWithoutData = 0;
      this.#endRest();
      return;
    }
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
      this.#site.closed();
    }
    return bytes;
  }
}
