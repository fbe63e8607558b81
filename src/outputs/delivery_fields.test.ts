/** Fields that all outputs have: what they amount to when little, nothing or everything is said, and what is warned of. */

import { describe, expect, it } from "vitest";
import { deliveryOf } from "./delivery_fields.ts";
import { describeOutput, outputTypes } from "./index.ts";
import { readOutput } from "./read.ts";

const MiB = 1024 * 1024;
const minimal = {
  http: { url: "https://h/in" },
  datadog: { api_key: "k" },
  splunk_hec: { url: "https://h:8088", token: "t" },
  cloudwatch: { region: "eu-central-1", log_group: "g" },
  file: { path: "/tmp/f.log" },
  console: {},
};
const fieldsOf = (type: keyof typeof minimal, fields: object = {}) => {
  const config = readOutput({ type, id: "o", ...minimal[type], ...fields }, "");
  return deliveryOf(config, { output: describeOutput(config), batchSize: 100, queueBytes: 16 * MiB });
};

describe("deliveryOf", () => {
  it("says what stands when nothing is said", () => {
    expect(fieldsOf("http")).toEqual({
      id: "o",
      filter: undefined,
      payload: { recordsMax: 100, bytesMax: MiB, ageMsMax: 100 },
      compression: "none",
      concurrency: 1,
      retry: {
        delayMsMax: 30_000,
        retryAfterMsMax: 3_600_000,
        deadlineMs: Number.POSITIVE_INFINITY,
        timeoutMs: 30_000,
      },
      queue: {
        bytesMax: 16 * MiB,
        whenFull: undefined,
        durable: false,
        fsync: "interval",
        fsyncIntervalMs: 1000,
        spoolBytesMax: 1024 * MiB,
        spoolAgeMsMax: Number.POSITIVE_INFINITY,
        segmentBytes: 16 * MiB,
        deadLetterBytesMax: 256 * MiB,
      },
      tls: {
        ca: undefined,
        cert: undefined,
        key: undefined,
        serverName: undefined,
        minVersion: "TLSv1.2",
        verify: true,
      },
    });
  });

  it("hands on all that is said", () => {
    const pem = "-----BEGIN CERTIFICATE-----\n";
    expect(
      fieldsOf("http", {
        filter: { value: "ERROR" },
        payload: { max_records: 7, max_bytes: 1000, max_age_ms: 5 },
        compression: "gzip",
        concurrency: "auto",
        retry: { max_delay_ms: 1000, retry_after_max_ms: 0, deadline_s: 60, timeout_ms: 500 },
        queue: {
          max_bytes: MiB,
          when_full: "drop_newest",
          durable: true,
          fsync: "always",
          fsync_interval_ms: 50,
          spool_max_bytes: 8 * MiB,
          spool_max_age_s: 3600,
          segment_bytes: MiB,
          dead_letter_max_bytes: 0,
        },
        tls: { ca: pem, cert: pem, key: pem, server_name: "h", min_version: "TLSv1.3", insecure_skip_verify: true },
      }),
    ).toEqual({
      id: "o",
      filter: { value: "ERROR" },
      payload: { recordsMax: 7, bytesMax: 1000, ageMsMax: 5 },
      compression: "gzip",
      concurrency: "auto",
      retry: { delayMsMax: 1000, retryAfterMsMax: 0, deadlineMs: 60_000, timeoutMs: 500 },
      queue: {
        bytesMax: MiB,
        whenFull: "drop_newest",
        durable: true,
        fsync: "always",
        fsyncIntervalMs: 50,
        spoolBytesMax: 8 * MiB,
        spoolAgeMsMax: 3_600_000,
        segmentBytes: MiB,
        deadLetterBytesMax: 0,
      },
      tls: { ca: pem, cert: pem, key: pem, serverName: "h", minVersion: "TLSv1.3", verify: false },
    });
  });

  it("never exceeds what the destination takes", () => {
    const payload = { max_records: 100_000, max_bytes: 64 * MiB };
    expect(fieldsOf("datadog", { payload }).payload).toMatchObject({ recordsMax: 1000, bytesMax: 5_000_000 });
    expect(fieldsOf("cloudwatch", { payload }).payload).toMatchObject({ recordsMax: 10_000, bytesMax: 1_048_576 });
    expect(fieldsOf("splunk_hec", { payload }).payload).toMatchObject({ recordsMax: 100_000, bytesMax: 64 * MiB });
  });

  it("compresses and parallelizes as suits the destination", () => {
    const of = (type: keyof typeof minimal) => [fieldsOf(type).compression, fieldsOf(type).concurrency];
    expect(of("datadog")).toEqual(["zstd", "auto"]);
    expect(of("splunk_hec")).toEqual(["gzip", "auto"]);
    expect(of("cloudwatch")).toEqual(["none", "auto"]);
    for (const type of ["http", "file", "console"] as const) expect(of(type)).toEqual(["none", 1]);
  });

  it("cuts a small spool into segments that it has room for", () => {
    expect(fieldsOf("http", { queue: { spool_max_bytes: MiB } }).queue.segmentBytes).toBe(MiB / 4);
  });
});

describe("readOutput", () => {
  it("warns where certificates are not verified, on whatever it is read", () => {
    const warnings: string[] = [];
    const tls = { insecure_skip_verify: true };
    readOutput({ type: "http", url: "https://h", tls }, "outputs[1]", warnings);
    expect(warnings).toEqual([expect.stringMatching(/^outputs\[1\]\.tls\.insecure_skip_verify: .*not verified/)]);
    readOutput({ type: "http", url: "https://h", tls: { insecure_skip_verify: false } }, "", warnings);
    expect(warnings).toHaveLength(1);
  });

  it("tells of unknown fields at any depth, apart from what is unwise, and keeps them", () => {
    const [warnings, unknown]: [string[], string[]] = [[], []];
    const config = {
      type: "http",
      url: "https://h",
      payload: { max_record: 1 },
      queue: { durabel: true },
      auth: { basic: { user: "u", password: "p", realm: "r" } },
      filter: { not: { value: "DEBUG" } },
      headers: { "x-any": "1" },
      colour: "red",
    };
    expect(readOutput(config, "", warnings, unknown)).toEqual(config);
    expect(warnings).toEqual([]);
    expect(unknown.map((sentence) => sentence.split(": ")[0])).toEqual([
      "payload.max_record",
      "queue.durabel",
      "auth.basic.realm",
      "colour",
    ]);
    expect(unknown[0]).toContain("known are max_records, max_bytes, max_age_ms");
  });

  it("knows for the console no more than its name and its filter, for a file its queue too", () => {
    const unknown = (config: object) => {
      const sentences: string[] = [];
      readOutput(config, "", [], sentences);
      return sentences.map((sentence) => sentence.split(": ")[0]);
    };
    expect(unknown({ type: "console", id: "c", filter: { value: "x" }, queue: {}, tls: {} })).toEqual(["queue", "tls"]);
    expect(unknown({ type: "file", path: "/f", id: "c", filter: { value: "x" }, queue: {}, retry: {} })).toEqual([
      "retry",
    ]);
  });

  it("describes each type with the compressions and the concurrency that it declares", () => {
    for (const [type, { compressions, concurrency }] of outputTypes) {
      const output = describeOutput(readOutput({ type, ...minimal[type as keyof typeof minimal] }, ""));
      expect([output.compressions, output.concurrency]).toEqual([compressions, concurrency]);
    }
  });
});
