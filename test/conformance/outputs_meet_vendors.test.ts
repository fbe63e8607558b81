/**
 * Outputs against the vendors' stand-ins: what an output encodes, asks and concludes, put together by the smallest sender that does what
 * verdicts say. Both sides were written from the vendors' documentation, apart from one another. The real sender has its own tests.
 */
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createAwsSigner } from "../../src/data/delivery/aws_signer.ts";
import type { EngineKind } from "../../src/data/engine/engine.ts";
import { describeOutput } from "../../src/outputs/index.ts";
import type { Output, OutputConfig, OutputRequest, OutputResponse } from "../../src/outputs/output.ts";
import {
  createStream,
  credentials,
  logsClient,
  Moto,
  needsMoto,
  region,
  storedEvents,
} from "../fixtures/vendors/cloudwatch.ts";
import { CloudWatchLimits } from "../fixtures/vendors/cloudwatch_limits.ts";
import { Datadog } from "../fixtures/vendors/datadog.ts";
import { SplunkHec } from "../fixtures/vendors/splunk_hec.ts";
import { batchWith } from "./encode_cases.ts";
import { engines } from "./engines.ts";

interface Delivered {
  /** Records that the output, or the vendor, would not take, and why. */
  readonly dead: { readonly record: number; readonly reason: string }[];
  readonly alerts: string[];
  /** Records that were tried ten times in vain. */
  readonly unsent: readonly number[];
}

/** Sends records until each is taken or dead. */
class SmallSender {
  readonly dead: { record: number; reason: string }[] = [];
  readonly alerts: string[] = [];
  readonly unsent: number[] = [];
  readonly #output: Output;
  readonly #batch;
  readonly #encoder;
  readonly #timeMs: number;
  readonly #signer = createAwsSigner({ service: "logs", region, credentials });

  private constructor(kind: EngineKind, output: Output, records: readonly Uint8Array[], timeMs: number) {
    if (output.envelope.kind !== "json") throw new Error("only JSON bodies are encoded");
    this.#output = output;
    this.#batch = batchWith(kind, records);
    this.#encoder = kind.createEncoder(output.envelope);
    this.#timeMs = timeMs;
  }

  static async send(
    kind: EngineKind,
    config: OutputConfig,
    records: readonly (string | Uint8Array)[],
    timeMs = Date.now(),
  ): Promise<Delivered> {
    const bytes = records.map((record) => (typeof record === "string" ? Buffer.from(record) : record));
    const sender = new SmallSender(kind, describeOutput(config), bytes, timeMs);
    await sender.#range(0, records.length);
    sender.#encoder.close();
    return sender;
  }

  async #range(from: number, to: number): Promise<void> {
    const { limits } = this.#output;
    const encoder = this.#encoder;
    for (let at = from; at < to; ) {
      encoder.begin({ ...limits, recordBytesMax: limits.recordBytesMax ?? limits.bytesMax });
      const end = encoder.append(this.#batch, at, to, this.#timeMs);
      const { records } = encoder;
      const body = encoder.finish();
      if (records === 0) {
        this.dead.push({ record: end, reason: "too large" });
        at = end + 1;
        continue;
      }
      await this.#payload(body, at, end);
      at = end;
    }
  }

  async #payload(body: Uint8Array, from: number, to: number): Promise<void> {
    const output = this.#output;
    for (let tries = 0; tries < 10; tries++) {
      const [coding = "none"] = output.compressions;
      const packed = coding === "gzip" ? gzipSync(body) : coding === "zstd" ? zstdCompressSync(body) : body;
      const request = output.request!(
        { parts: [packed], bytes: packed.length },
        { records: to - from, groupId: `out-w0-0-${from}`, encoding: coding === "none" ? undefined : coding, slot: 0 },
      );
      const verdict = output.verdict!(await this.#exchange(request), to - from);
      switch (verdict.kind) {
        case "acked":
          return;
        case "confirm":
          return await this.#confirmed(verdict.token);
        case "partly":
          for (const range of verdict.rejected)
            for (let record = range.from; record < range.to; record++)
              this.dead.push({ record: from + record, reason: range.reason });
          return;
        case "resume":
          this.dead.push({ record: from + verdict.at, reason: verdict.reason });
          return await this.#range(from + verdict.at + 1, to);
        case "split": {
          if (to - from === 1) {
            this.dead.push({ record: from, reason: verdict.reason });
            return;
          }
          const middle = (from + to) >> 1;
          await this.#range(from, middle);
          return await this.#range(middle, to);
        }
        case "rejected":
          for (let record = from; record < to; record++) this.dead.push({ record, reason: verdict.reason });
          return;
        case "retry":
          if (verdict.alert !== undefined) this.alerts.push(verdict.alert);
          for (const first of verdict.first ?? []) await this.#exchange(first);
      }
    }
    for (let record = from; record < to; record++) this.unsent.push(record);
  }

