/** `streamgate/pino`: what a logger writes meets the rules in its own process, and a gate's absence loses nothing in silence. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  createReadStream,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { pino } from "pino";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { createGate as CreateGate } from "../../src/index.ts";
import type * as api from "../../src/pino.ts";
import { Authority, needsOpenssl } from "../fixtures/certificates.ts";
import { disposeGates, environment, Gate, runCommand } from "../fixtures/gate.ts";
import { nodeFile, repository } from "../fixtures/requirement.ts";
import { until } from "../fixtures/wait.ts";

const { createGate } = createRequire(import.meta.url)("streamgate") as { createGate: typeof CreateGate };
const pinoTransport = createRequire(import.meta.url)("streamgate/pino") as typeof api.default;

const folder = mkdtempSync(join(tmpdir(), "streamgate-pino-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(disposeGates);

const rules = [
  { id: "cards", type: "redact", params: { detectors: ["credit_card", "email"] } },
  { id: "health", type: "filter", params: { value: "/health" } },
];
const messages = (lines: readonly string[]) => lines.map((line) => (JSON.parse(line) as { msg: string }).msg);

describe("the pino transport", () => {
  it("sends to a gate from pino's worker, redacted before anything leaves, and over the gate's restart", async () => {
    const gate = await Gate.start();
    const to = { host: "127.0.0.1", port: gate.tcpPort };
    const transport = pino.transport({ target: "streamgate/pino", options: { rules, to } });
    const log = pino(transport);
    for (let at = 0; at < 300; at++) {
      log.info({ card: "4111 1111 1111 1111", stack: "Error: no\n    at line two" }, `paid by jane@example.com ${at}`);
      log.info("GET /health");
    }
    const first = await gate.waitForLines(300);
    expect(messages(first)).toEqual(Array.from({ length: 300 }, (_, at) => `paid by [email] ${at}`));
    expect(JSON.parse(first[0]!)).toMatchObject({ card: "[credit_card]", stack: "Error: no\n    at line two" });

    await gate.stop();
    for (let at = 300; at < 600; at++) log.info(`while away ${at}`);
    const ports = { tcp: gate.tcpPort, udp: gate.udpPort, control: gate.controlPort };
    const again = await Gate.start({ ports });
    log.info("back");
    const ended = once(transport, "close");
    transport.end();
    await ended;
    const second = await again.waitForLines(301);
    expect(messages(second)).toEqual([...Array.from({ length: 300 }, (_, at) => `while away ${300 + at}`), "back"]);
  });

  it("holds so much while the gate is away, counts what found no room, and tells of it in the stream", async () => {
    const receiver = await Receiver.listen();
    const stream = pinoTransport({ rules, to: { host: "127.0.0.1", port: receiver.port }, queueBytes: 65_536 });
    const log = pino(stream);
    log.info("one");
    await until("it has come", () => receiver.lines().length === 1);
    const away = warnings(1);
    await receiver.leave();
    await away;
    for (let at = 0; at < 2000; at++) log.info(`jane@example.com ${at}`);
    await until("it has run", () => stream.writableLength === 0);
    const { queued, lost } = stream.stats();
    expect(queued.bytes).toBeLessThanOrEqual(65_536);
    expect(queued.records + lost.records).toBe(2000);
    expect(lost.records).toBeGreaterThan(0);
    await receiver.comeBack();
    await until("what waited has come", () => receiver.lines().length === 1 + queued.records);
    log.info("last");
    stream.end();
    await finished(stream);
    const told = receiver.lines().slice(1 + queued.records);
    expect(messages(told.slice(-1))).toEqual(["last"]);
    expect(JSON.parse(told[0]!)).toMatchObject({ level: 40, streamgate: { lost: lost.records, withheld: 0 } });
    const stats = stream.stats();
    expect(stats.engine.passed.records + stats.notices.records).toBe(
      stats.sent.records + stats.queued.records + stats.lost.records,
    );
    await receiver.leave();
  });

  it.skipIf(needsOpenssl.skip)(
    `speaks TLS with a gate that asks for a certificate, and with no other${needsOpenssl.note}`,
    async () => {
      const authority = new Authority("test authority");
      const gateCertificate = authority.issue("gate", "DNS:gate.test");
      const own = authority.issue("app", "DNS:app.test");
      const file = join(folder, "by_tls.log");
      const gate = await createGate({
        ...{ tcpPort: 0, udpPort: 0, tlsPort: 0, workers: 1, dataDir: join(folder, "tls_gate") },
        ...{ tlsCert: gateCertificate.cert, tlsKey: gateCertificate.key, tlsClientCa: authority.cert },
        manifest: { pipelines: [{ outputs: [{ type: "file", path: file }] }] },
      });
      const to = {
        host: "127.0.0.1",
        port: gate.ports.tls!,
        tls: { ca: authority.cert, ...own, servername: "gate.test" },
      };
      const known = pinoTransport({ to });
      pino(known).info("by TLS");
      known.end();
      await finished(known);
      const warned = warnings(2);
      const impostor = pinoTransport({
        to: { ...to, tls: { ...to.tls, servername: "other.test" } },
        endTimeoutMs: 300,
      });
      pino(impostor).info("to somebody else");
      impostor.end();
      await finished(impostor);
      await gate.close();
      authority.dispose();
      expect(messages(readFileSync(file, "utf8").trimEnd().split("\n"))).toEqual(["by TLS"]);
      expect((await warned)[0]).toMatch(/other\.test/);
      expect(impostor.stats()).toMatchObject({ sent: { records: 0 }, lost: { records: 1 } });
    },
  );

  it("hands over what was logged before process.exit", async () => {
    const receiver = await Receiver.listen();
    const file = join(repository, "test/fixtures/logs_and_exits.mjs");
    const child = spawn(nodeFile, [file, String(receiver.port)], { stdio: "ignore", env: environment() });
    expect(await once(child, "close")).toEqual([3, null]);
    await until("all lines have come", () => receiver.lines().length === 5000);
    await receiver.leave();
  });

  it("ends in time when the gate never comes, and says how many records that cost", async () => {
    const stream = pinoTransport({ to: { host: "127.0.0.1", port: await unused() }, endTimeoutMs: 50 });
    const warned = warnings(2);
    pino(stream).info("into the void");
    stream.end();
    await finished(stream);
    expect(stream.stats().lost.records).toBe(1);
    expect((await warned).join("\n")).toMatch(/is away.*\n.*1 log record was not delivered/);
  });

  it("writes to a file that only its owner reads, rules from a file, chunks cut anywhere", async () => {
    const file = join(folder, "logs", "app.log");
    const rulesFile = join(folder, "rules.json");
    writeFileSync(rulesFile, JSON.stringify({ pipelines: [{ processors: rules }] }));
    const stream = pinoTransport({ rules: rulesFile, to: { file } });
    const lines = Buffer.from(`${'{"msg":"über jane@example.com"}\n'.repeat(3000)}{"msg":"4111 1111 1111 1111"}`);
    for (let at = 0; at < lines.length; at += 777) stream.write(lines.subarray(at, at + 777));
    stream.end();
    await finished(stream);
    expect(readFileSync(file, "utf8")).toBe(`${'{"msg":"über [email]"}\n'.repeat(3000)}{"msg":"[credit_card]"}\n`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it("calls a flush back when all of it is written, and no sooner", async () => {
    const file = join(folder, "flushed.log");
    const stream = pinoTransport({ to: { file } });
    for (const lines of [1, 20_000]) {
      stream.write("a line\n".repeat(lines));
      stream.write("and one more\n");
      await new Promise<void>((done) => stream.flush(done));
      expect(readFileSync(file, "utf8").length).toBe(stream.stats().sent.bytes + stream.stats().sent.records);
      expect(stream.stats()).toMatchObject({ queued: { records: 0, bytes: 0 }, lost: { records: 0 } });
    }
    expect(stream.stats().sent.records).toBe(20_003);
    stream.destroy();
  });

  it.skipIf(process.platform === "win32")(
    "calls a flush back though nobody reads, and bears its end in the middle",
    async () => {
      const pipe = join(folder, "pipe");
      execFileSync("mkfifo", [pipe]);
      // Opened for both, so that nothing waits for the other end.
      const held = openSync(pipe, "r+");
      const stream = pinoTransport({ to: { file: pipe }, endTimeoutMs: 200 });
      for (let at = 0; at < 40; at++) stream.write(`${"x".repeat(9999)}\n`);
      await new Promise<void>((done) => stream.flush(done));
      const { engine, sent, queued } = stream.stats();
      expect(queued.records).toBeGreaterThan(0);
      expect(sent.records + queued.records).toBe(engine.passed.records);
      stream.destroy();
      const reader = createReadStream("", { fd: held });
      let came = 0;
      reader.on("data", (part) => {
        came += part.length;
      });
      await until("what was handed over has come", () => came === engine.passed.records * 10_000);
      expect(stream.stats().queued.records).toBe(0);
      reader.destroy();
    },
  );

  it.skipIf(!existsSync("/dev/full"))("counts what a full disk did not take, and ends with its error", async () => {
    const stream = pinoTransport({ to: { file: "/dev/full" } });
    stream.write("one\ntwo\n");
    await expect(finished(stream)).rejects.toMatchObject({ code: "ENOSPC" });
    expect(stream.stats()).toMatchObject({
      sent: { records: 0 },
      queued: { records: 0 },
      lost: { records: 2, bytes: 6 },
    });
  });

  it("withholds what a rule cannot finish, and tells that it did, not what", async () => {
    const file = join(folder, "withheld.log");
    const grow = { id: "grow", type: "redact", params: { pattern: "a", replacement: "bbbbbbbbb" } };
    const stream = pinoTransport({ rules: [grow], to: { file } });
    stream.write(`${"a".repeat(100_000)}\nshort\n`);
    stream.end();
    await finished(stream);
    const [notice, short] = readFileSync(file, "utf8").trimEnd().split("\n");
    expect(short).toBe("short");
    expect(JSON.parse(notice!)).toMatchObject({ level: 50, streamgate: { lost: 0, withheld: 1 } });
    expect(notice).not.toContain("aaaa");
  });

  it("keeps what a rule cannot finish in a quarantine of its own, where it is told to", async () => {
    const directory = join(folder, "kept");
    const grow = { id: "grow", type: "redact", params: { pattern: "a", replacement: "bbbbbbbbb" } };
    const options = { rules: [grow], to: { file: join(folder, "rest.log") }, quarantine: directory };
    const stream = pinoTransport(options);
    stream.write(`${"a".repeat(100_000)}\nshort\n${"a".repeat(90_000)}\n`);
    stream.end();
    await finished(stream);
    expect(stream.stats()).toMatchObject({
      engine: { quarantined: { records: 2 } },
      notKept: { records: 0, bytes: 0 },
    });
    const listed = await runCommand(["quarantine", "ls", "--json", "--data-dir", directory]);
    const { groups } = JSON.parse(listed.stdout.toString()) as { groups: { held: { records: number }[] }[] };
    const kept = groups.flatMap(({ held }) => held.map(({ records }) => records));
    expect(kept.reduce((sum, records) => sum + records, 0)).toBe(2);

    const gate = pinoTransport({ ...options, quarantine: join(folder, "rest.log") });
    const [error] = (await once(gate, "error")) as [Error & { code: string }];
    expect(error.code).toBe("SG_DATA_DIR");
  });

  it("tells of what dedupe dropped though nothing more is logged", async () => {
    const file = join(folder, "summaries.log");
    const dedupe = { id: "again", type: "dedupe", params: { window_s: 1 } };
    const stream = pinoTransport({ rules: [dedupe], to: { file } });
    stream.write("retry\n".repeat(42));
    await until(
      "the summary comes",
      () => existsSync(file) && readFileSync(file, "utf8").includes("repeated 41 times"),
    );
    stream.end();
    await finished(stream);
    expect(stream.stats().engine.created.records).toBe(1);
  });

  it.each([
    [{ to: { port: 0 } }, "SG_SETTING", "options.to.port"],
    [{ to: "elsewhere" }, "SG_SETTING", "options.to"],
    [{ queueBytes: 1 }, "SG_SETTING", "options.queueBytes"],
    [{ rule: rules }, "SG_SETTING", "options.rule"],
    [{ engine: "quick" }, "SG_SETTING", "options.engine"],
    [{ rules: "/nowhere/rules.json" }, "SG_INPUT", "options.rules"],
    [{ rules: [{ id: "a", type: "none" }] }, "SG_RULE_TYPE", "rules[0]"],
    [{ to: { port: 1, tls: { ca: "/nowhere/ca.pem" } } }, "SG_TLS", "options.to.tls.ca"],
  ])("refuses %j", (options, code, where) => {
    expect(() => pinoTransport(options as unknown as api.PinoTransportOptions)).toThrow(
      expect.objectContaining({ code, where: expect.stringContaining(where) }),
    );
  });
});

/** A gate's place, which can be left and taken again. */
class Receiver {
  readonly port: number;
  #server: Server;
  #text = "";
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
    this.#accept();
  }

  static async listen(): Promise<Receiver> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Receiver(server, (server.address() as { port: number }).port);
  }

  lines(): string[] {
    return this.#text.split("\n").slice(0, -1);
  }

  async leave(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async comeBack(): Promise<void> {
    this.#server = createServer().listen(this.port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#accept();
  }

  #accept(): void {
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.setEncoding("utf8").on("data", (part: string) => {
        this.#text += part;
      });
      socket.on("error", () => {}).once("close", () => this.#sockets.delete(socket));
    });
  }
}

async function unused(): Promise<number> {
  const receiver = await Receiver.listen();
  await receiver.leave();
  return receiver.port;
}

/** The transport's next warnings. */
async function warnings(count: number): Promise<string[]> {
  const told: string[] = [];
  while (told.length < count) {
    const [warning] = (await once(process, "warning")) as [Error & { code?: string }];
    if (warning.code === "STREAMGATE_PINO") told.push(warning.message);
  }
  return told;
}
