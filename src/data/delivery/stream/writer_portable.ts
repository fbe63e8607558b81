/**
 * The stream writer without the addon: on the thread that opens it, and never blocking that thread's event loop.
 *
 * A pipe is opened once more through /proc/self/fd, which gives an open file description of our own: libuv makes what it
 * writes to non-blocking, and on the shared one that would hit every process that shares it. A terminal opened so answers
 * EAGAIN when it is held (Ctrl-S), and is asked again by a timer. Files are written by libuv's thread pool.
 */

import { closeSync, constants, fstatSync, ftruncateSync, openSync, write, writeSync } from "node:fs";
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { ringHeader } from "../../ring/layout.ts";
import { SharedRing } from "../../ring/shared.ts";
import { notify, waitForBlocks } from "../../ring/wait.ts";
import type { StreamCounts, StreamEvents, StreamTarget, StreamWriter } from "./stream_writer.ts";

interface Sink {
  /** @returns how much was written: less than all after `interrupt` only. Rejects when the stream can not be written to any more */
  write(bytes: Buffer): Promise<number>;
  /** Ends a write that waits for a device's room. */
  interrupt?(): void;
  /** Cuts off what an interrupted write has left of a record. */
  takeBack?(bytes: number): void;
  close(): void;
}

/** Taken off the ring and not settled. */
interface Gathered {
  readonly bytes: Buffer;
  /** Of the records, without their LFs. */
  readonly lengths: Uint32Array;
}

