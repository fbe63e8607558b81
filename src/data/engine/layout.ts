/**
 * The memory that an engine writes: a batch, and the counts beside it. Both engines write it alike, to the byte.
 *
 * A batch is one ordinary `ArrayBuffer` (undici refuses bodies over shared memory). The native engine's belongs to the addon
 * (`native/plan/batch_memory.h`), whose threads may go on reading it when the worker that filled it has gone:
 *
 *     0             64                        64 + 16 × recordsMax            … + bytesMax
 *     | BatchHeader | BatchEntry[recordsMax]  | record LF record LF …         |
 *
 * Records lie one after the other, each followed by one LF that its length does not count, so that "records joined by
 * newline" is a slice, and so that survivors of a newline-framed chunk are copied as maximal runs.
 */

import { effectExampleBytesMax } from "../../plan/live.ts";
import type { Plan } from "../../plan/operations.ts";
import { selectorCellsOf } from "../../plan/redact_counts.ts";
import { struct } from "../../struct.ts";

export const batchHeader = struct("BatchHeader", "The first 64 bytes of a batch.", 64, {
  recordsMax: { type: "u32", doc: "Entries that fit the index." },
  bytesMax: { type: "u32", doc: "Bytes that fit behind the index." },
  records: { type: "u32", doc: "Entries written so far." },
  bytes: { type: "u32", doc: "Bytes written so far, LFs included." },
  holders: { type: "u32", doc: "Ranges of it that native threads still read; only the addon writes it, atomically." },
});

export const batchEntry = struct("BatchEntry", "One surviving record.", 16, {
  offset: { type: "u32", doc: "From the start of the batch's bytes." },
  length: { type: "u32", doc: "Without the LF." },
  routesLow: { type: "u32", doc: "Bit n: goes to output n, outputs 0 to 31." },
  routesHigh: { type: "u32", doc: "Outputs 32 to 63." },
});

/**
 * What protect rules could not finish, on its way to the quarantine: one `ArrayBuffer`, given to an engine with `attachWithheld`.
 *
 *     0                32                            32 + bytesMax
 *     | WithheldHeader | entry | entry | …           |
 *
 *     entry: | WithheldEntry | the record's bytes as received | 0 to 7 bytes of padding |
 */
export const withheldHeader = struct("WithheldHeader", "The first 32 bytes of a buffer of withheld records.", 32, {
  bytesMax: { type: "u32", doc: "Bytes that fit behind this header; a multiple of 8." },
  bytes: { type: "u32", doc: "Bytes of entries written so far; a multiple of 8." },
  records: { type: "u32", doc: "Entries written so far." },
  needBytes: { type: "u32", doc: "What the engine stopped at: bytes of the entry that found no room; 0: none." },
});

export const withheldEntry = struct("WithheldEntry", "In front of one withheld record.", 40, {
  receivedAtMs: { type: "f64", doc: "Milliseconds since 1970; 0: unknown." },
  address: { type: "u8", count: 16, doc: "The peer's address, network order; IPv4 in the first four bytes." },
  length: { type: "u32", doc: "Bytes of the record." },
  rule: { type: "u32", doc: "The rule that could not finish it, by its number in the plan." },
  transport: { type: "u8", doc: "How it came: transport." },
  family: { type: "u8", doc: "4 or 6: the version of `address`; 0: unknown." },
  cause: { type: "u8", doc: "quarantineCause." },
});

/** Bytes that a record of this length takes in such a buffer. */
export function withheldBytes(length: number): number {
  return withheldEntry.bytes + 8 * Math.ceil(length / 8);
}

/**
 * What an engine counts, as cells of a Float64Array (exact to 2^53). Bytes are bytes as received, without framing, except
 * `writtenBytes`. After every call, in records and in bytes: `received + created = passed + Σ rule.dropped + Σ quarantined…`.
 * What framing loses before a record reaches an engine is counted apart, in `frameCell`s.
 */
export const countCell = {
  receivedRecords: 0,
  receivedBytes: 1,
  passedRecords: 2,
  passedBytes: 3,
  /** Bytes of what passed as it is written, after redaction, without LFs; also of records that no output gets (routeCell). */
  writtenBytes: 4,
  quarantinedMatchLimitRecords: 5,
  quarantinedMatchLimitBytes: 6,
  quarantinedOutputLimitRecords: 7,
  quarantinedOutputLimitBytes: 8,
  /** Summaries that rules made of what they dropped. They go on as records do, so they are in what follows and not in received. */
  createdRecords: 9,
  createdBytes: 10,
  /** First of two cells, records and bytes, for each of `transportsCounted` transports: what of `received` came that way. */
  receivedByTransport: 11,
} as const;
export type CountCell = keyof typeof countCell;
/**
 * What a framer loses, as cells of a Float64Array that its maker hands over. A record cut at MAX_RECORD_BYTES is still one
 * record with the bytes that are left; the bytes cut off are lostOversizeBytes.
 */
