/** What survives a kill, and what a second start is refused. */
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { oneEngine } from "../fixtures/requirement.ts";

afterEach(disposeGates);

for (const { engine, skip, note } of oneEngine) {
  describe.skipIf(skip)(`state on ${engine}${note}`, () => {
    it("keeps drafts, the published manifest and its version over kill -9", async () => {
      const first = await Gate.start({ engine });
      await first.addRule("mask", "redact", { pattern: "secret", replacement: "gone" });
      const published = await first.publish();
      await first.addRule("draft", "filter", { value: "draft only" });
      await first.ok("POST", "/config/batch_size?size=55");
      await first.stop("SIGKILL");
      const second = await Gate.start({ engine, dataDir: first.dataDir });
      expect((await second.api("GET", "/rules")).body.map(({ id }: { id: string }) => id)).toEqual(["mask", "draft"]);
      expect((await second.api("GET", "/config/batch_size")).body).toEqual({ batch_size: 55 });
      await second.send("a secret, draft only\n");
      await second.waitForLines(1);
      expect(second.lines()).toEqual(["a gone, draft only"]);
      const again = await second.publish();
      expect(Number(again.manifest.version)).toBeGreaterThan(Number(published.manifest.version));
      await second.send("a secret, draft only\na secret\n");
      await second.stop();
      expect(second.lines()).toEqual(["a gone, draft only", "a gone"]);
    });

    it("refuses a second process on the same data directory and lets the first go on", async () => {
      const first = await Gate.start({ engine });
      const second = await Gate.start({ engine, dataDir: first.dataDir, dontWait: true });
      expect((await second.exited).code).toBe(1);
      expect(second.stderr).toContain(first.dataDir);
      expect(second.stderr).toContain(String(first.child.pid));
      await first.send("still here\n");
      await first.waitForLines(1);
    });

    it.each(["tcp", "control"] as const)(
      "refuses a %s port that is served already; the first keeps all traffic",
      async (which) => {
        const first = await Gate.start({ engine });
        const taken = { tcp: first.tcpPort, udp: first.udpPort, control: first.controlPort };
        const other = { tcp: taken.tcp + 4, udp: taken.udp + 4, control: taken.control + 4, [which]: taken[which] };
        const second = await Gate.start({ engine, ports: other, dontWait: true });
        expect((await second.exited).code).toBe(1);
        expect(second.stderr).toContain(String(taken[which]));
        expect(second.stdout.length).toBe(0);
        for (let index = 0; index < 10; index++) await first.send(`line ${index}\n`);
        await first.waitForLines(10);
      },
    );

    it("refuses a UDP port that is served already", async () => {
      const first = await Gate.start({ engine });
      const ports = { tcp: first.tcpPort + 5, udp: first.udpPort, control: first.controlPort + 5 };
      const second = await Gate.start({ engine, ports, dontWait: true });
      expect((await second.exited).code).toBe(1);
      expect(second.stderr).toContain(String(first.udpPort));
    });
  });
}
