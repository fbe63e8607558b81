/** The control API's guards on the built program: no start without a token, tokens from the command line, TLS, certificates that change. */
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Authority, type Certificate, needsOpenssl } from "../fixtures/certificates.ts";
import { disposeGates, Gate, runCommand } from "../fixtures/gate.ts";
import { freePort } from "../fixtures/ports.ts";
import { until } from "../fixtures/wait.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "streamgate-security-"));
});
afterEach(disposeGates);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const answerTo = async (gate: Gate, method: string, path: string, headers: Record<string, string> = {}) =>
  (await fetch(`${gate.url}${path}`, { method, headers })).status;

describe("a control API that others can reach", () => {
  it("does not start without a token, says how to have one, and serves nothing meanwhile", async () => {
    const gate = await Gate.start({ env: { CONTROL_HOST: "0.0.0.0" }, dontWait: true });
    expect((await gate.exited).code).toBe(2);
    expect(gate.stderr).toMatch(/CONTROL_HOST 0\.0\.0\.0: can be reached from other machines/);
    for (const way of ["STREAMGATE_TOKEN", "STREAMGATE_TOKEN_FILE", "streamgate token new", "CONTROL_AUTH=off"])
      expect(gate.stderr).toContain(way);
    expect(gate.stderr).not.toContain("listening on TCP");
  });

  it("asks for STREAMGATE_TOKEN, and shows it nowhere", async () => {
    const token = "a-token-for-this-test-alone";
    const gate = await Gate.start({ env: { CONTROL_HOST: "0.0.0.0", STREAMGATE_TOKEN: token } });
    expect(await answerTo(gate, "POST", "/publish")).toBe(401);
    expect(await answerTo(gate, "POST", "/publish", { authorization: `Bearer ${token}` })).toBe(200);
    await gate.stop();
    expect(gate.stderr).toContain("in plain text");
    expect(gate.stderr + gate.stdout).not.toContain(token);
  });

  it("asks for nothing with CONTROL_AUTH=off, and says so at each start", async () => {
    const gate = await Gate.start({ env: { CONTROL_HOST: "0.0.0.0", CONTROL_AUTH: "off" } });
    expect(await answerTo(gate, "POST", "/publish")).toBe(200);
    expect(gate.stderr).toContain("CONTROL_AUTH=off: whoever reaches the control API at 0.0.0.0");
  });
});

describe("streamgate token new", () => {
  it("prints a token and the line that lets it in, which a running gate learns of", async () => {
    const make = async (name: string, role: string) => {
      const { status, stdout, stderr } = await runCommand(["token", "new", name, "--role", role]);
      expect([status, stderr]).toEqual([0, expect.stringContaining("STREAMGATE_TOKEN_FILE")]);
      const [token = "", line = "", rest] = stdout.toString().split("\n");
      expect([line, rest]).toEqual([expect.stringMatching(new RegExp(`^${name} ${role} sha256:[0-9a-f]{64}$`)), ""]);
      return { token, line };
    };
    const [reader, writer] = [await make("dashboard", "read"), await make("ci-deploy", "write")];
    const file = join(folder, "tokens");
    writeFileSync(file, `${reader.line}\n`, { mode: 0o600 });
    const gate = await Gate.start({ env: { STREAMGATE_TOKEN_FILE: file } });
    const as = ({ token }: { token: string }) => ({ authorization: `Bearer ${token}` });
    expect(await answerTo(gate, "GET", "/rules")).toBe(401);
    expect(await answerTo(gate, "GET", "/rules", as(reader))).toBe(200);
    expect(await answerTo(gate, "POST", "/publish", as(reader))).toBe(403);
    expect(await answerTo(gate, "POST", "/publish", as(writer))).toBe(401);
    writeFileSync(file, `${reader.line}\n${writer.line}\n`);
    expect(await answerTo(gate, "POST", "/publish", as(writer))).toBe(200);
    const entries = readFileSync(join(gate.dataDir, "audit.jsonl"), "utf8").trim().split("\n");
    expect(JSON.parse(entries.at(-1)!).who).toEqual({ name: "ci-deploy", address: "127.0.0.1" });
    await gate.stop();
    for (const { token } of [reader, writer]) expect(gate.stderr + entries.join("\n")).not.toContain(token);
  });

  it("takes no name or role that a line cannot hold", async () => {
    const name = await runCommand(["token", "new", "a b", "--role", "read"]);
    expect([name.status, name.stderr]).toEqual([2, expect.stringContaining("the token's name: is none")]);
    const role = await runCommand(["token", "new", "a", "--role", "owner"]);
    expect([role.status, role.stderr]).toEqual([2, expect.stringContaining("give read, write, admin")]);
    expect((await runCommand(["token", "new", "a"])).status).toBe(2);
  });

  it("does not start with a file that everybody may read", async () => {
    const file = join(folder, "readable");
    writeFileSync(file, `a read sha256:${"0".repeat(64)}\n`, { mode: 0o644 });
    const gate = await Gate.start({ env: { STREAMGATE_TOKEN_FILE: file }, dontWait: true });
    expect((await gate.exited).code).toBe(1);
    expect(gate.stderr).toMatch(/readable: others may read or write it \(mode 644\); chmod 600/);
  });
});

