/**
 * The operation table: what a plan may ask of an engine. Plain data, the same for both engines.
 *
 * A new operation is a row here, one file in each engine, and its conformance vectors.
 */

export const operationCode = {
  /** args: literal. Drops a record that contains it, byte for byte. */
  dropLiteral: 1,
  /** args: pattern. Drops a record in which RE2 finds it. */
  dropPattern: 2,
  /**
   * args: pattern, rewrite. Replaces every match as RE2::GlobalReplace does. With the flag `limited`, at most
   * matchBudgetBytes ÷ (bytes of the text it sees, at least 1) matches are made; one more and the record is quarantined.
   */
  replacePattern: 3,
  /**
   * args: operator (one byte: attributeOperator), value, then one argument a path: its keys, each as u32 length + bytes. A path may be the only
   * one and stand for a field of a syslog record (encodeSyslogPath of syslog_field.ts).
   * Drops a JSON record in which the first path that exists leads to a scalar that the operator accepts.
   */
  dropAttribute: 4,
  /** No args. Drops every record for which its condition holds (`Operation.when`), or every one when it has none. */
  drop: 5,
  /**
   * args: as drawn in redact_arguments.ts. Finds values by detectors and by the names of fields, below escapes too, and replaces them,
   * or drops the record. What lies below more escapes than are taken away withholds the record.
   */
  redact: 6,
  /**
   * args: keep and weigh (one byte each), seven u64 thresholds, seven f64 weights, then one argument a path where it is by key. By
   * `severity`: a record whose severity is `keep` or more passes as it is; another where its hash is less than the threshold (2^64 - 1: always,
   * and as it is), or, without a key and with a whole weight n, where it is the one drawn of n in a row; with its weight
   * written on it when `weigh` is not 0.
   */
  sample: 7,
  /**
   * args: f64 window in ms · f64 memory in bytes · u8 mask; the rule's label, the inside of a JSON string; then one argument a field: for
   * each of its paths u32 length · path. Drops a record that is like one that passed in the window, and tells of it in a summary.
   */
  dedupe: 8,
  /**
   * args: f64 window in ms · f64 memory in bytes · f64 tokens a ms · f64 tokens at most (both in millionths) · u8 throttleKey · u8 unit (0
   * records, 1 bytes) · u8 exempt; the label; then one argument a path. Drops what is too much, and tells of it in summaries.
   */
  throttle: 9,
  /** args: u64, little-endian, bit n: output n. From here on the record goes to these outputs, and whatever a route said before is forgotten. */
  route: 10,
} as const;
export type OperationName = keyof typeof operationCode;

export const operationFlag = {
  /** The rule is of class protect: never skipped, whatever the load (promise P1). */
  protect: 1,
  /** The pattern's matches have no upper length (promise P6). */
  limited: 2,
  /** The rule's mode is shadow: what it would do is counted, and the record goes on as it was. */
  shadow: 4,
} as const;

/** Most keys in a path of dropAttribute: an engine's walk recurses once a key, along the plan and never along the record. */
export const attributeKeysMax = 100;

/**
 * How the scalar that an attribute's paths lead to is compared. dropAttribute knows the first three, a condition all. Every one
 * holds only where the record is JSON and has the attribute; `differs` and `exists` also where that is an object or a list.
 */
export const attributeOperator = {
  /** Its text is one of the values. */
  equals: 0,
  contains: 1,
  /** RE2 finds the value, a pattern, in its text. */
  regex: 2,
  startsWith: 3,
  endsWith: 4,
  /** Its text is none of the values. */
  differs: 5,
  /** No values. */
  exists: 6,
  /** Its text is a number (attributeNumber), and more than the value's. */
  greater: 7,
  less: 8,
} as const;
export type AttributeOperator = keyof typeof attributeOperator;

/**
 * What `greater` and `less` take for a number: JSON's grammar, but no longer than attributeNumberBytesMax and with an exponent of at
 * most two digits, so that a double holds each and no engine needs to say what 1e999 is.
 */
export const attributeNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,2})?$/;
export const attributeNumberBytesMax = 64;

/** What a rule that remembers may have in memory, in bytes; the least holds a few hundred records, and one long text twice. */
export const reduceMemoryBytesMin = 65_536;
export const reduceMemoryBytesMax = 2 ** 30;
/** Of what a rule cut, the first record's text is kept for the summary; longer ones are not, for a piece of one could hide what rules look for. */
export const reduceTextBytesMax = 8192;
/** Most records or bytes in a throttle's bucket, and most a second: in millionths, and with the largest record's debt, still below 2^53. */
export const throttleTokensMax = 1e9;
/** Of what a throttle has a bucket each. */
export const throttleKey = { all: 0, source: 1, attribute: 2 } as const;
/** Most records that one stands for: the least rate is its inverse. */
export const sampleWeightMax = 1e9;

