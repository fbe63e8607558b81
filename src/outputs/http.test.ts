/** The http output: its request, what it makes of an answer, what it refuses. */

import { describe, expect, it } from "vitest";
import { assembled } from "../../test/fixtures/assembled.ts";
import { StreamGateError } from "../errors.ts";
import { describeOutput, type OutputResponse, outputTypes } from "./index.ts";
import { readOutput } from "./read.ts";
import { retryAfterMs } from "./retry_after.ts";

const output = (config: object = {}) =>
  describeOutput(readOutput({ type: "http", url: "http://h:9000/in", ...config }, ""));
const context = { records: 1, groupId: "", encoding: undefined, slot: 0 };
const verdict = (status: number, headers: OutputResponse["headers"] = {}) =>
  output().verdict!({ status, headers, body: "" }, 1);
const headersOf = (config: object, sent: object = {}) =>
  output(config).request!({ parts: [], bytes: 0 }, { ...context, ...sent }).headers;

describe("http", () => {
  it("POSTs the payload as it is, as text", () => {
    const body = { parts: [Buffer.from("a\nb")], bytes: 3 };
    expect(output().request!(body, context)).toEqual({
      url: "http://h:9000/in",
      method: "POST",
      headers: { "content-type": "text/plain; charset=utf-8" },
      body,
    });
    expect(output()).toMatchObject({ envelope: { kind: "text" }, limits: { bytesMax: 1_048_576 } });
  });

  it.each(["PUT", "PATCH"])("uses %s where it is told to", (method) => {
    expect(output({ method }).request!({ parts: [], bytes: 0 }, context).method).toBe(method);
  });

  it("names the payload and its compression in headers", () => {
    expect(headersOf({}, { groupId: "http-1.w0.7", encoding: "zstd" })).toEqual({
      "content-type": "text/plain; charset=utf-8",
      "content-encoding": "zstd",
      "x-streamgate-group": "http-1.w0.7",
    });
  });

  it("sends the user's headers, which win over the default whatever their case", () => {
    expect(headersOf({ headers: { "Content-Type": "application/x-ndjson", Authorization: "Bearer t" } })).toEqual({
      "content-type": "application/x-ndjson",
      authorization: "Bearer t",
    });
  });

  it("authenticates as RFC 7617 and RFC 6750 have it", () => {
    // The example of RFC 7617 section 2.
    const basic = { basic: { user: "Aladdin", password: "open sesame" } };
    expect(headersOf({ auth: basic }).authorization).toBe("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    expect(headersOf({ auth: { basic: { user: "test", password: "123\u00a3" } } }).authorization).toBe(
      "Basic dGVzdDoxMjPCow==",
    );
    expect(headersOf({ auth: { bearer: "t0ken" } }).authorization).toBe("Bearer t0ken");
  });

  it("writes JSON lines: objects as they are, everything else as a message", () => {
    const { envelope, request } = output({ body: "ndjson" });
    expect(assembled(envelope, ['{"a":1}', "plain"])).toBe('{"a":1}\n{"message":"plain"}\n');
    expect(request!({ parts: [], bytes: 0 }, context).headers["content-type"]).toBe("application/x-ndjson");
  });

  it("writes a JSON array, with text around it where that is wanted", () => {
    const { envelope, request } = output({ body: "json_array", envelope: { before: '{"logs":', after: ',"v":1}' } });
    expect(JSON.parse(assembled(envelope, ['{"a":1}', 'say "x"']))).toEqual({
      logs: [{ a: 1 }, { message: 'say "x"' }],
      v: 1,
    });
    expect(request!({ parts: [], bytes: 0 }, context).headers["content-type"]).toBe("application/json");
    expect(JSON.parse(assembled(output({ body: "json_array" }).envelope, ["x"]))).toEqual([{ message: "x" }]);
  });

  it("makes larger bodies where payload.max_bytes says so", () => {
    expect(output({ payload: { max_bytes: 5_000_000 } }).limits.bytesMax).toBe(5_000_000);
  });

  it("takes 2xx as delivered", () => {
    for (const status of [200, 202, 204]) expect(verdict(status)).toEqual({ kind: "acked" });
  });

  it("tries again after what may pass: overload, a server's fault", () => {
    for (const status of [408, 425, 429, 500, 502, 503, 504])
      expect(verdict(status)).toEqual({ kind: "retry", reason: `HTTP ${status}` });
    expect(verdict(503, { "retry-after": "7" })).toEqual({ kind: "retry", reason: "HTTP 503", afterMs: 7000 });
  });

  it("keeps the records and calls for a person where a token, a URL or a permission has to be mended", () => {
    for (const status of [301, 302, 307, 308, 304, 401, 402, 403, 404, 405, 407, 410, 415, 421, 426]) {
      expect(verdict(status)).toEqual({
        kind: "retry",
        reason: `HTTP ${status}`,
        alert: expect.stringContaining(`HTTP ${status}: `),
      });
    }
  });

  it("halves what is too large", () => {
    expect(verdict(413)).toEqual({ kind: "split", reason: "HTTP 413", cause: "too_large" });
  });

  it("gives up what would fail again, and says why", () => {
    for (const status of [400, 406, 409, 411, 422]) {
      expect(verdict(status)).toEqual({ kind: "rejected", reason: `HTTP ${status}`, cause: `http_${status}` });
    }
  });

  it("takes each example of each output", () => {
    for (const { type, examples } of outputTypes.values()) {
      for (const example of examples) {
        const warnings: string[] = [];
        expect(readOutput({ type, ...example }, "", warnings)).toEqual({ type, ...example });
        expect(warnings).toEqual([]);
      }
    }
  });

  it.each([
    [{ url: "localhost:9000" }, "url", "no http:// or https:// URL"],
    [{ url: "file:///etc/passwd" }, "url", "no http:// or https:// URL"],
    [{ url: "http://" }, "url", "no http:// or https:// URL"],
    [{ url: 5 }, "url", "must be a string"],
    [{ url: null }, "url", "is missing"],
    [{ url: "http://user:hunter2@h" }, "url", "holds a user name or password"],
    [{ headers: { "a b": "x" } }, 'headers["a b"]', "is no header name"],
    [{ headers: { a: "x\r\nb: y" } }, "headers.a", "no header can carry"],
    [{ headers: { "X-Key": "1", "x-key": "2" } }, 'headers["x-key"]', "is listed twice"],
    [{ headers: { Host: "x" } }, 'headers["Host"]', "is set by the sender"],
    [{ headers: { a: 1 } }, "headers.a", "must be a string"],
    [{ headers: { a: { env: "A", file: "b" } } }, "headers.a", "must be a string"],
    [{ headers: { "content-encoding": "gzip" } }, 'headers["content-encoding"]', "is set by the sender"],
    [{ headers: { authorization: "***" } }, "headers.authorization", "is ***"],
    [{ url: "http://h/?token=***" }, "url", "is ***"],
    [{ method: "GET" }, "method", 'must be "POST"'],
    [{ body: "xml" }, "body", 'must be "lines"'],
    [{ envelope: { before: "{", after: "}" } }, "envelope", "body is lines"],
    [{ body: "json_array", envelope: { before: '{"logs":' } }, "envelope", "makes no JSON"],
    [{ auth: { basic: { user: "a:b", password: "x" } } }, "auth.basic.user", "a colon"],
    [{ auth: { bearer: "a\nb" } }, "auth.bearer", "no header can carry"],
    [{ auth: { basic: { user: "u", password: "p" }, bearer: "b" } }, "auth", "must be {"],
    [{ auth: { bearer: "x" }, headers: { Authorization: "y" } }, "auth", "among the headers"],
    [{ compression: "br" }, "compression", 'must be "none"'],
    [{ concurrency: 0 }, "concurrency", '"auto" or a whole number from 1 to 16'],
    [{ concurrency: 17 }, "concurrency", '"auto" or a whole number from 1 to 16'],
    [{ id: "../../etc" }, "id", "must be 1 to 64 letters"],
    [{ id: "" }, "id", "must be 1 to 64 letters"],
    [{ id: "x".repeat(65) }, "id", "must be 1 to 64 letters"],
    [{ payload: { max_records: 0 } }, "payload.max_records", "must be >= 1"],
    [{ payload: { max_records: 100_001 } }, "payload.max_records", "must be <= 100000"],
    [{ payload: { max_age_ms: 60_001 } }, "payload.max_age_ms", "must be <= 60000"],
    [{ queue: { when_full: "panic" } }, "queue.when_full", 'must be "spill"'],
    [{ queue: { segment_bytes: 1_048_576, spool_max_bytes: 1_048_577 } }, "queue.segment_bytes", "two segments"],
    [{ tls: { cert: "-----BEGIN CERTIFICATE-----" } }, "tls.key", "is missing"],
    [{ tls: { key: "-----BEGIN PRIVATE KEY-----" } }, "tls.cert", "is missing"],
    [{ tls: { ca: "/etc/ssl/ca.pem" } }, "tls.ca", "holds no PEM"],
    [{ tls: { min_version: "TLSv1" } }, "tls.min_version", 'must be "TLSv1.2"'],
    [{ filter: "ERROR" }, "filter", "must be an object"],
  ])("refuses %o at %s", (config, where, what) => {
    try {
      readOutput({ type: "http", url: "http://h", ...config }, "");
    } catch (error) {
      expect(error).toBeInstanceOf(StreamGateError);
      expect((error as StreamGateError).code).toBe("SG_OUTPUT_PARAMS");
      expect((error as StreamGateError).where).toBe(where);
      expect((error as StreamGateError).what).toContain(what);
      expect((error as StreamGateError).message).not.toContain("hunter2");
      return;
    }
    throw new Error("it was accepted");
  });
});

describe("retryAfterMs", () => {
  const now = Date.parse("Wed, 21 Oct 2026 07:28:00 GMT");
  it.each([
    ["5", 5000],
    ["0", 0],
    ["Wed, 21 Oct 2026 07:28:30 GMT", 30_000],
    ["Wed, 21 Oct 2026 07:00:00 GMT", 0],
    ["999999999999", 3_600_000],
    ["soon", undefined],
    ["", undefined],
  ])("reads %s", (header, ms) => {
    expect(retryAfterMs(header, now)).toBe(ms);
  });

  it("reads the first of several, and none", () => {
    expect(retryAfterMs(["1", "2"], now)).toBe(1000);
    expect(retryAfterMs(undefined, now)).toBeUndefined();
  });
});
