/**
 * What an output is: a destination as a pure description. It says what a request looks like and what an answer means; it
 * opens no socket. `src/data/delivery/` owns the wire.
 */

import type { Static, TObject } from "typebox";

/** An output as the user writes it. Fields that this version does not know are kept, and written back. */
export interface OutputConfig {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** What a destination takes at once. */
export interface PayloadLimits {
  readonly recordsMax: number;
  readonly bytesMax: number;
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
}

export interface OutputResponse {
  readonly status: number;
  /** Names in lower case; a repeated header is a list. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

export type Verdict =
  | { readonly kind: "acked" }
  /** The same bytes may succeed later; not before `afterMs` where the destination says so. */
  | { readonly kind: "retry"; readonly afterMs?: number }
  /** The same bytes would fail again. */
  | { readonly kind: "rejected"; readonly reason: string };

/** A configured destination. */
export interface Output {
  readonly type: string;
  readonly limits: PayloadLimits;
  /** Set where records leave through the process's standard output instead of requests. */
  readonly stream?: "stdout";
  /** @param payload records, each but the last followed by LF; borrowed for the time of the request */
  request?(payload: Body): OutputRequest;
  verdict?(response: OutputResponse): Verdict;
}

export interface OutputType<P extends TObject = TObject> {
  readonly type: string;
  readonly description: string;
  /** The fields beside `type`. */
  readonly params: P;
  /** Configurations that are accepted, for the documentation and its test. */
  readonly examples: readonly Static<P>[];
  /** What a schema cannot say. @returns the field, what is wrong with it, and what would be right */
  refusal?(params: Static<P>): { param: string; what: string; fix?: string } | undefined;
  /** @param params accepted before */
  describe(params: Static<P>): Output;
}

/** Declares an output type, its fields typed by their schema. */
export function defineOutput<P extends TObject>(outputType: OutputType<P>): OutputType {
  return outputType as unknown as OutputType;
}