  async #confirmed(token: string): Promise<void> {
    const { request, confirmed } = this.#output.confirmation!;
    await expect.poll(async () => confirmed(await this.#exchange(request([token], 0))).has(token)).toBe(true);
  }

  async #exchange(request: OutputRequest): Promise<OutputResponse> {
    const headers = this.#output.signature === undefined ? request.headers : await this.#signer.sign(request);
    const response = await fetch(request.url, {
      method: request.method,
      headers,
      body: new Uint8Array(Buffer.concat(request.body.parts)),
      redirect: "manual",
    });
    return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
  }
}

/** Records that a careless encoder gets wrong. */
const awkward: readonly (string | Uint8Array)[] = [
  "plain text",
  String.raw`a "quoted" \ text`,
  "tab\tand\u0000\u001f\u007f\u2028",
  "é ☺ 😀 \ufeff",
  Uint8Array.of(0x61, 0xff, 0xf0, 0x9f, 0x98, 0x62),
  "[1,2]",
  "{broken",
  '{"a":1}{"b":2}',
  "null",
  '"text"',
  "}",
];
const awkwardTexts = awkward.map((record) =>
  typeof record === "string" ? record : new TextDecoder("utf-8", { ignoreBOM: true }).decode(record),
);

describe.each(engines())("Datadog's output on $name", (kind) => {
  let server: Datadog;
  beforeEach(async () => {
    server = await Datadog.start();
  });
  afterEach(() => server.close());
  const send = (records: readonly (string | Uint8Array)[], more: Record<string, unknown> = {}) =>
    SmallSender.send(kind, { type: "datadog", api_key: server.apiKey, endpoint: server.url, ...more }, records);

  it("delivers any text, in order", async () => {
    expect((await send(awkward)).dead).toEqual([]);
    expect(server.messages()).toEqual(awkwardTexts);
    expect(server.violations).toEqual([]);
  });

  it("adds what is configured, and keeps a JSON record's own attributes", async () => {
    const own = '{"message":"m","level":"info","service":"mine","n":{"a":[1,2]},"ddtags":"k:v"}';
    const { dead } = await send([own, "text"], {
      source: "s",
      service: "v",
      hostname: "h",
      status: "warn",
      tags: ["env:x", "team:y"],
    });
    expect(dead).toEqual([]);
    const added = { ddsource: "s", hostname: "h", status: "warn" };
    expect(server.taken).toEqual([
      { ...added, message: "m", level: "info", service: "mine", n: { a: [1, 2] }, ddtags: "k:v" },
      { ...added, message: "text", service: "v", ddtags: "env:x,team:y" },
    ]);
    expect(server.violations).toEqual([]);
  });

  it("keeps JSON records that have no message, or one that is no text", async () => {
    const lenient = await Datadog.start({ messageRequired: false });
    const records = ['{"msg":"a"}', '{"message":{"b":[1]}}', "{}", '{"\\u006dessage":"c"}', "text"];
    const config = { type: "datadog", api_key: lenient.apiKey, endpoint: lenient.url, service: "v" };
    expect((await SmallSender.send(kind, config, records)).dead).toEqual([]);
    expect(lenient.taken).toEqual([
      { msg: "a", service: "v" },
      { message: { b: [1] }, service: "v" },
      { service: "v" },
      { message: "c", service: "v" },
      { message: "text", service: "v" },
    ]);
    expect(lenient.violations).toEqual([]);
    await lenient.close();
  });

  it("sends 1,001 records as 1,000 and one", async () => {
    const records = Array.from({ length: 1001 }, (_, index) => `record ${index}`);
    expect((await send(records)).dead).toEqual([]);
    expect(server.accepted.map(({ logs }) => logs)).toEqual([1000, 1]);
    expect(server.messages()).toEqual(records);
    expect(server.violations).toEqual([]);
  });

  it("sends six records of 900,000 bytes as two payloads under 5 MB", async () => {
    const records = Array.from({ length: 6 }, (_, index) => String(index).repeat(900_000));
    expect((await send(records)).dead).toEqual([]);
    expect(server.accepted.map(({ logs }) => logs)).toEqual([5, 1]);
    expect(server.violations).toEqual([]);
  });

  it("sends no record over 1 MB, so that none is cut in silence", async () => {
    const { dead } = await send(["x".repeat(990_000), '"'.repeat(600_000), "y".repeat(1_000_001), "z"]);
    expect(dead.map(({ record }) => record)).toEqual([1, 2]);
    expect(server.messages().map((message) => message[0])).toEqual(["x", "z"]);
    expect(server.violations).toEqual([]);
  });

  it("halves what is too much for the vendor, down to the record that is", async () => {
    const records = Array.from({ length: 10 }, (_, index) => `record ${index}`);
    server.answerWith(({ headers }) => (Number(headers["content-length"]) > 90 ? 413 : undefined));
    const { dead } = await send([...records, "no compressor makes this short: ".repeat(1) + randomText(200)]);
    expect(dead.map(({ record }) => record)).toEqual([10]);
    expect(server.messages()).toEqual(records);
  });

  it.each([408, 429, 500, 503, 401, 403])("tries again after %i", async (status) => {
    server.answerWith(status, 2);
    const { dead, alerts } = await send(["a", "b"]);
    expect(dead).toEqual([]);
    expect(alerts).toHaveLength(status === 401 || status === 403 ? 2 : 0);
    expect(server.messages()).toEqual(["a", "b"]);
  });

  it("gives up the one record for which a payload is refused with 400", async () => {
    const { dead } = await send(["a", '{"message":1}', "b", "c"]);
    expect(dead).toEqual([{ record: 1, reason: "HTTP 400" }]);
    expect(server.messages()).toEqual(["a", "b", "c"]);
  });
});

