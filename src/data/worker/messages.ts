/**
 * What the main thread and a worker say to each other. Every request has a number and gets one answer.
 *
 * Plans and output configurations travel as plain data; rings and ledgers as shared memory that the main thread owns.
 */

import type { ErrorCode } from "../../errors.ts";
import type { OutputConfig } from "../../manifest/manifest.ts";
import type { TailLook, TailWatch } from "../../plan/live.ts";
import type { Plan } from "../../plan/operations.ts";
import type { LogFields, LogLevel } from "../../telemetry/log.ts";
import type { ServerTls } from "../../tls/certificate_files.ts";
import type { DeliveryStatus } from "../delivery/delivery.ts";
import type { StreamTarget } from "../delivery/stream/stream_writer.ts";
import type { RuleEffect } from "../engine/engine.ts";
import type { Framing } from "../frame/framing.ts";
import type { ListenerLimits } from "../inputs/listener_limits.ts";
import type { QuarantinePlace } from "../quarantine/store.ts";
import type { ShardKey } from "../shard/shard_key.ts";
import type { RecentRecord } from "./recent.ts";

/** Producer numbers in a ring's table of epochs: a worker's own, and its native UDP receiver's. */
export const udpProducerBase = 32;
/** So that both numbers of every worker fit `producersMax`. */
export const workersMax = udpProducerBase;

/** Given to a worker when it is made. */
export interface WorkerStart {
  readonly index: number;
  readonly engine: "native" | "portable";
  /** The inbox of every worker, by index; `rings[index]` is this worker's own. */
  readonly rings: readonly SharedArrayBuffer[];
  /** Where console outputs put their records: the process's stdout writer. */
  readonly stdout: StreamTarget;
  readonly tcpFraming: Framing;
  readonly maxRecordBytes: number;
  readonly queueBytes: number;
  /** The account of what waits, of all workers: `memory_budget.ts`. */
  readonly memory: SharedArrayBuffer;
  /** Who is connected, of all workers: `inputs/sources.ts`. */
  readonly sources: SharedArrayBuffer;
  readonly listenerLimits: ListenerLimits;
  readonly allowMetadataOutputs: boolean;
  readonly overload: "bypass" | "backpressure";
  /** Absent: a record stays with the worker that received it. */
  readonly shardKey: ShardKey | undefined;
  /** Where spools and dead letters lie; absent: nowhere. */
  readonly dataDir: string | undefined;
  /** Where records go that a protect rule cannot finish; absent: they are lost{quarantine_full}. */
  readonly quarantine: QuarantinePlace | undefined;
}

export interface ListenRequest {
  readonly kind: "listen";
  readonly host: string | undefined;
  /** Absent: this worker opens no such socket. */
  readonly tcpPort: number | undefined;
  readonly udpPort: number | undefined;
  readonly tls:
    | { readonly port: number; readonly certificates: ServerTls; readonly handshakeTimeoutMs: number }
    | undefined;
  /** Several sockets share the port. */
  readonly reusePort: boolean;
  /** Connections are dealt out over the rings of all workers. */
  readonly spread: boolean;
}

export type Request =
  /** Phase 1 of a reload: make plan and outputs ready. `ledger`: memory for the counters while this manifest runs. */
  | {
      readonly kind: "prepare";
      readonly plan: Plan;
      readonly outputs: readonly OutputConfig[];
      readonly batchSize: number;
      readonly ledger: SharedArrayBuffer;
      /** The writers of file outputs, by the output's id. */
      readonly files: Readonly<Record<string, StreamTarget>>;
    }
  /** Phase 2: run what was prepared. */
  | { readonly kind: "commit" }
  | { readonly kind: "discard" }
  | ListenRequest
  /** New connections over TLS are shown these. */
  | { readonly kind: "certificates"; readonly tls: ServerTls }
  /** Stop accepting, read what open connections have sent, close them. */
  | { readonly kind: "quiesce"; readonly timeoutMs: number }
  /** Then: run and deliver everything; what is left at the deadline is counted lost{shutdown}. */
  | { readonly kind: "drain"; readonly timeoutMs: number }
  /** A producer of this worker's ring has died: skip what it claimed and never committed. */
  | { readonly kind: "producerDied" }
  /** The quarantine's segment that this worker writes to is closed: what is there may be rewritten. */
  | { readonly kind: "rotateQuarantine" }
  /** Records of the quarantine run again, through the plan that runs now (`OpenedGroup`). */
  | {
      readonly kind: "release";
      readonly entries: Uint8Array;
      readonly rules: readonly string[];
      readonly timeMs: number;
    }
  /** What the ledger does not say, for people. */
  | { readonly kind: "status" }
  /** What rules in shadow would have done. */
  | { readonly kind: "effects" }
  /** Records that just passed. */
  | { readonly kind: "recent" }
  /** What was gathered for people who look on, and what to gather from now on; none: nothing. */
  | { readonly kind: "tail"; readonly watches: readonly TailWatch[] };

/** What one worker counted of a rule in shadow. */
export interface WorkerEffect extends Omit<RuleEffect, "rule"> {
  /** Its id. */
  readonly rule: string;
  /** Since when, in milliseconds since 1970. */
  readonly sinceMs: number;
}

/** How one worker fares. */
export interface WorkerStatus {
  readonly outputs: Readonly<Record<string, DeliveryStatus>>;
  /** Ids of rules that are skipped under overload. */
  readonly skipped: readonly string[];
}

export interface Failure {
  readonly code: ErrorCode | undefined;
  readonly where: string | undefined;
  readonly what: string;
  readonly fix: string | undefined;
}

export interface Answers {
  prepare: undefined;
  commit: undefined;
  discard: undefined;
  listen: { tcpPort: number | undefined; udpPort: number | undefined; tlsPort: number | undefined };
  certificates: undefined;
  quiesce: undefined;
  /** Whether everything was delivered. */
  drain: boolean;
  producerDied: undefined;
  rotateQuarantine: undefined;
  /** Records that were withheld again and written anew, or why nothing was handed on. */
  release: { readonly withheldAgain: number } | { readonly why: string };
  status: WorkerStatus;
  effects: readonly WorkerEffect[];
  recent: readonly RecentRecord[];
  /** By the watches of the request before. */
  tail: readonly TailLook[];
}

export interface Numbered {
  readonly number: number;
  readonly request: Request;
}

export type FromWorker =
  | { readonly kind: "ready" }
  | { readonly kind: "answer"; readonly number: number; readonly answer: unknown }
  | { readonly kind: "failure"; readonly number: number; readonly failure: Failure }
  | { readonly kind: "log"; readonly level: LogLevel; readonly fields: LogFields; readonly message: string };
