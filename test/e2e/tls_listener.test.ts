/** Records over TLS: `openssl s_client`, real forwarders, client certificates, and certificates that change under traffic. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { statusAtRest } from "../fixtures/account.ts";
import { Authority, type Certificate, needsOpenssl } from "../fixtures/certificates.ts";
import { endSyslogDaemons, forwardMessages, rsyslog, syslogNg } from "../fixtures/forwarders.ts";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { freePort } from "../fixtures/ports.ts";
import { engines, needsProgram, requirement } from "../fixtures/requirement.ts";
import { connectTcp, sendTcp } from "../fixtures/tcp.ts";
import { temporaryDirectory } from "../fixtures/temporary_directory.ts";
import { clientCertificate, connectTls, sendTls, tlsListener } from "../fixtures/tls.ts";
import { until } from "../fixtures/wait.ts";

const needsRsyslog = needsProgram("rsyslogd");
const needsSyslogNg = needsProgram("syslog-ng");
/** rsyslog's drivers for TLS are packages of their own. */
const drivers = ["/usr/lib/rsyslog", ...readdirSync("/usr/lib").map((folder) => `/usr/lib/${folder}/rsyslog`)].flatMap(
  (folder) => {
    try {
      return readdirSync(folder);
    } catch {
      return [];
    }
  },
);
const needsDriver = (name: string) =>
  requirement(drivers.includes(`lmnsd_${name}.so`) ? undefined : `rsyslog has no driver ${name}`);

let authority: Authority;
let server: Certificate;
beforeAll(() => {
  if (needsOpenssl.skip) return;
  authority = new Authority("gate");
  server = authority.issue("server", "IP:127.0.0.1,DNS:localhost");
});
afterAll(() => authority?.dispose());
afterEach(async () => {
  await endSyslogDaemons();
  await disposeGates();
});

