/**
 * A worker that dies under load: the others go on, what it had in memory is lost{worker} to the record, and its replacement adopts its lane and
 * delivers what was on disk. In process, since nothing outside can end one worker.
 */
import { describe, expect, it, onTestFinished } from "vitest";
import type { EngineKind } from "../../src/data/engine/engine.ts";
import { imbalance, type OutputTotals, type Snapshot } from "../../src/data/ledger/snapshot.ts";
import { DataPlane } from "../../src/data/worker/data_plane.ts";
import { readManifest } from "../../src/manifest/manifest.ts";
import { readSettings } from "../../src/settings/settings.ts";
import { forwardLog } from "../../src/telemetry/log.ts";
import { engines } from "../conformance/engines.ts";
import { numberedLines } from "../fixtures/lines.ts";
import type { Status } from "../fixtures/status.ts";
import { tally } from "../fixtures/tally.ts";
import { connectTcp, write } from "../fixtures/tcp.ts";
import { temporaryDirectory } from "../fixtures/temporary_directory.ts";
import { until } from "../fixtures/wait.ts";

const KiB = 1024;
const lineBytes = 100;
const step = 500;

async function start(kind: EngineKind, url: string, queue: object) {
  const dataDir = temporaryDirectory("worker");
  const said: string[] = [];
  const settings = readSettings({
    flags: { tcpPort: "0", udpPort: "0", host: "127.0.0.1", workers: "2", dataDir },
  });
  const log = forwardLog((_level, _fields, message) => said.push(message));
  const plane = await DataPlane.start(settings, kind.name, log, dataDir);
  onTestFinished(() => plane.close());
  const output = { type: "http", id: "out", url, retry: { max_delay_ms: 200, timeout_ms: 2000 }, queue };
  const value = { version: "1", pipelines: [{ processors: [], outputs: [output], batch_size: step }] };
  await plane.apply(readManifest(value, (pattern) => kind.checkPattern(pattern)).manifest);
  const { tcpPort } = await plane.listen();
  return { plane, tcpPort, said };
}

/** The output's account, of those that are gone with their worker included. */
function totals({ outputs }: Snapshot) {
  const all = [...outputs.values()];
  const sum = (amount: (output: OutputTotals) => { records: number }) =>
    all.reduce((total, output) => total + amount(output).records, 0);
  return {
    delivered: sum(({ delivered }) => delivered),
    queued: sum(({ queued }) => queued),
    spooled: sum(({ spooled }) => spooled),
    recovered: sum(({ recovered }) => recovered),
    worker: sum(({ lost }) => lost.worker),
    other: sum(({ lost }) => ({
      records: Object.values(lost).reduce((total, { records }) => total + records, -lost.worker.records),
    })),
  };
}

for (const kind of engines()) {
  describe(`a worker that dies on ${kind.name}`, () => {
    const state = async (plane: DataPlane) =>
      JSON.stringify(await plane.status({ engine: kind.name, lastRun: {} }), undefined, 1);
    it.each([
      { what: "spilling", queue: { max_bytes: 64 * KiB } },
      { what: "durable", queue: { durable: true } },
    ])("loses what a $what output had in memory, counted, and nothing that was on disk", async ({ queue }) => {
      const out = await tally();
      out.refuse();
      const { plane, tcpPort, said } = await start(kind, out.url, queue);

      // Each connection for as long as its worker lives; the one of the dead worker ends, and another takes its place.
      let sending = true;
      let sent = 0;
      const tags = ["a", "b", "c", "d"];
      const senders = tags.map(async (tag) => {
        for (let first = 0; sending; ) {
          const socket = await connectTcp(tcpPort).catch(() => undefined);
          if (socket === undefined) continue;
          try {
            for (; sending && !socket.destroyed; first += step) {
              await write(socket, numberedLines(tag, step, lineBytes, first));
              sent += step;
              await new Promise((resolve) => setTimeout(resolve, 20));
            }
          } catch {
            first += step;
          }
          socket.end();
        }
      });
      await until("the dying worker has something on disk", () => totals(plane.snapshot()).spooled > 5000);
      const victim = plane.supervisor.living[0]!;
      const receivedBefore = plane.snapshot().received.records;
      await victim.crash();
      await until("the others go on", () => plane.snapshot().received.records > receivedBefore + 2000, 40_000).catch(
        async (error) => {
          throw new Error(
            `${error.message}; ${sent} sent, before ${receivedBefore}: ${await state(plane)}; ${said.join("\n")}`,
          );
        },
      );
      await until("its replacement has its lane", async () => {
        const { outputs } = (await plane.status({ engine: kind.name, lastRun: {} })) as Status;
        return plane.supervisor.living.length === 2 && outputs.out.lanes?.length === 2;
      });
      const { connections } = plane.snapshot();
      await until("there was time to serve", () => plane.snapshot().received.records > receivedBefore + 10_000);
      sending = false;
      let ended = 0;
      for (const sender of senders) void sender.then(() => ended++);
      await until("all senders end", () => ended === tags.length, 40_000).catch(async (error) => {
        throw new Error(`${error.message}; ${await state(plane)}; ${said.join("\n")}`);
      });
      await until("all is read", () => plane.snapshot().connections === 0);

      out.behave();
      await until(
        "everything is delivered that was not lost",
        () => {
          const { queued, spooled } = totals(plane.snapshot());
          return queued + spooled === 0 && imbalance(plane.snapshot()) === 0;
        },
        40_000,
      ).catch(async (error) => {
        throw new Error(
          `${error.message}; ${await state(plane)}; ${JSON.stringify(totals(plane.snapshot()))}; ${said.join("\n")}`,
        );
      });
      const { received } = plane.snapshot();
      const { worker, delivered, other, recovered } = totals(plane.snapshot());
      console.log(
        `a worker's death on ${kind.name}: ${sent} sent, ${received.records} taken, ${out.lines} arrived, lost{worker} ${worker}, ` +
          `recovered ${recovered}, delivered ${delivered}, ${connections} connections, repeats ${out.repeated} + ${out.repeatedElsewhere}`,
      );
      expect(other).toBe(0);
      expect(said.some((message) => message.includes("a worker died"))).toBe(true);
      expect(out.repeated + out.strange).toBe(0);
      // A block that was half run when its worker died is run again whole, and counted again.
      expect(out.repeatedElsewhere * (lineBytes + 1)).toBeLessThanOrEqual(64 * KiB);
      expect(delivered).toBe(out.lines + out.repeatedElsewhere);
      expect(delivered + worker, "what was taken arrived or is lost{worker}").toBe(received.records);
    });
  });
}