describe.skipIf(needsOpenssl.skip)(`TLS on the control port${needsOpenssl.note}`, () => {
  let authority: Authority;
  let first: Certificate;
  let second: Certificate;
  beforeAll(() => {
    authority = new Authority("control authority");
    first = authority.issue("first", "DNS:localhost,IP:127.0.0.1");
    second = authority.issue("second", "DNS:localhost,IP:127.0.0.1");
  });
  afterAll(() => authority?.dispose());

  interface Client {
    readonly cert?: Buffer;
    readonly key?: Buffer;
    readonly token?: string;
  }

  function get(port: number, path: string, client: Client = {}): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const { token, ...certificate } = client;
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const where = { host: "127.0.0.1", port, path, headers, ca: authority.pem(), agent: false };
      request({ ...where, ...certificate }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      })
        .on("error", reject)
        .end();
    });
  }

  const ask = async ({ controlPort }: Gate, path: string, client?: Client) =>
    (await get(controlPort, path, client)).status;

  /** What `openssl s_client` says of the connection; its input ends at once. */
  function sClient({ controlPort }: Pick<Gate, "controlPort">, ...args: string[]) {
    const to = ["s_client", "-connect", `127.0.0.1:${controlPort}`, "-CAfile", authority.cert];
    const { status, stdout, stderr } = spawnSync("openssl", [...to, "-verify_return_error", ...args], {
      input: "",
      encoding: "utf8",
      timeout: 20_000,
    });
    return { status, told: `${stdout}\n${stderr}` };
  }

  it("serves HTTPS alone, TLS 1.2 and 1.3, and the changed certificate without a restart", async () => {
    const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    copyFileSync(first.cert, cert);
    copyFileSync(first.key, key);
    const gate = await Gate.start({ env: { CONTROL_TLS_CERT: cert, CONTROL_TLS_KEY: key } });
    expect(gate.stderr).toContain(`https://localhost:${gate.controlPort}/docs`);
    expect(await ask(gate, "/rules")).toBe(200);
    await expect(fetch(`${gate.url}/rules`)).rejects.toThrow();
    for (const version of ["-tls1_2", "-tls1_3"]) {
      const { status, told } = sClient(gate, version);
      expect([version, status]).toEqual([version, 0]);
      expect(told).toContain("Verify return code: 0 (ok)");
      expect(told).toMatch(/subject=.*CN ?= ?first/);
    }
    expect(sClient(gate, "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0").status).not.toBe(0);

    copyFileSync(second.cert, cert);
    copyFileSync(second.key, key);
    utimesSync(cert, 1_000_000, 1_000_000);
    await until("the second certificate is served", () => /CN ?= ?second/.test(sClient(gate).told));
    await until("it says so", () => gate.stderr.includes("serving the changed certificate"));
    expect(await ask(gate, "/rules")).toBe(200);
    // A broken one changes nothing.
    writeFileSync(cert, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    await until("it says that one is not used", () => gate.stderr.includes("a changed certificate is not used"));
    expect(await ask(gate, "/rules")).toBe(200);
  });

  it("lets in clients whose certificate is of the authority that is named, and they still need the token", async () => {
    const clients = new Authority("clients");
    try {
      const token = "a-token-for-this-test-alone";
      const gate = await Gate.start({
        env: {
          CONTROL_TLS_CERT: first.cert,
          CONTROL_TLS_KEY: first.key,
          CONTROL_TLS_CLIENT_CA: clients.cert,
          STREAMGATE_TOKEN: token,
        },
      });
      const read = ({ cert, key }: Certificate) => ({ cert: readFileSync(cert), key: readFileSync(key) });
      const issued = clients.issue("friend", "DNS:friend");
      const friend = read(issued);
      await expect(ask(gate, "/rules", { token })).rejects.toThrow();
      await expect(ask(gate, "/rules", { token, ...read(second) })).rejects.toThrow();
      expect(await ask(gate, "/rules", friend)).toBe(401);
      expect(await ask(gate, "/rules", { token, ...friend })).toBe(200);
      // So does the command line.
      const url = `https://127.0.0.1:${gate.controlPort}`;
      const command = ["rules", "ls", "--url", url, "--token", token, "--ca", authority.cert];
      expect(await runCommand([...command, "--client-cert", issued.cert, "--client-key", issued.key])).toMatchObject({
        status: 0,
      });
      const health = {
        CONTROL_PORT: String(gate.controlPort),
        CONTROL_TLS_CERT: first.cert,
        CONTROL_TLS_KEY: first.key,
        CONTROL_TLS_CLIENT_CA: clients.cert,
        ADMIN_PORT: "1",
      };
      expect((await runCommand(["healthcheck"], "", health)).status).toBe(0);
      const refused = await runCommand(command);
      expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining("--client-cert")]);
    } finally {
      clients.dispose();
    }
  });

  it("serves the admin port over TLS with its own certificate, for the same tokens, and tells when certificates end", async () => {
    const token = "chosen-by-me";
    const env = { ADMIN_TLS_CERT: second.cert, ADMIN_TLS_KEY: second.key, ADMIN_PORT: String(await freePort()) };
    const gate = await Gate.start({
      env: { ...env, CONTROL_TLS_CERT: first.cert, CONTROL_TLS_KEY: first.key, STREAMGATE_TOKEN: token },
    });
    const { adminPort } = gate;
    await expect(fetch(`http://127.0.0.1:${adminPort}/metrics`)).rejects.toThrow();
    expect((await get(adminPort, "/healthz")).status).toBe(200);
    expect(sClient({ controlPort: adminPort }).told).toMatch(/subject=.*CN ?= ?second/);
    const { text } = await get(adminPort, "/metrics", { token });
    for (const [setting, { cert }] of [
      ["CONTROL_TLS_CERT", first],
      ["ADMIN_TLS_CERT", second],
    ] as const) {
      const [, value] = new RegExp(`not_after_timestamp_seconds{certificate="${setting}"} (\\S+)`).exec(text) ?? [];
      expect(Number(value) * 1000).toBe(new X509Certificate(readFileSync(cert)).validToDate.getTime());
    }
    // One set of tokens for both ports: what is to be said of it is said once, and wrong ones count at either.
    expect(gate.stderr.split("STREAMGATE_TOKEN has fewer than 16 characters").length).toBe(2);
    for (let tries = 0; tries < 10; tries++) expect(await ask(gate, "/rules", { token: "wrong" })).toBe(401);
    expect((await get(adminPort, "/metrics", { token: "wrong" })).status).toBe(429);
    // Either port is enough, and one that demands a certificate is alive when it shakes hands.
    expect((await runCommand(["healthcheck"], "", { ...env, CONTROL_PORT: "1" })).status).toBe(0);
  });

  it.each([
    [{ ADMIN_TLS_KEY: "key.pem" }, /ADMIN_TLS_KEY: is set and ADMIN_TLS_CERT is not/, 2],
    [{ ADMIN_TLS_CLIENT_CA: "ca.pem" }, /ADMIN_TLS_CLIENT_CA: is set and ADMIN_TLS_CERT is not/, 2],
    [{ CONTROL_TLS_CERT: "cert.pem" }, /CONTROL_TLS_CERT: is set and CONTROL_TLS_KEY is not/, 2],
    [{ CONTROL_TLS_CLIENT_CA: "ca.pem" }, /CONTROL_TLS_CLIENT_CA: is set and CONTROL_TLS_CERT is not/, 2],
    [{ CONTROL_TLS_CERT: "none.pem", CONTROL_TLS_KEY: "none.pem" }, /CONTROL_TLS_CERT none\.pem: cannot be read/, 1],
  ])("does not start with %j", async (env, message, status) => {
    const gate = await Gate.start({ env, dontWait: true });
    expect((await gate.exited).code).toBe(status);
    expect(gate.stderr).toMatch(message);
  });
});
