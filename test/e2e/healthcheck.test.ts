/** `streamgate healthcheck`, with the variables of the gate that it asks, as in a container: each plane, over TLS, and where nobody answers. */
import { afterAll, describe, expect, it } from "vitest";
import { Authority, needsOpenssl } from "../fixtures/certificates.ts";
import { disposeGates, Gate, runCommand } from "../fixtures/gate.ts";
import { freePort } from "../fixtures/ports.ts";
import { isListening } from "../fixtures/tcp.ts";
import { until } from "../fixtures/wait.ts";

afterAll(disposeGates);

/** Of a gate with these variables. @param admin port that nobody serves, where the gate has none */
async function healthOf(gate: Gate, env: Readonly<Record<string, string>> = {}) {
  const ports = { CONTROL_PORT: String(gate.controlPort), ADMIN_PORT: String(gate.adminPort) };
  return (await runCommand(["healthcheck"], "", { ...ports, ...env })).status;
}

describe("healthcheck", () => {
  it("exits 0 for both planes in one process, and 1 where nobody answers, naming both ports", async () => {
    const gate = await Gate.start();
    expect(await healthOf(gate)).toBe(0);
    const [CONTROL_PORT, ADMIN_PORT] = [String(await freePort()), String(await freePort())];
    const { status, stderr } = await runCommand(["healthcheck"], "", { CONTROL_PORT, ADMIN_PORT });
    expect(status).toBe(1);
    for (const port of [CONTROL_PORT, ADMIN_PORT]) expect(stderr).toContain(`port ${port}: `);
  });

  it("asks where the gate listens, which need not be 127.0.0.1", async () => {
    const env = { CONTROL_HOST: "127.0.0.2" };
    const gate = await Gate.start({ dontWait: true, env });
    await until("its control port is open", async () => (await healthOf(gate, env)) === 0);
    expect(await healthOf(gate)).toBe(1);
  });

  it("exits 0 for a data plane that waits for its first manifest", async () => {
    const gate = await Gate.start({
      command: "data",
      dontWait: true,
      env: { REDIS_HOST: "127.0.0.1", REDIS_PORT: "1" },
    });
    await until("its admin port is open", () => isListening(gate.adminPort));
    expect(await healthOf(gate)).toBe(0);
  });

  it.skipIf(needsOpenssl.skip)(
    `exits 0 for a control API over TLS, one that asks for certificates too${needsOpenssl.note}`,
    async () => {
      const authority = new Authority("gate's");
      try {
        const { cert, key } = authority.issue("gate", "DNS:gate.example.com");
        const tls = { CONTROL_TLS_CERT: cert, CONTROL_TLS_KEY: key };
        for (const env of [tls, { ...tls, CONTROL_TLS_CLIENT_CA: authority.cert }]) {
          const gate = await Gate.start({ env });
          expect(await healthOf(gate, env)).toBe(0);
          await gate.stop();
        }
      } finally {
        authority.dispose();
      }
    },
  );
});
