/** The gRPC port: what it loads and when, who pushes out whom, TLS. */

import { copyFileSync, mkdtempSync, rmSync, utimesSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Authority, type Certificate, needsOpenssl } from "../../../test/fixtures/certificates.ts";
import { GrpcClient } from "../../../test/fixtures/grpc_client.ts";
import { GrpcControl } from "../../../test/fixtures/grpc_control.ts";
import { until } from "../../../test/fixtures/wait.ts";
import { CertificateFiles } from "../../tls/certificate_files.ts";
import { listenForGrpc } from "./listener.ts";

let gate: GrpcControl;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await gate?.close();
});

function open(): Promise<Socket> {
  const socket = connect(gate.listener.port, "127.0.0.1").on("error", () => {});
  sockets.push(socket);
  return new Promise((resolve) => socket.once("connect", () => resolve(socket)));
}

/** All that the other end says until it closes. */
async function said(socket: Socket): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += chunk;
  return text;
}

describe("the gRPC port", () => {
  it("listens on loopback addresses only, and answers on each", async () => {
    gate = await GrpcControl.start();
    for (const address of gate.listener.addresses) {
      expect(address).toMatch(/^(127\.0\.0\.1|\[::1\]):\d+$/);
      const client = await GrpcClient.connect(gate.listener.port, { host: address.replace(/:\d+$/, "") });
      expect((await client.call("ListRules")).rules).toEqual([]);
      client.close();
    }
  });

  it("loads nothing for a connection that says nothing or speaks something else, and tells what it speaks itself", async () => {
    gate = await GrpcControl.start();
    const silent = await open();
    const browser = await open();
    browser.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    expect(await said(browser)).toMatch(/^HTTP\/1\.1 400 .*gRPC over HTTP\/2/s);
    const binary = await open();
    binary.write(Buffer.from([0x16, 3, 1, 0, 200]));
    expect(await said(binary)).toMatch(/^HTTP\/1\.1 400/);
    silent.write("PRI * HT");
    await (await open()).write("PRI * HTTP/2.0\r\n\r\nXX");
    expect(gate.loads).toBe(0);

    const client = await gate.client();
    await Promise.all([client.call("ListRules"), client.call("ListOutputs")]);
    await (await gate.client()).call("ListRules");
    expect(gate.loads).toBe(1);
  });

  it("takes a preface that comes in pieces", async () => {
    gate = await GrpcControl.start();
    const socket = await open();
    for (const byte of Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    // An empty SETTINGS frame; the server's own begins with its length and type 4.
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    const [chunk] = await Promise.all([new Promise<Buffer>((resolve) => socket.once("data", resolve))]);
    expect(chunk[3]).toBe(4);
  });

  it("tries again when what answers could not be loaded", async () => {
    gate = await GrpcControl.start();
    let loads = 0;
    const logged: string[] = [];
    const line = (text: string) => void logged.push(text);
    const listener = await listenForGrpc({
      ...{ host: "127.0.0.1", port: 0, log: { info: line, warn: line, error: line } },
      load: async () => {
        loads++;
        throw new Error("no room");
      },
    });
    const client = await GrpcClient.connect(listener.port);
    expect((await client.refusal("ListRules")).code).toBe("UNAVAILABLE");
    expect((await client.refusal("ListRules", {}, { deadlineMs: 5_000 })).code).toBe("UNAVAILABLE");
    client.close();
    await listener.close(0);
    expect(loads).toBeGreaterThan(0);
    expect(logged.join()).toContain("no room");
  });

  it("lets a crowd that says nothing push out one another, and no client that works", async () => {
    gate = await GrpcControl.start({ clientsMax: 4 });
    const client = await gate.client();
    const watch = client.watch({ versions_only: true });
    await watch.next();
    const crowd: Socket[] = [];
    for (let i = 0; i < 20; i++) crowd.push(await open());
    await until("all but three are pushed out", () => crowd.filter(({ closed }) => closed).length === 17);
    expect((await (await gate.client()).call("ListRules")).rules).toEqual([]);
    await client.call("Publish");
    expect((await watch.nextVersion()).manifest.version).toBe("1");
  });

  it("refuses a port that is served already, and says what to do", async () => {
    gate = await GrpcControl.start();
    const log = { info() {}, warn() {}, error() {} };
    const { port } = gate.listener;
    await expect(
      listenForGrpc({ host: "localhost", port, log, load: () => Promise.reject(new Error("unused")) }),
    ).rejects.toMatchObject({ code: "SG_PORT_IN_USE", fix: expect.stringContaining("GRPC_PORT") });
  });

  it("stops at once while nobody calls, whoever is connected", async () => {
    gate = await GrpcControl.start();
    await open();
    const client = await gate.client();
    await client.call("ListRules");
    await gate.listener.close(600_000);
    await gate.listener.close(600_000);
    expect((await client.refusal("ListRules")).code).toBe("UNAVAILABLE");
  });
});

describe.skipIf(needsOpenssl.skip)(`the gRPC port with TLS${needsOpenssl.note}`, () => {
  let authority: Authority;
  let folder: string;
  let files: CertificateFiles;
  const lines: string[] = [];
  const log = { info: (line: string) => void lines.push(line), warn: (line: string) => void lines.push(line) };
  const put = ({ cert, key }: Certificate, atS: number) => {
    for (const [name, from] of [
      ["cert.pem", cert],
      ["key.pem", key],
    ] as const) {
      copyFileSync(from, join(folder, name));
      utimesSync(join(folder, name), atS, atS);
    }
  };
  beforeAll(() => {
    authority = new Authority("grpc test");
    folder = mkdtempSync(join(tmpdir(), "streamgate-grpc-tls-"));
  });
  afterEach(() => files?.close());
  afterAll(() => {
    authority?.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  it("serves clients that trust its authority, and the changed certificate after a change", async () => {
    put(authority.issue("first", "IP:127.0.0.1,DNS:localhost"), 1_000_000);
    const at = (name: string) => join(folder, name);
    files = new CertificateFiles(
      {
        cert: { setting: "CONTROL_TLS_CERT", path: at("cert.pem") },
        key: { setting: "CONTROL_TLS_KEY", path: at("key.pem") },
      },
      log,
      3_600_000,
    );
    gate = await GrpcControl.start({ tls: files });
    expect((await (await gate.client({ ca: authority.cert, host: "localhost" })).call("ListRules")).rules).toEqual([]);
    // In plain text there is no answer, and no harm.
    expect((await (await gate.client()).refusal("ListRules", {}, { deadlineMs: 5_000 })).code).toBe("UNAVAILABLE");
    expect(await nameServed()).toBe("first");
    put(authority.issue("second", "IP:127.0.0.1,DNS:localhost"), 2_000_000);
    files.look();
    expect(await nameServed()).toBe("second");
    expect((await (await gate.client({ ca: authority.cert, host: "localhost" })).call("ListRules")).rules).toEqual([]);
  });

  function nameServed(): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connectTls(
        { port: gate.listener.port, host: "127.0.0.1", ca: authority.pem(), ALPNProtocols: ["h2"] },
        () => {
          resolve(String(socket.getPeerCertificate().subject.CN));
          socket.destroy();
        },
      );
      socket.once("error", reject);
    });
  }
});