describe.each(engines())("Splunk's output on $name", (kind) => {
  const servers: SplunkHec[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });
  async function start(...options: Parameters<typeof SplunkHec.start>): Promise<SplunkHec> {
    const server = await SplunkHec.start(...options);
    servers.push(server);
    return server;
  }
  const send = (
    server: SplunkHec,
    records: readonly (string | Uint8Array)[],
    more: Record<string, unknown> = {},
    timeMs?: number,
  ) => SmallSender.send(kind, { type: "splunk_hec", url: server.url, token: server.token, ...more }, records, timeMs);

  it("delivers any text, in order, with its time", async () => {
    const server = await start();
    expect((await send(server, awkward, {}, 1_764_160_496_789)).dead).toEqual([]);
    expect(server.events()).toEqual(awkwardTexts);
    expect(server.taken.every(({ time }) => Number(time) === 1_764_160_496.789)).toBe(true);
    expect(server.violations).toEqual([]);
  });

  it("adds what is configured, and leaves a JSON record JSON", async () => {
    const server = await start({ indexes: ["main"] });
    const more = { index: "main", source: "s", sourcetype: "t", host: "h", fields: { region: "eu" } };
    expect((await send(server, ['{"a":{"b":[1]},"time":"x"}', "text"], more, 1000)).dead).toEqual([]);
    expect(server.events()).toEqual([{ a: { b: [1] }, time: "x" }, "text"]);
    for (const event of server.taken) expect(event).toMatchObject(more);
    expect(server.violations).toEqual([]);
  });

  it("makes a dead letter of each record that Splunk calls blank, and delivers the others once", async () => {
    const server = await start();
    const { dead } = await send(server, ["a", "   ", "b", "{}", "\t", "c"]);
    expect(server.events()).toEqual(["a", "b", "c"]);
    expect(dead.map(({ record }) => record)).toEqual([1, 3, 4]);
  });

  it("keeps records whose index is refused, and tells a person", async () => {
    const server = await start({ indexes: ["main"] });
    const { dead, alerts, unsent } = await send(server, ["a", "b"], { index: "other" });
    expect(dead).toEqual([]);
    expect(unsent).toEqual([0, 1]);
    expect(alerts.length).toBeGreaterThan(0);
    expect(server.events()).toEqual([]);
  });

  it("goes on where a busy server stopped, doubling nothing, or sends all again", async () => {
    const server = await start();
    server.busyAfter(2);
    expect((await send(server, ["a", "b", "c"])).dead).toEqual([]);
    expect(new Set(server.events())).toEqual(new Set(["a", "b", "c"]));
    expect(server.events().slice(-1)).toEqual(["c"]);
  });

  it("waits for acknowledgement, asks in the channel it sent in, and takes true for delivered", async () => {
    const server = await start({ ack: true });
    expect((await send(server, ["a", "b"], { ack: true })).dead).toEqual([]);
    expect(server.events()).toEqual(["a", "b"]);
    expect(server.acksPending).toBe(0);
    expect(server.violations).toEqual([]);
  });

  it.each([8, 9, 18, 19, 20, 23, 26, 27] as const)("tries again after code %i", async (code) => {
    const server = await start();
    server.answerWithCode(code, 2);
    expect((await send(server, ["a"])).dead).toEqual([]);
    expect(server.events()).toEqual(["a"]);
  });

  it.each([1, 2, 3, 4] as const)("tries again after code %i, and tells a person", async (code) => {
    const server = await start();
    server.answerWithCode(code, 1);
    const { dead, alerts } = await send(server, ["a"]);
    expect([dead, alerts.length]).toEqual([[], 1]);
    expect(server.events()).toEqual(["a"]);
  });

  it.each([24, 25] as const)("takes code %i, a success near a limit, for a success", async (code) => {
    const server = await start();
    server.successCode = code;
    expect((await send(server, ["a"])).dead).toEqual([]);
    expect(server.events()).toEqual(["a"]);
  });

  it("halves what is longer than the server takes, whose answer is HTML", async () => {
    const server = await start({ contentBytesMax: 400 });
    const records = Array.from({ length: 20 }, (_, index) => `record ${index}`);
    expect((await send(server, records)).dead).toEqual([]);
    expect(server.events()).toEqual(records);
  });
});

