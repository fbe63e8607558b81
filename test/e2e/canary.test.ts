/**
 * Random values that protect rules hide, and secrets of outputs, are sent the whole way: through shadow, preview, effect, tail, dead letters, the
 * spool, the quarantine, refusals, a worker that dies, `kill -9` and the next start. They may be found in plain text nowhere: in no file
 * of the data directory, no line of the log, no answer of any GET, none of gRPC, no metric, no command's output, and no destination.
 *
 *     CANARY_SEED=… npx vitest run test/e2e/canary.test.ts
 */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate, runCommand } from "../fixtures/gate.ts";
import { GrpcClient } from "../fixtures/grpc_client.ts";
import { freePort } from "../fixtures/ports.ts";
import { Choices } from "../fixtures/random.ts";
import { engines, repository } from "../fixtures/requirement.ts";
import { Sink } from "../fixtures/sink.ts";
import type { Status } from "../fixtures/status.ts";
import { sendUdp } from "../fixtures/tcp.ts";
import { until } from "../fixtures/wait.ts";

const clients: GrpcClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await disposeGates();
});

const seed = Number(process.env.CANARY_SEED ?? Date.now() % 2 ** 31);

/** What must not be found, and what it is, for the failure's message. */
interface Canary {
  readonly what: string;
  readonly text: string;
}

function canariesOf(choices: Choices) {
  const digits = (count: number) => Array.from({ length: count }, () => choices.below(10)).join("");
  const letters = (count: number) =>
    Array.from({ length: count }, () => choices.one([..."bcdfghjkmnpqrstvwz"])).join("");
  const start = `4${digits(14)}`;
  const card = `${start}${luhnDigit(start)}`;
  const ssn = `${choices.one(["212", "345", "501"])}-${11 + choices.below(80)}-${1000 + choices.below(9000)}`;
  const word = `canary${letters(16)}`;
  // One that the gate reads where it is told to, and one that stands in its configuration.
  const [token, written] = [`token${letters(24)}`, `written${letters(24)}`];
  return { card, ssn, word, token, written };
}

