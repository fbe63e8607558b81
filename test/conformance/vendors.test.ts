/**
 * The vendors' stand-ins themselves: what their documentation refuses is refused, what it accepts is accepted, in the vendor's words.
 * No output of ours takes part, so that a misreading of one is not the measure of the other.
 */
import { connect } from "node:net";
import { deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import {
  type CloudWatchLogsClient,
  CreateLogGroupCommand,
  type InputLogEvent,
  PutLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createAwsSigner } from "../../src/data/delivery/aws_signer.ts";
import {
  createStream,
  credentials,
  logsClient,
  Moto,
  needsMoto,
  region,
  storedEvents,
} from "../fixtures/vendors/cloudwatch.ts";
import { CloudWatchLimits, eventBytesBesideText } from "../fixtures/vendors/cloudwatch_limits.ts";
import { Datadog, logBytesMax, payloadBytesMax } from "../fixtures/vendors/datadog.ts";
import type { ScriptedServer } from "../fixtures/vendors/scripted_server.ts";
import { type HecCode, hecCodes, SplunkHec } from "../fixtures/vendors/splunk_hec.ts";
import { readJson } from "../fixtures/vendors/strict_json.ts";

interface Said {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  readonly body: any;
}

async function call(
  server: ScriptedServer,
  path: string,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
  method = "POST",
): Promise<Said> {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers,
    redirect: "manual",
    ...(method !== "GET" && { body: typeof body === "string" ? body : new Uint8Array(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") ?? false;
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
}

describe("strict JSON", () => {
  it("reads values one after the other and says where each ends", () => {
    const text = ' {"a":"}\\"{"}[1,[2]]\n"x\\\\" 1.5 true ';
    const values: unknown[] = [];
    for (let at = 0; at < text.length; ) {
      const read = readJson(text, at)!;
      values.push(read.value);
      at = read.end;
    }
    expect(values).toEqual([{ a: '}"{' }, [1, [2]], "x\\", 1.5, true]);
  });

  it.each(["", "{", '{"a":1', '{"a":}', "{]", '"a', "[1,]", '{"a":1,}', "nul", "'a'", "01", '"\t"', '{"a" 1}'])(
    "refuses %j",
    (text) => {
      const read = readJson(text);
      expect(read === undefined || read.end !== text.length).toBe(true);
    },
  );

  it("finds keys that stand twice, however they are escaped and however deep", () => {
    expect(readJson('{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}')?.duplicates).toEqual([]);
    expect(readJson('{"a":1,"\\u0061":2}')?.duplicates).toEqual(["/a"]);
    expect(readJson('{"x":[{"y":{"b":1,"c":"b","b":2}}]}')?.duplicates).toHaveLength(1);
  });

  it("reads what is nested ten thousand deep or refuses it, and does not fall over", () => {
    const text = `${"[".repeat(10_000)}${"]".repeat(10_000)}`;
    expect(() => readJson(text)).not.toThrow();
  });
});

describe("a scripted server", () => {
  let server: Datadog;
  const log = '{"message":"m"}';
  beforeEach(async () => {
    server = await Datadog.start();
  });
  afterEach(() => server.close());

  const send = () =>
    call(server, "/api/v2/logs", log, {
      "dd-api-key": server.apiKey,
      "content-type": "application/json",
      "x-streamgate-group": "out/0/1",
    });

  it("keeps each request, its group and what it was answered", async () => {
    await send();
    expect(server.requests).toMatchObject([{ method: "POST", path: "/api/v2/logs", group: "out/0/1", status: 202 }]);
    expect(server.requests[0]!.body.toString()).toBe(log);
    expect(server.accepted).toEqual([{ logs: 1, group: "out/0/1" }]);
    expect(server.violations).toEqual([]);
  });

  it("answers as told, so many times, and takes nothing meanwhile", async () => {
    server.answerWith(503, 2);
    expect((await send()).status).toBe(503);
    expect((await send()).status).toBe(503);
    expect((await send()).status).toBe(202);
    server.answerWith((request) => (request.number % 2 === 1 ? 429 : undefined));
    expect([(await send()).status, (await send()).status]).toEqual([429, 202]);
    expect(server.taken).toHaveLength(2);
  });

  it("sends Retry-After and redirects", async () => {
    server.answerLater(429, "86400", 1);
    expect((await send()).headers.get("retry-after")).toBe("86400");
    server.redirectTo("http://127.0.0.1:1/elsewhere", 308, 1);
    const redirected = await send();
    expect([redirected.status, redirected.headers.get("location")]).toEqual([308, "http://127.0.0.1:1/elsewhere"]);
    expect(server.taken).toEqual([]);
  });

  it("holds requests until it is told to answer", async () => {
    server.hold();
    const both = [send(), send()];
    await expect.poll(() => server.held).toBe(2);
    expect(server.taken).toHaveLength(0);
    server.behave();
    expect((await Promise.all(both)).map(({ status }) => status)).toEqual([202, 202]);
    expect(server.taken).toHaveLength(2);
  });

  it.each([
    ["request", 0],
    ["before_answer", 1],
    ["answer", 1],
  ] as const)("resets the connection: %s", async (at, taken) => {
    server.reset(at, 1);
    await expect(send()).rejects.toThrow();
    expect(server.taken).toHaveLength(taken);
    expect((await send()).status).toBe(202);
  });

  it.each(["head", "body"] as const)("answers a byte at a time, from the %s on", async (from) => {
    server.trickle(from, 1);
    const socket = connect(server.port, "127.0.0.1");
    const head = `POST /api/v2/logs HTTP/1.1\r\nhost: x\r\ndd-api-key: ${server.apiKey}\r\ncontent-type: application/json`;
    socket.write(`${head}\r\ncontent-length: ${log.length}\r\n\r\n${log}`);
    const chunks: string[] = [];
    for await (const chunk of socket) chunks.push(String(chunk));
    expect(chunks.join("")).toMatch(/^HTTP\/1\.1 202 Accepted\r\n[\s\S]*\r\n\r\n\{\}$/);
    if (from === "head") expect(chunks.length).toBeGreaterThan(10);
  });
});

describe("Datadog's stand-in", () => {
  let server: Datadog;
  beforeEach(async () => {
    server = await Datadog.start();
  });
  afterEach(() => server.close());

  const send = (body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}) =>
    call(server, "/api/v2/logs", body, { "dd-api-key": server.apiKey, "content-type": "application/json", ...headers });
  const ofBytes = (bytes: number) => JSON.stringify({ message: "x".repeat(bytes - 14) });

  it("accepts an array, and a single log, with 202 and an empty object", async () => {
    const both = [
      await send(
        '[{"message":"a","ddsource":"s","ddtags":"env:x","hostname":"h","service":"v","n":{"any":[1]}},{"message":"b"}]',
      ),
      await send('{"message":"c"}'),
    ];
    expect(both.map(({ status, body }) => [status, body])).toEqual([
      [202, {}],
      [202, {}],
    ]);
    expect(server.messages()).toEqual(["a", "b", "c"]);
    expect(server.violations).toEqual([]);
  });

  it.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["zstd", zstdCompressSync],
  ] as const)("unpacks %s", async (coding, pack) => {
    expect((await send(pack('[{"message":"a"}]'), { "content-encoding": coding })).status).toBe(202);
    expect(server.messages()).toEqual(["a"]);
    expect((await send("[]", { "content-encoding": coding })).status).toBe(400);
  });

  it.each([
    ["another path", 404, () => call(server, "/v1/input", "{}")],
    ["another method", 405, () => call(server, "/api/v2/logs", "", {}, "PUT")],
    ["no key", 401, () => send("[]", { "dd-api-key": "" })],
    ["another key", 403, () => send("[]", { "dd-api-key": "x" })],
    ["another content type", 400, () => send("[]", { "content-type": "text/html" })],
    ["an unknown coding", 400, () => send("[]", { "content-encoding": "br" })],
    ["no JSON", 400, () => send("[{]")],
    ["JSON and something behind it", 400, () => send("[] []")],
    ["broken UTF-8", 400, () => send(Uint8Array.of(0x22, 0xff, 0x22))],
    ["an item that is no object", 400, () => send('["a"]')],
    ["an item without message", 400, () => send('[{"message":"a"},{}]')],
    ["a message that is no string", 400, () => send('[{"message":1}]')],
    ["tags that are no string", 400, () => send('[{"message":"a","ddtags":["b"]}]')],
  ] as const)("refuses %s, with %i and a list of errors, and takes nothing", async (_name, status, sending) => {
    const said = await sending();
    expect(said.status).toBe(status);
    expect(said.body.errors).toEqual([
      { status: String(status), title: expect.any(String), detail: expect.any(String) },
    ]);
    expect(server.taken).toEqual([]);
    expect(server.violations).toHaveLength(1);
  });

  it("takes 1,000 logs and refuses 1,001", async () => {
    const logs = (count: number) => JSON.stringify(Array.from({ length: count }, () => ({ message: "m" })));
    expect((await send(logs(1000))).status).toBe(202);
    expect((await send(logs(1001))).status).toBe(400);
    expect(server.taken).toHaveLength(1000);
  });

  it("takes 5 MB and refuses a byte more, packed or not, with 413", async () => {
    const body = (bytes: number) => {
      const logs = Array.from({ length: 5 }, () => ofBytes(950_000));
      return `[${logs.join()}${" ".repeat(bytes - 5 * 950_000 - 4 - 2)}]`;
    };
    expect(body(payloadBytesMax)).toHaveLength(payloadBytesMax);
    expect((await send(body(payloadBytesMax))).status).toBe(202);
    expect((await send(body(payloadBytesMax + 1))).status).toBe(413);
    expect((await send(gzipSync(body(payloadBytesMax)), { "content-encoding": "gzip" })).status).toBe(202);
    expect((await send(gzipSync(body(payloadBytesMax + 1)), { "content-encoding": "gzip" })).status).toBe(413);
    expect(server.violations).toHaveLength(2);
  });

  it("takes a log over 1 MB, as documented, and notes that it is cut", async () => {
    expect((await send(`[${ofBytes(logBytesMax)}]`)).status).toBe(202);
    expect(server.violations).toEqual([]);
    expect((await send(`[${ofBytes(logBytesMax + 1)}]`)).status).toBe(202);
    expect(server.violations).toHaveLength(1);
  });

  it("takes logs without a message where it is told to", async () => {
    const lenient = await Datadog.start({ messageRequired: false });
    const headers = { "dd-api-key": lenient.apiKey, "content-type": "application/json" };
    expect((await call(lenient, "/api/v2/logs", '[{"a":1},{"message":{"b":2}}]', headers)).status).toBe(202);
    expect(lenient.violations).toEqual([]);
    await lenient.close();
  });

  it("notes a key that stands twice", async () => {
    expect((await send('[{"message":"a","x":1,"x":2}]')).status).toBe(202);
    expect(server.violations).toEqual([{ request: 0, what: "a key stands twice: //x" }]);
  });

  it.each([400, 401, 403, 408, 413, 429, 500, 503])("has words for %i", async (status) => {
    server.answerWith(status);
    const said = await send("[]");
    expect(said.status).toBe(status);
    expect(said.body.errors[0].status).toBe(String(status));
    expect(said.body.errors[0].title).not.toBe("Error");
  });
});

describe("Splunk's stand-in", () => {
  const servers: SplunkHec[] = [];
  const channel = "FE0ECFAD-13D5-401B-847D-77833BD77131";
  async function start(...options: Parameters<typeof SplunkHec.start>): Promise<SplunkHec> {
    const server = await SplunkHec.start(...options);
    servers.push(server);
    return server;
  }
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });
  const send = (
    server: SplunkHec,
    body: string | Uint8Array,
    headers: Readonly<Record<string, string>> = {},
    path = "/services/collector/event",
  ) => call(server, path, body, { authorization: `Splunk ${server.token}`, ...headers });

  it("accepts events stacked one after the other, with and without space between them", async () => {
    const server = await start();
    const said = await send(
      server,
      '{"event":"a","time":1433188255.500,"host":"h","source":"s","sourcetype":"t","index":"main","fields":{"f":"v","l":["x"]}}{"event":{"k":1}}\r\n {"event":3,"time":"1433188255.1"}\n',
    );
    expect([said.status, said.body]).toEqual([200, { text: "Success", code: 0 }]);
    expect(server.events()).toEqual(["a", { k: 1 }, 3]);
    expect(server.violations).toEqual([]);
  });

  it.each([
    "/services/collector",
    "/services/collector/event",
    "/services/collector/event/1.0",
    "/services/collector/1.0",
  ])("serves %s", async (path) => {
    expect((await send(await start(), '{"event":"a"}', {}, path)).status).toBe(200);
  });

  it("unpacks gzip, takes Basic authentication, and a channel where none is needed", async () => {
    const server = await start();
    const basic = `Basic ${Buffer.from(`x:${server.token}`).toString("base64")}`;
    const headers = { "content-encoding": "gzip", authorization: basic, "x-splunk-request-channel": channel };
    expect((await send(server, gzipSync('{"event":"a"}'), headers)).status).toBe(200);
    expect(server.violations).toEqual([]);
  });

  const refusals: readonly [string, HecCode, (server: SplunkHec) => Promise<Said>, Parameters<typeof start>[0]?][] = [
    ["a disabled token", 1, (server) => send(server, "{}"), { disabled: true }],
    ["no token", 2, (server) => call(server, "/services/collector", "{}")],
    ["another scheme", 3, (server) => send(server, "{}", { authorization: `Bearer ${server.token}` })],
    ["another token", 4, (server) => send(server, "{}", { authorization: "Splunk x" })],
    ["no data", 5, (server) => send(server, " \n")],
    ["no JSON", 6, (server) => send(server, "{")],
    ["a list", 6, (server) => send(server, '[{"event":"a"}]')],
    ["an unknown coding", 6, (server) => send(server, '{"event":"a"}', { "content-encoding": "zstd" })],
    ["an index that is not allowed", 7, (server) => send(server, '{"event":"a","index":"x"}'), { indexes: ["main"] }],
    ["no channel with acknowledgement", 10, (server) => send(server, '{"event":"a"}'), { ack: true }],
    [
      "a channel that is no GUID",
      11,
      (server) => send(server, "{}", { "x-splunk-request-channel": "7" }),
      { ack: true },
    ],
    ["an event without event", 12, (server) => send(server, '{"time":1}')],
    ["a blank event", 13, (server) => send(server, '{"event":" "}')],
    ["a null event", 13, (server) => send(server, '{"event":null}')],
    [
      "a question for acks without acknowledgement",
      14,
      (server) => send(server, '{"acks":[0]}', {}, "/services/collector/ack"),
    ],
    ["nested fields", 15, (server) => send(server, '{"event":"a","fields":{"a":{"b":1}}}')],
    ["a time that is no number", 15, (server) => send(server, '{"event":"a","time":"now"}')],
    ["a time with an exponent", 15, (server) => send(server, '{"event":"a","time":1.7e9}')],
    ["a token in the query", 16, (server) => call(server, `/services/collector?token=${server.token}`, "{}")],
  ];
  it.each(refusals)("refuses %s with code %i", async (_name, code, sending, options) => {
    const server = await start(options);
    const said = await sending(server);
    const [status, text] = hecCodes[code];
    expect(said.status).toBe(status);
    expect(said.body).toMatchObject({ text, code });
    expect(server.taken).toEqual([]);
    expect(server.violations.length).toBeGreaterThan(0);
  });

  it.each([
    [6, '{"event":', 2],
    [6, "1", 2],
    [6, ",", 2],
    [7, '{"event":"c","index":"x"}', 3],
    [12, "{}", 2],
    [13, '{"event":""}', 2],
    [15, '{"event":"c","fields":1}', 2],
  ] as const)(
    "indexes what stands before an event of code %i (%s), nothing behind it, and gives its number",
    async (code, bad, number) => {
      const server = await start({ indexes: ["main"] });
      const said = await send(server, `{"event":"a"}{"event":"b"}${bad} {"event":"d"}`);
      expect(said.body).toEqual({ text: hecCodes[code][1], code, "invalid-event-number": number });
      expect(server.events()).toEqual(["a", "b"]);
    },
  );

  it("stops in the middle when it is busy, and says where", async () => {
    const server = await start();
    server.busyAfter(1);
    const said = await send(server, '{"event":"a"}{"event":"b"}');
    expect([said.status, said.body]).toEqual([503, { text: "Server is busy", code: 9, "invalid-event-number": 1 }]);
    expect((await send(server, '{"event":"b"}')).status).toBe(200);
    expect(server.events()).toEqual(["a", "b"]);
    expect(server.violations).toEqual([]);
  });

  it("keeps to its content length, and refuses more in HTML", async () => {
    const server = await start({ contentBytesMax: 100 });
    const event = (bytes: number) => `{"event":"${"x".repeat(bytes - 12)}"}`;
    expect((await send(server, event(100))).status).toBe(200);
    const said = await send(server, event(101));
    expect([said.status, said.headers.get("content-type")]).toEqual([413, "text/html; charset=UTF-8"]);
    expect((await send(server, gzipSync(event(101)), { "content-encoding": "gzip" })).status).toBe(413);
  });

  it("acknowledges per channel, from 0, once indexed, and tells it once", async () => {
    const server = await start({ ack: true });
    const ack = { "x-splunk-request-channel": channel };
    const other = { "x-splunk-request-channel": channel.replace("F", "0") };
    const asked = async (ids: readonly number[], headers = ack) =>
      (await send(server, JSON.stringify({ acks: ids }), headers, "/services/collector/ack")).body.acks;

    server.indexing = "when_told";
    const ids = [];
    for (const headers of [ack, ack, other]) ids.push((await send(server, '{"event":"a"}', headers)).body);
    expect(ids).toEqual([0, 1, 0].map((ackId) => ({ text: "Success", code: 0, ackId })));
    expect(await asked([0, 1, 7])).toEqual({ 0: false, 1: false, 7: false });
    server.indexAll();
    expect(await asked([0])).toEqual({ 0: true });
    expect(await asked([0, 1])).toEqual({ 0: false, 1: true });
    expect(await asked([0], other)).toEqual({ 0: true });
    expect(server.acksPending).toBe(0);

    await send(server, '{"event":"a"}', ack);
    server.forgetAcks();
    server.indexAll();
    expect(await asked([2])).toEqual({ 2: false });
    expect(server.violations).toEqual([]);
  });

  it("takes the channel from the query, and refuses a question without one", async () => {
    const server = await start({ ack: true });
    const said = await send(server, '{"event":"a"}', {}, `/services/collector?channel=${channel}`);
    expect(said.body.ackId).toBe(0);
    expect((await send(server, '{"acks":[0]}', {}, "/services/collector/ack")).body.code).toBe(10);
    const asked = await send(server, '{"acks":[0]}', {}, `/services/collector/ack?channel=${channel}`);
    expect(asked.body).toEqual({ acks: { 0: true } });
  });

  it("gives no more acks than a channel may have pending", async () => {
    const server = await start({ ack: true, acksPendingMax: 1 });
    const ack = { "x-splunk-request-channel": channel };
    expect((await send(server, '{"event":"a"}', ack)).status).toBe(200);
    const said = await send(server, '{"event":"b"}', ack);
    expect([said.status, said.body.code]).toEqual([429, 27]);
  });

  it("tells its health without a token, and refuses another one", async () => {
    const server = await start();
    const health = (headers = {}) => call(server, "/services/collector/health", "", headers, "GET");
    expect((await health()).body).toEqual({ text: "HEC is healthy", code: 17 });
    expect((await health({ authorization: "Splunk x" })).body.code).toBe(21);
    server.health = 18;
    expect([(await health()).status, (await send(server, '{"event":"a"}')).body.code]).toEqual([503, 9]);
  });

  it("answers any code as a script asks", async () => {
    const server = await start();
    for (const code of Object.keys(hecCodes).map(Number) as HecCode[]) {
      server.answerWithCode(code, 1);
      const said = await send(server, '{"event":"a"}');
      expect([said.status, said.body]).toEqual([hecCodes[code][0], { text: hecCodes[code][1], code }]);
    }
    server.successCode = 24;
    expect((await send(server, '{"event":"a"}')).body.code).toBe(24);
    expect(server.events()).toEqual(["a"]);
  });
});

