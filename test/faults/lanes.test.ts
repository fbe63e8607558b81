/**
 * Lanes of a spool that no worker writes to: of workers that are no more, and of dead letters that somebody wants tried again. They are delivered by
 * the workers that are there, once, and their directories go.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate, runCommand } from "../fixtures/gate.ts";
import { numberedLines } from "../fixtures/lines.ts";
import { engines } from "../fixtures/requirement.ts";
import { atRest, lostOf, type Status } from "../fixtures/status.ts";
import { tally } from "../fixtures/tally.ts";
import { temporaryDirectory } from "../fixtures/temporary_directory.ts";
import { until } from "../fixtures/wait.ts";

const KiB = 1024;
const lineBytes = 100;
const perConnection = 3000;

afterEach(disposeGates);

async function configure(gate: Gate, url: string): Promise<void> {
  await gate.ok("POST", "/outputs", {
    ...{ type: "http", id: "out", url, retry: { max_delay_ms: 200 } },
    queue: { max_bytes: 64 * KiB, fsync_interval_ms: 100 },
  });
  await gate.ok("POST", "/config/batch_size?size=500");
  await gate.publish();
}

const lanesOf = (dataDir: string) => readdirSync(join(dataDir, "spool", "out")).toSorted();

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`lanes without a writer on ${engine}${note}`, () => {
    it("are adopted when there are fewer workers than before, delivered once, and removed", async () => {
      const out = await tally();
      out.refuse();
      const dataDir = temporaryDirectory("lanes");
      const start = (workers: number) =>
        Gate.start({ engine, dataDir, env: { STREAMGATE_WORKERS: String(workers), TCP_LISTENER: "single" } });
      const four = await start(4);
      await configure(four, out.url);
      // Dealt out in turn: two connections for each worker.
      const tags = [0, 1, 2, 3, 4, 5, 6, 7].map((index) => `t${index}`);
      await Promise.all(tags.map((tag) => four.send(numberedLines(tag, perConnection, lineBytes))));
      expect((await four.stop()).code).toBe(0);
      // And for each what was in memory: it is older than what is in these.
      const workersOf = () => lanesOf(dataDir).filter((name) => name.startsWith("w"));
      expect(workersOf()).toEqual(["w0", "w1", "w2", "w3"]);
      const left = lanesOf(dataDir);

      // Still nobody takes anything: what was adopted stays where it is.
      const two = await start(2);
      const held = await two.ok("GET", "/status");
      expect(held.outputs.out.recovered.records).toBe(tags.length * perConnection);
      expect(held.outputs.out.lanes.map(({ lane }: Status) => lane).toSorted()).toEqual(left);
      await two.send(numberedLines("more", 1000, lineBytes));
      expect((await two.stop()).code).toBe(0);

      const one = await start(1);
      out.behave();
      const status = await atRest(one);
      expect(out.lines).toBe(tags.length * perConnection + 1000);
      for (const tag of tags) expect(out.missing(tag, perConnection)).toBe(0);
      expect(out.repeated + out.repeatedElsewhere + out.strange).toBe(0);
      expect(lostOf(status, "out")).toEqual({});
      await until("their directories are gone", () => lanesOf(dataDir).every((name) => name === "w0"));
      expect((await one.stop()).code).toBe(0);
    });

    it("of dead letters to be tried again are taken up while the instance runs", async () => {
      const out = await tally();
      const gate = await Gate.start({ engine });
      await configure(gate, out.url);
      out.refuse(400);
      await gate.send(numberedLines("d", perConnection, lineBytes));
      await until("all are dead letters", async () => {
        const { outputs } = await gate.ok("GET", "/status");
        return outputs.out.dead_lettered.records === perConnection;
      });
      out.behave();
      const { status, stdout, stderr } = await runCommand([
        ...["dead-letter", "retry", "out", "--data-dir", gate.dataDir],
      ]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout.toString()).toContain(`${perConnection} records`);
      await until("they arrive", () => out.lines === perConnection);
      expect(out.missing("d", perConnection)).toBe(0);
      const rest = await atRest(gate);
      expect(rest.outputs.out.delivered.records).toBe(perConnection);
      expect(out.repeated + out.repeatedElsewhere + out.strange).toBe(0);
      await until("their lane is gone", () => lanesOf(gate.dataDir).every((name) => /^w\d$/.test(name)));
      expect((await gate.stop()).code).toBe(0);
    });
  });
}
