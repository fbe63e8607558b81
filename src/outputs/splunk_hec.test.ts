/** The Splunk HEC output: its events, its table of codes, acknowledgement. */

import { describe, expect, it } from "vitest";
import { assembled } from "../../test/fixtures/assembled.ts";
import { describeOutput, type OutputResponse } from "./index.ts";
import { readOutput } from "./read.ts";

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const read = (config: object = {}) =>
  readOutput({ type: "splunk_hec", id: "s", url: "https://splunk:8088", token: "t0k", ...config }, "");
const output = (config: object = {}) => describeOutput(read(config));
const request = (config: object = {}, slot = 0) =>
  output(config).request!({ parts: [], bytes: 0 }, { records: 1, groupId: "g", encoding: undefined, slot });
const verdict = (status: number, body: unknown, config: object = {}, headers: OutputResponse["headers"] = {}) =>
  output(config).verdict!({ status, headers, body: typeof body === "string" ? body : JSON.stringify(body) }, 5);
const channel = "x-splunk-request-channel";

describe("splunk_hec", () => {
  it.each([
    "https://splunk:8088",
    "https://splunk:8088/",
    "https://splunk:8088/services/collector",
    "https://splunk:8088/services/collector/event",
  ])("POSTs events to the collector's path of %s", (url) => {
    expect(request({ url })).toMatchObject({
      url: "https://splunk:8088/services/collector/event",
      method: "POST",
      headers: { authorization: "Splunk t0k", "content-type": "application/json", "x-streamgate-group": "g" },
    });
  });

  it("concatenates events with their time in seconds and the metadata that was given", () => {
    const { envelope } = output({
      index: "main",
      source: "gate",
      sourcetype: "_json",
      host: "h",
      fields: { az: "1a" },
    });
    const body = assembled(envelope, ["plain", '{"a":1}'], 1_700_000_000_123);
    const metadata = { host: "h", source: "gate", sourcetype: "_json", index: "main", fields: { az: "1a" } };
    expect(body.split("}{").length).toBe(2);
    const [first, second] = body
      .replace("}{", "}\n{")
      .split("\n")
      .map((text) => JSON.parse(text));
    expect(first).toEqual({ time: 1_700_000_000.123, ...metadata, event: "plain" });
    expect(second).toEqual({ time: 1_700_000_000.123, ...metadata, event: { a: 1 } });
  });

  it("takes the host of a syslog record from its header where none was given", () => {
    const record = "<11>Oct 11 22:14:15 web-1 nginx[7]: x";
    const events = (config: object) =>
      assembled(output(config).envelope, [record, '{"a":1}', "x"])
        .replaceAll("}{", "}\n{")
        .split("\n")
        .map((text) => JSON.parse(text) as unknown);
    expect(events({})).toMatchObject([{ event: record, host: "web-1" }, { event: { a: 1 } }, { event: "x" }]);
    expect(events({})[1]).not.toHaveProperty("host");
    expect(events({})[2]).not.toHaveProperty("host");
    const asked = { host: { field: "syslog.msgid", default: "edge" }, source: { field: "syslog.app" } };
    expect(events(asked)).toMatchObject([
      { event: record, host: "edge", source: "nginx" },
      { event: { a: 1 }, host: "edge" },
      { event: "x", host: "edge" },
    ]);
    expect(events({ host: "h" })).toMatchObject([{ host: "h" }, { host: "h" }, { host: "h" }]);
  });

  it("sends about 1 MB at once, or what payload.max_bytes says", () => {
    expect(output().limits).toEqual({ recordsMax: Number.POSITIVE_INFINITY, bytesMax: 1_000_000 });
    expect(output({ payload: { max_bytes: 8_000_000 } }).limits.bytesMax).toBe(8_000_000);
    expect(output()).toMatchObject({ compressions: ["gzip", "none"], concurrency: "auto" });
  });

  it("names no channel unless it is given one or asks for acknowledgement", () => {
    const given = "0aeEeE95-ac74-4aa9-b30d-6c4c0ac581ba";
    expect(request().headers).not.toHaveProperty(channel);
    expect(request({ channel: given }).headers[channel]).toBe(given);
    expect(request({ ack: true }).headers[channel]).toMatch(uuid);
  });

  it("makes up a channel for each connection, the same after a restart", () => {
    const of = (config: object, slot: number) => request({ ack: true, ...config }, slot).headers[channel];
    expect(of({}, 3)).toBe(of({}, 3));
    expect(new Set([of({}, 0), of({}, 1), of({ id: "other" }, 0), of({ url: "https://other:8088" }, 0)]).size).toBe(4);
  });

  it("takes success as delivered", () => {
    expect(verdict(200, { text: "Success", code: 0 })).toEqual({ kind: "acked" });
    expect(verdict(200, "")).toEqual({ kind: "acked" });
    expect(verdict(200, { text: "Success", code: 0, ackId: 7 })).toEqual({ kind: "acked" });
  });

  // Code, HTTP status and meaning as Splunk's table "Possible error codes" has them.
  it.each([
    [1, 403, "the token is disabled"],
    [2, 401, "it wants a token"],
    [3, 401, "authorization"],
    [4, 403, "does not know the token"],
    [5, 400, "no data"],
    [7, 400, "may not write to the index"],
    [10, 400, "set ack to true"],
    [11, 400, "a UUID"],
    [14, 400, "set ack to false"],
    [15, 400, "indexed fields"],
    [16, 400, "query"],
    [17, 200, "health"],
    [21, 400, "does not know the token"],
    [22, 400, "the token is disabled"],
  ])("keeps the records and calls for a person at code %i", (code, status, words) => {
    expect(verdict(status, { text: "…", code, "invalid-event-number": 0 })).toEqual({
      kind: "retry",
      reason: `HTTP ${status}, HEC code ${code}`,
      alert: expect.stringContaining(words),
    });
  });

  it.each([
    [8, 500],
    [9, 503],
    [18, 503],
    [19, 503],
    [20, 503],
    [23, 503],
  ])("tries again at code %i", (code, status) => {
    const reason = `HTTP ${status}, HEC code ${code}`;
    expect(verdict(status, { text: "…", code })).toEqual({ kind: "retry", reason });
    expect(verdict(status, { text: "…", code }, {}, { "retry-after": "2" })).toEqual({
      kind: "retry",
      reason,
      afterMs: 2000,
    });
  });

  it.each([6, 12, 13])("goes on behind the event that is refused with code %i", (code) => {
    const why = { reason: `HTTP 400, HEC code ${code}`, cause: `hec_${code}` };
    const answer = (at: unknown) => verdict(400, { text: "…", code, "invalid-event-number": at });
    expect(answer(0)).toEqual({ kind: "resume", at: 0, ...why });
    expect(answer(4)).toEqual({ kind: "resume", at: 4, ...why });
    for (const at of [5, -1, 1.5, "2", undefined]) expect(answer(at)).toEqual({ kind: "rejected", ...why });
  });

  it.each([
    [413, "split"],
    [429, "retry"],
    [500, "retry"],
    [502, "retry"],
    [400, "rejected"],
    [404, "retry"],
    [301, "retry"],
  ])("goes by the status %i where there is no code that it knows", (status, kind) => {
    for (const body of ["<html>", "null", "[]", "7", { code: 99 }, { code: "6" }, { text: "x" }])
      expect(verdict(status, body).kind).toBe(kind);
  });

  describe("with acknowledgement", () => {
    const ack = output({ ack: true });

    it("counts a request as delivered when its ackId is confirmed", () => {
      expect(verdict(200, { text: "Success", code: 0, ackId: 0 }, { ack: true })).toEqual({
        kind: "confirm",
        token: "0",
      });
      expect(output().confirmation).toBeUndefined();
    });

    it("asks for all that is open at once, in the channel in which it was sent", () => {
      const { url, headers, body, method } = ack.confirmation!.request(["0", "12"], 2);
      const sentIn = request({ ack: true }, 2).headers[channel];
      expect(url).toBe(`https://splunk:8088/services/collector/ack?channel=${sentIn}`);
      expect(headers).toMatchObject({ authorization: "Splunk t0k", [channel]: sentIn });
      expect([method, Buffer.concat(body.parts as Buffer[]).toString(), body.bytes]).toEqual([
        "POST",
        '{"acks":[0,12]}',
        15,
      ]);
    });

    it("reads which are confirmed, and from an answer that is none nothing", () => {
      const confirmed = (status: number, body: string) => ack.confirmation!.confirmed({ status, headers: {}, body });
      expect(confirmed(200, '{"acks":{"0":true,"12":false,"13":true}}')).toEqual(new Set(["0", "13"]));
      for (const body of ["", "[]", "null", '{"acks":7}', '{"acks":{"0":"true"}}'])
        expect(confirmed(200, body)).toEqual(new Set());
      expect(confirmed(503, '{"acks":{"0":true}}')).toEqual(new Set());
    });
  });

  it.each([
    [{ token: null }, "token", "is missing"],
    [{ channel: "7" }, "channel", "must be a UUID"],
    [{ url: "splunk:8088" }, "url", "no http:// or https:// URL"],
    [{ compression: "zstd" }, "compression", 'must be "gzip" or "none"'],
    [{ fields: { a: { b: 1 } } }, "fields.a", "must be"],
  ])("refuses %o at %s", (config, where, what) => {
    expect(() => read(config)).toThrow(
      expect.objectContaining({ code: "SG_OUTPUT_PARAMS", where, what: expect.stringContaining(what) }),
    );
  });
});
