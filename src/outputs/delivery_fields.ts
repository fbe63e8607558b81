/**
 * Fields that outputs have whatever their type: which records they get, how these are bundled, kept, retried and encrypted on their way.
 * Declared once; `deliveryOf` gives the delivery code what they amount to.
 */

import { type Static, Type } from "../typebox.ts";
import { filterSchema } from "./filter.ts";
import type { Output, OutputConfig } from "./output.ts";
import { certificate, privateKey, type Text } from "./secret.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/** Counted in numbers that a float holds exactly, far above any disk. */
const bytesMax = 2 ** 50;
const dayS = 86_400;

const bytes = (minimum: number, maximum: number, description: string, byDefault?: number) =>
  Type.Optional(
    Type.Integer({ minimum, maximum, description, ...(byDefault !== undefined && { default: byDefault }) }),
  );

export const outputIdLengthMax = 64;

/** Names a directory of the spool, a label of counters and a part of URLs. `retired` is what accounts call the sum of removed outputs. */
const id = Type.Optional(
  Type.String({
    pattern: `^(?!retired$)[A-Za-z0-9_-][A-Za-z0-9_.-]{0,${outputIdLengthMax - 1}}$`,
    "x-words": `1 to ${outputIdLengthMax} letters, digits, "_", "." or "-", the first one no ".", and not "retired"`,
    description:
      "Name of the output; no two share one. Absent: made up from its type and what it sends to, such as http-f1cd04.",
  }),
);

export const payloadAgeMsDefault = 100;

const payload = Type.Optional(
  Type.Object(
    {
      max_records: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 100_000,
          description:
            "Records sent at once, at most; absent: the batch size. The destination's own limit holds all the same.",
        }),
      ),
      max_bytes: bytes(1, 64 * MiB, "Bytes of a body before compression, at most; absent: what the destination takes."),
      max_age_ms: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 60_000,
          default: payloadAgeMsDefault,
          description: "How long the first record waits for others, at most.",
        }),
      ),
    },
    { description: "How many records are sent at once." },
  ),
);

export type Compression = "none" | "gzip" | "zstd";

const compression = Type.Optional(
  Type.Union([Type.Literal("none"), Type.Literal("gzip"), Type.Literal("zstd")], {
    description: "Compression of bodies.",
  }),
);

const concurrencyMax = 16;

const concurrency = Type.Optional(
  Type.Union([Type.Literal("auto"), Type.Integer({ minimum: 1, maximum: concurrencyMax })], {
    description:
      "Requests under way at once, of all workers together; auto: as many as the destination bears. 1 keeps the order of records.",
    "x-words": `"auto" or a whole number from 1 to ${concurrencyMax}`,
  }),
);

const retryDefaults = { max_delay_ms: 30_000, retry_after_max_ms: 3_600_000, deadline_s: 0, timeout_ms: 30_000 };

const retry = Type.Optional(
  Type.Object(
    {
      max_delay_ms: Type.Optional(
        Type.Integer({
          minimum: 100,
          maximum: 3_600_000,
          default: retryDefaults.max_delay_ms,
          description: "Longest pause between two tries.",
        }),
      ),
      retry_after_max_ms: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 3_600_000,
          default: retryDefaults.retry_after_max_ms,
          description: "Longest pause that a destination may ask for with Retry-After.",
        }),
      ),
      deadline_s: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 30 * dayS,
          default: retryDefaults.deadline_s,
          description: "Seconds after which a payload that could not be sent becomes dead letters; 0: never.",
        }),
      ),
      timeout_ms: Type.Optional(
        Type.Integer({
          minimum: 100,
          maximum: 600_000,
          default: retryDefaults.timeout_ms,
          description: "Longest time of one request, its answer included.",
        }),
      ),
    },
    { description: "What happens when the destination does not take a payload." },
  ),
);

export type QueuePolicy = "spill" | "block" | "drop_oldest" | "drop_newest";
export type Fsync = "always" | "interval" | "never";

const queueDefaults = {
  durable: false,
  fsync: "interval" as Fsync,
  fsync_interval_ms: 1000,
  spool_max_bytes: GiB,
  spool_max_age_s: 0,
  dead_letter_max_bytes: 256 * MiB,
};

const segmentBytesMin = 64 * KiB;
const segmentBytesMax = 16 * MiB;

