/**
 * Each vendor through the built program, on both engines: records sent over TCP arrive once, in full, within the vendor's limits; what the
 * vendor refuses becomes a dead letter with its reason; what can be mended waits. The account balances at the end of each test.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { disposeGates } from "../fixtures/gate.ts";
import { OutputsOfGate } from "../fixtures/outputs_of_gate.ts";
import { engines } from "../fixtures/requirement.ts";
import { credentials, logsClient, Moto, needsMoto, region, storedEvents } from "../fixtures/vendors/cloudwatch.ts";
import { CloudWatchLimits, eventBytesBesideText } from "../fixtures/vendors/cloudwatch_limits.ts";
import { Datadog } from "../fixtures/vendors/datadog.ts";
import type { ScriptedServer } from "../fixtures/vendors/scripted_server.ts";
import { SplunkHec } from "../fixtures/vendors/splunk_hec.ts";
import { until } from "../fixtures/wait.ts";

const keys = {
  DD_KEY: "dd-key-4f1c9e7a",
  DD_KEY_OLD: "dd-key-of-yesterday",
  HEC_TOKEN: "aaaa1111-0000-4000-8000-00000000beef",
  HEC_TOKEN_OLD: "bbbb2222-0000-4000-8000-00000000beef",
  AWS_KEY_OF_TEST: credentials.accessKeyId,
  AWS_SECRET_OF_TEST: credentials.secretAccessKey,
};
const env = (name: keyof typeof keys) => ({ env: name });
const folder = mkdtempSync(join(tmpdir(), "streamgate-secrets-"));
/** The same key, with the line end that editors leave. */
const keyFile = join(folder, "key");
writeFileSync(keyFile, `${keys.DD_KEY}\n`);

/** One request at a time, of as many records as the vendor takes, tried again at once. */
const orderly = {
  concurrency: 1,
  payload: { max_records: 100_000 },
  retry: { max_delay_ms: 100, retry_after_max_ms: 200 },
};

/** What an encoder may get wrong, a line each; and what a receiver reads of it where it is one string. */
const awkward: readonly (string | Uint8Array)[] = [
  "plain text",
  String.raw`a "quoted" \ text`,
  "tab\tand\u0001\u001f\u007f\u2028",
  "é ☺ 😀 \ufeff",
  Uint8Array.of(0x61, 0xff, 0xf0, 0x9f, 0x98, 0x62, 0xc0, 0xaf),
  "[1,2]",
  '{"broken":',
  '{"a":1}{"b":2}',
  '"text"',
];
const awkwardTexts = awkward.map((record) =>
  typeof record === "string" ? record : new TextDecoder("utf-8", { ignoreBOM: true }).decode(record),
);

const servers: ScriptedServer[] = [];
let out: OutputsOfGate;
let moto: Moto | undefined;
beforeAll(async () => {
  if (!needsMoto.skip) moto = await Moto.start();
});
afterEach(async () => {
  await out.expectNoSecretShown();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});
afterAll(async () => {
  await moto?.stop();
  rmSync(folder, { recursive: true });
});

function started<S extends ScriptedServer>(server: S): S {
  servers.push(server);
  return server;
}

