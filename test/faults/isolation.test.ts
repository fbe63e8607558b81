/**
 * Three outputs, one healthy, one that answers 503, one that accepts and never answers, and lines as fast as the gate takes them: the healthy
 * one gets everything meanwhile, memory stays within MEMORY_BUDGET, and when the others are well again each gets every record.
 *
 *     ISOLATION_SECONDS=60 npx vitest run test/faults/isolation.test.ts
 *
 * How fast the healthy one is beside the others, `npm run bench -- --scenario isolation` measures.
 */
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { numberedLines } from "../fixtures/lines.ts";
import { engines, requirement } from "../fixtures/requirement.ts";
import { atRest, lostOf } from "../fixtures/status.ts";
import { type Tally, tally } from "../fixtures/tally.ts";
import { write } from "../fixtures/tcp.ts";
import { until } from "../fixtures/wait.ts";

const seconds = Number(process.env.ISOLATION_SECONDS ?? 1.5);
const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const memoryBudget = 512 * MiB;
const linesOfWrite = 2000;
const lineBytes = 120;
const linux = requirement(process.platform === "linux" ? undefined : "it reads /proc");

afterEach(disposeGates);

function residentBytesMost(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))![1]) * 1024;
}

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip || linux.skip)(`outputs on ${engine}${note}${linux.note}`, () => {
    it(`do not feel that others refuse or never answer, for ${seconds} s, and all get everything in the end`, {
      timeout: 120_000 + seconds * 20_000,
    }, async () => {
      const gate = await Gate.start({
        engine,
        env: { MEMORY_BUDGET: String(memoryBudget), QUEUE_BYTES: "4MiB", RING_BYTES: "4MiB" },
      });
      const [healthy, refusing, silent] = [await tally(), await tally(), await tally()];
      refusing.refuse();
      silent.hold();
      for (const [id, { url }] of Object.entries({ healthy, refusing, silent }))
        await gate.ok("POST", "/outputs", {
          ...{ type: "http", id, url },
          retry: { timeout_ms: 1000, max_delay_ms: 1000 },
          queue: { spool_max_bytes: 64 * GiB },
        });
      await gate.ok("POST", "/config/batch_size?size=1000");
      await gate.publish();

      const tags = ["a", "b"];
      const sent = new Map<string, number>();
      const end = Date.now() + seconds * 1000;
      await Promise.all(
        tags.map(async (tag) => {
          const socket = await gate.connect();
          let count = 0;
          for (; Date.now() < end; count += linesOfWrite)
            await write(socket, numberedLines(tag, linesOfWrite, lineBytes, count));
          sent.set(tag, count);
          socket.end();
        }),
      );
      const total = [...sent.values()].reduce((sum, count) => sum + count, 0);
      const missing = (one: Tally) => tags.reduce((sum, tag) => sum + one.missing(tag, sent.get(tag)!), 0);

      await until("the healthy one has everything", () => healthy.lines === total, 60_000).catch(async (error) => {
        const status = JSON.stringify(await gate.ok("GET", "/status"));
        throw new Error(`${error.message}; it has ${healthy.lines} of ${total}; ${status}\n${gate.stderr}`);
      });
      expect(refusing.lines + silent.lines).toBe(0);
      expect(refusing.refused).toBeGreaterThan(0);
      expect(silent.held).toBeGreaterThan(0);
      const meanwhile = await gate.ok("GET", "/status");
      expect(meanwhile.received.records).toBe(total);
      for (const id of ["refusing", "silent"]) {
        const { queued, spooled } = meanwhile.outputs[id];
        expect(queued.records + spooled.records, `${id} keeps everything`).toBe(total);
      }

      refusing.behave();
      silent.behave();
      const status = await atRest(gate, 60_000 + seconds * 10_000);
      const rss = residentBytesMost(gate.child.pid!);
      console.log(
        `isolation on ${engine}: ${total} lines in ${seconds} s, at most ${Math.round(rss / MiB)} MiB resident, ` +
          `repeats ${refusing.repeated} and ${silent.repeated}`,
      );
      for (const [id, one] of Object.entries({ healthy, refusing, silent })) {
        expect(missing(one), `lines that ${id} has not`).toBe(0);
        expect(one.lines).toBe(total);
        expect(one.repeatedElsewhere).toBe(0);
        expect(one.strange).toBe(0);
        expect(lostOf(status, id)).toEqual({});
        expect(status.outputs[id].delivered.records).toBe(total);
      }
      expect(rss).toBeLessThan(memoryBudget);
      expect((await gate.stop()).code).toBe(0);
    });
  });
}
