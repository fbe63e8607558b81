/**
 * What an output is: a destination as a pure description. It says what a request looks like and what an answer means; it
 * opens no socket. `src/data/delivery/` owns the wire.
 */

import type { Envelope } from "./envelope.ts";

/** An output as the user writes it. Fields that this version does not know are kept, and written back. */
export interface OutputConfig {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** What a destination takes at once. */
export interface PayloadLimits {
  readonly recordsMax: number;
  /** Of the body before compression, envelope included, or as its envelope counts. */
  readonly bytesMax: number;
  /** Of one record, counted alike; a larger one is a dead letter. Absent: as large as `bytesMax`, and beyond it alone. */
  readonly recordBytesMax?: number;
  /** Of an envelope that writes times: each record's is at least that of the one before it. What a clock that was set back has parted leaves apart. */
  readonly chronological?: true;
  /** Likewise: at most so much lies between the times of two of its records. */
  readonly spanMsMax?: number;
}

/** A payload as pieces that leave one after the other, so that records are sent from where they lie. */
export interface Body {
  readonly parts: readonly Uint8Array[];
  /** Of all parts. */
  readonly bytes: number;
}

export interface OutputRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;
  /**
   * Of a request that a verdict has made `first`: whether the answer means that it did what it is for, such as that a log group which
   * was to be created exists. Absent: 2xx means so, and everything else is judged as an answer to a payload is.
   */
  readonly served?: (response: OutputResponse) => boolean;
}

/** Carries a payload's name: a receiver that sees the same twice has been sent the same records twice. */
const groupHeader = "x-streamgate-group";

/** The headers that name a payload and say how it is compressed. */
export function payloadHeaders({
  groupId,
  encoding,
}: Pick<RequestContext, "groupId" | "encoding">): Record<string, string> {
  return {
    ...(encoding !== undefined && { "content-encoding": encoding }),
    ...(groupId !== "" && { [groupHeader]: groupId }),
  };
}

/** Whether a request that was made `first` did what it is for. */
export function wasServed({ served }: OutputRequest, response: OutputResponse): boolean {
  return served?.(response) ?? (response.status >= 200 && response.status < 300);
}

export interface OutputResponse {
  readonly status: number;
  /** Names in lower case; a repeated header is a list. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The first 128 KiB, as text. */
  readonly body: string;
}

/** What a request is told beside its body. */
export interface RequestContext {
  readonly records: number;
  /** Names the payload; the same when it is sent again. Goes along as a header. */
  readonly groupId: string;
  /** Content-Encoding of the body; absent: none. */
  readonly encoding: "gzip" | "zstd" | undefined;
  /** Stable name of the connection's slot, such as Splunk's channel needs one. */
  readonly slot: number;
}

/**
 * Why records are refused for good, in a word that stays the same and is counted by: never a destination's own words, which may quote a record
 * and of which there is no end. `http_`: an answer's status; `hec_`: a code of Splunk's collector.
 */
export type RefusalCause =
  | "rejected"
  | "too_large"
  | "too_old"
  | "too_new"
  | "expired"
  | "deadline"
  | "invalid"
  | `http_${number}`
  | `hec_${number}`;

/** Records `from` (inclusive) to `to` (exclusive) of a payload that the destination took no part of, and why. */
export interface RejectedRange {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
  /** Here and in verdicts; absent: `rejected`. */
  readonly cause?: RefusalCause;
}

export type Verdict =
  | { readonly kind: "acked" }
  /** Taken but for these, which are dead letters. */
  | { readonly kind: "partly"; readonly rejected: readonly RejectedRange[] }
  /** Taken, and to be asked about until it is confirmed (Splunk's indexer acknowledgement). */
  | { readonly kind: "confirm"; readonly token: string }
  /**
   * The same bytes may succeed later; not before `afterMs` where the destination says so. `alert`: a person has to mend something
   * (a token, a URL), said loudly. `first`: requests to make before the next try (a log group that must be created).
   */
  | {
      readonly kind: "retry";
      readonly reason?: string;
      readonly afterMs?: number;
      readonly alert?: string;
      readonly first?: readonly OutputRequest[];
    }
  /**
   * Too much at once: the same records in two halves; a single one is a dead letter. `oneAtFault`: not too much, but refused as a whole for
   * what may be one record's fault; then halves are tried only as long as some of them are taken now and then.
   */
  | { readonly kind: "split"; readonly reason: string; readonly cause?: RefusalCause; readonly oneAtFault?: true }
  /** Record `at` is refused, those before it were taken, those behind it were not: a dead letter, then resend from the next. */
  | { readonly kind: "resume"; readonly at: number; readonly reason: string; readonly cause?: RefusalCause }
  /** The same bytes would fail again: dead letters. */
  | { readonly kind: "rejected"; readonly reason: string; readonly cause?: RefusalCause };

/** How a request is signed by whoever sends it. */
export interface AwsSignature {
  readonly kind: "aws_sigv4";
  readonly service: string;
  readonly region: string;
  /** Absent: those that the sender finds for itself. */
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
}

/** A configured destination. */
export interface Output {
  readonly type: string;
  readonly limits: PayloadLimits;
  /** How records become a body. */
  readonly envelope: Envelope;
  /** What the destination accepts; the first one when nobody says. */
  readonly compressions: readonly ("none" | "gzip" | "zstd")[];
  /** Requests under way at once when nobody says; absent: 1, which keeps the order of records. */
  readonly concurrency?: "auto";
  /** Set where records leave through a stream of the process instead of requests. */
  readonly stream?: "stdout" | "file";
  readonly signature?: AwsSignature;
  /** @param payload the body, compressed where `context` says so; borrowed for the time of the request */
  request?(payload: Body, context: RequestContext): OutputRequest;
  /** @param records in the payload that was answered */
  verdict?(response: OutputResponse, records: number): Verdict;
  /** Asks whether what was taken has been confirmed: one request for many tokens. */
  readonly confirmation?: {
    request(tokens: readonly string[], slot: number): OutputRequest;
    /** @returns the tokens that are confirmed; the rest is asked about again */
    confirmed(response: OutputResponse): ReadonlySet<string>;
    /** Unconfirmed for so long, a payload is sent again. */
    readonly timeoutMs: number;
    readonly intervalMs: number;
  };
}
