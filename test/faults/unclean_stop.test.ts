/** What the next run says of the one before it: how it ended, and what that may have cost. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { statusAtRest } from "../fixtures/account.ts";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { oneEngine } from "../fixtures/requirement.ts";
import { Sink } from "../fixtures/sink.ts";
import { until } from "../fixtures/wait.ts";

afterEach(disposeGates);

function notedRecords(dataDir: string): number {
  return JSON.parse(readFileSync(join(dataDir, "run.json"), "utf8")).held.records;
}

for (const { engine, skip, note } of oneEngine) {
  describe.skipIf(skip)(`a run after another on ${engine}${note}`, () => {
    it("says unclean, and what was in memory, after kill -9; clean after an orderly end", async () => {
      const sink = await Sink.start();
      sink.status = 503;
      const first = await Gate.start({ engine });
      expect((await first.ok("GET", "/status")).last_run).toEqual({ stop: "none" });
      await first.ok("POST", "/outputs", { type: "http", id: "down", url: sink.url });
      await first.publish();
      await first.send("a\nb\nc\n");
      const held = { records: 3, bytes: 3 };
      await statusAtRest(first, "they wait in memory", ({ outputs }) => outputs.down.queued.records === 3);
      // What a run has in memory is noted every second.
      await until("it is noted", () => notedRecords(first.dataDir) === 3);
      await first.stop("SIGKILL");

      // A start that fails is no run: the kill is still to be told of.
      const other = createServer().listen(first.tcpPort);
      await once(other, "listening");
      const ports = { tcp: first.tcpPort, udp: first.udpPort, control: first.controlPort };
      const failed = await Gate.start({ engine, dataDir: first.dataDir, ports, dontWait: true });
      expect((await failed.exited).code).not.toBe(0);
      other.close();

      const second = await Gate.start({ engine, dataDir: first.dataDir });
      const { last_run } = await second.ok("GET", "/status");
      expect(last_run).toMatchObject({ stop: "unclean", last_seen: held });
      expect(last_run.unaccounted_at_most.bytes).toBeGreaterThanOrEqual(held.bytes);
      expect(second.stderr).toMatch(/"level":"warn".*unclean stop/);
      expect((await second.stop()).code).toBe(0);

      const third = await Gate.start({ engine, dataDir: first.dataDir });
      expect((await third.ok("GET", "/status")).last_run).toEqual({ stop: "clean" });
      expect(third.stderr).not.toContain("unclean");
      await third.stop();
      await sink.close();
    });
  });
}
