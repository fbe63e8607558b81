/**
 * The stream writer without the addon: on the thread that opens it, and never blocking that thread's event loop.
 *
 * A pipe is opened once more through /proc/self/fd, which gives an open file description of our own: libuv makes what it
 * writes to non-blocking, and on the shared one that would hit every process that shares it. A terminal opened so answers
 * EAGAIN when it is held (Ctrl-S), and is asked again by a timer. Files are written by libuv's thread pool.
 */

import { closeSync, constants, fstatSync, openSync, write, writeSync } from "node:fs";
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { ringHeader } from "../../ring/layout.ts";
import { SharedRing } from "../../ring/shared.ts";
import { notify, waitForBlocks } from "../../ring/wait.ts";
import type { StreamCounts, StreamEvents, StreamTarget, StreamWriter } from "./stream_writer.ts";

/** Writes all of `bytes`. Rejects when the stream can not be written to any more. */
interface Sink {
  write(bytes: Buffer): Promise<void>;
  close(): void;
}

/** Blocks are gathered up to this before a write: the size of a Linux pipe. */
const gatherBytes = 65_536;
/** How often a claim at the ring's head that is no block yet is looked at again, and after how many looks it is forced. */
const napMs = 100;
const napsMax = 10;
/** A full disk is not a closed stream: it is tried again after this. */
const diskRetryMs = 100;
const terminalRetryMs = 5;
/** Ends of a write that pass: nobody has gone, there is no room. */
const passing = new Set(["ENOSPC", "EDQUOT", "ENOBUFS", "ENOMEM", "EINTR"]);

/** Told when a device runs out of room and when it has some again. */
type Room = (reason: string | undefined) => void;

export class PortableStreamWriter implements StreamWriter {
  readonly target: StreamTarget;
  #writtenRecords = 0;
  #writtenBytes = 0;
  #lostRecords = 0;
  #lostBytes = 0;
  readonly #memory: SharedArrayBuffer;
  readonly #ring: SharedRing;
  readonly #events: StreamEvents;
  readonly #gathered = Buffer.allocUnsafe(gatherBytes);
  readonly #stopped: Promise<void>;
  #sink: Sink | undefined;
  #closed = false;
  #naps = 0;
  #epochsSeen: number;

  /** @param memory of a ring whose only consumer is this writer */
  constructor(fd: number, memory: SharedArrayBuffer, events: StreamEvents) {
    this.target = { kind: "ring", memory };
    this.#memory = memory;
    this.#ring = new SharedRing(memory, 0);
    this.#events = events;
    this.#epochsSeen = this.#epochSum();
    this.#stopped = this.#run(fd);
  }

