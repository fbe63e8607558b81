/**
 * Receivers that misbehave, through the built program: whatever they do, each record arrives or is accounted for, what
 * authorizes a request goes to nobody else, and nothing that is secret is shown.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer as createNetServer, type Server as NetServer, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Authority, type Certificate, needsOpenssl } from "../fixtures/certificates.ts";
import { disposeGates } from "../fixtures/gate.ts";
import { numberedLines } from "../fixtures/lines.ts";
import { OutputsOfGate } from "../fixtures/outputs_of_gate.ts";
import { random } from "../fixtures/random.ts";
import { oneEngine } from "../fixtures/requirement.ts";
import { Sink } from "../fixtures/sink.ts";
import { Datadog } from "../fixtures/vendors/datadog.ts";
import { until } from "../fixtures/wait.ts";

const keys = { DD_KEY: "dd-key-4f1c9e7a", HTTP_PASSWORD: "pass-word-0815", HTTP_HEADER: "header-value-4711" };

/** A receiver that gives up on an answer after a moment, so that tests end, and tries again at once. */
const impatient = {
  concurrency: 1,
  payload: { max_records: 100_000 },
  retry: { max_delay_ms: 100, retry_after_max_ms: 200, timeout_ms: 300 },
};
const patient = { ...impatient, retry: { max_delay_ms: 100, retry_after_max_ms: 200 } };
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `record ${index}`);

/** SEED and STREAMGATE_TEST_RECORDS repeat a run, or make it longer. */
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const recordsAtRandom = Number(process.env.STREAMGATE_TEST_RECORDS ?? 1500);

const closers: (() => unknown)[] = [];
let out: OutputsOfGate;
afterEach(async () => {
  await out.expectNoSecretShown();
  for (const close of closers.splice(0)) await close();
});

