/** Outputs over TLS: who is trusted, what is shown, files that change, and addresses that nothing is sent to. */
import { once } from "node:events";
import { copyFileSync, readFileSync } from "node:fs";
import { createServer, type Server, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { statusAtRest } from "../fixtures/account.ts";
import { Authority, type Certificate, needsOpenssl } from "../fixtures/certificates.ts";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { engines } from "../fixtures/requirement.ts";
import { temporaryDirectory } from "../fixtures/temporary_directory.ts";
import { until } from "../fixtures/wait.ts";

const servers: Server[] = [];
let authority: Authority;
beforeAll(() => {
  if (!needsOpenssl.skip) authority = new Authority("destinations");
});
afterAll(() => authority?.dispose());
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  await disposeGates();
});

/** A destination that shows a certificate, and what it was shown and sent. */
async function destination({ cert, key }: Certificate, options: ServerOptions = {}) {
  const bodies: string[] = [];
  const clients: (string | undefined)[] = [];
  const server = createServer(
    { cert: readFileSync(cert), key: readFileSync(key), ...options },
    async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      bodies.push(Buffer.concat(chunks).toString());
      const { subject } = (request.socket as TLSSocket).getPeerCertificate();
      clients.push(subject?.CN as string | undefined);
      // So that each payload has a connection of its own.
      response.writeHead(200, { connection: "close" }).end();
    },
  );
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { url: `https://127.0.0.1:${port}/`, bodies, clients };
}

const [first] = engines.filter(({ skip }) => !skip);

describe.skipIf(needsOpenssl.skip)(`outputs over TLS${needsOpenssl.note}`, () => {
  async function gateWith(output: Record<string, unknown>) {
    const gate = await Gate.start({ engine: first!.engine });
    const answer = await gate.ok("POST", "/outputs", {
      id: "d",
      type: "http",
      retry: { max_delay_ms: 100 },
      ...output,
    });
    await gate.publish();
    return { gate, warnings: answer.warnings as string[] | undefined };
  }
  const lastError = async (gate: Gate) => (await gate.ok("GET", "/status")).outputs.d.last_error as string | undefined;

  it("trust an authority of their own and show a client certificate", async () => {
    const clients = new Authority("clients");
    try {
      const {
        url,
        bodies,
        clients: shown,
      } = await destination(authority.issue("server", "IP:127.0.0.1"), {
        ...{ requestCert: true, rejectUnauthorized: true, ca: clients.pem() },
      });
      const { cert, key } = clients.issue("gate", "DNS:gate");
      const { gate } = await gateWith({
        url,
        tls: { ca: { file: authority.cert }, cert: { file: cert }, key: { file: key } },
      });
      await gate.send("a\n");
      await until("it is delivered", () => bodies.length === 1);
      expect([bodies, shown]).toEqual([["a"], ["gate"]]);
    } finally {
      clients.dispose();
    }
  });

  it.each([
    ["of an authority that is not trusted", "IP:127.0.0.1", 2, false, {}, /SELF_SIGNED_CERT|UNABLE_TO/],
    ["for another name", "DNS:elsewhere", 2, true, {}, /ERR_TLS_CERT_ALTNAME_INVALID/],
    ["that has ended", "IP:127.0.0.1", -1, true, {}, /CERT_HAS_EXPIRED/],
  ] as const)(
    "send nothing where a certificate is %s, and say why",
    async (_what, names, days, trusted, extra, reason) => {
      const { url, bodies } = await destination(authority.issue("bad", names, days));
      const { gate } = await gateWith({ url, tls: { ...(trusted && { ca: { file: authority.cert } }), ...extra } });
      await gate.send("kept\n");
      await until("the status says why", async () => reason.test((await lastError(gate)) ?? ""));
      expect(bodies).toEqual([]);
      const status = await gate.ok("GET", "/status");
      expect(status.outputs.d.delivered.records).toBe(0);
      expect(status.imbalance).toBe(0);
    },
  );

  it("take another name where the configuration gives it", async () => {
    const { url, bodies } = await destination(authority.issue("elsewhere", "DNS:elsewhere"));
    const { gate } = await gateWith({ url, tls: { ca: { file: authority.cert }, server_name: "elsewhere" } });
    await gate.send("a\n");
    await until("it is delivered", () => bodies.length === 1);
  });

  it("verify nothing only where they are told so, which is said in the answer, at the publish and in the status", async () => {
    const { url, bodies } = await destination(new Authority("nobody").issue("server", "DNS:x", -1));
    const { gate, warnings } = await gateWith({ url, tls: { insecure_skip_verify: true } });
    expect(warnings).toEqual([expect.stringContaining("tls.insecure_skip_verify")]);
    await gate.send("a\n");
    await until("it is delivered", () => bodies.length === 1);
    expect((await gate.ok("GET", "/status")).outputs.d.tls_verified).toBe(false);
  });

  it("show and trust what is in their files by then, without a publish", async () => {
    const clients = new Authority("clients");
    const others = new Authority("others");
    try {
      const folder = temporaryDirectory("output");
      const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem"), ca: join(folder, "ca.pem") };
      const put = (name: string) => {
        const { cert, key } = clients.issue(name, `DNS:${name}`);
        copyFileSync(cert, files.cert);
        copyFileSync(key, files.key);
      };
      put("old");
      copyFileSync(others.cert, files.ca);
      const ask = { requestCert: true, rejectUnauthorized: true, ca: clients.pem() };
      const { url, bodies, clients: shown } = await destination(authority.issue("server", "IP:127.0.0.1"), ask);
      const tls = { ca: { file: files.ca }, cert: { file: files.cert }, key: { file: files.key } };
      const { gate } = await gateWith({ url, tls });
      await gate.send("one\n");
      await until("the destination is not trusted", async () =>
        /SELF_SIGNED|UNABLE_TO/.test((await lastError(gate)) ?? ""),
      );
      copyFileSync(authority.cert, files.ca);
      await until("it is delivered", () => bodies.length === 1);
      put("new");
      await gate.send("two\n");
      await until("it is delivered", () => bodies.length === 2);
      expect([bodies, shown]).toEqual([
        ["one", "two"],
        ["old", "new"],
      ]);
      await statusAtRest(gate, "all is delivered", ({ outputs }) => outputs.d.delivered.records === 2);
    } finally {
      clients.dispose();
      others.dispose();
    }
  });
});

