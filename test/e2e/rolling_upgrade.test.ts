/** Two gates share their ports and one of them ends: nobody is reset, and no line is lost. docs/scale.md */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { Authority, needsOpenssl } from "../fixtures/certificates.ts";
import { accountOfLines, ConnectionLoad } from "../fixtures/connection_load.ts";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { freePort } from "../fixtures/ports.ts";
import { engines, needsProgram, program, repository, requirement } from "../fixtures/requirement.ts";
import { tlsListener } from "../fixtures/tls.ts";

afterEach(disposeGates);

const needsLinux = requirement(process.platform === "linux" ? undefined : "sockets are filtered on Linux alone");
const needs = [needsLinux, needsProgram("python3"), needsOpenssl];
/** Of each port: so many that both gates have some, on every worker. */
const slow = 30;

for (const { engine, skip, note } of engines) {
  const skips = skip || needs.some((one) => one.skip);
  describe.skipIf(skips)(`a rolling upgrade on ${engine}${note}${needs.map((one) => one.note).join("")}`, () => {
    it("takes all who wait at the listener that closes, shakes hands to the end, and lets the others meet the one that stays", async () => {
      const certificate = new Authority("rolling").issue("gate", "IP:127.0.0.1");
      const ports = { tcp: await freePort(), udp: await freePort(), control: await freePort() };
      const tlsPort = await freePort();
      const start = async () =>
        Gate.start({
          engine,
          args: ["--share-ports"],
          ports: { ...ports, control: await freePort() },
          env: tlsListener(tlsPort, certificate),
        });
      const [ends, stays, ...slowOnes] = await Promise.all([
        start(),
        start(),
        slowHandshakes(ports.tcp),
        slowHandshakes(tlsPort, "tls"),
      ]);
      const load = new ConnectionLoad({
        host: "127.0.0.1",
        targets: [{ port: ports.tcp }],
        connectionsPerSecond: 200,
        linesEach: 2,
        staying: 0,
        stayingMs: 20,
        udpPort: ports.udp,
        datagramsPerSecond: 200,
      });
      await Promise.all(slowOnes.map((one) => one.connect()));
      ends.child.kill("SIGTERM");
      // By then a listener that waits for nobody is closed.
      await sleep(100);
      const results = await Promise.all(slowOnes.map((one) => one.goOn()));
      expect((await ends.exited).code, ends.stderr).toBe(0);
      const { failures, connections, ended } = await load.stop();
      expect((await stays.stop()).code, stays.stderr).toBe(0);
      for (const { ends: how } of results) {
        // On a machine that stands still for long some are told of the end before they have begun.
        const { ended = 0, told = 0, ...reset } = how;
        expect({ reset, all: ended + told }).toEqual({ reset: {}, all: slow });
      }
      expect({ failures, ended }).toEqual({ failures: {}, ended: connections });
      const sent = [...load.sent, ...results.flatMap(({ lines }) => lines)];
      const came = [...ends.lines(), ...stays.lines()];
      expect(accountOfLines(sent, came)).toEqual({ lost: {}, doubled: 0, foreign: 0 });
    });
  });
}

/** A program that connects to a port and leaves its handshakes half done until `goOn`. */
async function slowHandshakes(port: number, ...kind: readonly "tls"[]) {
  const script = join(repository, "test/fixtures/slow_handshakes.py");
  const child: ChildProcess = spawn(program("python3"), [script, String(port), String(slow), ...kind], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const told = createInterface({ input: child.stdout! });
  const answer = async (): Promise<string> => (await once(told, "line"))[0];
  await answer();
  const next = () => {
    child.stdin!.write("\n");
    return answer();
  };
  return {
    connect: next,
    goOn: async () => {
      const { ends, sent } = JSON.parse(await next()) as { ends: Record<string, number>; sent: number[] };
      return { ends, lines: sent.map((n) => `slow ${port} ${n}`) };
    },
  };
}
