/** The CloudWatch output: its requests, its limits, every answer that it knows. */

import { describe, expect, it } from "vitest";
import { assembled } from "../../test/fixtures/assembled.ts";
import { describeOutput, type OutputResponse } from "./index.ts";
import type { OutputRequest } from "./output.ts";
import { readOutput } from "./read.ts";

const read = (config: object = {}) =>
  readOutput({ type: "cloudwatch", region: "eu-central-1", log_group: "/gate", log_stream: "s1", ...config }, "");
const output = (config: object = {}) => describeOutput(read(config));
const request = (config: object = {}) =>
  output(config).request!({ parts: [], bytes: 0 }, { records: 1, groupId: "g", encoding: undefined, slot: 0 });
const answered = (status: number, body: unknown, headers: OutputResponse["headers"] = {}) => ({
  status,
  headers,
  body: typeof body === "string" ? body : JSON.stringify(body),
});
const verdict = (status: number, body: unknown, config: object = {}) =>
  output(config).verdict!(answered(status, body), 10);
const refused = (name: string, message = "…", config: object = {}) =>
  verdict(400, { __type: `com.amazonaws.logs#${name}`, message }, config);
const textOf = ({ body }: OutputRequest) => Buffer.concat(body.parts as Buffer[]).toString();

describe("cloudwatch", () => {
  it("calls PutLogEvents in JSON 1.1, to be signed for the region", () => {
    expect(request()).toMatchObject({
      url: "https://logs.eu-central-1.amazonaws.com/",
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "Logs_20140328.PutLogEvents",
      },
    });
    expect(output().signature).toEqual({ kind: "aws_sigv4", service: "logs", region: "eu-central-1" });
    expect(request({ region: "cn-north-1" }).url).toBe("https://logs.cn-north-1.amazonaws.com.cn/");
    expect(request({ endpoint: "http://localhost:5000" }).url).toBe("http://localhost:5000/");
  });

  it("hands on the credentials that were given, so that no others are looked for", () => {
    const credentials = { access_key_id: "AKID", secret_access_key: "s3cret" };
    expect(output({ credentials }).signature?.credentials).toEqual({ accessKeyId: "AKID", secretAccessKey: "s3cret" });
    expect(output({ credentials: { ...credentials, session_token: "t" } }).signature?.credentials).toEqual({
      accessKeyId: "AKID",
      secretAccessKey: "s3cret",
      sessionToken: "t",
    });
  });

  it("makes each record a message with its time in milliseconds, a JSON object too", () => {
    const body = assembled(output().envelope, ["one", '{"a":1}'], 1_700_000_000_123);
    expect(JSON.parse(body)).toEqual({
      logGroupName: "/gate",
      logStreamName: "s1",
      logEvents: [
        { timestamp: 1_700_000_000_123, message: "one" },
        { timestamp: 1_700_000_000_123, message: '{"a":1}' },
      ],
    });
  });

  it("keeps within 10,000 events and 1,048,576 bytes, counting 26 beside each message", () => {
    expect(output()).toMatchObject({
      limits: {
        recordsMax: 10_000,
        bytesMax: 1_048_576,
        recordBytesMax: 1_048_576,
        chronological: true,
        spanMsMax: 86_400_000,
      },
      envelope: { countedBesideText: 26 },
      compressions: ["none"],
      concurrency: "auto",
    });
    expect(output({ region: "cn-north-1" }).limits.recordBytesMax).toBe(262_144);
  });

  it("takes 200 as delivered", () => {
    expect(verdict(200, { nextSequenceToken: "1" })).toEqual({ kind: "acked" });
    expect(verdict(200, "")).toEqual({ kind: "acked" });
  });

  it.each([
    [{ tooOldLogEventEndIndex: 3 }, [[0, 3, "too_old"]]],
    [{ expiredLogEventEndIndex: 2 }, [[0, 2, "expired"]]],
    [{ tooNewLogEventStartIndex: 7 }, [[7, 10, "too_new"]]],
    [
      { tooOldLogEventEndIndex: 2, expiredLogEventEndIndex: 5, tooNewLogEventStartIndex: 9 },
      [
        [0, 2, "too_old"],
        [2, 5, "expired"],
        [9, 10, "too_new"],
      ],
    ],
    [
      { tooOldLogEventEndIndex: 5, expiredLogEventEndIndex: 2 },
      [
        [0, 2, "expired"],
        [2, 5, "too_old"],
      ],
    ],
    [{ tooOldLogEventEndIndex: 99, tooNewLogEventStartIndex: 0 }, [[0, 10, "too_old"]]],
    [{ tooNewLogEventStartIndex: 0 }, [[0, 10, "too_new"]]],
  ])("books events that were not taken under their cause: %o", (rejectedLogEventsInfo, ranges) => {
    expect(verdict(200, { rejectedLogEventsInfo })).toEqual({
      kind: "partly",
      rejected: ranges.map(([from, to, cause]) => ({ from, to, reason: cause, cause })),
    });
  });

  it.each([{}, { tooOldLogEventEndIndex: 0 }, { tooNewLogEventStartIndex: 10 }, { tooOldLogEventEndIndex: "3" }, null])(
    "takes %o for no refusal",
    (rejectedLogEventsInfo) => {
      expect(verdict(200, { rejectedLogEventsInfo })).toEqual({ kind: "acked" });
    },
  );

  it("creates the group and the stream where they are missing, and takes for done what is there already", () => {
    const missing = refused("ResourceNotFoundException", "The specified log group does not exist.");
    expect(missing).toMatchObject({ kind: "retry", reason: "HTTP 400, ResourceNotFoundException" });
    const first = missing.kind === "retry" ? missing.first! : [];
    expect(first.map(({ headers }) => headers["x-amz-target"])).toEqual([
      "Logs_20140328.CreateLogGroup",
      "Logs_20140328.CreateLogStream",
    ]);
    expect(first.map((one) => JSON.parse(textOf(one)))).toEqual([
      { logGroupName: "/gate" },
      { logGroupName: "/gate", logStreamName: "s1" },
    ]);
    for (const one of first) {
      expect(one.body.bytes).toBe(Buffer.byteLength(textOf(one)));
      expect(one.served!(answered(200, ""))).toBe(true);
      expect(one.served!(answered(400, { __type: "ResourceAlreadyExistsException" }))).toBe(true);
      expect(one.served!(answered(400, { __type: "AccessDeniedException" }))).toBe(false);
      expect(one.served!(answered(500, ""))).toBe(false);
    }
  });

  it("creates the stream alone where only that is missing", () => {
    const missing = refused("ResourceNotFoundException", "The specified log stream does not exist.");
    expect(missing.kind === "retry" && missing.first!.map(({ headers }) => headers["x-amz-target"])).toEqual([
      "Logs_20140328.CreateLogStream",
    ]);
  });

  it("creates nothing when it may not, keeps the records and calls for a person", () => {
    expect(refused("ResourceNotFoundException", "…", { create: false })).toEqual({
      kind: "retry",
      reason: "HTTP 400, ResourceNotFoundException",
      alert: expect.stringContaining("is missing"),
    });
  });

  it.each([
    "UnrecognizedClientException",
    "AccessDeniedException",
    "ExpiredTokenException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "MissingAuthenticationTokenException",
    "UnknownOperationException",
  ])("keeps the records and calls for a person at %s", (name) => {
    const reason = `HTTP 400, ${name}`;
    expect(refused(name)).toEqual({ kind: "retry", reason, alert: expect.stringContaining(reason) });
  });

  it.each([
    "ThrottlingException",
    "ServiceUnavailableException",
    "InvalidSequenceTokenException",
    "LimitExceededException",
  ])("tries again at %s", (name) => {
    expect(refused(name)).toEqual({ kind: "retry", reason: `HTTP 400, ${name}` });
  });

  it("takes a batch that was accepted before for delivered", () => {
    expect(refused("DataAlreadyAcceptedException")).toEqual({ kind: "acked" });
  });

  it("halves what is too much, or not in order", () => {
    for (const message of [
      "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
      "Log events in a single PutLogEvents request must be in chronological order.",
      "Log event too large: 1048577 bytes exceeds limit of 1048576",
      "Upload too large: 1048577 bytes exceeds limit of 1048576",
      "Log events in a single PutLogEvents request must be in chronological order.",
    ]) {
      const reason = "HTTP 400, InvalidParameterException";
      expect(refused("InvalidParameterException", message)).toMatchObject({ kind: "split", reason });
    }
  });

  it.each(["InvalidParameterException", "SerializationException", "ValidationException"])(
    "takes %s for the fault of one event, and gives that up",
    (name) => {
      const reason = `HTTP 400, ${name}`;
      expect(refused(name)).toEqual({ kind: "split", reason, cause: "invalid", oneAtFault: true });
      const alone = output().verdict!(answered(400, { __type: name, message: "…" }), 1);
      expect(alone).toEqual({ kind: "rejected", reason, cause: "invalid" });
      const large = output().verdict!(answered(400, { __type: name, message: "Log event too large: 1 bytes" }), 1);
      expect(large).toEqual({ kind: "rejected", reason, cause: "too_large" });
    },
  );

  it.each([
    [{ __type: "ThrottlingException" }, {}],
    [{ __type: "com.amazonaws.logs#ThrottlingException:http://internal.amazon.com/" }, {}],
    ["", { "x-amzn-errortype": "ThrottlingException:http://internal.amazon.com/" }],
    ["{}", { "x-amzn-errortype": ["com.amazonaws.logs#ThrottlingException"] }],
  ])("finds the name of an error in %o, %o", (body, headers) => {
    expect(output().verdict!(answered(400, body, headers), 1)).toEqual({
      kind: "retry",
      reason: "HTTP 400, ThrottlingException",
    });
  });

  it.each([
    [500, "retry"],
    [503, "retry"],
    [429, "retry"],
    [413, "split"],
    [400, "rejected"],
    [301, "retry"],
  ])("goes by the status %i where no error is named", (status, kind) => {
    for (const body of ["", "<html>", "null", { message: "…" }]) expect(verdict(status, body).kind).toBe(kind);
  });

  it.each([
    [{ region: "Frankfurt" }, "region", "must be a region"],
    [{ log_group: "a b" }, "log_group", "must be 1 to 512 letters"],
    [{ log_stream: "a:b" }, "log_stream", "none of them"],
    [{ credentials: { access_key_id: "A" } }, "credentials.secret_access_key", "is missing"],
    [{ compression: "gzip" }, "compression", 'must be "none"'],
  ])("refuses %o at %s", (config, where, what) => {
    expect(() => read(config)).toThrow(
      expect.objectContaining({ code: "SG_OUTPUT_PARAMS", where, what: expect.stringContaining(what) }),
    );
  });
});
