/** `createGate`: a gate in somebody's process, which it leaves as it was. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, describe, expect, it } from "vitest";
import type * as api from "../../src/index.ts";
import { environment } from "../fixtures/gate.ts";
import { engines, nodeFile, repository } from "../fixtures/requirement.ts";
import { Sink } from "../fixtures/sink.ts";
import { sendTcp } from "../fixtures/tcp.ts";
import { until } from "../fixtures/wait.ts";

const { createGate } = createRequire(import.meta.url)("streamgate") as typeof api;

const folder = mkdtempSync(join(tmpdir(), "streamgate-embedded-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const dropDebug = { id: "drop_debug", type: "filter", params: { value: "DEBUG" } };
const emails = { id: "emails", type: "redact", params: { detectors: ["email"] } };
const anywhere = { tcpPort: 0, udpPort: 0, workers: 1, shutdownTimeoutMs: 5000 } as const;

function manifestTo(url: string, ...processors: api.Rule[]) {
  return { pipelines: [{ processors, outputs: [{ type: "http", url }] }] } as const;
}

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`a gate in process on ${engine}${note}`, () => {
    it("runs a manifest, then another, and delivers what came before it closes", async () => {
      const sink = await Sink.start();
      const lines: api.GateLogLine[] = [];
      const gate = await createGate({
        ...anywhere,
        engine,
        dataDir: join(folder, `data-${engine}`),
        manifest: manifestTo(sink.url, dropDebug, emails),
        log: (line) => lines.push(line),
      });
      try {
        await sendTcp(gate.ports.tcp, "DEBUG one\nmail to jane@example.com\n");
        await until("the first record arrives", () => sink.lines().length === 1);
        const first = gate.version;
        expect(await gate.publish(manifestTo(sink.url, dropDebug))).toMatchObject({
          version: expect.not.stringMatching(first),
          weakened: [{ rule: "emails", how: "deleted" }],
        });
        await expect(
          gate.publish(manifestTo(sink.url, { id: "x", type: "redact", params: { pattern: "(" } })),
        ).rejects.toMatchObject({ code: "SG_RULE_PATTERN" });
        await expect(gate.publish(manifestTo("http://169.254.169.254/"))).rejects.toMatchObject({
          code: "SG_OUTPUT_ADDRESS",
        });
        await sendTcp(gate.ports.tcp, "mail to jane@example.com\n");
        await until("both have come", async () => records(await gate.status()) === 3);
        expect(await gate.status()).toMatchObject({ version: gate.version, imbalance: 0 });
      } finally {
        await gate.close();
        await gate.close();
      }
      await expect(gate.publish(manifestTo(sink.url))).rejects.toMatchObject({ code: "SG_ENGINE_CLOSED" });
      expect(sink.lines()).toEqual(["mail to [email]", "mail to jane@example.com"]);
      expect(lines.map(({ message }) => message)).toContain("everything that came is delivered");
      await sink.close();
    });
  });
}

describe("a gate in process", () => {
  it("with control serves the control API, and goes on with what was published last", async () => {
    const sink = await Sink.start();
    const options = { ...anywhere, control: true, controlPort: 0, dataDir: join(folder, "both") };
    const gate = await createGate({ ...options, manifest: manifestTo(sink.url, dropDebug) });
    const asked = await fetch(`http://127.0.0.1:${gate.ports.control}/rules`);
    expect(await asked.json()).toEqual([dropDebug]);
    expect(await gate.publish(manifestTo(sink.url))).toMatchObject({ version: "2" });
    await gate.close();
    const again = await createGate(options);
    expect(again.version).toBe("2");
    await again.close();
    await sink.close();
  });

  it("rejects what does not fit, naming the option, and leaves nothing behind", async () => {
    const taken = createServer().listen(0);
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    const dataDir = join(folder, "refused");
    const manifest = { pipelines: [{ outputs: [{ type: "console" }] }] } as const;
    for (const [options, code, where] of [
      [{ tcpPort: 70_000 }, "SG_SETTING", "createGate options.tcpPort"],
      [{ redisUrl: "redis://localhost" }, "SG_SETTING", "createGate options.redisUrl"],
      [{ tlsCert: "cert.pem" }, "SG_SETTING", "createGate options.tlsCert"],
      [{}, "SG_MANIFEST", "createGate options.manifest"],
      [{ control: true, controlPort: 0 }, "SG_MANIFEST", "createGate options.manifest"],
      [{ manifest, log: 5 }, "SG_SETTING", "createGate options.log"],
      [{ manifest, tcpPort: port }, "SG_PORT_IN_USE", ""],
      [{ manifest: { pipelines: [] } }, "SG_MANIFEST", "pipelines"],
    ] as const)
      await expect(createGate({ ...anywhere, dataDir, ...options } as api.GateOptions)).rejects.toMatchObject({
        code,
        where: expect.stringContaining(where),
      });
    taken.close();
    const gate = await createGate({ ...anywhere, dataDir, manifest });
    await gate.close();
  });

  it.skipIf(process.platform !== "linux")(
    "gives back its descriptors when it closes, not when the collector comes by",
    async () => {
      // In a process of its own: other tests open what they like meanwhile.
      const program = `
      import { mkdtempSync, readdirSync } from "node:fs";
      import { createGate } from "streamgate";
      const open = [];
      for (let at = 0; at < 4; at++) {
        const dataDir = mkdtempSync(${JSON.stringify(join(folder, "again-"))});
        const gate = await createGate({ tcpPort: 0, udpPort: 0, workers: 1, dataDir,
          manifest: { pipelines: [{ outputs: [{ type: "file", path: dataDir + "/out.log" }] }] } });
        await gate.close();
        open.push(readdirSync("/proc/self/fd").length);
      }
      console.log(open.at(-1) - open[0]);`;
      const child = spawn(nodeFile, ["--input-type=module", "-e", program], { cwd: repository, env: environment() });
      expect([await text(child.stdout), await text(child.stderr)]).toEqual(["0\n", ""]);
    },
  );

  it("closes though the listener of its log throws, which is thrown as an uncaught exception", async () => {
    const program = `
      import { createGate } from "streamgate";
      const thrown = new Set();
      process.on("uncaughtException", ({ message }) => thrown.add(message));
      const gate = await createGate({ tcpPort: 0, udpPort: 0, workers: 1, dataDir: ${JSON.stringify(join(folder, "throwing"))},
        manifest: { pipelines: [{ outputs: [{ type: "http", url: "http://127.0.0.1:9/" }] }] },
        log() { throw new Error("of the listener"); } });
      await gate.close();
      setImmediate(() => console.log([...thrown].join()));`;
    const child = spawn(nodeFile, ["--input-type=module", "-e", program], { cwd: repository, env: environment() });
    expect([await text(child.stdout), await text(child.stderr)]).toEqual(["of the listener\n", ""]);
  });

  it("writes nothing, takes no signal, and lets the process end by itself", async () => {
    const program = `
      import { createGate } from "streamgate";
      const listeners = () => process.eventNames().filter((name) => /^SIG/.test(String(name)));
      const gate = await createGate({ tcpPort: 0, udpPort: 0, workers: 1, dataDir: ${JSON.stringify(join(folder, "polite"))},
        manifest: { pipelines: [{ outputs: [{ type: "http", url: "http://127.0.0.1:9/" }] }] } });
      if (listeners().length > 0) throw new Error(listeners().join());
      await gate.close();
      process.exitCode = 7;`;
    const child = spawn(nodeFile, ["--input-type=module", "-e", program], { cwd: repository, env: environment() });
    const [out, err, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
    expect({ out, err, status }).toEqual({ out: "", err: "", status: 7 });
  });
});

function records(status: Readonly<Record<string, unknown>>): number {
  return (status.received as { records: number }).records;
}
