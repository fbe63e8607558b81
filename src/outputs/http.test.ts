/** The http output: its request, what it makes of an answer, what it refuses. */

import { describe, expect, it } from "vitest";
import { StreamGateError } from "../errors.ts";
import { describeOutput, type OutputResponse, outputTypes } from "./index.ts";
import { readOutput } from "./read.ts";
import { retryAfterMs } from "./retry_after.ts";

const output = (config: object = {}) =>
  describeOutput(readOutput({ type: "http", url: "http://h:9000/in", ...config }, ""));
const context = { records: 1, groupId: "http-w0-00000001-0", encoding: undefined, slot: 0 };
const verdict = (status: number, headers: OutputResponse["headers"] = {}) =>
  output().verdict!({ status, headers, body: "" }, 1);

describe("http", () => {
  it("POSTs the payload as it is, as text", () => {
    const body = { parts: [Buffer.from("a\nb")], bytes: 3 };
    expect(output().request!(body, context)).toEqual({
      url: "http://h:9000/in",
      method: "POST",
      headers: { "content-type": "text/plain; charset=utf-8" },
      body,
    });
  });

  it("sends the user's headers, which win over the default whatever their case", () => {
    const { headers } = output({ headers: { "Content-Type": "application/x-ndjson", Authorization: "Bearer t" } })
      .request!({ parts: [], bytes: 0 }, context);
    expect(headers).toEqual({ "content-type": "application/x-ndjson", authorization: "Bearer t" });
  });

  it("takes 2xx as delivered", () => {
    for (const status of [200, 202, 204]) expect(verdict(status)).toEqual({ kind: "acked" });
  });

  it("tries again after what may pass: overload, a server's fault, a token that can be mended", () => {
    for (const status of [401, 403, 408, 425, 429, 500, 502, 503, 504])
      expect(verdict(status)).toEqual({ kind: "retry" });
    expect(verdict(503, { "retry-after": "7" })).toEqual({ kind: "retry", afterMs: 7000 });
  });

  it("gives up what would fail again, and says why", () => {
    for (const status of [301, 304, 400, 404, 413, 415, 422]) {
      expect(verdict(status)).toEqual({ kind: "rejected", reason: `HTTP ${status}` });
    }
  });

  it("takes each of its examples", () => {
    for (const { type, examples } of outputTypes.values()) {
      for (const example of examples) expect(readOutput({ type, ...example }, "")).toEqual({ type, ...example });
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
    [{ headers: { a: "x\r\nb: y" } }, 'headers["a"]', "no header can carry"],
    [{ headers: { "X-Key": "1", "x-key": "2" } }, 'headers["x-key"]', "is listed twice"],
    [{ headers: { Host: "x" } }, 'headers["Host"]', "is set by the sender"],
    [{ headers: { a: 1 } }, "headers.a", "must be a string"],
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
