/** The gRPC API of the built program: that publishing changes what happens to records, its port, its stop, tokens and TLS, and `grpcurl`. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Authority, needsOpenssl } from "../fixtures/certificates.ts";
import { disposeGates, environment, Gate, runCommand } from "../fixtures/gate.ts";
import { GrpcClient } from "../fixtures/grpc_client.ts";
import { freePort } from "../fixtures/ports.ts";
import { engines, findProgram } from "../fixtures/requirement.ts";
import { until } from "../fixtures/wait.ts";

const clients: GrpcClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await disposeGates();
});

async function clientOf(gate: Gate, options: { ca?: string; host?: string } = {}): Promise<GrpcClient> {
  const client = await GrpcClient.connect(await gate.grpcPort(), options);
  clients.push(client);
  return client;
}

const ruleDebug = { id: "drop_debug", type: "filter", params: { value: "DEBUG" } };
const { engine, skip, note } = engines[0]!;

describe.skipIf(skip)(`the gRPC API${note}`, () => {
  it("publishes what treats the next record, tells who watches, and goes back", async () => {
    const gate = await Gate.start({ engine });
    const client = await clientOf(gate);
    const watch = client.watch({ status_interval_seconds: 1 });
    await watch.nextVersion();
    await client.call("AddRule", { rule_json: JSON.stringify(ruleDebug) });
    const { publication } = await client.call("Publish", { wait: "10s" });
    expect(publication).toMatchObject({
      subscribers_notified: 1,
      planes: { status: "applied", pending: [], silent: 0 },
    });
    expect(JSON.parse((await client.call("Status")).planes_json)).toMatchObject([{ running: "1", state: "applied" }]);
    await gate.send("DEBUG one\ntwo\n");
    expect(await gate.waitForLines(1)).toEqual(["two"]);
    expect((await watch.nextVersion()).manifest.version).toBe("1");
    await until("the status tells of both records", async () => {
      const { status } = await watch.next();
      return status != null && JSON.parse(status.json).received.records === 2;
    });
    await client.call("PutManifest", { manifest_json: JSON.stringify({ pipelines: [{}] }) });
    await client.call("Rollback", { version: 1 });
    await gate.send("DEBUG three\nfour\n");
    expect(await gate.waitForLines(2)).toEqual(["two", "four"]);
  });

  it("is part of a control plane alone, too, and says when the bus is away", async () => {
    const redis = `redis://127.0.0.1:${await freePort()}`;
    const gate = await Gate.start({ command: "control", engine, env: { REDIS_URL: redis } });
    const client = await clientOf(gate);
    await client.call("AddRule", { rule_json: JSON.stringify(ruleDebug) });
    expect(await client.refusal("Publish")).toMatchObject({ code: "UNAVAILABLE", info: { reason: "SG_BUS_AWAY" } });
    expect(await client.call("Status")).toEqual({ version: "0", json: "", planes_json: "" });
  });

  it("ends its calls and lets the gate stop in order while clients are connected", async () => {
    const gate = await Gate.start({ engine });
    const watch = (await clientOf(gate)).watch();
    await watch.next();
    const exit = gate.stop();
    expect(await watch.ended).toMatchObject({
      code: "UNAVAILABLE",
      details: expect.stringContaining("the gate stops"),
    });
    expect((await exit).code).toBe(0);
  });

  it("is left out with one warning when nobody asked for its port and it is taken; asked for, it is refused", async () => {
    const other = createServer().listen(50_051, "127.0.0.1");
    // Taken is taken, whoever has it.
    await Promise.race([once(other, "listening"), once(other, "error")]);
    try {
      const gate = await Gate.start({ engine, env: { GRPC_PORT: "" } });
      await gate.send("one\n");
      expect(await gate.waitForLines(1)).toEqual(["one"]);
      expect(gate.stderr.match(/running without the gRPC API/g)).toHaveLength(1);
      expect(gate.stderr).toMatch(/50051: another process serves this port already; .*GRPC_PORT/);
    } finally {
      other.close();
    }
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const port = String((taken.address() as { port: number }).port);
    try {
      const ports = ["--control-port", "0", "--tcp-port", "0", "--udp-port", "0", "--data-dir", "DIR"];
      const gate = await Gate.start({ engine });
      ports[ports.length - 1] = `${gate.dataDir}/other`;
      const { status, stderr } = await runCommand(["run", "--grpc-port", port, ...ports]);
      expect(status).toBe(1);
      expect(stderr).toContain(`${port}: another process serves this port already`);
    } finally {
      taken.close();
    }
  });

  it("asks for the tokens of the control API, and keeps them out of the log", async () => {
    const token = "a-token-of-some-length";
    const gate = await Gate.start({ engine, env: { STREAMGATE_TOKEN: token } });
    const client = await clientOf(gate);
    expect(await client.refusal("Publish")).toMatchObject({ code: "UNAUTHENTICATED", info: { reason: "SG_TOKEN" } });
    expect((await client.call("Publish", {}, { token })).publication.manifest.version).toBe("1");
    expect(gate.stderr).not.toContain(token);
  });

  it.skipIf(needsOpenssl.skip)(`speaks TLS with the control API's certificate${needsOpenssl.note}`, async () => {
    const authority = new Authority("grpc e2e");
    try {
      const { cert, key } = authority.issue("gate", "DNS:localhost,IP:127.0.0.1");
      const gate = await Gate.start({ engine, env: { CONTROL_TLS_CERT: cert, CONTROL_TLS_KEY: key } });
      const client = await clientOf(gate, { ca: authority.cert, host: "localhost" });
      expect((await client.call("GetManifest")).manifest.version).toBe("0");
    } finally {
      authority.dispose();
    }
  });
});

const grpcurl = findProgram("grpcurl");
const missing = grpcurl === undefined ? " [skipped: grpcurl not installed; `go install` of it takes minutes]" : "";

describe.skipIf(skip || grpcurl === undefined)(`grpcurl${note}${missing}`, () => {
  it("lists, describes and calls by reflection alone", async () => {
    const gate = await Gate.start({ engine });
    const port = await gate.grpcPort();
    const run = (...args: string[]) => {
      const at = args.findIndex((arg) => !arg.startsWith("-") && !arg.startsWith("{"));
      const all = ["-plaintext", ...args.slice(0, at), `127.0.0.1:${port}`, ...args.slice(at)];
      const { status, stdout, stderr } = spawnSync(grpcurl!, all, { encoding: "utf8", env: environment() });
      return { status, stdout, stderr };
    };
    const service = "streamgate.v1.ControlService";
    expect(run("list").stdout.split("\n").filter(Boolean)).toEqual(["grpc.health.v1.Health", service]);
    expect(run("describe", service).stdout).toContain("rpc Watch ( .streamgate.v1.WatchRequest ) returns ( stream");
    expect(run("describe", "google.rpc.ErrorInfo").stdout).toContain("map<string, string> metadata = 3");
    expect(JSON.parse(run("grpc.health.v1.Health/Check").stdout)).toEqual({ status: "SERVING" });
    expect(JSON.parse(run("grpc.health.v1.Health/List").stdout).statuses[service]).toEqual({ status: "SERVING" });
    expect(JSON.parse(run(`${service}/Publish`).stdout).publication.manifest.version).toBe("1");
    const refused = run('-d={"rule_json":"{}"}', `${service}/AddRule`);
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toMatch(/InvalidArgument.*"reason": "SG_RULE_PARAMS"/s);
  });
});
