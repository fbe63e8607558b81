/** Certificate files: what is refused, and what a server serves after they change. */

import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, connect as connectPlain } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer, type Server, type TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Authority, type Certificate, needsOpenssl } from "../../test/fixtures/certificates.ts";
import { CertificateFiles, type CertificatePaths } from "./certificate_files.ts";

describe.skipIf(needsOpenssl.skip)(`certificate files${needsOpenssl.note}`, () => {
  let authority: Authority;
  let first: Certificate;
  let second: Certificate;
  let folder: string;
  const lines: string[] = [];
  const log = { info: (line: string) => void lines.push(line), warn: (line: string) => void lines.push(line) };
  let opened: CertificateFiles | undefined;
  let server: Server | undefined;
  let changes = 0;

  beforeAll(() => {
    authority = new Authority("test authority");
    first = authority.issue("first", "IP:127.0.0.1");
    second = authority.issue("second", "IP:127.0.0.1");
    folder = mkdtempSync(join(tmpdir(), "streamgate-tls-"));
  });
  afterEach(() => {
    opened?.close();
    server?.close();
    lines.length = 0;
  });
  afterAll(() => {
    authority?.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  const paths: () => CertificatePaths = () => ({
    cert: { setting: "TLS_CERT", path: join(folder, "cert.pem") },
    key: { setting: "TLS_KEY", path: join(folder, "key.pem") },
  });
  /** Copies a file and gives it a time of its own: two copies within one tick of the clock look the same. */
  const put = (from: string, name: string) => {
    copyFileSync(from, join(folder, name));
    changes++;
    utimesSync(join(folder, name), 1_000_000 + changes, 1_000_000 + changes);
  };
  const open = (given: CertificatePaths = paths()) => {
    opened = new CertificateFiles(given, log, 3_600_000);
    return opened;
  };

  it("serves a changed certificate to new connections, and the old one to those that are open", async () => {
    put(first.cert, "cert.pem");
    put(first.key, "key.pem");
    const files = open();
    server = createServer(files.current, (socket) => socket.end());
    files.onChange((tls) => server!.setSecureContext(tls));
    await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
    expect(await nameServed(server, authority)).toBe("first");

    put(second.cert, "cert.pem");
    put(second.key, "key.pem");
    files.look();
    expect(await nameServed(server, authority)).toBe("second");
    expect(lines).toContain("TLS_CERT: serving the changed certificate");
  });

  it("goes on with the pair that fits while only one of the two files is replaced, and says so once", () => {
    put(first.cert, "cert.pem");
    put(first.key, "key.pem");
    const files = open();
    lines.length = 0;
    put(second.cert, "cert.pem");
    const told: unknown[] = [];
    files.onChange((tls) => told.push(tls));
    files.look();
    files.look();
    expect(told).toEqual([]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/TLS_CERT .*cert\.pem and TLS_KEY .*key\.pem: OpenSSL refuses them: .*mismatch/);
    put(second.key, "key.pem");
    files.look();
    expect(told).toEqual([files.current]);
  });

  it("goes on when a file is gone, damaged or empty", () => {
    put(first.cert, "cert.pem");
    put(first.key, "key.pem");
    const files = open();
    const before = files.current;
    rmSync(join(folder, "key.pem"));
    files.look();
    writeFileSync(join(folder, "key.pem"), "");
    files.look();
    expect(files.current).toBe(before);
    expect(lines.filter((line) => line.includes("not used"))).toHaveLength(2);
  });

  it("sees a change of a symbolic link in the way, as a mounted secret makes it", () => {
    for (const [name, { cert, key }] of [
      ["one", first],
      ["two", second],
    ] as const) {
      const at = mkdtempSync(join(folder, `${name}-`));
      copyFileSync(cert, join(at, "tls.crt"));
      copyFileSync(key, join(at, "tls.key"));
      symlinkSync(at, join(folder, `..${name}`));
    }
    renameSync(join(folder, "..one"), join(folder, "..data"));
    const files = open({
      cert: { setting: "TLS_CERT", path: join(folder, "..data/tls.crt") },
      key: { setting: "TLS_KEY", path: join(folder, "..data/tls.key") },
    });
    const before = files.current.cert;
    renameSync(join(folder, "..two"), join(folder, "..data"));
    files.look();
    expect(files.current.cert.equals(before)).toBe(false);
  });

  it("demands a certificate of clients where authorities for them are named", async () => {
    put(first.cert, "cert.pem");
    put(first.key, "key.pem");
    const clients = new Authority("clients");
    try {
      const files = open({ ...paths(), clientCa: { setting: "TLS_CLIENT_CA", path: clients.cert } });
      server = createServer(files.current, (socket) => socket.end("welcome"));
      await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
      // Refused with an alert or, by Node, without a word.
      const refused = (client?: Certificate) => said(server!, authority, client).catch(() => "");
      expect(await refused()).toBe("");
      expect(await refused(authority.issue("stranger", "DNS:stranger"))).toBe("");
      expect(await said(server, authority, clients.issue("friend", "DNS:friend"))).toBe("welcome");
    } finally {
      clients.dispose();
    }
  });

  it("speaks no TLS before 1.2", async () => {
    put(first.cert, "cert.pem");
    put(first.key, "key.pem");
    server = createServer(open().current);
    await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const old = connect({ port, host: "127.0.0.1", ca: authority.pem(), minVersion: "TLSv1", maxVersion: "TLSv1.1" });
    await expect(outcome(old)).rejects.toThrow();
    // It answers what is no TLS at all by closing.
    const plain = connectPlain(port, "127.0.0.1");
    plain.end("GET / HTTP/1.1\r\n\r\n");
    await new Promise((resolve) =>
      plain
        .resume()
        .on("close", resolve)
        .on("error", () => {}),
    );
  });

  it("refuses at the start what cannot be served, and names setting, file and reason", () => {
    put(first.cert, "cert.pem");
    put(second.key, "key.pem");
    expect(() => open()).toThrow(/TLS_CERT .*TLS_KEY .*mismatch/);
    expect(() => open({ ...paths(), key: { setting: "TLS_KEY", path: join(folder, "none.pem") } })).toThrow(
      /TLS_KEY .*none\.pem: cannot be read: ENOENT/,
    );
    put(first.key, "cert.pem");
    expect(() => open()).toThrow(/TLS_CERT .*holds no CERTIFICATE in PEM/);
    put(first.cert, "cert.pem");
    writeFileSync(
      join(folder, "key.pem"),
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    expect(() => open()).toThrow(/TLS_KEY .*is encrypted with a passphrase/);
  });

  it("warns of a certificate that ends soon", () => {
    put(first.cert, "cert.pem");
    put(first.key, "key.pem");
    const files = open(); // They are made for two days.
    expect(lines).toEqual([expect.stringMatching(/TLS_CERT .*cert\.pem: ends at \d{4}-/)]);
    expect(files.expiresAtMs).toBeGreaterThan(Date.now());
  });
});

async function nameServed(server: Server, authority: Authority): Promise<string | undefined> {
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: "127.0.0.1", ca: authority.pem() });
  const name = new Promise<string | undefined>((resolve, reject) => {
    socket.once("secureConnect", () => resolve(String(socket.getPeerCertificate().subject.CN)));
    socket.once("error", reject);
  });
  return name.finally(() => socket.destroy());
}

function said(server: Server, authority: Authority, client?: Certificate): Promise<string> {
  const { port } = server.address() as AddressInfo;
  const shown = client === undefined ? {} : { cert: readFileSync(client.cert), key: readFileSync(client.key) };
  return outcome(connect({ port, host: "127.0.0.1", ca: authority.pem(), ...shown }));
}

/** What the server said before it closed; rejects when the handshake fails, also where the client learns it late (TLS 1.3). */
function outcome(socket: TLSSocket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
  });
}