export const frameCell = {
  /** Records of which nothing was left after the cut. */
  lostOversizeRecords: 0,
  lostOversizeBytes: 1,
  /** Malformed or unfinished frames (octet, length32). */
  lostFrameRecords: 2,
  lostFrameBytes: 3,
  /** Records that were cut at MAX_RECORD_BYTES, those of which nothing was left included. */
  cutRecords: 4,
} as const;
export type FrameCell = keyof typeof frameCell;
export const frameCells = 8;

/** By their numbers in src/data/ring/layout.ts; one beyond is counted with those that are unknown. */
export const transportsCounted = 8;
/** Cells before the first rule's; a few are spare. */
export const countCellsFixed = 32;

/** Cells of rule i start at `countCellsFixed + i × countCellsPerRule`. */
export const ruleCell = {
  /** Records that the rule dropped. */
  droppedRecords: 0,
  droppedBytes: 1,
  /** Records that the rule changed. */
  changedRecords: 2,
  /** Matches that it replaced in them. */
  replacements: 3,
  /** Records that it could not finish. */
  quarantinedRecords: 4,
  quarantinedBytes: 5,
  /** Summaries that it made. */
  summaryRecords: 6,
  summaryBytes: 7,
  /** sample: of the records that it kept by chance, how many they stand for. */
  sampledWeight: 8,
  /** sample by key: of 256 buckets those that keys have fallen into, so about how many keys there are up to some hundred. */
  keyBuckets: 9,
} as const;
export type RuleCell = keyof typeof ruleCell;
export const countCellsPerRule = 10;

/**
 * Cells of route i start behind the last rule's, at `countCellsFixed + rules × countCellsPerRule + i × countCellsPerRoute`. For its
 * output, in records and in bytes as written: `passed = filtered + routed`.
 */
export const routeCell = {
  /** Records that passed and that the output's filter kept from it. */
  filteredRecords: 0,
  /** Their bytes as written. */
  filteredBytes: 1,
} as const;
export type RouteCell = keyof typeof routeCell;
export const countCellsPerRoute = 2;

/** Cells that a plan's counts have: those of selectors are last (`src/plan/redact_counts.ts`). */
export function countCellsOf({
  rules,
  routes = [],
  operations,
}: Pick<Plan, "rules" | "routes" | "operations">): number {
  const ofRoutes = countCellsFixed + rules.length * countCellsPerRule + routes.length * countCellsPerRoute;
  return ofRoutes + selectorCellsOf({ operations });
}

/** What `Engine.runBlock` answers, and a `Reader`; `ringFull` only the latter: sharded, and the ring of a record's owner has no room. */
export const runResult = { empty: 0, done: 1, batchFull: 2, ringFull: 3 } as const;
/** Why `Engine.runChunk` and its like stopped before the end of what they were given. */
export const stopCause = {
  none: 0,
  batchFull: 1,
  /** Sharded: the ring of a record's owner has no room. */
  ringFull: 2,
} as const;
/** What records are sharded by (`src/data/shard/shard_key.ts`). */
export const shardKeyKind = { source: 0, attribute: 1, syslog: 2 } as const;
/** Why a record went to the quarantine. */
export const quarantineCause = { none: 0, matchLimit: 1, outputLimit: 2 } as const;

/** Of a rule in shadow: most services that are told apart, most records kept as examples, and most bytes of one. */
export const effectServicesMax = 64;
export const effectExamplesMax = 20;
export { effectExampleBytesMax };
/** Of a rule that somebody watches: most records that are kept between two looks, and most bytes of one. */
export const watchedRecordsMax = 16;
export const watchedRecordBytesMax = 4096;

/** Promise P6: a rule whose matches have no upper length makes at most this ÷ record bytes matches in one record. */
export const matchBudgetBytes = 2 ** 30;
/** Promise P6: as many layers of escapes are taken away; what hides below more withholds the record. */
export const decodeDepthMax = 4;
/** Promise P6: a record may grow to `outputGrowthFactor × its bytes as received + outputGrowthBytes`. */
export const outputGrowthFactor = 4;
export const outputGrowthBytes = 65_536;

/** Where a `Frame` (`src/outputs/envelope.ts`) writes the receive time, and how. */
export const frameTime = { none: 0, ms: 1, s: 2 } as const;
/** What an encoder makes of a record that is a JSON object. */
export const objectMode = { string: 0, value: 1, merge: 2 } as const;
/**
 * A record nested deeper is text to an encoder, not an object: receivers refuse deep JSON, and with it the whole body. 512 is what PHP's
 * `json_decode` takes by default and half of what Jackson does (`StreamReadConstraints.DEFAULT_MAX_DEPTH`, 1,000); envelopes add
 * three levels at most.
 */
export const jsonDepthMax = 512;

/** Bytes of an ArrayBuffer for a batch. */
export function batchMemoryBytes(recordsMax: number, bytesMax: number): number {
  return batchHeader.bytes + recordsMax * batchEntry.bytes + bytesMax;
}