const queue = Type.Optional(
  Type.Object(
    {
      max_bytes: bytes(64 * KiB, 64 * GiB, "Memory of the queue in each worker; absent: the setting QUEUE_BYTES."),
      when_full: Type.Optional(
        Type.Union(
          [Type.Literal("spill"), Type.Literal("block"), Type.Literal("drop_oldest"), Type.Literal("drop_newest")],
          {
            description:
              "spill: to disk; block: senders wait, all outputs with them; drop_oldest, drop_newest: counted. Absent: spill where the data directory can be written, else block.",
          },
        ),
      ),
      durable: Type.Optional(
        Type.Boolean({
          default: queueDefaults.durable,
          description: "Every record is on disk before it counts as accepted.",
        }),
      ),
      fsync: Type.Optional(
        Type.Union([Type.Literal("always"), Type.Literal("interval"), Type.Literal("never")], {
          default: queueDefaults.fsync,
          description: "When what is on disk is made to outlive a power cut.",
        }),
      ),
      fsync_interval_ms: Type.Optional(
        Type.Integer({
          minimum: 10,
          maximum: 60_000,
          default: queueDefaults.fsync_interval_ms,
          description: "Pause between two of those, with fsync interval: what a power cut can cost.",
        }),
      ),
      spool_max_bytes: bytes(
        4 * segmentBytesMin,
        bytesMax,
        "Disk space of the spool in each worker; past it the oldest records are dropped, and counted.",
        queueDefaults.spool_max_bytes,
      ),
      spool_max_age_s: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 3650 * dayS,
          default: queueDefaults.spool_max_age_s,
          description: "Age at which spooled records are dropped, and counted; 0: never.",
        }),
      ),
      segment_bytes: bytes(
        segmentBytesMin,
        GiB,
        "Size of one file of the spool; absent: a quarter of spool_max_bytes, at most 16 MiB.",
      ),
      dead_letter_max_bytes: bytes(
        0,
        bytesMax,
        "Disk space in each worker of what the destination refused for good.",
        queueDefaults.dead_letter_max_bytes,
      ),
    },
    { description: "Where records wait, and what happens when there is no room." },
  ),
);

const tls = Type.Optional(
  Type.Object(
    {
      ca: Type.Optional(certificate("Certificates to trust instead of the system's, in PEM.")),
      cert: Type.Optional(certificate("Certificate to show, in PEM; with key.")),
      key: Type.Optional(privateKey("Key of that certificate, in PEM.")),
      server_name: Type.Optional(
        Type.String({
          minLength: 1,
          description: "Name that the destination's certificate has to bear; absent: the URL's host.",
        }),
      ),
      min_version: Type.Optional(
        Type.Union([Type.Literal("TLSv1.2"), Type.Literal("TLSv1.3")], {
          default: "TLSv1.2",
          description: "Oldest version to speak.",
        }),
      ),
      insecure_skip_verify: Type.Optional(
        Type.Boolean({
          default: false,
          description:
            "Sends records and secrets to whoever answers, whatever certificate it shows. Warned of wherever it is read.",
        }),
      ),
    },
    { description: "Encryption of the connection." },
  ),
);

const usd = (description: string) => Type.Optional(Type.Number({ minimum: 0, maximum: 1_000_000, description }));

const prices = Type.Optional(
  Type.Object(
    {
      per_gb_usd: usd("Dollars for 10⁹ bytes, before compression."),
      per_million_events_usd: usd("Dollars for a million records."),
    },
    {
      description:
        "What records cost there: what projected savings are counted with. Absent: the vendor's public price (docs/prove.md), else the setting PRICES.",
    },
  ),
);

export const deliveryFields = {
  id,
  filter: filterSchema,
  payload,
  compression,
  concurrency,
  retry,
  queue,
  tls,
  prices,
};
export type DeliveryField = keyof typeof deliveryFields;

/** What an output that makes requests has. */
export const networkFields: readonly DeliveryField[] = [
  "id",
  "filter",
  "payload",
  "compression",
  "concurrency",
  "retry",
  "queue",
  "tls",
  "prices",
];

const schema = Type.Object(deliveryFields);
type Given = Static<typeof schema>;

/** What a schema cannot say of these fields. */
export function deliveryRefusal(given: Given): { param: string; what: string; fix?: string } | undefined {
  const { cert, key } = given.tls ?? {};
  if ((cert === undefined) !== (key === undefined)) {
    const param = cert === undefined ? "tls.cert" : "tls.key";
    return { param, what: "is missing: a certificate needs its key, and a key its certificate", fix: "give both" };
  }
  const { segment_bytes, spool_max_bytes = queueDefaults.spool_max_bytes } = given.queue ?? {};
  if (segment_bytes !== undefined && segment_bytes * 2 > spool_max_bytes) {
    return {
      param: "queue.segment_bytes",
      what: "leaves the spool without room for two segments: it frees disk space by whole ones",
      fix: "make it at most half of spool_max_bytes",
    };
  }
  return undefined;
}

