/**
 * The native TCP reader (`native/tcp/reader.h`) as a TcpInput: sockets that the addon reads straight into the worker's engine, in the
 * worker's own thread. JavaScript runs once a wake-up, which serves every socket that is readable by then.
 */

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { getSystemErrorName } from "node:util";
import type { Log } from "../../telemetry/log.ts";
import { loadAddon, type NativeEngine } from "../engine/addon.ts";
import type { Engine } from "../engine/engine.ts";
import { translated } from "../engine/native/errors.ts";
import type { NativeEngineHandle } from "../engine/native/run.ts";
import { framingCode } from "../frame/framing.ts";
import type { Reader, ReaderSite } from "../worker/inbox.ts";
import type { UnfinishedAccount } from "../worker/memory_budget.ts";
import { untilNobodyWaits } from "./closing_listener.ts";
import { ListenerBook, type ListenerGuard, lookPlan, unguarded } from "./listener_limits.ts";
import { portError } from "./port_error.ts";
import { burstMs } from "./sources.ts";
import { backlogMsMax, quietTurns, type TcpInput, type TcpOptions, turn } from "./tcp_input.ts";
import { HeldBackWatch } from "./unfinished.ts";

interface TcpReader {
  /** @throws with the property `errno` */
  listen(address: string | undefined, port: number, reusePort: boolean): number;
  read(engine: NativeEngine, receivedAtMs: number): number;
  resume(): void;
  pause(): void;
  accept(): void;
  /** The listener's descriptor. */
  readonly listener: number;
  stopAccepting(): void;
  finishQuiet(turns: number, cut: boolean): void;
  /** One look of those that `LookPlan` asks for. @returns whether it ended connections: call read, which closes them */
  look(idleLooks: number, recordLooks: number): boolean;
  /** Others need the memory. */
  squeeze(on: boolean): void;
  abandon(): number;
  close(): void;
  readonly unfinishedBytes: number;
  readonly heldBack: number;
  readonly connections: number;
  readonly accepted: number;
  /** Closed at once because the process had no descriptor left. */
  readonly refused: number;
  /** Likewise because of `ListenerCounts`' causes. */
  readonly refusedConnections: number;
  readonly refusedSource: number;
  readonly closedIdle: number;
  readonly closedSlow: number;
  readonly rateWaits: number;
  /** Connections that are not read because their source is over its rate. While there are any, read now and then. */
  readonly resting: number;
}

/** Between two looks whether such a connection may be read again: a twentieth of the burst. */
const restLookMs = burstMs / 20;

/** What the reader counts, and what it is called where it is told. */
const readerCounts = [
  ["refused", "descriptors"],
  ["refusedConnections", "connections"],
  ["refusedSource", "source"],
  ["closedIdle", "idle"],
  ["closedSlow", "slow"],
] as const;

type TcpReaderClass = new (
  options: {
    framing: number;
    delimiter: Uint8Array | undefined;
    maxRecordBytes: number;
    /** Of all connections; undefined: no bound. */
    unfinishedBytesMax: number | undefined;
    losses: Float64Array;
    /** `Sources`' memory, and whose part of it this is; undefined: no limits. */
    sources: Uint8Array | undefined;
    worker: number;
  },
  onReadable: () => void,
) => TcpReader;

/** @returns undefined where the addon has no reader (it needs Linux) */
export async function openNativeTcp(options: TcpOptions, site: ReaderSite): Promise<TcpInput | undefined> {
  const loaded = loadAddon();
  const found = "addon" in loaded ? (loaded.addon as { TcpReader?: unknown }).TcpReader : undefined;
  if (found === undefined) return undefined;
  const { host, port, reusePort, framing, maxRecordBytes, losses, memory, guard } = options;
  const sources = guard?.sources;
  const unfinishedBytesMax = memory?.unfinishedBytesMax;
  let reader: TcpReader | undefined;
  try {
    // Names are looked up before there is a socket: the addon takes addresses.
    const address = host === undefined || isIP(host) !== 0 ? host : (await lookup(host)).address;
    reader = new (found as TcpReaderClass)(
      {
        framing: framingCode[framing.kind],
        delimiter: framing.delimiter,
        ...{ maxRecordBytes, unfinishedBytesMax, losses },
        sources: sources && new Uint8Array(sources.memory),
        worker: sources?.worker ?? 0,
      },
      () => site.readable(),
    );
    return new NativeTcpInput(reader, reader.listen(address, port, reusePort), site, options);
  } catch (error) {
    reader?.close();
    throw systemError(error as Error, port);
  }
}