describe.skipIf(needsMoto.skip)(`CloudWatch's output${needsMoto.note}`, () => {
  let moto: Moto;
  beforeAll(async () => {
    moto = await Moto.start();
  });
  afterAll(() => moto?.stop());

  describe.each(engines())("on $name", (kind) => {
    let server: CloudWatchLimits;
    beforeEach(async () => {
      await moto.reset();
      server = await CloudWatchLimits.start(moto);
    });
    afterEach(() => server.close());
    const config = () => ({
      type: "cloudwatch",
      region,
      log_group: "group",
      log_stream: "stream",
      endpoint: server.url,
      credentials: { access_key_id: credentials.accessKeyId, secret_access_key: credentials.secretAccessKey },
    });
    const stored = async () => {
      const client = logsClient(server.url);
      const events = await storedEvents(client, "group", "stream");
      client.destroy();
      return events;
    };
    /** Violations that are no part of creating what was missing. */
    const faults = () => server.violations.filter(({ what }) => !/ResourceNotFound/.test(what));
    async function create(): Promise<void> {
      const client = logsClient(server.url);
      await createStream(client, "group", "stream");
      client.destroy();
    }

    it("creates the group and the stream, and delivers any text, in order, with its time", async () => {
      const timeMs = Date.now();
      expect((await SmallSender.send(kind, config(), awkward, timeMs)).dead).toEqual([]);
      expect(await stored()).toEqual(awkwardTexts.map((message) => ({ timestamp: timeMs, message })));
      expect(faults()).toEqual([]);
    });

    it("creates a stream where the group is there, and begins where both are", async () => {
      await create();
      await SmallSender.send(kind, config(), ["a"]);
      await SmallSender.send(kind, { ...config(), log_stream: "other" }, ["b"]);
      expect(server.taken.map(({ message }) => message)).toEqual(["a", "b"]);
    });

    it("sends a JSON record as it is", async () => {
      await create();
      const record = '{"a": {"b":[1]},\t"message":"m"}';
      await SmallSender.send(kind, config(), [record]);
      expect(server.taken.map(({ message }) => message)).toEqual([record]);
      expect(faults()).toEqual([]);
    });

    it("counts 26 bytes a record: 1,048,576 go as one batch, a byte more as two", async () => {
      await create();
      const batch = (last: number) => [
        "é".repeat(131_072),
        "x".repeat(262_144),
        "\u0001".repeat(262_144),
        "y".repeat(last),
      ];
      const rest = 1_048_576 - 4 * 26 - 3 * 262_144;
      expect((await SmallSender.send(kind, config(), batch(rest))).dead).toEqual([]);
      expect(server.accepted).toMatchObject([{ events: 4, bytes: 1_048_576 }]);
      expect((await SmallSender.send(kind, config(), batch(rest + 1))).dead).toEqual([]);
      expect(server.accepted.map(({ events }) => events)).toEqual([4, 3, 1]);
      expect(faults()).toEqual([]);
    });

    it("counts broken UTF-8 as the U+FFFD that it becomes", async () => {
      await create();
      const broken = new Uint8Array(349_516).fill(0xff);
      expect((await SmallSender.send(kind, config(), [broken])).dead).toEqual([]);
      expect((await SmallSender.send(kind, config(), [new Uint8Array(349_517).fill(0xff)])).dead).toHaveLength(1);
      expect(server.accepted).toMatchObject([{ bytes: 3 * 349_516 + 26 }]);
      expect(faults()).toEqual([]);
    });

    it("sends 10,001 records as 10,000 and one", async () => {
      await create();
      const records = Array.from({ length: 10_001 }, (_, index) => `r${index}`);
      expect((await SmallSender.send(kind, config(), records)).dead).toEqual([]);
      expect(server.accepted.map(({ events }) => events)).toEqual([10_000, 1]);
      expect(server.taken.map(({ message }) => message)).toEqual(records);
    });

    it("makes dead letters of exactly the records that are rejected", async () => {
      await create();
      server.rejectNext({ tooOldLogEventEndIndex: 2, tooNewLogEventStartIndex: 4 });
      const { dead } = await SmallSender.send(kind, config(), ["a", "b", "c", "d", "e"]);
      expect(dead.map(({ record }) => record).toSorted()).toEqual([0, 1, 4]);
      expect(new Set(dead.map(({ reason }) => reason)).size).toBe(2);
      expect(server.taken.map(({ message }) => message)).toEqual(["c", "d"]);
      server.rejectNext({ expiredLogEventEndIndex: 1 });
      expect((await SmallSender.send(kind, config(), ["f", "g"])).dead.map(({ record }) => record)).toEqual([0]);
    });

    it("makes dead letters of records older than 14 days, by the vendor's own judgement", async () => {
      await create();
      const old = Date.now() - 15 * 86_400_000;
      expect((await SmallSender.send(kind, config(), ["a", "b"], old)).dead.map(({ record }) => record)).toEqual([
        0, 1,
      ]);
    });

    it.each([
      ["ThrottlingException", 400],
      ["ServiceUnavailableException", 503],
      ["InternalFailure", 500],
      ["UnrecognizedClientException", 400],
      ["ExpiredTokenException", 400],
      ["InvalidSignatureException", 400],
      ["AccessDeniedException", 400],
    ] as const)("tries again after %s", async (type, status) => {
      await create();
      server.fail(type, "words", status, 2);
      expect((await SmallSender.send(kind, config(), ["a"])).dead).toEqual([]);
      expect(server.taken.map(({ message }) => message)).toEqual(["a"]);
    });
  });
});

/** That no compressor shortens much, the same each time. */
function randomText(length: number): string {
  let state = 1;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return String.fromCharCode(33 + ((state >>> 16) % 90));
  }).join("");
}