export interface Operation {
  readonly name: OperationName;
  /** Index into `Plan.rules`: who is counted. */
  readonly rule: number;
  /** Sum of operationFlag. */
  readonly flags: number;
  /** Argument bytes, as the table says. Patterns and literals are UTF-8. */
  readonly args: readonly Uint8Array[];
  /** The records that it looks at; absent: all. Asked about the record as the operations before have left it. */
  readonly when?: Condition;
}

export type RuleClass = "reduce" | "protect";

export interface PlanRule {
  readonly id: string;
  readonly type: string;
  readonly class: RuleClass;
  /**
   * Names what the rule remembers from one record to the next, 64 bits: two plans whose rules have the same hand it on. Absent or 0: it
   * remembers nothing.
   */
  readonly state?: bigint;
}

/** How bad a record says it is, after OpenTelemetry's six ranges. What is above an error (critical, alert, emergency, panic) is fatal. */
export const severity = { unknown: 0, trace: 1, debug: 2, info: 3, warn: 4, error: 5, fatal: 6 } as const;
export type Severity = Exclude<keyof typeof severity, "unknown">;

/** The kinds of a condition, as numbers in a plan's bytes. */
export const conditionCode = {
  all: 1,
  any: 2,
  not: 3,
  literal: 4,
  pattern: 5,
  attribute: 6,
  severity: 7,
  syslog: 8,
  source: 9,
  transport: 10,
  time: 11,
} as const;

/** Most conditions that lie in one another in a plan: engines recurse once for each. */
export const conditionDepthMax = 32;

/**
 * A condition over one record, as engines evaluate it. Texts are UTF-8 bytes; patterns are RE2's.
 *
 * Where a record's source or transport is not known, what asks for it holds for a rule that protects and does not for any other: nobody
 * can say that the rule need not look. `not` turns that round, so that the answer as a whole is the careful one.
 */
export type Condition =
  | { readonly kind: "all" | "any"; readonly of: readonly Condition[] }
  | { readonly kind: "not"; readonly of: Condition }
  /** Contains it, byte for byte. */
  | { readonly kind: "literal"; readonly literal: Uint8Array }
  | { readonly kind: "pattern"; readonly pattern: Uint8Array }
  | {
      readonly kind: "attribute";
      readonly operator: AttributeOperator;
      /** One or more for `equals` and `differs`, none for `exists`, else one. */
      readonly values: readonly Uint8Array[];
      /** Places where the attribute may lie, the first that exists decides; each as in a dropAttribute's arguments. */
      readonly paths: readonly Uint8Array[];
    }
  | {
      readonly kind: "syslog";
      readonly operator: AttributeOperator;
      /** As many as an attribute's operator takes. */
      readonly values: readonly Uint8Array[];
      /** Of a syslog record, as `encodeSyslogField` writes it. The operator asks for a record that has it. */
      readonly field: Uint8Array;
    }
  /** Its severity is known, and this or worse. */
  | { readonly kind: "severity"; readonly atLeast: Severity }
  /** Its peer's address lies in one of these networks: each u8 bits of the prefix · 4 or 16 bytes, network order. */
  | { readonly kind: "source"; readonly networks: readonly Uint8Array[] }
  /** It came by one of these: bit n is `transport` n. */
  | { readonly kind: "transport"; readonly transports: number }
  /** Its receive time lies in the first `lengthMs` of a period; periods are counted from 1970. Whole milliseconds, the period 1 to 2^32 - 1. */
  | { readonly kind: "time"; readonly periodMs: number; readonly lengthMs: number };

/** Which records an output gets: those for which its condition holds, looked at on the final record. Never skipped (promise P1). */
export interface Route {
  /** Bit in a batch entry's routes: the output's index in the manifest. */
  readonly output: number;
  readonly condition: Condition;
}

/** What the rules of a manifest compile to. */
export interface Plan {
  readonly rules: readonly PlanRule[];
  readonly operations: readonly Operation[];
  /** What chance is made of, with a rule's state and a record's sequence: 64 bits. Absent: 0. */
  readonly seed?: bigint;
  /** With rules in shadow: places where a JSON record may name its service, as in a dropAttribute's arguments; the first that exists decides. */
  readonly service?: readonly Uint8Array[];
  /** One for each output that has a filter, ascending; the others get every record. Absent: every output gets every record. */
  readonly routes?: readonly Route[];
  /** With routes: how many outputs there are. A record that none of them gets is counted and not kept. */
  readonly outputs?: number;
}
