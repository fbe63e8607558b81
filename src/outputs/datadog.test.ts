/** The Datadog output: what its requests look like, its limits, what it makes of an answer. */

import { describe, expect, it } from "vitest";
import { assembled } from "../../test/fixtures/assembled.ts";
import { describeOutput } from "./index.ts";
import { readOutput } from "./read.ts";

const read = (config: object = {}) => readOutput({ type: "datadog", api_key: "k3y", ...config }, "");
const output = (config: object = {}) => describeOutput(read(config));
const request = (config: object = {}, encoding?: "gzip" | "zstd") =>
  output(config).request!({ parts: [], bytes: 0 }, { records: 1, groupId: "g", encoding, slot: 0 });
const verdict = (status: number) => output().verdict!({ status, headers: {}, body: "{}" }, 3);
const tagged = {
  source: "nginx",
  service: 'pay"ments',
  hostname: "web-1",
  status: "info",
  tags: ["env:prod", "team:core"],
};

describe("datadog", () => {
  it("POSTs JSON to the site's intake, with the key in its header", () => {
    expect(request()).toMatchObject({
      url: "https://http-intake.logs.datadoghq.com/api/v2/logs",
      method: "POST",
      headers: { "content-type": "application/json", "dd-api-key": "k3y", "x-streamgate-group": "g" },
    });
    expect(request({ site: "us5.datadoghq.com" }).url).toBe("https://http-intake.logs.us5.datadoghq.com/api/v2/logs");
    expect(request({ site: "ddog-gov.com" }).url).toBe("https://http-intake.logs.ddog-gov.com/api/v2/logs");
    expect(request({ endpoint: "http://localhost:9000/dd/" }).url).toBe("http://localhost:9000/dd/api/v2/logs");
    expect(request({}, "zstd").headers["content-encoding"]).toBe("zstd");
    expect(request().headers["content-encoding"]).toBeUndefined();
  });

  it("makes each record an item with the attributes that were given", () => {
    const { envelope } = output(tagged);
    expect(JSON.parse(assembled(envelope, ["one", '{"message":"two","service":"own","n":1}']))).toEqual([
      {
        message: "one",
        ddsource: "nginx",
        ddtags: "env:prod,team:core",
        hostname: "web-1",
        service: 'pay"ments',
        status: "info",
      },
      {
        message: "two",
        n: 1,
        ddsource: "nginx",
        ddtags: "env:prod,team:core",
        hostname: "web-1",
        service: "own",
        status: "info",
      },
    ]);
  });

  it("adds nothing that was not given", () => {
    expect(JSON.parse(assembled(output({ tags: [] }).envelope, ["one", '{"a":1}']))).toEqual([
      { message: "one" },
      { a: 1 },
    ]);
  });

  it("takes host, service and status of a syslog record from its header where none was given", () => {
    const record = "<11>Oct 11 22:14:15 web-1 nginx[7]: x";
    const items = (config: object, ...records: string[]) =>
      JSON.parse(assembled(output(config).envelope, records)) as unknown[];
    expect(items({}, record, "<11>x", '{"a":1}', "x")).toEqual([
      { message: record, hostname: "web-1", service: "nginx", status: "err" },
      { message: "<11>x", status: "err" },
      { a: 1 },
      { message: "x" },
    ]);
    expect(items({ hostname: "edge", service: "shop", status: "info" }, record)).toEqual([
      { message: record, hostname: "edge", service: "shop", status: "info" },
    ]);
    const asked = { hostname: { field: "syslog.sd.o.ip", default: "edge" }, service: { field: "syslog.procid" } };
    expect(items(asked, record, '<14>1 - h a 7 - [o ip="192.0.2.1"]', '{"a":1}', "x")).toEqual([
      { message: record, hostname: "edge", service: "7", status: "err" },
      { message: '<14>1 - h a 7 - [o ip="192.0.2.1"]', hostname: "192.0.2.1", service: "7", status: "info" },
      { hostname: "edge", a: 1 },
      { message: "x", hostname: "edge" },
    ]);
    expect(() => read({ hostname: { field: "syslog.hostname" } })).toThrow(/hostname\.field.*is no field of syslog/s);
    expect(() => read({ hostname: { field: "service.name" } })).toThrow(/is no field of syslog/);
  });

  it("keeps within 1,000 items, 5 MB uncompressed, 1 MB an item", () => {
    expect(output().limits).toEqual({ recordsMax: 1000, bytesMax: 5_000_000, recordBytesMax: 1_000_000 });
  });

  it("compresses with zstd unless it is told otherwise, and sends as much at once as the intake bears", () => {
    expect(output()).toMatchObject({ compressions: ["zstd", "gzip", "none"], concurrency: "auto" });
  });

  it.each([
    [202, { kind: "acked" }],
    [200, { kind: "acked" }],
    [413, { kind: "split", reason: "HTTP 413", cause: "too_large" }],
    [408, { kind: "retry", reason: "HTTP 408" }],
    [429, { kind: "retry", reason: "HTTP 429" }],
    [500, { kind: "retry", reason: "HTTP 500" }],
    [503, { kind: "retry", reason: "HTTP 503" }],
    [401, { kind: "retry", reason: "HTTP 401", alert: "HTTP 401: it wants other credentials" }],
    [403, { kind: "retry", reason: "HTTP 403", alert: "HTTP 403: the credentials are not allowed to do this" }],
    [404, { kind: "retry", reason: "HTTP 404", alert: "HTTP 404: there is nothing at this URL" }],
    [302, { kind: "retry", reason: "HTTP 302", alert: expect.stringContaining("HTTP 302: it redirects") }],
  ])("takes %i as %o", (status, expected) => {
    expect(verdict(status)).toEqual(expected);
  });

  it("takes 400 for several records as the fault of one of them", () => {
    const answer = { status: 400, headers: {}, body: "" };
    expect(output().verdict?.(answer, 2)).toEqual({
      kind: "split",
      reason: "HTTP 400",
      cause: "http_400",
      oneAtFault: true,
    });
    expect(output().verdict?.(answer, 1)).toEqual({ kind: "rejected", reason: "HTTP 400", cause: "http_400" });
  });

  it.each([
    [{ api_key: null }, "api_key", "is missing"],
    [{ api_key: "" }, "api_key", "must be a string"],
    [{ api_key: "***" }, "api_key", "is ***"],
    [{ api_key: "a\nb" }, "api_key", "no header can carry"],
    [{ site: "datadoghq.evil" }, "site", "is no site that is known"],
    [{ endpoint: "https://h/?x=1" }, "endpoint", "a query or a fragment"],
    [{ endpoint: "https://u:hunter2@h" }, "endpoint", "user name or password"],
    [{ tags: ["a", "b,c"] }, "tags[1]", "holds a comma"],
  ])("refuses %o at %s", (config, where, what) => {
    expect(() => read(config)).toThrow(
      expect.objectContaining({ code: "SG_OUTPUT_PARAMS", where, what: expect.stringContaining(what) }),
    );
  });
});