/** The digit that makes a card number of these (ISO/IEC 7812-1, annex B). */
function luhnDigit(digits: string): number {
  const sum = [...digits].reduceRight((total, digit, index) => {
    const doubled = (digits.length - index) % 2 === 1 ? 2 * Number(digit) : Number(digit);
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return (10 - (sum % 10)) % 10;
}

/** An answer that goes on, read as it comes. */
function watch(url: string) {
  const stop = new AbortController();
  const watched = { url, status: 0, text: "", end: () => stop.abort() };
  void (async () => {
    const response = await fetch(url, { signal: stop.signal });
    watched.status = response.status;
    for await (const chunk of response.body!) watched.text += Buffer.from(chunk).toString("latin1");
  })().catch(() => {});
  return watched;
}

/** What a `Watch` of gRPC tells, as it comes. */
function watchGrpc(client: GrpcClient) {
  const watched = { text: "" };
  client
    .watch({ status_interval_seconds: 1 })
    .stream.on("data", (message: object) => {
      watched.text += `${JSON.stringify(message)}\n`;
    })
    .on("error", () => {});
  return watched;
}

/** Answers every request with 400 and all that it was sent, headers too: what a careless destination does. */
async function startParrot(): Promise<{ url: string; heard: string[]; server: Server }> {
  const heard: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString("latin1");
    heard.push(body);
    response.writeHead(400).end(`${JSON.stringify(request.headers)} ${body}`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, heard, server };
}

/**
 * Every file below a directory, bytes as latin1, behind its name.
 * @param written a secret that is given as text stands in the files of the configuration, which nobody else may read; nowhere else
 */
function filesBelow(directory: string, written: string): readonly (readonly [string, string])[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => {
      const text = readFileSync(path, "latin1");
      const configuration = /\/(draft|published)\.json$|\/versions\//.test(path) && (statSync(path).mode & 0o077) === 0;
      return [path, configuration ? text.replaceAll(written, "") : text];
    });
}

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`what protect rules hide, and outputs' secrets, on ${engine}${note}`, () => {
    it(`are in plain text nowhere, whatever becomes of the records (CANARY_SEED=${seed})`, async () => {
      const { card, ssn, word, token, written } = canariesOf(new Choices(seed));
      const spaced = card.replace(/(....)(?!$)/g, "$1 ");
      const canaries: readonly Canary[] = [
        { what: "the card", text: card },
        { what: "the card in groups", text: spaced },
        { what: "the last twelve digits of the card", text: card.slice(4) },
        { what: "the SSN", text: ssn },
        { what: "the word", text: word },
        { what: "the outputs' token", text: token },
        { what: "the token in the configuration", text: written },
      ];
      /** All that was said, by where. */
      const said: (readonly [string, string])[] = [];
      const leaks = (places: Iterable<readonly [string, string]>) =>
        [...places].flatMap(([place, text]) =>
          canaries.filter((canary) => text.includes(canary.text)).map(({ what }) => `${place} has ${what}`),
        );

      const [good, down, parrot] = [await Sink.start(), await Sink.start(), await startParrot()];
      down.status = 503;
      const adminPort = String(await freePort());
      let gate = await Gate.start({
        engine,
        env: {
          ADMIN_PORT: adminPort,
          CANARY_TOKEN: token,
          NODE_OPTIONS: `--import ${pathToFileURL(join(repository, "test/fixtures/crash_when_told.mjs"))}`,
          CRASH_WHEN_TOLD: join(repository, ".cache", `crash-${process.pid}-${engine}`),
        },
      });
      const { dataDir } = gate;
      const crashFile = join(repository, ".cache", `crash-${process.pid}-${engine}`);
      const call = async (method: string, path: string, body?: unknown) => {
        const answer = await gate.api(method, path, body);
        said.push([`the answer of ${method} ${path}`, JSON.stringify(answer.body)]);
        return answer;
      };
      const ok = async (method: string, path: string, body?: unknown) => {
        const { status, body: answer } = await call(method, path, body);
        expect(status, `${method} ${path}: ${JSON.stringify(answer)}`).toBe(200);
        return answer;
      };
      const command = async (...args: string[]) => {
        const { stdout, stderr } = await runCommand([...args, "--data-dir", dataDir]);
        said.push([`streamgate ${args.join(" ")}`, stdout.toString("latin1") + stderr]);
        return stdout.toString();
      };
      let grpc: GrpcClient | undefined;
      const connectGrpc = async () => {
        grpc = await GrpcClient.connect(await gate.grpcPort());
        clients.push(grpc);
        return grpc;
      };
      /** @returns the answer of a call of gRPC, or how it was refused */
      const callGrpc = async (name: string, request: object = {}) => {
        const answer = await grpc!.call(name, request).catch(({ refusal }) => refusal);
        said.push([`the answer of gRPC ${name}`, JSON.stringify(answer)]);
        return answer;
      };
      /** Everything that can be read, now. */
      const askEverything = async () => {
        for (const name of ["GetManifest", "Status", "ListRules", "ListOutputs"]) await callGrpc(name);
        const { paths } = await gate.ok("GET", "/openapi.json");
        for (const path of ["/metrics", "/healthz", "/readyz", "/status", "/rules/shy/effect"]) {
          const answer = await fetch(`http://127.0.0.1:${adminPort}${path}`);
          said.push([`${path} of the admin port`, await answer.text()]);
        }
        for (const [path, methods] of Object.entries<Status>(paths)) {
          if (methods.get === undefined || path.includes("/tail")) continue;
          await call("GET", path.replaceAll("{id}", "shy").replaceAll(/\{\w+\}/g, "1"));
        }
      };

      // The rule in shadow comes before those that hide: its examples are of records as they came.
      const rules = [
        { id: "shy", type: "filter", params: { value: "order" }, mode: "shadow" },
        { id: "hide", type: "redact", params: { detectors: ["credit_card", "us_ssn"] } },
        { id: "word", type: "redact", params: { pattern: "canary[a-z]{16}", replacement: "[word]" } },
        { id: "hard", type: "redact", params: { pattern: "A+?", replacement: "x" }, when: { value: "hard" } },
        { id: "shy_redact", type: "redact", params: { pattern: "user=\\w+" }, mode: "shadow" },
      ];
      for (const rule of rules) await ok("POST", "/rules", rule);
      const headers = { authorization: { env: "CANARY_TOKEN" } };
      const outputs = [
        { type: "http", id: "good", url: good.url, headers },
        { type: "http", id: "down", url: down.url, headers, queue: { durable: true }, retry: { max_delay_ms: 200 } },
        { type: "http", id: "parrot", url: parrot.url, headers: { authorization: written } },
        { type: "file", id: "file", path: join(dataDir, "out.log") },
        { type: "console", id: "console" },
      ];
      for (const output of outputs) await ok("POST", "/outputs", output);
      await ok("POST", "/publish");
      const watched = watchGrpc(await connectGrpc());

      const plain = [
        `order user=ann pays with ${card} ssn ${ssn} ${word}`,
        `order user=bob pays with ${spaced}`,
        JSON.stringify({ level: "error", message: `order ${word}`, card, nested: { ssn, list: [spaced] } }),
        JSON.stringify({ message: JSON.stringify({ card, ssn }), url: `https://x.example/?c=${card}&w=${word}` }),
        `<134>1 2026-11-26T12:00:00Z host order 1 - [a@1 card="${card}"] ${word} ${ssn}`,
      ];
      const hard = `hard ${card} ${ssn} ${word} ${"A".repeat(32_769)}`;
      const send = async (gate: Gate) => {
        await gate.send(`${[...plain, hard, ...plain].join("\n")}\n`);
        await sendUdp(gate.udpPort, plain);
        await gate.send(plain[0]!); // ended by the close
      };
      // Someone looks on: all that leaves, what the rule in shadow acts on, and what goes to an output.
      const tails = ["", "&rule=shy", "&rule=hide", "&output=good"].map((which) =>
        watch(`${gate.url}/tail?rate=200${which}`),
      );
      await until("they look on", () => tails.every(({ status }) => status === 200));
      await send(gate);
      const passed = 3 * plain.length + 1;
      await until("every output has had its records", async () => {
        const { outputs, quarantined } = await gate.ok("GET", "/status");
        return (
          outputs.good.delivered.records >= passed &&
          outputs.down.spooled.records >= passed &&
          outputs.parrot.dead_lettered.records >= passed &&
          outputs.file.delivered.records >= passed &&
          outputs.console.delivered.records >= passed &&
          quarantined.match_limit.records >= 1
        );
      });

      // Whoever tries rules sees no more, whatever the rules.
      for (const tried of [undefined, [], [rules[0]], [{ id: "x", type: "filter", params: { value: "none" } }]])
        for (const source of [{ lines: [...plain, hard] }, { recent: 200 }])
          await ok("POST", "/rules/preview", { ...source, ...(tried && { rules: tried }) });
      const effect = await ok("GET", "/rules/shy/effect");
      expect(effect.examples.length).toBeGreaterThan(0);
      await ok("GET", "/rules/shy_redact/effect");
      // What is refused is refused without saying the secret that came with it.
      const refusals = [
        await call("POST", "/outputs", { type: "http", url: "ftp://x", headers: { authorization: written } }),
        await call("POST", "/outputs", { type: "datadog", api_key: written, site: 5 }),
        await call("POST", "/outputs", { type: "splunk_hec", token: written, url: "nowhere" }),
        await call("POST", "/outputs", { ...outputs[2], id: "parrot2", unknown_token: written }),
      ];
      expect(refusals.slice(0, 3).map(({ status }) => status)).toEqual([422, 422, 422]);
      await call("DELETE", "/outputs/parrot2");
      const refused = [
        await callGrpc("AddOutput", { output_json: JSON.stringify({ type: "datadog", api_key: written, site: 5 }) }),
        await callGrpc("AddOutput", { output_json: `{"type":"splunk_hec","token":"${written}"` }),
        await callGrpc("ReplaceOutput", {
          id: "parrot",
          output_json: JSON.stringify({ type: "splunk_hec", token: written, url: "nowhere" }),
        }),
        await callGrpc("AddRule", { rule_json: JSON.stringify({ id: "x", type: "filter", params: [written] }) }),
        await callGrpc("PutManifest", { manifest_json: JSON.stringify({ pipelines: "none", token: written }) }),
      ];
      expect(refused.map(({ code }) => code)).toEqual(Array(5).fill("INVALID_ARGUMENT"));
      // What nobody reads is kept, and a secret among it shown to nobody.
      const manifest = JSON.parse((await callGrpc("GetManifest")).manifest.json);
      const extended = { ...manifest, vendor: { token: written, urls: [`https://u:${written}@x.example/`] } };
      expect((await callGrpc("PutManifest", { manifest_json: JSON.stringify(extended) })).publication.outcome).toBe(
        "OUTCOME_PUBLISHED",
      );
      await callGrpc("ReplaceOutput", { id: "parrot", output_json: JSON.stringify(outputs[2]) });
      await callGrpc("Publish");
      await call("POST", "/outputs/parrot/test");
      await call("POST", "/publish");
      await askEverything();
      await command("dead-letter", "ls");
      const letters = await command("dead-letter", "export", "parrot", "--json");
      expect(letters.split("\n").length).toBeGreaterThanOrEqual(passed);
      await command("spool", "ls");
      await command("spool", "inspect", "down");
      await command("spool", "export", "down");
      const { groups } = JSON.parse(await command("quarantine", "ls", "--json"));
      for (const { id } of groups) await command("quarantine", "inspect", id);

      // A worker dies of an error, with connections open.
      const connections = [await gate.connect(), await gate.connect(), await gate.connect()];
      for (const socket of connections) socket.write(`${plain.join("\n")}\nand ${card} ${word} unfinished`);
      writeFileSync(crashFile, "");
      await until("a worker has crashed", () => !existsSync(crashFile) && /told to crash/.test(gate.stderr));
      for (const socket of connections) socket.destroy();
      await until("another has taken its place", async () => (await gate.api("GET", "/status")).status === 200);
      await send(gate);
      await askEverything();
      expect(tails.every(({ text }) => text.includes('"record"'))).toBe(true);
      for (const tail of tails) {
        said.push([`GET ${tail.url}`, tail.text]);
        tail.end();
      }
      for (const told of ['"version"', '"status"']) expect(watched.text).toContain(told);
      said.push(["Watch of gRPC", watched.text]);
      said.push(["the log", gate.stderr], ["standard output", gate.stdout.toString("latin1")]);
      expect(leaks(said)).toEqual([]);

      // Killed while it works; then the next start, with what the first left on disk.
      const busy = await gate.connect();
      busy.on("error", () => {});
      busy.write(`${Array.from({ length: 200 }, () => plain.join("\n")).join("\n")}\n${card}`);
      await send(gate).catch(() => {});
      gate.child.kill("SIGKILL");
      await gate.exited;
      busy.destroy();
      said.push(["the log at the kill", gate.stderr]);
      const kept = filesBelow(dataDir, written);
      expect(kept.some(([path]) => path.includes("spool"))).toBe(true);
      expect(kept.some(([path]) => path.includes("dead_letters"))).toBe(true);
      expect(kept.some(([path]) => path.includes("quarantine"))).toBe(true);
      expect(leaks(kept)).toEqual([]);

      gate = await Gate.start({ engine, dataDir, env: { ADMIN_PORT: adminPort, CANARY_TOKEN: token } });
      down.status = 200;
      await connectGrpc();
      await command("dead-letter", "retry", "parrot");
      await until("what waited has left", async () => {
        const { outputs } = await gate.ok("GET", "/status");
        return outputs.down.spooled.records === 0 && outputs.down.queued.records === 0;
      });
      await askEverything();
      await gate.stop();
      said.push(["the second log", gate.stderr], ["the second standard output", gate.stdout.toString("latin1")]);
      const received = [...good.taken, ...down.taken].map(({ body }, n): [string, string] => [`request ${n}`, body]);
      expect(received.length).toBeGreaterThan(2);
      expect(leaks([...said, ...received, ...parrot.heard.map((body, n) => [`parrot ${n}`, body] as const)])).toEqual(
        [],
      );
      expect(leaks(filesBelow(dataDir, written))).toEqual([]);
      // And it was there to be found: what was redacted left in its place.
      const all = received.map(([, body]) => body).join("\n");
      for (const mark of ["[credit_card]", "[us_ssn]", "[word]"]) expect(all).toContain(mark);
      await Promise.all([good.close(), down.close()]);
      parrot.server.closeAllConnections();
      parrot.server.close();
    }, 120_000);
  });
}