/** `openssl s_client` that sends `text` and says what it agreed on. */
async function sClient(
  port: number,
  text: string,
  ...args: readonly string[]
): Promise<{ code: number; said: string }> {
  const all = ["s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", authority.cert, "-verify_return_error", ...args];
  const child = spawn("openssl", all, { stdio: ["pipe", "pipe", "pipe"] });
  const closed = once(child, "close");
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (part: string) => {
      said += part;
    });
  child.stdin.on("error", () => {});
  child.stdin.write(text);
  // It ends when its input does, before it has read what was answered to the handshake.
  await until("s_client has agreed or ended", () => said.includes("---\n") || child.exitCode !== null);
  child.stdin.end();
  const [code] = await closed;
  return { code, said };
}

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip || needsOpenssl.skip)(`TLS to ${engine}${note}${needsOpenssl.note}`, () => {
    async function start(extra: Record<string, string> = {}, files: Certificate = server) {
      const port = await freePort();
      const gate = await Gate.start({ engine, env: { ...tlsListener(port, files), ...extra } });
      return { gate, port, ca: { ca: authority.pem() } };
    }

    it("takes lines and octet counts of openssl s_client, over TLS 1.2 and 1.3 and nothing older", async () => {
      const { gate, port } = await start();
      const octets = ["<13>1 counted one", "<13>1 counted two"].map((text) => `${text.length} ${text}`).join("");
      const v13 = await sClient(port, "one line\nanother\n", "-tls1_3");
      expect(v13.said).toContain("TLSv1.3");
      expect(v13.said).toContain("Verify return code: 0 (ok)");
      const v12 = await sClient(port, octets, "-tls1_2");
      expect(v12.said).toContain("TLSv1.2");
      const v11 = await sClient(port, "never\n", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0");
      expect(v11.code).not.toBe(0);
      const lines = await gate.waitForLines(4);
      expect(lines.toSorted()).toEqual(["<13>1 counted one", "<13>1 counted two", "another", "one line"]);
      const status = await statusAtRest(
        gate,
        "the failed handshake is counted",
        ({ listeners }) => listeners.handshakes_failed === 1,
      );
      expect(status.received.records).toBe(4);
      await gate.stop();
      expect(gate.stderr).toContain("TLS handshakes failed");
    });

    it("knows records over TLS by their transport", async () => {
      const { gate, port, ca } = await start();
      await gate.ok("POST", "/rules", {
        id: "not_tls",
        type: "filter",
        params: { value: "m" },
        when: { transport: "tls" },
      });
      await gate.publish();
      await sendTls(port, "m over tls\n", ca);
      await gate.send("m over tcp\n");
      expect(await gate.waitForLines(1)).toEqual(["m over tcp"]);
      await statusAtRest(gate, "one was dropped", ({ dropped }) => dropped.not_tls.records === 1);
    });

    it("takes plain text to that port for what it is, and is not harmed by it", async () => {
      const { gate, port, ca } = await start();
      await sendTls(port, "before\n", ca);
      await sendTcp(port, "GET / HTTP/1.1\r\n\r\n").catch(() => {});
      await sendTls(port, "after\n", ca);
      expect(await gate.waitForLines(2)).toEqual(["before", "after"]);
      await statusAtRest(gate, "it is counted", ({ listeners }) => listeners.handshakes_failed === 1);
    });

    it("gives up a handshake that does not come to its end", async () => {
      const { gate, port } = await start({ TLS_HANDSHAKE_TIMEOUT: "0.3" });
      const socket = await connectTcp(port);
      await once(socket, "close");
      await statusAtRest(
        gate,
        "it is counted",
        ({ listeners, connections }) => listeners.handshakes_failed === 1 && connections === 0,
      );
      expect(gate.stderr).toContain("ERR_TLS_HANDSHAKE_TIMEOUT");
    });

    it("demands a certificate of its authority where TLS_CLIENT_CA is set", async () => {
      const clients = new Authority("clients");
      const others = new Authority("others");
      try {
        const { gate, port, ca } = await start({ TLS_CLIENT_CA: clients.cert });
        const known = clientCertificate(clients.issue("service", "DNS:service"));
        const unknown = clientCertificate(others.issue("stranger", "DNS:stranger"));
        const expired = clientCertificate(clients.issue("old", "DNS:old", -1));
        await sendTls(port, "from one we know\n", { ...ca, ...known });
        await sendTls(port, "from one we know, TLS 1.2\n", { ...ca, ...known, maxVersion: "TLSv1.2" });
        for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const)
          for (const certificate of [{}, unknown, expired]) {
            // With TLS 1.3 the client has agreed before it learns that it is refused.
            const end = await sendTls(port, "refused\n", { ...ca, ...certificate, maxVersion }).catch(() => {});
            expect(end).toBeUndefined();
          }
        await statusAtRest(gate, "all are counted", ({ listeners }) => listeners.certificates_refused === 6);
        await gate.stop();
        expect(gate.lines()).toEqual(["from one we know", "from one we know, TLS 1.2"]);
      } finally {
        clients.dispose();
        others.dispose();
      }
    });

    it("shows a certificate that has changed to new connections, and keeps those that are open", async () => {
      const folder = temporaryDirectory("tls");
      const files = { cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
      const put = ({ cert, key }: Certificate) => {
        copyFileSync(cert, files.cert);
        copyFileSync(key, files.key);
      };
      put(authority.issue("first", "IP:127.0.0.1"));
      const { gate, port, ca } = await start({}, files);
      const open = await connectTls(port, ca);
      const shown = (socket: TLSSocket) => socket.getPeerCertificate().subject.CN;
      expect(shown(open)).toBe("first");
      let sent = 0;
      const line = () => `during ${sent++}\n`;
      const traffic = setInterval(() => open.write(line()), 2);
      put(authority.issue("second", "IP:127.0.0.1"));
      await until("a new connection is shown the second", async () => {
        const socket = await connectTls(port, ca);
        const name = shown(socket);
        socket.destroy();
        return name === "second";
      });
      // Half a pair changes nothing and harms nobody.
      copyFileSync(authority.issue("third", "IP:127.0.0.1").cert, files.cert);
      await until("the log says so", () => gate.stderr.includes("a changed certificate is not used"));
      const socket = await connectTls(port, ca);
      expect(shown(socket)).toBe("second");
      socket.end(line());
      await once(socket, "close");
      clearInterval(traffic);
      open.end(line());
      await once(open, "close");
      const lines = await gate.waitForLines(sent);
      expect(lines.map((text) => Number(/\d+/.exec(text)?.[0])).toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: sent }, (_, index) => index),
      );
      await gate.stop();
    });

    it("finishes what open connections have sent when it is stopped, and loses nothing", async () => {
      const { gate, port, ca } = await start();
      const sockets = await Promise.all(Array.from({ length: 20 }, () => connectTls(port, ca)));
      for (const [index, socket] of sockets.entries()) socket.write(`${"x".repeat(1000)} ${index}\n`.repeat(50));
      await gate.waitForLines(1);
      await gate.stop();
      expect(gate.lineCount).toBe(1000);
      for (const socket of sockets) socket.destroy();
    });

    it("deals connections out from a single listener, and shards records", async () => {
      for (const extra of [{ TCP_LISTENER: "single" }, { SHARD_BY: "attribute:k", STREAMGATE_WORKERS: "2" }]) {
        const { gate, port, ca } = await start(extra);
        const lines = Array.from({ length: 40 }, (_, index) => `{"k":"${index % 7}","n":${index}}`);
        await Promise.all(
          [0, 1, 2, 3].map((part) => sendTls(port, `${lines.slice(part * 10, part * 10 + 10).join("\n")}\n`, ca)),
        );
        expect((await gate.waitForLines(40)).toSorted()).toEqual(lines.toSorted());
        await gate.stop();
      }
    });

    for (const driver of ["gtls", "ossl"]) {
      const needed = [needsRsyslog, needsDriver(driver)];
      const title = `takes what rsyslog forwards over TLS with its driver ${driver}${needed.map((one) => one.note).join("")}`;
      it.skipIf(needed.some((one) => one.skip))(title, async () => {
        const { gate, port } = await start();
        await forwardMessages(rsyslog(port, driver, authority.cert));
        await until("all messages come out", () => gate.lineCount >= 200);
        await gate.stop();
        expectMessages(gate);
      });
    }

    it.skipIf(needsSyslogNg.skip)(`takes what syslog-ng forwards over TLS${needsSyslogNg.note}`, async () => {
      const { gate, port } = await start();
      await forwardMessages(syslogNg(port, authority.cert));
      await until("all messages come out", () => gate.lineCount >= 200);
      await gate.stop();
      expectMessages(gate);
    });
  });
}