async function listening(server: Server | NetServer, scheme = "http"): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => {
    if ("closeAllConnections" in server) server.closeAllConnections();
    server.close();
  });
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/in`;
}

async function bodyOf(request: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

for (const { engine, skip, note } of oneEngine) {
  describe.skipIf(skip)(`misbehaving receivers and ${engine}${note}`, () => {
    beforeAll(async () => {
      out = await OutputsOfGate.start(engine, keys);
    });
    afterAll(disposeGates);

    const dd = async (more: Record<string, unknown> = {}) => {
      const server = await Datadog.start({ apiKey: keys.DD_KEY });
      closers.push(() => server.close());
      await out.output({ type: "datadog", api_key: { env: "DD_KEY" }, endpoint: server.url, ...patient, ...more });
      return server;
    };

    it.each(["head", "body"] as const)(
      "one that answers a byte a second, from the %s on: what is sent again has the same name",
      async (from) => {
        const server = await dd(impatient);
        server.trickle(from, 1000);
        await out.send(numbered(20));
        // With a status the verdict stands, whatever becomes of the rest of the answer.
        if (from === "head") await until("it was tried again", () => server.accepted.length >= 2);
        else await until("it was taken", () => server.accepted.length === 1);
        server.behave();
        expect(await out.settled(20)).toEqual({ delivered: 20, dead: 0, lost: 0 });
        const groups = server.accepted.map(({ group }) => group);
        expect(new Set(groups).size).toBe(1);
        if (from === "body") expect(groups).toHaveLength(1);
        expect(server.messages().slice(0, 20)).toEqual(numbered(20));
        expect(server.violations).toEqual([]);
      },
    );

    it("one that never answers: it is given up, and asked again", async () => {
      const server = await dd(impatient);
      server.hold(2);
      await out.send(numbered(20));
      await until("it was asked three times", () => server.requests.length >= 3);
      expect(await out.settled(20)).toEqual({ delivered: 20, dead: 0, lost: 0 });
      expect(server.messages()).toEqual(numbered(20));
      expect(out.logged("warn").join("\n")).toContain("TimeoutError");
      server.release();
    });

    it("one that asks to be left alone for a day: for as long as the configuration lets it", async () => {
      const server = await dd();
      server.answerLater(429, "86400", 1);
      await out.send(numbered(20));
      expect(await out.settled(20)).toEqual({ delivered: 20, dead: 0, lost: 0 });
      expect(server.messages()).toEqual(numbered(20));
      expect(retryPauses(out.gate.stderr, out.id)).toEqual([200]);
    });

    it("one that asks to be left alone for a day, by default: for an hour, and nobody asks it meanwhile", async () => {
      const server = await dd({ retry: {} });
      server.answerLater(503, "86400", 1);
      await out.send(numbered(20));
      await until("it has been left alone", async () => (await out.status()).breaker === "open");
      expect(retryPauses(out.gate.stderr, out.id)).toEqual([3_600_000]);
      await out.send(numbered(20));
      expect(await out.status()).toMatchObject({ breaker: "open", in_flight: 1 });
      expect(server.requests).toHaveLength(1);
      // A mended configuration asks at once.
      await out.mend({ type: "datadog", api_key: { env: "DD_KEY" }, endpoint: server.url, ...patient });
      expect(await out.settled(40)).toEqual({ delivered: 40, dead: 0, lost: 0 });
      expect(server.messages()).toEqual([...numbered(20), ...numbered(20)]);
    });

    it.each([
      ["request", 0],
      ["before_answer", 2],
    ] as const)("one that resets the connection (%s): sent again under the same name", async (at, repeats) => {
      const server = await dd();
      server.reset(at, 2);
      await out.send([...numbered(20), "x".repeat(900_000)]);
      expect(await out.settled(21)).toEqual({ delivered: 21, dead: 0, lost: 0 });
      const groups = new Set(server.requests.map(({ group }) => group)).size;
      expect(server.requests).toHaveLength(groups + 2);
      expect(server.accepted).toHaveLength(groups + repeats);
      expect(new Set(server.messages())).toEqual(new Set([...numbered(20), "x".repeat(900_000)]));
    });

    it("one that resets the connection in its answer: with a status the verdict stands", async () => {
      const server = await dd();
      server.reset("answer", 1);
      await out.send(numbered(20));
      expect(await out.settled(20)).toEqual({ delivered: 20, dead: 0, lost: 0 });
      expect(new Set(server.requests.map(({ group }) => group)).size).toBe(1);
    });

    it.each([301, 307] as const)(
      "one that redirects (%i): neither records nor credentials follow, and somebody is told",
      async (status) => {
        const target = await Sink.start();
        closers.push(() => target.close());
        const server = await dd();
        server.redirectTo(target.url, status);
        await out.send(numbered(20));
        await until("it was tried again", () => server.requests.length >= 3);
        expect(out.logged("error").join("\n")).toContain("redirect");
        expect((await out.status()).last_error).toContain("redirect");
        expect([target.taken.length, target.refused]).toEqual([0, 0]);
        server.behave();
        expect(await out.settled(20)).toEqual({ delivered: 20, dead: 0, lost: 0 });
        expect(server.messages()).toEqual(numbered(20));
        expect([target.taken.length, target.refused]).toEqual([0, 0]);
      },
    );

    it.each([200, 503])("one whose answer (%i) has megabytes: it is not read to its end", async (status) => {
      const bodies: string[] = [];
      let answers = 0;
      const url = await listening(
        createServer(async (request, response) => {
          const body = await bodyOf(request);
          const now = answers++ === 0 ? status : 200;
          if (now === 200) bodies.push(body);
          response.on("error", () => {}).writeHead(now);
          for (let piece = 0; piece < 64 && !response.destroyed; piece++) {
            if (!response.write("a".repeat(1 << 20)))
              await Promise.race([once(response, "drain"), once(response, "close")]);
          }
          response.end();
        }),
      );
      await out.output({ type: "http", url, ...patient });
      await out.send(numbered(20));
      expect(await out.settled(20)).toEqual({ delivered: 20, dead: 0, lost: 0 });
      expect(bodies).toEqual([numbered(20).join("\n")]);
    });

    it("one that answers before it has read the body: the records are whole all the same", async () => {
      const bodies: Buffer[] = [];
      const url = await listening(
        createNetServer((socket) => {
          socket.on("error", () => {});
          const chunks: Buffer[] = [];
          let head: number | undefined;
          let due = 0;
          socket.on("data", (chunk: Buffer) => {
            chunks.push(chunk);
            const all = Buffer.concat(chunks);
            if (head === undefined) {
              const end = all.indexOf("\r\n\r\n");
              if (end === -1) return;
              head = end + 4;
              due = Number(/content-length: (\d+)/i.exec(all.subarray(0, end).toString())![1]);
              socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
              // What was sent from is used for other records meanwhile, if anybody mistakes the answer for the end.
              socket.pause();
              setTimeout(() => socket.resume(), 200);
            }
            if (all.length - head < due) return;
            bodies.push(all.subarray(head, head + due));
            const rest = all.subarray(head + due);
            chunks.splice(0, chunks.length, rest);
            head = undefined;
          });
        }),
      );
      await out.output({ type: "http", url, ...patient });
      const first = numberedLines("a", 20_000, 99);
      const second = numberedLines("b", 20_000, 99);
      await out.gate.send(first);
      await out.gate.send(second);
      expect(await out.settled(40_000)).toEqual({ delivered: 40_000, dead: 0, lost: 0 });
      const arrived = () => bodies.map((body) => `${body.toString()}\n`).join("");
      await until("the system has handed over all that it was given", () => arrived().length >= 4_000_000);
      expect(arrived() === first + second).toBe(true);
    });

    it(`one that misbehaves at random (seed ${seed}): by the names of payloads each record arrives once`, async () => {
      const server = await dd({
        concurrency: 4,
        payload: { max_records: 25 },
        retry: { max_delay_ms: 100, retry_after_max_ms: 50, timeout_ms: 200 },
      });
      const draw = random(seed);
      const faults: readonly (() => void)[] = [
        () => server.answerWith(503, 3),
        () => server.answerLater(429, "1", 2),
        () => server.reset("request", 2),
        () => server.reset("before_answer", 2),
        () => server.reset("answer", 2),
        () => server.trickle("head", 100, 2),
        () => server.hold(2),
        () => server.answerWith(403, 1),
        () => server.behave(),
      ];
      const timer = setInterval(() => faults[Math.floor(draw() * faults.length)]!(), 15);
      const records = numbered(recordsAtRandom);
      try {
        await out.send(records);
        await until(
          "half of it is settled",
          async () => (await out.status()).delivered.records * 2 >= records.length,
          300_000,
        );
      } finally {
        clearInterval(timer);
        server.behave();
      }
      expect(await out.settled(records.length)).toEqual({ delivered: records.length, dead: 0, lost: 0 });
      const byName = new Map<string, string[]>();
      const all = server.messages();
      let at = 0;
      for (const { logs, group } of server.accepted) {
        const messages = all.slice(at, at + logs);
        at += logs;
        expect(byName.get(group!) ?? messages).toEqual(messages);
        byName.set(group!, messages);
      }
      expect([...byName.values()].flat().toSorted()).toEqual(records.toSorted());
    }, 600_000);

    it("one that takes requests and closes the connection after each: nothing is lost or doubled", async () => {
      const bodies: string[] = [];
      const url = await listening(
        createServer(async (request, response) => {
          bodies.push(await bodyOf(request));
          response.writeHead(200, { connection: "close" }).end();
        }),
      );
      await out.output({ type: "http", url, ...patient, payload: { max_records: 10 } });
      await out.send(numbered(200));
      expect(await out.settled(200)).toEqual({ delivered: 200, dead: 0, lost: 0 });
      expect(bodies.join("\n").split("\n")).toEqual(numbered(200));
    });

    it("one that speaks no HTTP: the records wait", async () => {
      const sockets = new Set<Socket>();
      const babble = createNetServer((socket) => {
        sockets.add(socket.on("error", () => {}));
        socket.write("220 mail.example.com ESMTP\r\n");
      });
      closers.push(() => {
        for (const socket of sockets) socket.destroy();
      });
      await out.output({ type: "http", url: await listening(babble), ...patient });
      await out.send(numbered(5));
      await until("it was tried twice", async () => (await out.status()).failures >= 2);
      expect(await out.status()).toMatchObject({ queued: { records: 5 } });
      const sink = await Sink.start();
      closers.push(() => sink.close());
      await out.mend({ type: "http", url: sink.url, ...patient });
      await until("they arrive", () => sink.lines().length === 5);
      expect(sink.lines()).toEqual(numbered(5));
    });

    it("shows no secret of its configuration, whatever the receiver says of it", async () => {
      const { DD_KEY: _, HTTP_PASSWORD, HTTP_HEADER } = keys;
      const url = await listening(
        createServer(async (request, response) => {
          await bodyOf(request);
          const { authorization, "x-secret": secret } = request.headers;
          const right = Buffer.from(`u:${HTTP_PASSWORD}`).toString("base64");
          const all = authorization === `Basic ${right}` && secret === HTTP_HEADER;
          response.writeHead(all ? 403 : 500).end(`you sent ${HTTP_PASSWORD} and ${HTTP_HEADER}`);
        }),
      );
      await out.output({
        type: "http",
        url,
        auth: { basic: { user: "u", password: HTTP_PASSWORD } },
        headers: { "x-secret": { env: "HTTP_HEADER" } },
        ...patient,
      });
      await out.send(["one"]);
      await until("somebody is told", () => out.logged("error").some((line) => line.includes("HTTP 403")));
      const answer = await out.gate.ok("POST", `/outputs/${out.id}/test`);
      expect(answer).toMatchObject({ status: "refused", http_status: 403 });
      for (const secret of [HTTP_PASSWORD, HTTP_HEADER]) expect(JSON.stringify(answer)).not.toContain(secret);
      await out.expectNoSecretShown();
      const sink = await Sink.start();
      closers.push(() => sink.close());
      await out.mend({ type: "http", url: sink.url, ...patient });
      await until("it arrives", () => sink.lines().includes("one"));
    });

    describe.skipIf(needsOpenssl.skip)(`over TLS${needsOpenssl.note}`, () => {
      let ours: Authority;
      let strangers: Authority;
      let server: Certificate;
      let client: Certificate;
      beforeAll(() => {
        ours = new Authority("ours");
        strangers = new Authority("strangers");
        server = ours.issue("server", "IP:127.0.0.1,DNS:logs.example.test");
        client = ours.issue("client", "DNS:gate.example.test");
      });
      afterAll(() => {
        ours.dispose();
        strangers.dispose();
      });
      const bodies: string[] = [];
      const secure = async (certificate: Certificate, more: Record<string, unknown> = {}) => {
        bodies.length = 0;
        const serve: RequestListener = async (request, response) => {
          bodies.push(await bodyOf(request));
          response.writeHead(200).end();
        };
        const pair = { cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) };
        return listening(createTlsServer({ ...pair, ...more }, serve), "https");
      };
      const trusted = (more: Record<string, unknown> = {}) => ({ tls: { ca: { file: ours.cert }, ...more } });

      it("delivers to one whose certificate is of the authority that is configured", async () => {
        await out.output({ type: "http", url: await secure(server), ...patient, ...trusted() });
        await out.send(numbered(20));
        expect(await out.settled(20)).toEqual({ delivered: 20, dead: 0, lost: 0 });
        expect(bodies.join("\n").split("\n")).toEqual(numbered(20));
      });

      it.each([
        ["of another authority", () => ({ tls: { ca: { file: strangers.cert } } })],
        ["of an authority that nobody vouches for", () => ({})],
        ["for another name", () => trusted({ server_name: "other.example.test" })],
      ])("sends nothing to one whose certificate is %s, until that is mended", async (_name, wrong) => {
        const url = await secure(server);
        await out.output({ type: "http", url, ...patient, ...wrong() });
        await out.send(numbered(20));
        await until("it was tried twice", async () => (await out.status()).failures >= 2);
        expect((await out.status()).last_error).toMatch(/CERT|SIGNATURE/);
        expect(bodies).toEqual([]);
        await out.mend({ type: "http", url, ...patient, ...trusted({ server_name: "logs.example.test" }) });
        expect(await out.settled(20)).toEqual({ delivered: 20, dead: 0, lost: 0 });
        expect(bodies.join("\n").split("\n")).toEqual(numbered(20));
      });

      it("keeps records while its own certificate and key do not go together, and says what is wrong", async () => {
        const url = await secure(server, { requestCert: true, ca: readFileSync(ours.cert) });
        const mixed = { cert: { file: client.cert }, key: { file: server.key } };
        await out.output({ type: "http", url, ...patient, ...trusted(mixed) });
        await out.send(numbered(20));
        await until("it was tried twice", async () => (await out.status()).failures >= 2);
        expect((await out.status()).last_error).toMatch(/ERR_OSSL|KEY/i);
        expect(bodies).toEqual([]);
        const own = { cert: { file: client.cert }, key: { file: client.key } };
        await out.mend({ type: "http", url, ...patient, ...trusted(own) });
        expect(await out.settled(20)).toEqual({ delivered: 20, dead: 0, lost: 0 });
      });

      it("shows its own certificate to one that wants one", async () => {
        const url = await secure(server, { requestCert: true, rejectUnauthorized: true, ca: readFileSync(ours.cert) });
        await out.output({ type: "http", url, ...patient, ...trusted() });
        await out.send(numbered(20));
        await until("it was tried twice", async () => (await out.status()).failures >= 2);
        expect(bodies).toEqual([]);
        const own = { cert: { file: client.cert }, key: { file: client.key } };
        await out.mend({ type: "http", url, ...patient, ...trusted(own) });
        expect(await out.settled(20)).toEqual({ delivered: 20, dead: 0, lost: 0 });
        expect(bodies.join("\n").split("\n")).toEqual(numbered(20));
      });
    });
  });
}

/** Pauses before the next try that the log tells of an output. */
function retryPauses(log: string, id: string): number[] {
  const lines = log.split("\n").filter((line) => line.includes(`output ${id} `) && line.includes("retryInMs"));
  return lines.map((line) => JSON.parse(line).retryInMs);
}