describe.skipIf(needsMoto.skip)(`CloudWatch's stand-in${needsMoto.note}`, () => {
  let moto: Moto;
  let server: CloudWatchLimits;
  let client: CloudWatchLogsClient;
  beforeAll(async () => {
    moto = await Moto.start();
  });
  afterAll(() => moto?.stop());
  beforeEach(async () => {
    await moto.reset();
    server = await CloudWatchLimits.start(moto);
    client = logsClient(server.url);
    await createStream(client, "group", "stream");
  });
  afterEach(async () => {
    client.destroy();
    await server.close();
  });

  const put = (events: readonly InputLogEvent[], by = client) =>
    by.send(new PutLogEventsCommand({ logGroupName: "group", logStreamName: "stream", logEvents: [...events] }));
  const hourMs = 3_600_000;

  it("takes what the AWS SDK's client sends, and gives it back", async () => {
    const now = Date.now();
    const events = Array.from({ length: 25 }, (_, index) => ({ timestamp: now + index, message: `é ${index}` }));
    const said = await put(events);
    expect(said.rejectedLogEventsInfo).toBeUndefined();
    await put([{ timestamp: now + 99, message: "later" }]);
    expect(await storedEvents(client, "group", "stream")).toEqual([
      ...events,
      { timestamp: now + 99, message: "later" },
    ]);
    expect(server.accepted[0]).toMatchObject({ events: 25, bytes: 25 * eventBytesBesideText + 10 * 4 + 15 * 5 });
    expect(server.violations).toEqual([]);
  });

  it("takes what our own signer signs", async () => {
    const signer = createAwsSigner({ service: "logs", region, credentials });
    const text = JSON.stringify({
      logGroupName: "group",
      logStreamName: "stream",
      logEvents: [{ timestamp: Date.now(), message: "m" }],
    });
    const parts = [Buffer.from(text.slice(0, 9)), Buffer.from(text.slice(9))];
    const headers = await signer.sign({
      url: `${server.url}/`,
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": "Logs_20140328.PutLogEvents",
        "x-streamgate-group": "out/0/1",
      },
      body: { parts, bytes: text.length },
    });
    expect((await call(server, "/", text, headers)).status).toBe(200);
    expect(server.accepted).toEqual([{ events: 1, bytes: 27, group: "out/0/1" }]);
    // The same signature over another body.
    const forged = await call(server, "/", text.replace('"m"', '"n"'), headers);
    expect([forged.status, forged.body.__type]).toEqual([400, "InvalidSignatureException"]);
  });

  it("counts 26 bytes an event: a batch of 1,048,576 bytes is taken, one of a byte more refused", async () => {
    const timestamp = Date.now();
    const batch = (last: number) => [
      { timestamp, message: "é".repeat(262_144) },
      { timestamp, message: "x".repeat(262_144) },
      { timestamp, message: "x".repeat(last) },
    ];
    const rest = 1_048_576 - 3 * 26 - 3 * 262_144;
    await put(batch(rest));
    await expect(put(batch(rest + 1))).rejects.toMatchObject({
      name: "InvalidParameterException",
      message: "Upload too large: 1048577 bytes exceeds limit of 1048576",
    });
    expect(server.accepted).toHaveLength(1);
  });

  it("takes an event of 1 MB and refuses a byte more", async () => {
    const event = (bytes: number) => [{ timestamp: Date.now(), message: "x".repeat(bytes - 26) }];
    await put(event(1_048_576));
    await expect(put(event(1_048_577))).rejects.toThrow("Log event too large: 1048577 bytes exceeds limit of 1048576");
  });

  it("takes 10,000 events and refuses 10,001", async () => {
    const timestamp = Date.now();
    const events = (count: number) => Array.from({ length: count }, () => ({ timestamp, message: "m" }));
    await put(events(10_000));
    await expect(put(events(10_001))).rejects.toMatchObject({ name: "InvalidParameterException" });
  });

  it("refuses no events, an empty message, and events out of order", async () => {
    const timestamp = Date.now();
    await expect(put([])).rejects.toMatchObject({ name: "InvalidParameterException" });
    await expect(put([{ timestamp, message: "" }])).rejects.toMatchObject({ name: "InvalidParameterException" });
    const unordered = [
      { timestamp: timestamp + 1, message: "a" },
      { timestamp, message: "b" },
    ];
    await expect(put(unordered)).rejects.toThrow("must be in chronological order");
    expect(server.taken).toEqual([]);
  });

  it("takes a span of 24 hours and refuses a millisecond more", async () => {
    const timestamp = Date.now() - 30 * hourMs;
    const span = (ms: number) => [
      { timestamp, message: "a" },
      { timestamp: timestamp + ms, message: "b" },
    ];
    await put(span(24 * hourMs));
    await expect(put(span(24 * hourMs + 1))).rejects.toThrow("cannot span more than 24 hours");
  });

  it("stores what is neither too old nor too new, and says which was not", async () => {
    const now = Date.now();
    const said = await put([
      { timestamp: now - 15 * 24 * hourMs, message: "too old" },
      { timestamp: now - 14 * 24 * hourMs - hourMs, message: "too old" },
      { timestamp: now, message: "kept" },
      { timestamp: now + 3 * hourMs, message: "too new" },
      { timestamp: now + 4 * hourMs, message: "too new" },
    ]);
    expect(said.rejectedLogEventsInfo).toEqual({ tooOldLogEventEndIndex: 2, tooNewLogEventStartIndex: 3 });
    expect(await storedEvents(client, "group", "stream")).toEqual([{ timestamp: now, message: "kept" }]);
    const nothing = await put([{ timestamp: now + 3 * hourMs, message: "too new" }]);
    expect(nothing.rejectedLogEventsInfo).toEqual({ tooNewLogEventStartIndex: 0 });
  });

  it("expires by the retention of the group", async () => {
    const kept = await CloudWatchLimits.start(moto, { retentionDays: 1 });
    const other = logsClient(kept.url);
    const now = Date.now();
    const said = await put(
      [
        { timestamp: now - 25 * hourMs, message: "expired" },
        { timestamp: now, message: "kept" },
      ],
      other,
    );
    expect(said.rejectedLogEventsInfo).toEqual({ expiredLogEventEndIndex: 1 });
    expect(kept.taken).toEqual([{ timestamp: now, message: "kept" }]);
    other.destroy();
    await kept.close();
  });

  it("does not know groups and streams that were not created", async () => {
    const events = [{ timestamp: Date.now(), message: "m" }];
    for (const [logGroupName, logStreamName] of [
      ["nowhere", "stream"],
      ["group", "nowhere"],
    ] as const) {
      const putting = client.send(new PutLogEventsCommand({ logGroupName, logStreamName, logEvents: events }));
      await expect(putting).rejects.toMatchObject({ name: "ResourceNotFoundException" });
    }
    const again = client.send(new CreateLogGroupCommand({ logGroupName: "group" }));
    await expect(again).rejects.toMatchObject({ name: "ResourceAlreadyExistsException" });
  });

  it("throttles, fails, and rejects as a script asks", async () => {
    const events = [
      { timestamp: Date.now(), message: "a" },
      { timestamp: Date.now(), message: "b" },
    ];
    server.throttle(1);
    await expect(put(events)).rejects.toMatchObject({ name: "ThrottlingException", message: "Rate exceeded" });
    server.fail("ServiceUnavailableException", "The service cannot complete the request.", 503, 1);
    await expect(put(events)).rejects.toMatchObject({ name: "ServiceUnavailableException" });
    server.rejectNext({ tooNewLogEventStartIndex: 1 });
    expect((await put(events)).rejectedLogEventsInfo).toEqual({ tooNewLogEventStartIndex: 1 });
    await put(events);
    expect(server.taken.map(({ message }) => message)).toEqual(["a", "a", "b"]);
    expect(server.violations).toEqual([]);
  });

  it.each([
    ["another secret", { secretAccessKey: "x" }, "InvalidSignatureException"],
    ["another key", { accessKeyId: "AKIDOTHER" }, "UnrecognizedClientException"],
  ] as const)("refuses %s", async (_name, other, exception) => {
    const stranger = logsClient(server.url, { credentials: { ...credentials, ...other } });
    await expect(put([{ timestamp: Date.now(), message: "m" }], stranger)).rejects.toMatchObject({ name: exception });
    stranger.destroy();
  });

  it.each([
    [
      "no signature",
      "MissingAuthenticationTokenException",
      (headers: Record<string, string>) => ({ ...headers, authorization: "" }),
    ],
    [
      "half a signature",
      "IncompleteSignatureException",
      (headers: Record<string, string>) => ({ ...headers, authorization: headers.authorization!.slice(0, -1) }),
    ],
    [
      "a header that is not signed",
      "InvalidSignatureException",
      (headers: Record<string, string>) => ({ ...headers, "x-amz-more": "1" }),
    ],
    [
      "a header that was changed",
      "InvalidSignatureException",
      (headers: Record<string, string>) => ({ ...headers, "x-amz-target": "Logs_20140328.DeleteLogGroup" }),
    ],
  ] as const)("refuses %s", async (_name, exception, change) => {
    const text = JSON.stringify({ logGroupName: "group" });
    const headers = await createAwsSigner({ service: "logs", region, credentials }).sign({
      url: `${server.url}/`,
      method: "POST",
      headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": "Logs_20140328.DescribeLogStreams" },
      body: { parts: [Buffer.from(text)], bytes: text.length },
    });
    expect((await call(server, "/", text, headers)).status).toBe(200);
    expect((await call(server, "/", text, change(headers))).body.__type).toBe(exception);
  });

  it("refuses a signature of ten minutes ago", async () => {
    const past = createAwsSigner({ service: "logs", region, credentials, now: () => new Date(Date.now() - 600_000) });
    const headers = await past.sign({
      url: `${server.url}/`,
      method: "POST",
      headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": "Logs_20140328.PutLogEvents" },
      body: { parts: [Buffer.from("{}")], bytes: 2 },
    });
    const said = await call(server, "/", "{}", headers);
    expect([said.body.__type, said.body.message]).toEqual([
      "InvalidSignatureException",
      expect.stringContaining("Signature expired"),
    ]);
  });
});
