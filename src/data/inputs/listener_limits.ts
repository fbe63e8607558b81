/** What listeners do against peers that come in numbers, say nothing or never come to an end; and what of that happened. */

import { type Log, RateLimit } from "../../telemetry/log.ts";
import type { SourceRefusal, Sources } from "./sources.ts";

export interface ListenerLimits {
  /** Without a byte for so long a connection is closed. 0: never. */
  readonly idleMs: number;
  /** A record may take so long from its first byte to its end. 0: any. */
  readonly recordMs: number;
}

/** Counts of one worker since it started; written by its inputs, read by its ledger. */
export interface ListenerCounts {
  /** Over MAX_CONNECTIONS. */
  refusedConnections: number;
  /** Over MAX_CONNECTIONS_PER_SOURCE. */
  refusedSource: number;
  /** The process has no file descriptor left. */
  refusedDescriptors: number;
  closedIdle: number;
  /** In the middle of a record that took too long. */
  closedSlow: number;
  handshakesFailed: number;
  /** Their certificate is not of an authority of TLS_CLIENT_CA. */
  certificatesRefused: number;
  /** How often a connection was not read for a while because its source was over its rate. */
  rateWaits: number;
}

export const listenerCountNames = [
  "refusedConnections",
  "refusedSource",
  "refusedDescriptors",
  "closedIdle",
  "closedSlow",
  "handshakesFailed",
  "certificatesRefused",
  "rateWaits",
] as const satisfies readonly (keyof ListenerCounts)[];

export function zeroListenerCounts(): ListenerCounts {
  return Object.fromEntries(listenerCountNames.map((name) => [name, 0])) as Record<keyof ListenerCounts, number>;
}

/** What the inputs of one worker share. */
export interface ListenerGuard {
  readonly limits: ListenerLimits;
  readonly counts: ListenerCounts;
  readonly sources: Sources | undefined;
  /** A count or the number of connections has changed. */
  changed(): void;
}

export function unguarded(): ListenerGuard {
  return {
    limits: { idleMs: 0, recordMs: 0 },
    counts: zeroListenerCounts(),
    sources: undefined,
    changed: () => {},
  };
}

/** So many looks make a timeout: it is kept to a quarter of itself. */
const looksPerTimeout = 4;
const lookMsMin = 20;
const lookMsMax = 15_000;

/** How often to look at connections that bring nothing, and how many looks make a timeout. */
export interface LookPlan {
  /** Infinity: never. */
  readonly everyMs: number;
  /** Looks at a connection that brought nothing. 0: any number. */
  readonly idleLooks: number;
  /** Looks at one record. 0: any number. */
  readonly recordLooks: number;
}

export function lookPlan({ idleMs, recordMs }: ListenerLimits): LookPlan {
  const shortestMs = Math.min(idleMs || Number.POSITIVE_INFINITY, recordMs || Number.POSITIVE_INFINITY);
  if (!Number.isFinite(shortestMs)) return { everyMs: shortestMs, idleLooks: 0, recordLooks: 0 };
  const everyMs = Math.min(lookMsMax, Math.max(lookMsMin, Math.floor(shortestMs / looksPerTimeout)));
  // One more than fit: the first look may come at once after the last byte.
  const looks = (timeoutMs: number) => (timeoutMs === 0 ? 0 : Math.ceil(timeoutMs / everyMs) + 1);
  return { everyMs, idleLooks: looks(idleMs), recordLooks: looks(recordMs) };
}

const complaintPeriodMs = 10_000;

const refusals = {
  connections: "connections were closed at once: MAX_CONNECTIONS are open",
  source: "connections were closed at once: one address has MAX_CONNECTIONS_PER_SOURCE open",
  descriptors:
    "connections were closed at once: the process has no file descriptor left; raise its limit (ulimit -n, LimitNOFILE)",
  idle: "connections were closed: nothing came for IDLE_TIMEOUT",
  slow: "connections were closed in the middle of a record that took longer than RECORD_TIMEOUT; what had come of it counts as a record",
  handshake: "TLS handshakes failed",
  certificate: "connections were refused: their client certificate is not of an authority of TLS_CLIENT_CA",
} as const;
export type ListenerEvent = SourceRefusal | keyof typeof refusals;

const counted = {
  connections: "refusedConnections",
  source: "refusedSource",
  descriptors: "refusedDescriptors",
  idle: "closedIdle",
  slow: "closedSlow",
  handshake: "handshakesFailed",
  certificate: "certificatesRefused",
} as const;

/** Counts what befell connections and says so, each kind once in ten seconds at most. */
export class ListenerBook {
  readonly #log: Log | undefined;
  readonly #counts: ListenerCounts;
  readonly #changed: () => void;
  readonly #complaints = new RateLimit(complaintPeriodMs);
  readonly #untold = new Map<ListenerEvent, number>();

  constructor({ counts, changed }: ListenerGuard, log: Log | undefined) {
    this.#counts = counts;
    this.#log = log;
    this.#changed = changed;
  }

  /** @param why of the one at hand, such as OpenSSL's code */
  happened(
    event: ListenerEvent,
    { address, why, times = 1 }: { address?: string | undefined; why?: string | undefined; times?: number } = {},
  ): void {
    this.#counts[counted[event]] += times;
    this.#changed();
    const connections = (this.#untold.get(event) ?? 0) + times;
    this.#untold.set(event, connections);
    if (this.#complaints.pass(event) === undefined) return;
    this.#untold.delete(event);
    this.#log?.warn(
      {
        connections,
        ...(address !== undefined && { address: address.replace(/^::ffff:/, "") }),
        ...(why !== undefined && { why }),
      },
      refusals[event],
    );
  }

  /** A connection is not read for a while; no word of it, since it is what the limit is for. */
  rested(times = 1): void {
    this.#counts.rateWaits += times;
  }
}
