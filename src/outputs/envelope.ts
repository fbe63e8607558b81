/**
 * How records become a body: data that an engine executes, so that no JavaScript runs per record.
 *
 * `text`: records as they lie, joined by LF; such a body is sent from the batches themselves, nothing is encoded. `json`: each record
 * becomes a JSON string, or, where it is a JSON object, may stay one.
 */

/** Text around each record of a kind. With `time`, the range's receive time is written between `before` and `then`. */
export interface Frame {
  readonly before: string;
  /** `ms`: milliseconds since 1970 as an integer; `s`: seconds with three decimals. */
  readonly time?: "ms" | "s";
  /** Behind the time; only with `time`. */
  readonly then?: string;
  readonly after: string;
}

/** A member that is added to a record which is a JSON object, unless it has one of that name (compared decoded, top level). */
export interface Member {
  readonly name: string;
  /** JSON text. */
  readonly value: string;
}

/** Text behind a record's string that its syslog header fills in, exactly escaped. */
export interface Filled {
  /** JSON text in front of the field's string: `,"hostname":`. */
  readonly before: string;
  /** The field of a syslog record, as `encodeSyslogField` (`src/plan/syslog_field.ts`) writes it. */
  readonly field: Uint8Array;
  /** JSON text that stands there instead where the record has no such field; may be empty. */
  readonly otherwise: string;
}

export interface TextEnvelope {
  readonly kind: "text";
}

export interface JsonEnvelope {
  readonly kind: "json";
  /** Around the whole body, and between two records: `[`, `,`, `]`. */
  readonly before: string;
  readonly between: string;
  readonly after: string;
  /** Around a record that becomes a JSON string: `before` time `then` "…" `after`. */
  readonly string: Frame;
  /** Between the string and `string.after`. A record that is a JSON object is no syslog: its frame or its members say what it gets. */
  readonly filled?: readonly Filled[];
  /**
   * What becomes of a record that is one whole JSON object. Absent: a string, as every other. `value`: it stands, as JSON, where
   * the string would, in a frame of its own. `merge`: its own members stand behind the `members` that it lacks, in one object.
   * Raw CR and LF between its tokens become spaces; broken UTF-8 in it becomes U+FFFD, one per maximal subpart.
   */
  readonly object?:
    | { readonly kind: "value"; readonly frame: Frame }
    | { readonly kind: "merge"; readonly members: readonly Member[] };
  /**
   * How a record counts against `bytesMax` and `recordBytesMax` of the limits. Absent: its bytes in the body, `between` included. Else
   * the UTF-8 bytes of the record (U+FFFD for what is broken) and this many on top (CloudWatch: 26).
   */
  readonly countedBesideText?: number;
}

export type Envelope = TextEnvelope | JsonEnvelope;