describe("addresses at which clouds hand out credentials", () => {
  it("are refused when an output is added, replaced or published whole", async () => {
    const gate = await Gate.start({ engine: first!.engine });
    for (const url of [
      "http://169.254.169.254/",
      "http://2852039166/",
      "http://[::ffff:a9fe:a9fe]/x",
      "http://metadata.google.internal/",
    ]) {
      const { status, body } = await gate.api("POST", "/outputs", { type: "http", url });
      expect([status, JSON.stringify(body)]).toEqual([422, expect.stringContaining("SG_OUTPUT_ADDRESS")]);
      expect(JSON.stringify(body)).toContain("ALLOW_METADATA_OUTPUTS");
    }
    await gate.ok("POST", "/outputs", { id: "d", type: "http", url: "http://127.0.0.1:9/" });
    expect((await gate.api("PUT", "/outputs/d", { type: "http", url: "http://169.254.169.254/" })).status).toBe(422);
    const pipelines = [{ name: "default", processors: [], outputs: [{ type: "http", url: "http://169.254.170.2/" }] }];
    const put = await gate.api("PUT", "/manifest", { pipelines });
    expect([put.status, JSON.stringify(put.body)]).toEqual([422, expect.stringContaining("outputs[0].url")]);
    expect((await gate.ok("GET", "/outputs")).map(({ url }: { url: string }) => url)).toEqual(["http://127.0.0.1:9/"]);
  });

  it("are sent to where the setting says so, and the output's breaker tells how that went", async () => {
    const gate = await Gate.start({ engine: first!.engine, env: { ALLOW_METADATA_OUTPUTS: "true" } });
    // Nothing answers there; what counts is that it is tried.
    await gate.ok("POST", "/outputs", {
      id: "d",
      type: "http",
      url: "http://169.254.0.1:9/",
      retry: { timeout_ms: 300 },
    });
    await gate.publish();
    await gate.send("a\n");
    const output = async () => (await gate.ok("GET", "/status")).outputs.d;
    // Whatever the network at hand answers, or does not.
    await until("it is tried", async () => {
      const { failures, delivered } = await output();
      return failures > 0 || delivered.records > 0;
    });
    expect((await output()).last_error ?? "").not.toContain("SG_OUTPUT_ADDRESS");
  });

  it("are refused by a data plane whose manifest came from elsewhere, when it delivers", async () => {
    const allowed = await Gate.start({ engine: first!.engine, env: { ALLOW_METADATA_OUTPUTS: "true" } });
    await allowed.ok("POST", "/outputs", { id: "d", type: "http", url: "http://169.254.169.254/" });
    await allowed.publish();
    await allowed.stop();
    const gate = await Gate.start({ engine: first!.engine, dataDir: allowed.dataDir });
    await gate.send("a\n");
    await until("the status says why", async () =>
      ((await gate.ok("GET", "/status")).outputs.d.last_error ?? "").includes("SG_OUTPUT_ADDRESS"),
    );
    expect(JSON.stringify(await gate.api("POST", "/outputs/d/test"))).toContain("SG_OUTPUT_ADDRESS");
  });
});
