/**
 * The native TCP reader (`native/tcp/reader.h`) as a TcpInput: sockets that the addon reads straight into the worker's engine, in the
 * worker's own thread. JavaScript runs once a wake-up, which serves every socket that is readable by then.
 */

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { getSystemErrorName } from "node:util";
import { type Log, RateLimit } from "../../telemetry/log.ts";
import { loadAddon, type NativeEngine } from "../engine/addon.ts";
import type { Engine } from "../engine/engine.ts";
import { translated } from "../engine/native/errors.ts";
import type { NativeEngineHandle } from "../engine/native/run.ts";
import { framingCode } from "../frame/framing.ts";
import type { Reader, ReaderSite } from "../worker/inbox.ts";
import type { MemoryBudget } from "../worker/memory_budget.ts";
import { portError } from "./port_error.ts";
import { backlogMsMax, quietTurns, type TcpInput, type TcpOptions, turn } from "./tcp_input.ts";
import { HeldBackWatch } from "./unfinished.ts";

interface TcpReader {
  /** @throws with the property `errno` */
  listen(address: string | undefined, port: number, reusePort: boolean): number;
  read(engine: NativeEngine, receivedAtMs: number): number;
  resume(): void;
  pause(): void;
  accept(): void;
  stopAccepting(): void;
  finishQuiet(turns: number, cut: boolean): void;
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
}

const complaintPeriodMs = 10_000;

type TcpReaderClass = new (
  options: {
    framing: number;
    delimiter: Uint8Array | undefined;
    maxRecordBytes: number;
    /** Of all connections; undefined: no bound. */
    unfinishedBytesMax: number | undefined;
    losses: Float64Array;
  },
  onReadable: () => void,
) => TcpReader;

/** @returns undefined where the addon has no reader (it needs Linux) */
export async function openNativeTcp(options: TcpOptions, site: ReaderSite): Promise<TcpInput | undefined> {
  const loaded = loadAddon();
  const found = "addon" in loaded ? (loaded.addon as { TcpReader?: unknown }).TcpReader : undefined;
  if (found === undefined) return undefined;
  const { host, port, reusePort, framing, maxRecordBytes, losses, memory } = options;
  const unfinishedBytesMax = memory?.unfinishedBytesMax;
  let reader: TcpReader | undefined;
  try {
    // Names are looked up before there is a socket: the addon takes addresses.
    const address = host === undefined || isIP(host) !== 0 ? host : (await lookup(host)).address;
    reader = new (found as TcpReaderClass)(
      { framing: framingCode[framing.kind], delimiter: framing.delimiter, maxRecordBytes, unfinishedBytesMax, losses },
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
  readonly #memory: MemoryBudget | undefined;
  readonly #heldBack: HeldBackWatch;
  #squeezed = false;
  readonly #complaints = new RateLimit(complaintPeriodMs);
  /** Of which the log has told. */
  #refused = 0;
  #finished: Promise<void> | undefined;

  constructor(reader: TcpReader, port: number, site: ReaderSite, { log, memory }: TcpOptions) {
    this.port = port;
    this.#reader = reader;
    this.#site = site;
    this.#log = log;
    this.#memory = memory;
    this.#heldBack = new HeldBackWatch(log, () => site.readable());
    site.attach(this);
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
      if (this.#reader.refused > this.#refused) this.#complain();
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

  #complain(): void {
    if (this.#complaints.pass("refused") === undefined) return;
    const connections = this.#reader.refused - this.#refused;
    this.#refused += connections;
    this.#log?.warn(
      { connections, port: this.port },
      "connections were closed at once: the process has no file descriptor left; raise its limit (ulimit -n, LimitNOFILE)",
    );
  }

  pause(): void {
    this.#reader.pause();
  }

  resume(): void {
    this.#reader.resume();
  }

  finish(timeoutMs: number): Promise<void> {
    this.#finished ??= this.#finish(timeoutMs);
    return this.#finished;
  }

  async #finish(timeoutMs: number): Promise<void> {
    const reader = this.#reader;
    const deadline = Date.now() + timeoutMs;
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
    this.lostBytes += reader.abandon();
    this.#account();
    this.#heldBack.close();
    this.#site.detach(this);
    reader.close();
  }

  /**
   * Closes the listener when a turn has brought no connection. The system completes connections by itself: to their peers, who
   * may have sent everything and gone, those that wait to be taken are as good as open, and a close would drop them unseen.
   */
  async #stopAccepting(timeoutMs: number): Promise<void> {
    const reader = this.#reader;
    const deadline = Date.now() + timeoutMs;
    for (let before = -1; before !== reader.accepted && Date.now() < deadline; ) {
      before = reader.accepted;
      await turn();
      // Also while the outputs are full and nothing is read.
      reader.accept();
    }
    reader.stopAccepting();
  }
}

/** Gives the addon's error number the name that Node's own errors have. 0: an address that is none. */
function systemError(error: Error & { errno?: number; code?: string }, port: number): Error {
  if (error.code === undefined && error.errno !== undefined)
    error.code = error.errno === 0 ? "ENOTFOUND" : getSystemErrorName(-error.errno);
  return portError(error, "TCP", port);
}
