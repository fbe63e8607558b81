/**
 * SIGTERM under load while a destination is slow, silent or out: everything that was sent is delivered or in the spool, and the rest arrives after
 * the restart. What came twice was in flight when the end came: it stays within the payloads that were under way.
 */
import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { numberedLines } from "../fixtures/lines.ts";
import { engines } from "../fixtures/requirement.ts";
import { atRest, lostOf } from "../fixtures/status.ts";
import { type Tally, tally } from "../fixtures/tally.ts";
import { write } from "../fixtures/tcp.ts";
import { temporaryDirectory } from "../fixtures/temporary_directory.ts";
import { until } from "../fixtures/wait.ts";

const KiB = 1024;
const batchSize = 500;
const lineBytes = 100;
/** Of each connection. */
const count = 20_000;
const tags = ["a", "b", "c"];
const total = tags.length * count;

afterEach(disposeGates);

async function configure(gate: Gate, url: string, queue: object = {}): Promise<void> {
  await gate.ok("POST", "/outputs", {
    ...{ type: "http", id: "out", url, concurrency: 2 },
    retry: { max_delay_ms: 200, timeout_ms: 20_000 },
    queue: { max_bytes: 256 * KiB, ...queue },
  });
  await gate.ok("POST", `/config/batch_size?size=${batchSize}`);
  await gate.publish();
}

/** Sends over several connections at once, tells the gate to end when `moment` comes, and ends the connections when all was sent. */
async function endUnderLoad(gate: Gate, moment: () => Promise<unknown>): Promise<void> {
  const step = 2000;
  const sockets = await Promise.all(tags.map(() => gate.connect()));
  await Promise.all(sockets.map((socket, index) => write(socket, numberedLines(tags[index]!, step, lineBytes))));
  // A gate that ends accepts no more connections.
  await until("all connections are there", async () => (await gate.ok("GET", "/status")).connections === tags.length);
  const sending = sockets.map(async (socket, index) => {
    const closed = once(socket, "close"); // The gate has read everything, and ended its side.
    for (let first = step; first < count; first += step)
      await write(socket, numberedLines(tags[index]!, step, lineBytes, first));
    socket.end();
    await closed;
  });
  await moment();
  gate.child.kill("SIGTERM");
  await Promise.all(sending);
  expect(await gate.exited).toEqual({ code: 0, signal: null });
}

/** What the gate said of its account when it ended. */
function account(gate: Gate): Record<string, number> {
  const line = gate.stderr.split("\n").find((text) => text.includes('"lostShutdown"'));
  return JSON.parse(line ?? "{}");
}

function missing(one: Tally): number {
  return tags.reduce((sum, tag) => sum + one.missing(tag, count), 0);
}

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`SIGTERM under load on ${engine}${note}`, () => {
    const cases: [string, (one: Tally) => void][] = [
      [
        "slow",
        (one) => {
          one.delayMs = 100;
        },
      ],
      ["silent", (one) => one.hold()],
      ["out", (one) => one.refuse()],
    ];
    it.each(cases)(
      "loses nothing to a destination that is %s: the spool has what it did not take",
      async (what, spoil) => {
        const out = await tally();
        const dataDir = temporaryDirectory("end");
        spoil(out);
        const first = await Gate.start({ engine, dataDir, env: { SHUTDOWN_TIMEOUT: "4" } });
        await configure(first, out.url);
        await endUnderLoad(first, () =>
          until("something is on disk", async () => {
            const { outputs } = await first.ok("GET", "/status");
            return outputs.out.spooled.records > 0;
          }),
        );
        const { received, delivered, spooled, lostShutdown } = account(first) as Record<string, number>;
        expect({ received, lostShutdown }).toEqual({ received: total, lostShutdown: 0 });
        expect(delivered! + spooled!).toBe(total);
        expect(spooled).toBeGreaterThan(0);
        const before = out.lines;

        out.delayMs = 0;
        out.behave();
        const second = await Gate.start({ engine, dataDir });
        const status = await atRest(second);
        expect(missing(out)).toBe(0);
        expect(out.strange).toBe(0);
        expect(lostOf(status, "out")).toEqual({});
        expect(status.last_run.stop).toBe("clean");
        expect(status.outputs.out.recovered.records).toBe(spooled);
        // Two requests were under way, in all workers together; what was in memory is in another group on disk.
        expect(out.repeated + out.repeatedElsewhere).toBeLessThanOrEqual(2 * batchSize);
        expect(out.repeatedElsewhere === 0 || what !== "out").toBe(true);
        console.log(
          `SIGTERM on ${engine}, ${what}: ${delivered} delivered, ${spooled} spooled, ${before} there at the end of the first run, ` +
            `${out.repeated} + ${out.repeatedElsewhere} repeated`,
        );
        expect((await second.stop()).code).toBe(0);
      },
    );

    it("counts what neither the destination takes nor the spool has room for", async () => {
      const out = await tally();
      out.refuse();
      const gate = await Gate.start({ engine, env: { SHUTDOWN_TIMEOUT: "2", STREAMGATE_WORKERS: "1" } });
      const spoolBytes = 256 * KiB;
      await configure(gate, out.url, { when_full: "block", spool_max_bytes: spoolBytes, max_bytes: 4096 * KiB });
      const sent = 20_000;
      await gate.send(numberedLines("a", sent, lineBytes));
      await until("it is refused", () => out.refused > 0);
      expect(await gate.stop()).toEqual({ code: 0, signal: null });
      const { received, spooled, lostShutdown, lostSpoolFull } = account(gate) as Record<string, number>;
      expect(received).toBe(sent);
      expect(spooled! + lostShutdown! + lostSpoolFull!).toBe(sent);
      expect(spooled).toBeGreaterThan(0);
      expect(spooled! * lineBytes).toBeLessThan(spoolBytes);
    });
  });
}
