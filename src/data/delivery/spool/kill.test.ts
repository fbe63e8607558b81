/** A process that is killed while it spools: what it had said to be durable is there, in order, and nothing is called damaged. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LaneDriver, laneKinds, recordsOf, removeDirectory } from "../../../../test/fixtures/lane.ts";
import { until } from "../../../../test/fixtures/wait.ts";

const victim = fileURLToPath(new URL("../../../../test/fixtures/spool_victim.ts", import.meta.url));
const kills = Number(process.env.SPOOL_KILLS ?? 1);

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sg-kill-"));
});
afterEach(() => removeDirectory(directory));

describe("a process that is killed while it spools", () => {
  for (const kind of laneKinds)
    it.each(["always", "interval"] as const)(`leaves what was durable on ${kind.name} with fsync %s`, async (fsync) => {
      for (let kill = 0; kill < kills; kill++) {
        const child = spawn(process.execPath, ["--no-warnings", victim, kind.name, directory, fsync], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        let said = "";
        child.stdout.on("data", (chunk) => {
          said += chunk;
        });
        await until("something is durable", () => said.includes("\n"));
        await sleep((kill * 37) % 150);
        child.kill("SIGKILL");
        await once(child, "close");
        const durable = BigInt(said.split("\n").at(-2)!);

        const driver = await LaneDriver.open(kind, directory);
        expect(driver.state.nextSequence).toBeGreaterThanOrEqual(durable);
        const groups = await driver.readAll();
        let next = groups[0]?.firstSequence;
        for (const group of groups) {
          expect(group.firstSequence).toBe(next);
          expect(recordsOf(group)[0]).toMatch(new RegExp(`^${group.firstSequence}\\.`));
          next = group.firstSequence + BigInt(group.records);
        }
        // A segment whose first group was cut off keeps its name, and so one sequence, to itself.
        expect([next, next! + 1n]).toContain(driver.state.nextSequence);
        expect(driver.lost).toEqual({});
        await driver.lane.close();
      }
    });
});