/** Each of the messages `m 0` … stands in exactly one record, and there is no other record. */
function expectMessages(gate: Gate): void {
  // A line end that syslog-ng counts into its frame is part of the record, and an empty line on the console.
  const lines = gate.lines().filter((line) => line !== "");
  const numbers = lines.map((line) => Number(/\bm (\d+) end$/.exec(line)?.[1]));
  expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, index) => index));
}

describe("settings of TLS", () => {
  it.skipIf(needsOpenssl.skip)("that do not fit end the start with a reason", async () => {
    const port = await freePort();
    const other = authority.issue("other", "DNS:other");
    for (const [env, reason] of [
      [{ TLS_CERT: server.cert }, /TLS_CERT: is set and TLS_KEY is not/],
      [{ TLS_CERT: server.cert, TLS_KEY: other.key }, /TLS_CERT .*TLS_KEY .*OpenSSL refuses/],
      [{ TLS_CERT: "/nowhere.pem", TLS_KEY: server.key }, /TLS_CERT \/nowhere.pem: cannot be read/],
    ] as const) {
      const gate = await Gate.start({ env: { TLS_PORT: String(port), ...env }, dontWait: true });
      expect((await gate.exited).code).not.toBe(0);
      expect(gate.stderr).toMatch(reason);
    }
  });
});