  counts(): StreamCounts {
    const words = new BigUint64Array(this.#memory, 0, ringHeader.bytes / 8);
    const at = (field: "pushedRecords" | "pushedBytes") => Number(Atomics.load(words, ringHeader.offsets[field] / 8));
    return {
      pushedRecords: at("pushedRecords"),
      pushedBytes: at("pushedBytes"),
      writtenRecords: this.#writtenRecords,
      writtenBytes: this.#writtenBytes,
      lostRecords: this.#lostRecords,
      lostBytes: this.#lostBytes,
    };
  }

  drained(): boolean {
    return this.#writtenRecords + this.#lostRecords === this.counts().pushedRecords;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#sink?.close();
    notify(this.#memory);
    await this.#stopped;
  }

  async #run(fd: number): Promise<void> {
    // Not in the constructor's turn: an event is told after its caller has the writer.
    await Promise.resolve();
    try {
      this.#sink = openSink(fd, (reason) =>
        reason === undefined ? this.#events.room?.() : this.#events.full?.(reason),
      );
    } catch (error) {
      this.#fail(error as Error);
    }
    while (!this.#closed) {
      const more = await this.#writeSome();
      if (more || this.#closed || this.#skipDead()) continue;
      await waitForBlocks(this.#memory, this.#ring.isEmpty() ? undefined : napMs);
    }
  }

  /** Takes what the ring holds and writes it. @returns false when the ring is empty */
  async #writeSome(): Promise<boolean> {
    let records = 0;
    let bytes = 0;
    let long: Buffer | undefined;
    for (let view = this.#ring.peek(); view !== undefined; view = this.#ring.peek()) {
      const bodyBytes = view.recordBytes + view.records;
      const fits = bodyBytes <= gatherBytes - bytes;
      if (!fits && bytes > 0) break;
      // A copy in either case: the ring's bytes are zeroed at release, and libuv reads while it writes.
      if (fits) view.body.copy(this.#gathered, bytes);
      else long = Buffer.from(view.body);
      records += view.records;
      bytes += bodyBytes;
      this.#ring.release(view);
      this.#naps = 0;
      if (long !== undefined) break;
    }
    if (records === 0) return false;
    if (await this.#deliver(long ?? this.#gathered.subarray(0, bytes))) {
      this.#writtenRecords += records;
      this.#writtenBytes += bytes - records;
    } else {
      // How much of it went out nobody can say, so all of it counts as lost.
      this.#lostRecords += records;
      this.#lostBytes += bytes - records;
    }
    return true;
  }

  async #deliver(bytes: Buffer): Promise<boolean> {
    const sink = this.#sink;
    if (sink === undefined) return false;
    try {
      await sink.write(bytes);
      return true;
    } catch (error) {
      if (!this.#closed) this.#fail(error as Error);
      return false;
    }
  }

  #fail(error: Error): void {
    this.#sink?.close();
    this.#sink = undefined;
    this.#events.closed(error.message);
  }

  /** Skips a claim at the head whose producer died before it became a block; see `Ring.skipAbandoned`. */
  #skipDead(): boolean {
    if (this.#ring.isEmpty()) {
      this.#epochsSeen = this.#epochSum();
      this.#naps = 0;
      return false;
    }
    // Counted by naps, though a wake-up may cut one short: then a live producer has committed something.
    const force = ++this.#naps > napsMax && this.#epochSum() !== this.#epochsSeen;
    if (!this.#ring.skipAbandoned(force)) return false;
    this.#naps = 0;
    return true;
  }

  #epochSum(): number {
    const { producerEpochs } = ringHeader.offsets;
    const { count } = ringHeader.fields.producerEpochs;
    return new Uint32Array(this.#memory, producerEpochs, count).reduce((sum, epoch) => sum + epoch, 0);
  }
}

function openSink(fd: number, room: Room): Sink {
  const about = fstatSync(fd);
  if (about.isSocket()) return socketSink(fd);
  if (about.isFIFO()) {
    const own = reopen(fd);
    return socketSink(own ?? fd);
  }
  if (about.isCharacterDevice()) {
    const own = reopen(fd);
    if (own !== undefined) return terminalSink(own, room);
  }
  return fileSink(fd, room);
}

/** A second, non-blocking open file description of the same pipe or terminal. @returns undefined where the system has none */
function reopen(fd: number): number | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    // No reader is left: the one failure that is an answer.
    if ((error as NodeJS.ErrnoException).code === "ENXIO") throw new Error("its reader is gone", { cause: error });
    return undefined;
  }
}

/** Pipes and sockets: libuv waits for room. Takes `fd` over. */
function socketSink(fd: number): Sink {
  const socket = new Socket({ fd, readable: false, writable: true });
  socket.on("error", () => {}); // each write has its own answer
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        // A socket that is destroyed with a write in hand answers with "close" alone in some versions of Node.
        const closed = () => reject(new Error("closed"));
        socket.once("close", closed);
        socket.write(bytes, (error) => {
          socket.off("close", closed);
          if (error) reject(error);
          else resolve();
        });
      }),
    close: () => void socket.destroy(),
  };
}

/** Of many refusals in a row tells the first, and the end. */
class Refusals {
  readonly #room: Room;
  #full = false;

  constructor(room: Room) {
    this.#room = room;
  }

  met({ code, message }: NodeJS.ErrnoException): void {
    if (this.#full || code === "EINTR") return;
    this.#full = true;
    this.#room(message);
  }

  over(): void {
    if (!this.#full) return;
    this.#full = false;
    this.#room(undefined);
  }
}

/** A terminal or another character device, opened non-blocking. */
function terminalSink(fd: number, room: Room): Sink {
  const refusals = new Refusals(room);
  let closed = false;
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length && !closed; ) {
        try {
          at += writeSync(fd, bytes, at);
          refusals.over();
        } catch (error) {
          const { code = "" } = error as NodeJS.ErrnoException;
          if (code !== "EAGAIN" && !passing.has(code)) throw error;
          if (code !== "EAGAIN") refusals.met(error as NodeJS.ErrnoException);
          await sleep(code === "EAGAIN" ? terminalRetryMs : diskRetryMs);
        }
      }
      if (closed) throw new Error("closed");
    },
    close() {
      if (!closed) closeSync(fd);
      closed = true;
    },
  };
}

const writeAsync = promisify(write);

/** A regular file, one write at a time. `fd` stays the caller's. */
function fileSink(fd: number, room: Room): Sink {
  const refusals = new Refusals(room);
  let closed = false;
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length && !closed; ) {
        try {
          at += (await writeAsync(fd, bytes, at, bytes.length - at, null)).bytesWritten;
          refusals.over();
        } catch (error) {
          if (!passing.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
          refusals.met(error as NodeJS.ErrnoException);
          await sleep(diskRetryMs);
        }
      }
      if (closed) throw new Error("closed");
    },
    close() {
      closed = true;
    },
  };
}