/** Sends a first record, and the others while its request is held, so that they are cut into payloads as those of a queue that is behind. */
async function sendBehind(server: ScriptedServer, first: string, records: readonly (string | Uint8Array)[]) {
  server.hold();
  await out.send([first]);
  await until("the first record is held", () => server.held > 0);
  await out.send(records);
  await until("the others wait", async () => (await out.status()).queued.records === 1 + records.length);
  server.behave();
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `record ${index}`);

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`vendors on ${engine}${note}`, () => {
    beforeAll(async () => {
      out = await OutputsOfGate.start(engine, keys);
    });
    afterAll(disposeGates);

    describe("datadog", () => {
      const dd = async (more: Record<string, unknown> = {}) => {
        const server = started(await Datadog.start({ apiKey: keys.DD_KEY }));
        const config = { type: "datadog", api_key: env("DD_KEY"), endpoint: server.url, ...orderly, ...more };
        await out.output(config);
        return { server, config };
      };

      it("delivers any text once and in order, in zstd, by a key from a file", async () => {
        const { server } = await dd({ api_key: { file: keyFile } });
        await out.send(awkward);
        expect(await out.settled(awkward.length)).toEqual({ delivered: awkward.length, dead: 0, lost: 0 });
        expect(server.messages()).toEqual(awkwardTexts);
        expect(server.requests[0]!.headers["content-encoding"]).toBe("zstd");
        expect(server.violations).toEqual([]);
      });

      it("keeps a JSON record's own attributes and adds what it lacks", async () => {
        const { server } = await dd({ service: "ours", source: "gate", tags: ["env:x", "team:y"] });
        await out.send(['{"message":"m","service":"mine","level":"info","n":{"a":[1,2e3]}}', "text"]);
        await out.settled(2);
        expect(server.taken).toEqual([
          {
            message: "m",
            service: "mine",
            level: "info",
            n: { a: [1, 2000] },
            ddsource: "gate",
            ddtags: "env:x,team:y",
          },
          { message: "text", service: "ours", ddsource: "gate", ddtags: "env:x,team:y" },
        ]);
        expect(server.violations).toEqual([]);
      });

      it("sends 1,001 records as 1,000 and one", async () => {
        const { server } = await dd();
        await sendBehind(server, "first", numbered(1001));
        expect(await out.settled(1002)).toMatchObject({ delivered: 1002 });
        expect(server.accepted.map(({ logs }) => logs)).toEqual([1, 1000, 1]);
        expect(server.messages()).toEqual(["first", ...numbered(1001)]);
        expect(server.violations).toEqual([]);
      });

      it("stays under 5 MB a payload, and makes a dead letter of what is over 1 MB as an item", async () => {
        const { server } = await dd();
        // Escaped it has 1.2 MB.
        const quotes = '"'.repeat(600_000);
        const large = Array.from({ length: 6 }, (_, index) => String(index).repeat(900_000));
        await sendBehind(server, "first", [...large, quotes, "last"]);
        expect(await out.settled(9)).toEqual({ delivered: 8, dead: 1, lost: 0 });
        expect(server.accepted.map(({ logs }) => logs)).toEqual([1, 5, 1, 1]);
        expect(server.messages()).toEqual(["first", ...large, "last"]);
        expect(server.violations).toEqual([]);
        expect(await out.deadLetters()).toEqual([{ record: quotes, reason: expect.stringContaining("too_large") }]);
      });

      it("halves what is answered with 413, down to the record that is too much by itself", async () => {
        const { server } = await dd({ compression: "none" });
        server.answerWith(({ headers }) => (Number(headers["content-length"]) > 700 ? 413 : undefined));
        const big = `big ${"x".repeat(800)}`;
        await out.send([...numbered(40), big, ...numbered(10)]);
        expect(await out.settled(51)).toEqual({ delivered: 50, dead: 1, lost: 0 });
        expect(server.messages()).toEqual([...numbered(40), ...numbered(10)]);
        expect(await out.deadLetters()).toEqual([{ record: big, reason: "HTTP 413" }]);
        // Halves are named after what they are halves of.
        const groups = server.requests.map(({ group }) => group!);
        const whole = groups[0]!;
        expect(whole).toMatch(new RegExp(`^${out.id}-w0-`));
        expect(groups.slice(0, 2)).toEqual([whole, `${whole}/1`]);
        expect(groups).toContain(`${whole}/2`);
        expect(new Set(groups).size).toBe(groups.length);
      });

      it("sends a payload again under its name after 503, 429 with Retry-After, 408 and a reset, and nothing twice", async () => {
        const { server } = await dd();
        const answers = [503, 429, 408, 500];
        server.answerWith(({ number }) => answers[number]);
        await out.send(numbered(50));
        await out.settled(50);
        expect(server.messages()).toEqual(numbered(50));
        const groups = server.requests.slice(0, 5).map(({ group }) => group);
        expect(new Set(groups).size).toBe(1);
      });

      it.each([401, 403])(
        "keeps records while the key is refused (%i), says so loudly, and delivers once it is right",
        async (status) => {
          const { server, config } = await dd({ api_key: env("DD_KEY_OLD") });
          // The stand-in answers 403 to a key that is another.
          if (status === 401)
            server.answerWith(({ headers }) => (headers["dd-api-key"] === keys.DD_KEY ? undefined : 401));
          await out.send(numbered(30));
          await until("somebody is told", () => out.logged("error").some((line) => line.includes(`HTTP ${status}`)));
          expect(await out.status()).toMatchObject({
            queued: { records: 30 },
            delivered: { records: 0 },
            dead_lettered: { records: 0 },
          });
          expect((await out.status()).last_error).toContain("credentials");
          await out.mend({ ...config, api_key: env("DD_KEY") });
          expect(await out.settled(30)).toEqual({ delivered: 30, dead: 0, lost: 0 });
          expect(server.messages()).toEqual(numbered(30));
        },
      );

      it("makes a dead letter of the one record that is refused with 400, and delivers it when it is retried", async () => {
        const { server } = await dd();
        server.answerWith((request) => (unpacked(request).includes('"poison"') ? 400 : undefined));
        await sendBehind(server, "first", []);
        server.answerWith((request) => (unpacked(request).includes('"poison"') ? 400 : undefined));
        await out.send([...numbered(60), '{"message":"poison"}', ...numbered(40)]);
        expect(await out.settled(102)).toEqual({ delivered: 101, dead: 1, lost: 0 });
        expect(server.messages()).toEqual(["first", ...numbered(60), ...numbered(40)]);
        expect(await out.deadLetters()).toEqual([{ record: '{"message":"poison"}', reason: "HTTP 400" }]);
        server.behave();
        await out.retryDeadLetters();
        await until("it arrives", () => server.messages().includes("poison"));
        await until("it is settled", async () => (await out.status()).delivered.records === 102);
        expect(server.messages().filter((message) => message === "poison")).toHaveLength(1);
        expect(await out.settled(102)).toEqual({ delivered: 102, dead: 1, lost: 0 });
        expect(await out.deadLetters()).toEqual([]);
      });

      it("stops halving for a vendor that refuses everything", async () => {
        const { server } = await dd();
        server.answerWith(400);
        await out.send(numbered(1000));
        expect(await out.settled(1000)).toEqual({ delivered: 0, dead: 1000, lost: 0 });
        expect(server.requests.length).toBeLessThan(200);
        const letters = await out.deadLetters();
        expect(letters.map(({ record }) => record)).toEqual(numbered(1000));
      });

      it("has more than one request under way where the vendor is slow, as many as it bears", async () => {
        const { server } = await dd({ concurrency: "auto", payload: { max_records: 20 } });
        let heldMax = 0;
        server.hold();
        const timer = setInterval(() => {
          heldMax = Math.max(heldMax, server.held);
          server.release();
        }, 30);
        try {
          await out.send(numbered(2000));
          await until("several requests are under way", () => heldMax > 1);
        } finally {
          clearInterval(timer);
          server.behave();
        }
        expect(await out.settled(2000)).toMatchObject({ delivered: 2000 });
        expect(server.messages().toSorted()).toEqual(numbered(2000).toSorted());
      });

      it("sends what is left of a payload under another name when its configuration changes", async () => {
        const { server, config } = await dd({ compression: "none" });
        // The whole is too much, its first half is taken, the second one waits.
        server.answerWith(({ number }) => [413, undefined][number] ?? (number < 2 ? undefined : 503));
        await out.send(numbered(40));
        await until("the second half was tried", () => server.requests.length >= 3);
        await out.mend({ ...config, tags: ["env:x"] });
        server.behave();
        expect(await out.settled(40)).toEqual({ delivered: 40, dead: 0, lost: 0 });
        expect(server.messages()).toEqual(numbered(40));
        const whole = server.requests[0]!.group;
        const names = server.accepted.map(({ group }) => group);
        expect(names[0]).toBe(`${whole}/1`);
        expect(names).not.toContain(whole);
        expect(new Set(names).size).toBe(names.length);
      });

      it("keeps the order with one request at a time, whatever fails on the way", async () => {
        const { server } = await dd({ payload: { max_records: 37 } });
        server.answerWith(({ number }) => [503, undefined, 413, undefined][number % 4]);
        await out.send(numbered(500));
        expect(await out.settled(500)).toMatchObject({ delivered: 500 });
        expect(server.messages()).toEqual(numbered(500));
      });

      it("tells what the vendor answered to a record sent on request", async () => {
        const { server, config } = await dd();
        expect(await out.gate.ok("POST", `/outputs/${out.id}/test`)).toMatchObject({
          status: "delivered",
          http_status: 202,
        });
        expect(server.messages()).toHaveLength(1);
        await out.gate.ok("PUT", `/outputs/${out.id}`, { ...config, api_key: env("DD_KEY_OLD") });
        const refused = await out.gate.ok("POST", `/outputs/${out.id}/test`);
        expect(refused).toMatchObject({ status: "refused", http_status: 403, verdict: { kind: "retry" } });
        expect(refused.answer).toContain("Forbidden");
        expect(await out.settled(0)).toEqual({ delivered: 0, dead: 0, lost: 0 });
      });
    });

    describe("splunk_hec", () => {
      const hec = async (options: Parameters<typeof SplunkHec.start>[0] = {}, more: Record<string, unknown> = {}) => {
        const server = started(await SplunkHec.start({ token: keys.HEC_TOKEN, ...options }));
        const config = { type: "splunk_hec", url: server.url, token: env("HEC_TOKEN"), ...orderly, ...more };
        await out.output(config);
        return { server, config };
      };

      it("delivers any text once and in order, in gzip, and leaves a JSON record JSON", async () => {
        const { server } = await hec({}, { index: "main", sourcetype: "t", fields: { region: "eu" } });
        await out.send([...awkward, '{"a":{"b":[1]},"time":"x"}']);
        expect(await out.settled(awkward.length + 1)).toMatchObject({ delivered: awkward.length + 1 });
        expect(server.events()).toEqual([...awkwardTexts, { a: { b: [1] }, time: "x" }]);
        for (const event of server.taken)
          expect(event).toMatchObject({ index: "main", sourcetype: "t", fields: { region: "eu" } });
        expect(server.requests[0]!.headers["content-encoding"]).toBe("gzip");
        expect(server.violations).toEqual([]);
      });

      it("makes a dead letter of each event that it cannot read (code 6) or calls blank (13), and sends nothing twice", async () => {
        const { server } = await hec();
        server.cannotRead((event) => event === "unreadable");
        await sendBehind(server, "first", [
          ...numbered(20),
          "unreadable",
          ...numbered(5),
          "   ",
          "{}",
          "unreadable",
          "last",
        ]);
        expect(await out.settled(31)).toEqual({ delivered: 27, dead: 4, lost: 0 });
        expect(server.events()).toEqual(["first", ...numbered(20), ...numbered(5), "last"]);
        expect(await out.deadLetters()).toEqual([
          { record: "unreadable", reason: "HTTP 400, HEC code 6" },
          { record: "   ", reason: "HTTP 400, HEC code 13" },
          { record: "{}", reason: "HTTP 400, HEC code 13" },
          { record: "unreadable", reason: "HTTP 400, HEC code 6" },
        ]);
        expect((await out.status()).dead_letters_by_cause).toEqual({ hec_6: 2, hec_13: 2 });
      });

      it.each([8, 9, 18, 26] as const)("sends again after code %i, under the same name", async (code) => {
        const { server } = await hec();
        server.answerWithCode(code, 2);
        await out.send(numbered(10));
        expect(await out.settled(10)).toMatchObject({ delivered: 10 });
        expect(server.events()).toEqual(numbered(10));
        expect(new Set(server.requests.slice(0, 3).map(({ group }) => group)).size).toBe(1);
      });

      it("loses nothing to a server that is busy from some event on", async () => {
        const { server } = await hec();
        server.busyAfter(4);
        await out.send(numbered(10));
        expect(await out.settled(10)).toMatchObject({ delivered: 10 });
        expect(server.events().slice(-10)).toEqual(numbered(10));
      });

      it("counts as delivered what an indexer has confirmed, and asks in the channel it sent in", async () => {
        const { server } = await hec({ ack: true }, { ack: true });
        server.indexing = "when_told";
        await out.send(numbered(25));
        await until("all is taken", () => server.events().length === 25);
        expect(await out.status()).toMatchObject({ delivered: { records: 0 }, queued: { records: 25 } });
        server.indexAll();
        expect(await out.settled(25)).toEqual({ delivered: 25, dead: 0, lost: 0 });
        expect(server.acksPending).toBe(0);
        expect(server.events()).toEqual(numbered(25));
        expect(server.violations).toEqual([]);
      });

      it("delivers what it had sent for confirmation when the configuration wants none any more", async () => {
        const { server, config } = await hec({ ack: true }, { ack: true });
        server.hold(1);
        await out.send(numbered(25));
        await until("a request is held", () => server.held === 1);
        await out.mend({ ...config, ack: false, channel: "11111111-0000-4000-8000-000000000000" });
        server.behave();
        expect(await out.settled(25)).toEqual({ delivered: 25, dead: 0, lost: 0 });
        expect(new Set(server.events())).toEqual(new Set(numbered(25)));
      });

      it("keeps records while the token is refused, says so loudly, and delivers once it is right", async () => {
        const { server, config } = await hec({}, { token: env("HEC_TOKEN_OLD") });
        await out.send(numbered(30));
        await until("somebody is told", () => out.logged("error").some((line) => line.includes("HEC code 4")));
        expect(await out.status()).toMatchObject({ queued: { records: 30 }, dead_lettered: { records: 0 } });
        await out.mend({ ...config, token: env("HEC_TOKEN") });
        expect(await out.settled(30)).toEqual({ delivered: 30, dead: 0, lost: 0 });
        expect(server.events()).toEqual(numbered(30));
      });

      it("halves what is longer than the server takes", async () => {
        const { server } = await hec({ contentBytesMax: 900 }, { compression: "none" });
        await sendBehind(server, "first", numbered(100));
        expect(await out.settled(101)).toMatchObject({ delivered: 101 });
        expect(server.events()).toEqual(["first", ...numbered(100)]);
      });

      it("tells what the collector answered to a record sent on request", async () => {
        const { server } = await hec({ ack: true }, { ack: true });
        expect(await out.gate.ok("POST", `/outputs/${out.id}/test`)).toMatchObject({
          status: "delivered",
          http_status: 200,
        });
        server.answerWithCode(9);
        expect(await out.gate.ok("POST", `/outputs/${out.id}/test`)).toMatchObject({
          status: "refused",
          http_status: 503,
          answer: expect.stringContaining("Server is busy"),
        });
        expect(server.events()).toHaveLength(1);
      });
    });

    describe.skipIf(needsMoto.skip)(`cloudwatch${needsMoto.note}`, () => {
      const cloudwatch = async (more: Record<string, unknown> = {}) => {
        await moto!.reset();
        const server = started(await CloudWatchLimits.start(moto!));
        const config = {
          type: "cloudwatch",
          region,
          log_group: "group",
          log_stream: "stream",
          endpoint: server.url,
          credentials: { access_key_id: env("AWS_KEY_OF_TEST"), secret_access_key: env("AWS_SECRET_OF_TEST") },
          ...orderly,
          ...more,
        };
        await out.output(config);
        return { server, config };
      };
      const messages = (server: CloudWatchLimits) => server.taken.map(({ message }) => message);
      /** Creates group and stream with a first record. */
      const ready = async (more: Record<string, unknown> = {}) => {
        const made = await cloudwatch(more);
        await out.send(["first"]);
        await until("the first record is taken", () => made.server.taken.length === 1);
        return made;
      };

      it("creates the group and the stream, and delivers any text once and in order", async () => {
        const { server } = await cloudwatch();
        await out.send([...awkward, '{"a": 1}']);
        expect(await out.settled(awkward.length + 1)).toEqual({ delivered: awkward.length + 1, dead: 0, lost: 0 });
        const client = logsClient(server.url);
        const stored = await storedEvents(client, "group", "stream");
        client.destroy();
        expect(stored.map(({ message }) => message)).toEqual([...awkwardTexts, '{"a": 1}']);
        expect(server.requests[0]!.headers["content-encoding"]).toBeUndefined();
        expect(server.violations).toEqual([]);
      });

      it("counts 26 bytes beside each event's text: 1,048,576 are one batch, a byte more are two", async () => {
        const { server } = await ready();
        const texts = (last: number) => [
          "é".repeat(131_072),
          "x".repeat(262_144),
          "y".repeat(262_144),
          "z".repeat(last),
        ];
        const last = 1_048_576 - 3 * (262_144 + eventBytesBesideText) - eventBytesBesideText;
        await sendBehind(server, "second", texts(last));
        await until("a batch", () => server.accepted.length === 3);
        await sendBehind(server, "third", texts(last + 1));
        expect(await out.settled(11)).toMatchObject({ delivered: 11 });
        expect(server.accepted.map(({ events }) => events)).toEqual([1, 1, 4, 1, 3, 1]);
        expect(server.accepted[2]!.bytes).toBe(1_048_576);
        expect(server.violations).toEqual([]);
      });

      it("takes 10,000 events at once and one more by itself; an event too large becomes a dead letter", async () => {
        const { server } = await ready();
        const large = "x".repeat(1_048_576 - eventBytesBesideText + 1);
        await sendBehind(server, "second", [...numbered(10_001), large]);
        expect(await out.settled(10_004)).toEqual({ delivered: 10_003, dead: 1, lost: 0 });
        expect(server.accepted.map(({ events }) => events)).toEqual([1, 1, 10_000, 1]);
        expect(messages(server)).toEqual(["first", "second", ...numbered(10_001)]);
        expect((await out.deadLetters()).map(({ reason }) => reason)).toEqual([expect.stringContaining("too_large")]);
        expect(server.violations).toEqual([]);
      });

      it("counts events that it says it rejected, by cause, and the others as delivered", async () => {
        const { server } = await ready();
        server.rejectNext({ tooOldLogEventEndIndex: 2, expiredLogEventEndIndex: 3, tooNewLogEventStartIndex: 8 });
        await out.send(numbered(10));
        expect(await out.settled(11)).toEqual({ delivered: 6, dead: 5, lost: 0 });
        expect(messages(server)).toEqual(["first", ...numbered(10).slice(3, 8)]);
        expect((await out.deadLetters()).map(({ record, reason }) => [record, reason])).toEqual([
          ["record 0", "too_old"],
          ["record 1", "too_old"],
          ["record 2", "expired"],
          ["record 8", "too_new"],
          ["record 9", "too_new"],
        ]);
        expect((await out.status()).dead_letters_by_cause).toEqual({ too_old: 2, expired: 1, too_new: 2 });
      });

      it("makes a dead letter of the one event that it refuses a batch for", async () => {
        const { server } = await ready();
        await out.gate.addRule("nothing_left", "redact", { pattern: "^all of it$", replacement: "" });
        await out.gate.publish();
        await sendBehind(server, "second", [...numbered(20), "all of it", ...numbered(5)]);
        await out.gate.ok("DELETE", "/rules/nothing_left");
        expect(await out.settled(28)).toEqual({ delivered: 27, dead: 1, lost: 0 });
        expect(messages(server)).toEqual(["first", "second", ...numbered(20), ...numbered(5)]);
        expect((await out.deadLetters()).map(({ record }) => record)).toEqual([""]);
      });

      it("backs off when it is throttled, and delivers", async () => {
        const { server } = await ready();
        server.throttle(3);
        await out.send(numbered(10));
        expect(await out.settled(11)).toMatchObject({ delivered: 11 });
        expect(messages(server)).toEqual(["first", ...numbered(10)]);
        expect(out.logged("warn").some((line) => line.includes("ThrottlingException"))).toBe(true);
      });

      it("keeps records while the credentials are refused, says so loudly, and delivers once they are right", async () => {
        const { server, config } = await cloudwatch({
          credentials: { access_key_id: env("AWS_KEY_OF_TEST"), secret_access_key: env("DD_KEY_OLD") },
        });
        await out.send(numbered(10));
        await until("somebody is told", () =>
          out.logged("error").some((line) => line.includes("InvalidSignatureException")),
        );
        const { access_key_id } = config.credentials;
        await out.mend({ ...config, credentials: { access_key_id, secret_access_key: env("AWS_SECRET_OF_TEST") } });
        expect(await out.settled(10)).toEqual({ delivered: 10, dead: 0, lost: 0 });
        expect(messages(server)).toEqual(numbered(10));
      });

      it("delivers once it may create the group, and alerts until then", async () => {
        const { server } = await cloudwatch();
        let denied = 0;
        server.answerWith(({ headers }) => {
          if (headers["x-amz-target"] !== "Logs_20140328.CreateLogGroup" || denied === 3) return undefined;
          denied++;
          return { status: 400, body: JSON.stringify({ __type: "AccessDeniedException", message: "no" }) };
        });
        await out.send(numbered(10));
        expect(await out.settled(10)).toEqual({ delivered: 10, dead: 0, lost: 0 });
        expect(messages(server)).toEqual(numbered(10));
        expect(out.logged("error").join("\n")).toContain("AccessDeniedException");
      });

      it("tells what it answered to a record sent on request, having made the group", async () => {
        const { server } = await cloudwatch();
        expect(await out.gate.ok("POST", `/outputs/${out.id}/test`)).toMatchObject({
          status: "delivered",
          http_status: 200,
        });
        expect(server.taken).toHaveLength(1);
      });
    });

    it("gives one output errors only and another everything, each by its own account", async () => {
      const errors = started(await Datadog.start({ apiKey: keys.DD_KEY }));
      const all = started(await SplunkHec.start({ token: keys.HEC_TOKEN }));
      await out.outputs({
        errors: {
          type: "datadog",
          api_key: env("DD_KEY"),
          endpoint: errors.url,
          filter: { severity: { at_least: "ERROR" } },
          ...orderly,
        },
        everything: { type: "splunk_hec", url: all.url, token: env("HEC_TOKEN"), ...orderly },
      });
      const records = numbered(300).map((record, index) => `${index % 10 === 0 ? "ERROR" : "INFO"} ${record}`);
      await out.send(records);
      const accounts = await out.accounts(300);
      expect(accounts).toMatchObject({
        errors: { filtered: { records: 270 }, routed: { records: 30 }, delivered: { records: 30 } },
        everything: { filtered: { records: 0, bytes: 0 }, routed: { records: 300 }, delivered: { records: 300 } },
      });
      const { filtered, routed } = accounts.errors!;
      expect(filtered.bytes + routed.bytes).toBe(accounts.everything!.routed.bytes);
      expect(errors.messages()).toEqual(records.filter((record) => record.startsWith("ERROR")));
      expect(all.events()).toEqual(records);
    });
  });
}

function unpacked({ headers, body }: { headers: Record<string, unknown>; body: Buffer }): string {
  return headers["content-encoding"] === "zstd" ? zstdDecompressSync(body).toString("utf8") : body.toString("utf8");
}