/** Blocks are gathered up to this before a write: the size of a Linux pipe. */
const gatherBytes = 65_536;
/** How often a claim at the ring's head that is no block yet is looked at again, and after how many looks it is forced. */
const napMs = 100;
const napsMax = 10;
/** A full disk is not a closed stream: it is tried again after this. */
const diskRetryMs = 100;
const terminalRetryMs = 5;
/** What a file answers for good: the call is wrong, not the moment. All else it may take later. */
const misuse = new Set(["EBADF", "EFAULT", "EINVAL"]);
/** Ends of a write to a terminal that pass: nobody has gone, there is no room. */
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
  readonly #bytes = Buffer.allocUnsafe(gatherBytes);
  /** A record takes a byte at least, its LF. */
  readonly #lengths = new Uint32Array(gatherBytes);
  #gathered: Gathered | undefined;
  readonly #refusals: Refusals;
  readonly #switches: { fd: number; done: () => void }[] = [];
  #outBytes = 0;
  #mark = Number.POSITIVE_INFINITY;
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
    this.#refusals = new Refusals((reason) => (reason === undefined ? events.room?.() : events.full?.(reason)));
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

  switchTo(fd: number): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((done) => {
      this.#switches.push({ fd, done });
      this.#sink?.interrupt?.();
      notify(this.#memory);
    });
  }

  notice(bytes: number): void {
    this.#mark = this.#outBytes + bytes;
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
    this.#open(fd);
    while (!this.#closed) {
      for (let next = this.#switches.shift(); next !== undefined; next = this.#switches.shift()) {
        this.#sink?.close();
        this.#open(next.fd);
        next.done();
      }
      const more = await this.#writeSome();
      if (more || this.#closed || this.#switches.length > 0 || this.#skipDead()) continue;
      await waitForBlocks(this.#memory, this.#ring.isEmpty() ? undefined : napMs);
    }
    for (const { done } of this.#switches.splice(0)) done();
    // What nobody will write any more.
    do this.#lose();
    while (this.#gather());
  }

  #open(fd: number): void {
    try {
      this.#sink = openSink(fd, this.#refusals);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  /** Takes what the ring holds and writes it. @returns false when the ring is empty */
  async #writeSome(): Promise<boolean> {
    if (this.#gathered === undefined && !this.#gather()) return false;
    const { bytes } = this.#gathered!;
    const wrote = await this.#write(bytes);
    this.#outBytes += wrote ?? 0;
    if (wrote === undefined) {
      // How much of it went out nobody can say, so all of it counts as lost.
      this.#lose();
    } else {
      this.#book(wrote);
    }
    if (this.#outBytes >= this.#mark) {
      this.#mark = Number.POSITIVE_INFINITY;
      this.#events.reached?.();
    }
    return true;
  }

  /** Counts the records that lie in the first `wrote` bytes of what is gathered. The rest, whole records, stays gathered. */
  #book(wrote: number): void {
    const { bytes, lengths } = this.#gathered!;
    let whole = 0;
    let end = 0;
    if (wrote === bytes.length) {
      whole = lengths.length;
      end = wrote;
    } else {
      for (; end + lengths[whole]! + 1 <= wrote; whole++) end += lengths[whole]! + 1;
      this.#sink?.takeBack?.(wrote - end);
    }
    this.#writtenRecords += whole;
    this.#writtenBytes += end - whole;
    this.#gathered =
      whole === lengths.length ? undefined : { bytes: bytes.subarray(end), lengths: lengths.subarray(whole) };
  }

  #lose(): void {
    const gathered = this.#gathered;
    if (gathered === undefined) return;
    this.#lostRecords += gathered.lengths.length;
    this.#lostBytes += gathered.bytes.length - gathered.lengths.length;
    this.#gathered = undefined;
  }

  /** @returns false when the ring is empty */
  #gather(): boolean {
    let records = 0;
    let bytes = 0;
    let long: Buffer | undefined;
    for (let view = this.#ring.peek(); view !== undefined; view = this.#ring.peek()) {
      const bodyBytes = view.recordBytes + view.records;
      const fits = bodyBytes <= gatherBytes - bytes;
      if (!fits && bytes > 0) break;
      // A copy in either case: the ring's bytes are zeroed at release, and libuv reads while it writes.
      if (fits) view.body.copy(this.#bytes, bytes);
      else long = Buffer.from(view.body);
      this.#lengths.set(view.lengths.subarray(view.lengthsAt, view.lengthsAt + view.records), records);
      records += view.records;
      bytes += bodyBytes;
      this.#ring.release(view);
      this.#naps = 0;
      if (long !== undefined) break;
    }
    if (records === 0) return false;
    this.#gathered = { bytes: long ?? this.#bytes.subarray(0, bytes), lengths: this.#lengths.subarray(0, records) };
    return true;
  }

  /** @returns undefined when the stream has failed */
  async #write(bytes: Buffer): Promise<number | undefined> {
    try {
      return await this.#sink?.write(bytes);
    } catch (error) {
      if (!this.#closed) this.#fail(error as Error);
      return undefined;
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

function openSink(fd: number, refusals: Refusals): Sink {
  const about = fstatSync(fd);
  if (about.isSocket()) return socketSink(fd);
  if (about.isFIFO()) {
    const own = reopen(fd);
    return socketSink(own ?? fd);
  }
  if (about.isCharacterDevice()) {
    const own = reopen(fd);
    if (own !== undefined) return terminalSink(own, refusals);
  }
  return fileSink(fd, refusals);
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
          else resolve(bytes.length);
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
function terminalSink(fd: number, refusals: Refusals): Sink {
  let closed = false;
  let interrupted = false;
  return {
    async write(bytes) {
      let at = 0;
      while (at < bytes.length && !closed && !interrupted) {
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
      return at;
    },
    interrupt() {
      interrupted = true;
    },
    close() {
      if (!closed) closeSync(fd);
      closed = true;
    },
  };
}

const writeAsync = promisify(write);

/** A regular file, one write at a time. `fd` stays the caller's. */
function fileSink(fd: number, refusals: Refusals): Sink {
  let interrupted = false;
  let refusedAtBytes = -1;
  return {
    async write(bytes) {
      let at = 0;
      while (at < bytes.length && !interrupted) {
        try {
          at += (await writeAsync(fd, bytes, at, bytes.length - at, null)).bytesWritten;
          refusals.over();
        } catch (error) {
          if (misuse.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
          refusals.met(error as NodeJS.ErrnoException);
          refusedAtBytes = sizeOf(fd);
          await sleep(diskRetryMs);
        }
      }
      return at;
    },
    interrupt() {
      interrupted = true;
    },
    takeBack(bytes) {
      const size = sizeOf(fd);
      // Only where nothing came behind it.
      if (bytes === 0 || size !== refusedAtBytes || size < bytes) return;
      try {
        ftruncateSync(fd, size - bytes);
      } catch {
        // It leaves a piece of a line, which is no loss: the record is in the next file.
      }
    },
    close() {
      interrupted = true;
    },
  };
}

/** @returns -1 where the file does not say */
function sizeOf(fd: number): number {
  try {
    return fstatSync(fd).size;
  } catch {
    return -1;
  }
}
