/** What a TCP input is, and how one ends: the listener of a worker and the connections that it took. */

import type { Log } from "../../telemetry/log.ts";
import type { ServerTls } from "../../tls/certificate_files.ts";
import type { EngineKind } from "../engine/engine.ts";
import type { Framing } from "../frame/framing.ts";
import type { Intake, ReaderSite } from "../worker/inbox.ts";
import type { UnfinishedAccount } from "../worker/memory_budget.ts";
import type { ListenerGuard } from "./listener_limits.ts";

export interface TcpOptions {
  readonly host: string | undefined;
  readonly port: number;
  readonly reusePort: boolean;
  readonly kind: EngineKind;
  readonly framing: Framing;
  readonly maxRecordBytes: number;
  /** `frameCells` cells. */
  readonly losses: Float64Array;
  /** The inbox that takes connection number n. */
  readonly intake: (connection: number) => Intake;
  readonly log?: Log;
  /** Where unfinished records are counted, and what bounds them; absent: nothing does. */
  readonly memory?: UnfinishedAccount;
  /** This worker's inbox, when it takes all of them. */
  readonly inbox?: ReaderSite;
  /** Absent: streams come as they are. */
  readonly tls?: { readonly certificates: ServerTls; readonly handshakeTimeoutMs: number };
  /** Absent: any number of connections, for as long as they like. */
  readonly guard?: ListenerGuard;
}

export interface TcpInput {
  readonly port: number;
  /** Open ones. */
  readonly connections: number;
  /** Bytes of records that have no end yet, of all connections. */
  readonly unfinishedBytes: number;
  /** Connections that are not read, in the middle of a record, because such records fill their share of memory. */
  readonly heldBack: number;
  /** Shows another certificate from the next connection on. */
  useCertificates(tls: ServerTls): void;
  /** Bytes that were read and could not be handed on before the deadline of a shutdown. */
  readonly lostBytes: number;
  /**
   * Accepts no more and lets open connections finish: reads what is readable, hands it on, closes. At the deadline the rest is
   * given up.
   */
  finish(timeoutMs: number): Promise<void>;
}

/**
 * After a stop: a connection without data in this many turns of the event loop, each with a look at readable sockets, has no more to
 * read. Turns, not time: a loop that was busy with another connection for long has not looked at this one. Two tenths of a second: peers
 * were told that this side ends, and what those send that have not looked yet would be lost.
 */
export const quietTurns = 20;
const turnMs = 10;
/**
 * After a stop: how long peers whose handshake does not end, or that connect again and again, may keep the listener open. A segment of the
 * handshake that was lost is sent again after a second (RFC 6298).
 */
export const backlogMsMax = 2500;

/** One turn of the event loop, with a poll. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, turnMs));
  await new Promise((resolve) => setImmediate(resolve));
}