class NativeTcpInput implements TcpInput, Reader {
  readonly port: number;
  lostBytes = 0;
  readonly #reader: TcpReader;
  readonly #site: ReaderSite;
  readonly #log: Log | undefined;
  readonly #guard: ListenerGuard;
  readonly #book: ListenerBook;
  /** What it has told of the reader's counts. */
  readonly #told = new Map<string, number>();
  #lookTimer: NodeJS.Timeout | undefined;
  #restTimer: NodeJS.Timeout | undefined;
  #connectionsTold = 0;
  #rateWaits = 0;
  readonly #memory: UnfinishedAccount | undefined;
  readonly #heldBack: HeldBackWatch;
  #squeezed = false;
  #paused = true;
  #finished: Promise<void> | undefined;

  constructor(reader: TcpReader, port: number, site: ReaderSite, { log, memory, guard = unguarded() }: TcpOptions) {
    this.port = port;
    this.#reader = reader;
    this.#site = site;
    this.#log = log;
    this.#guard = guard;
    this.#book = new ListenerBook(guard, log);
    this.#memory = memory;
    this.#heldBack = new HeldBackWatch(log, () => site.readable());
    site.attach(this);
    const { everyMs, idleLooks, recordLooks } = lookPlan(guard.limits);
    if (Number.isFinite(everyMs))
      this.#lookTimer = setInterval(() => {
        // What waits because the outputs are full is not the peers' fault.
        if (!this.#paused && reader.look(idleLooks, recordLooks)) site.readable();
      }, everyMs).unref();
  }

  get connections(): number {
    return this.#reader.connections;
  }

  get unfinishedBytes(): number {
    return this.#reader.unfinishedBytes;
  }

  get heldBack(): number {
    return this.#reader.heldBack;
  }

  read(engine: Engine): number {
    this.#squeeze();
    try {
      return this.#reader.read((engine as NativeEngineHandle).handle, Date.now());
    } catch (error) {
      throw translated(error);
    } finally {
      engine.wakeOwners();
      this.#account();
      this.#count();
    }
  }

  #squeeze(): void {
    const over = this.#memory?.over ?? false;
    if (over === this.#squeezed) return;
    this.#squeezed = over;
    this.#reader.squeeze(over);
  }

  #account(): void {
    const { unfinishedBytes, heldBack } = this.#reader;
    this.#memory?.set("unfinished", unfinishedBytes);
    this.#heldBack.saw(heldBack, unfinishedBytes);
  }

  /** Takes over what the reader has counted, and looks again soon while it lets connections rest. */
  #count(): void {
    const reader = this.#reader;
    for (const [name, event] of readerCounts) {
      const count = reader[name];
      const times = count - (this.#told.get(name) ?? 0);
      if (times === 0) continue;
      this.#told.set(name, count);
      this.#book.happened(event, { times });
    }
    this.#guard.counts.rateWaits += reader.rateWaits - this.#rateWaits;
    this.#rateWaits = reader.rateWaits;
    if (reader.connections !== this.#connectionsTold) {
      this.#connectionsTold = reader.connections;
      this.#guard.changed();
    }
    if (reader.resting === 0) {
      clearInterval(this.#restTimer);
      this.#restTimer = undefined;
    } else this.#restTimer ??= setInterval(() => this.#site.readable(), restLookMs).unref();
  }

  useCertificates(): void {
    throw new Error("the native reader speaks no TLS");
  }

  pause(): void {
    this.#paused = true;
    this.#reader.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#reader.resume();
  }

  finish(timeoutMs: number): Promise<void> {
    this.#finished ??= this.#finish(timeoutMs);
    return this.#finished;
  }

  async #finish(timeoutMs: number): Promise<void> {
    const reader = this.#reader;
    const deadline = Date.now() + timeoutMs;
    clearInterval(this.#lookTimer);
    await this.#stopAccepting(Math.min(timeoutMs / 4, backlogMsMax));
    // A peer that never stops sending is cut half-way, so that what came can still be delivered.
    const cut = Date.now() + Math.min((deadline - Date.now()) / 2, 2000);
    while (reader.connections > 0 && Date.now() < deadline) {
      // The look at every socket that makes this a turn, then the ends of those that were quiet long enough.
      this.#site.readable();
      reader.finishQuiet(quietTurns, Date.now() >= cut);
      this.#site.readable();
      await turn();
    }
    clearInterval(this.#restTimer);
    this.lostBytes += reader.abandon();
    this.#account();
    this.#heldBack.close();
    this.#site.detach(this);
    reader.close();
  }

  async #stopAccepting(timeoutMs: number): Promise<void> {
    const reader = this.#reader;
    const { listener: fd } = reader;
    // Takes them also while the outputs are full and nothing is read.
    const listener = { fd, accepted: () => reader.accepted, accept: () => reader.accept() };
    await untilNobodyWaits(listener, timeoutMs, this.#log);
    reader.stopAccepting();
  }
}

/** Gives the addon's error number the name that Node's own errors have. 0: an address that is none. */
function systemError(error: Error & { errno?: number; code?: string }, port: number): Error {
  if (error.code === undefined && error.errno !== undefined)
    error.code = error.errno === 0 ? "ENOTFOUND" : getSystemErrorName(-error.errno);
  return portError(error, "TCP", port);
}