/** What is allowed, and nobody should do unawares. */
export function deliveryWarnings(given: Given): readonly { param: string; what: string }[] {
  if (given.tls?.insecure_skip_verify !== true) return [];
  return [
    {
      param: "tls.insecure_skip_verify",
      what: "the destination's certificate is not verified: records and secrets go to whoever answers",
    },
  ];
}

/** The fields with everything that was left out, in the units that the delivery code counts in. */
export interface DeliveryFields {
  readonly id: string;
  readonly filter: Readonly<Record<string, unknown>> | undefined;
  readonly payload: { readonly recordsMax: number; readonly bytesMax: number; readonly ageMsMax: number };
  readonly compression: Compression;
  readonly concurrency: "auto" | number;
  readonly retry: {
    readonly delayMsMax: number;
    readonly retryAfterMsMax: number;
    /** Infinity: never given up. */
    readonly deadlineMs: number;
    readonly timeoutMs: number;
  };
  readonly queue: {
    readonly bytesMax: number;
    /** Undefined: spill where a data directory can be written, else block. */
    readonly whenFull: QueuePolicy | undefined;
    readonly durable: boolean;
    readonly fsync: Fsync;
    readonly fsyncIntervalMs: number;
    readonly spoolBytesMax: number;
    /** Infinity: never dropped for its age. */
    readonly spoolAgeMsMax: number;
    readonly segmentBytes: number;
    readonly deadLetterBytesMax: number;
  };
  /** Texts are PEM where references were read (`resolveSecrets`). */
  readonly tls: {
    readonly ca: Text | undefined;
    readonly cert: Text | undefined;
    readonly key: Text | undefined;
    readonly serverName: string | undefined;
    readonly minVersion: "TLSv1.2" | "TLSv1.3";
    readonly verify: boolean;
  };
}

/** What is not the output's own to say. */
export interface DeliveryDefaults {
  /** The description of the same configuration: its limits cap the payload's, its preferences stand where nothing is said. */
  readonly output: Pick<Output, "limits" | "compressions" | "concurrency">;
  /** The pipeline's `batch_size`. */
  readonly batchSize: number;
  /** The setting QUEUE_BYTES. */
  readonly queueBytes: number;
}

/** @param config accepted before (`readOutput`), with its id */
export function deliveryOf(config: OutputConfig, { output, batchSize, queueBytes }: DeliveryDefaults): DeliveryFields {
  const given = config as Given;
  const { payload = {}, tls = {} } = given;
  const retry = { ...retryDefaults, ...given.retry };
  const queue = { ...queueDefaults, ...given.queue };
  const { limits, compressions, concurrency = 1 } = output;
  return {
    id: given.id ?? config.type,
    filter: given.filter as Record<string, unknown> | undefined,
    payload: {
      recordsMax: Math.min(payload.max_records ?? batchSize, limits.recordsMax),
      bytesMax: Math.min(payload.max_bytes ?? Number.POSITIVE_INFINITY, limits.bytesMax),
      ageMsMax: payload.max_age_ms ?? payloadAgeMsDefault,
    },
    compression: given.compression ?? compressions[0] ?? "none",
    concurrency: given.concurrency ?? concurrency,
    retry: {
      delayMsMax: retry.max_delay_ms,
      retryAfterMsMax: retry.retry_after_max_ms,
      deadlineMs: retry.deadline_s === 0 ? Number.POSITIVE_INFINITY : retry.deadline_s * 1000,
      timeoutMs: retry.timeout_ms,
    },
    queue: {
      bytesMax: queue.max_bytes ?? queueBytes,
      whenFull: queue.when_full,
      durable: queue.durable,
      fsync: queue.fsync,
      fsyncIntervalMs: queue.fsync_interval_ms,
      spoolBytesMax: queue.spool_max_bytes,
      spoolAgeMsMax: queue.spool_max_age_s === 0 ? Number.POSITIVE_INFINITY : queue.spool_max_age_s * 1000,
      segmentBytes: queue.segment_bytes ?? Math.min(segmentBytesMax, Math.floor(queue.spool_max_bytes / 4)),
      deadLetterBytesMax: queue.dead_letter_max_bytes,
    },
    tls: {
      ca: tls.ca,
      cert: tls.cert,
      key: tls.key,
      serverName: tls.server_name,
      minVersion: tls.min_version ?? "TLSv1.2",
      verify: tls.insecure_skip_verify !== true,
    },
  };
}
