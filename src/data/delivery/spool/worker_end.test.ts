/** A worker that ends with spool work in flight, by itself or by force: the process lives, and what was durable is there. */

import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LaneDriver, laneKinds, removeDirectory } from "../../../../test/fixtures/lane.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sg-worker-end-"));
});
afterEach(() => removeDirectory(root));

for (const kind of laneKinds)
  describe(`a worker that is terminated while it spools on ${kind.name}`, () => {
    it("leaves what it had promised, in order, and nothing damaged", async () => {
      for (let round = 0; round < 5; round++) {
        const directory = join(root, `${round}`);
        const worker = new Worker(new URL("../../../../test/fixtures/spool_writer.ts", import.meta.url), {
          workerData: { engine: kind.name, directory, groups: 200 },
          execArgv: ["--no-warnings"],
        });
        const [durable] = (await once(worker, "message")) as [bigint];
        expect(durable).toBeGreaterThanOrEqual(5n);
        await worker.terminate();
        const driver = await LaneDriver.open(kind, directory);
        expect(driver.lost).toEqual({});
        expect(driver.state.nextSequence).toBeGreaterThanOrEqual(durable);
        const records = await driver.drain();
        expect(records).toEqual(records.map((_, i) => `group ${i}`.padEnd(5_000, ".")));
        expect(BigInt(records.length)).toBe(driver.state.nextSequence);
        await driver.lane.close();
      }
    });
  });
