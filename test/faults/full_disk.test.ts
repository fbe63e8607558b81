/**
 * The data directory is on a disk of a few MiB, and the spool fills it: nothing crashes, the healthy output goes on, what is given up is counted
 * under its name, and what was kept arrives. With `durable` TCP waits instead and nothing is lost.
 */
import { closeSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { numberedLines } from "../fixtures/lines.ts";
import { engines } from "../fixtures/requirement.ts";
import { needsSmallDisk, openSmallDisk, type SmallDisk } from "../fixtures/small_disk.ts";
import { atRest, lostOf } from "../fixtures/status.ts";
import { tally } from "../fixtures/tally.ts";
import { write } from "../fixtures/tcp.ts";
import { until } from "../fixtures/wait.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const diskBytes = 6 * MiB;
/** × 120 bytes: three times what the disk holds. */
const count = 150_000;
const lineBytes = 119;

const disk = needsSmallDisk();
afterEach(disposeGates);

function smallDisk(): SmallDisk {
  const small = openSmallDisk(diskBytes);
  onTestFinished(() => small.remove());
  return small;
}

/** Takes every byte that the disk still has. @returns gives them back */
function fill(small: SmallDisk): () => void {
  const path = join(small.path, "filler");
  const file = openSync(path, "w");
  try {
    for (let piece = 64 * KiB; piece > 0; )
      try {
        if (writeSync(file, Buffer.alloc(piece)) < piece) piece >>= 1;
      } catch {
        piece >>= 1;
      }
  } finally {
    closeSync(file);
  }
  return () => rmSync(path, { force: true });
}

function output(id: string, url: string, queue: object = {}) {
  return { type: "http", id, url, retry: { max_delay_ms: 200 }, queue: { max_bytes: 256 * KiB, ...queue } };
}

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip || disk.skip)(`a full disk under ${engine}${note}${disk.note}`, () => {
    it("costs a spilling output its oldest records, counted spool_full, and nobody else anything", async () => {
      const small = smallDisk();
      // What a person frees in the end, so that the draft can be written: the spool keeps its newest segment.
      const reserve = join(small.path, "reserve");
      writeFileSync(reserve, Buffer.alloc(64 * KiB));
      const gate = await Gate.start({
        engine,
        dataDir: join(small.path, "data"),
        env: { STREAMGATE_WORKERS: "1", RING_BYTES: "4MiB" },
      });
      const [healthy, down] = [await tally(), await tally()];
      down.refuse();
      // Its own queue never fills: it has the time of the world.
      await gate.ok("POST", "/outputs", output("healthy", healthy.url, { max_bytes: 64 * MiB }));
      await gate.ok("POST", "/outputs", output("down", down.url));
      await gate.ok("POST", "/config/batch_size?size=500");
      await gate.publish();

      await gate.send(numberedLines("f", count, lineBytes));
      await until("the healthy one has everything", () => healthy.lines === count).catch((error) => {
        throw new Error(`${error.message}; it has ${healthy.lines}\n${gate.stderr}`);
      });
      const full = await until("the disk is full", async () => {
        const status = await gate.ok("GET", "/status");
        return (lostOf(status, "down").spool_full ?? 0) > 0 ? status : undefined;
      });
      expect(lostOf(full, "healthy")).toEqual({});
      expect(gate.stderr).toContain("ENOSPC");

      // The control plane's state is on the same disk.
      const empty = fill(small);
      const refused = await gate.api("POST", "/rules", {
        id: "d",
        type: "filter",
        params: { value: `DEBUG${"x".repeat(10 * KiB)}` },
      });
      expect(refused.status).toBeGreaterThanOrEqual(500);
      expect(JSON.stringify(refused.body)).toContain("SG_");
      expect(JSON.stringify(refused.body)).toMatch(/ENOSPC|no space/i);
      expect((await gate.ok("GET", "/rules")).length).toBe(0);
      await gate.send(numberedLines("g", 1000, lineBytes));
      await until("the gate goes on", () => healthy.lines === count + 1000);
      empty();

      down.behave();
      const status = await atRest(gate);
      const lost = lostOf(status, "down").spool_full!;
      expect(lostOf(status, "down"), gate.stderr.slice(-4000)).toEqual({ spool_full: lost });
      expect(down.lines).toBe(count + 1000 - lost);
      expect(down.lines).toBeGreaterThan(0);
      expect(down.repeatedElsewhere).toBe(0);
      rmSync(reserve);
      await gate.addRule("d", "filter", { value: "DEBUG" });
      expect((await gate.stop()).code).toBe(0);
      console.log(`full disk on ${engine}: ${lost} of ${count + 1000} given up`);
    });

    it("makes TCP wait for a durable output, which loses nothing", async () => {
      const small = smallDisk();
      const gate = await Gate.start({
        engine,
        dataDir: join(small.path, "data"),
        env: { STREAMGATE_WORKERS: "1", RING_BYTES: "4MiB" },
      });
      const down = await tally();
      down.refuse();
      await gate.ok("POST", "/outputs", output("down", down.url, { durable: true, segment_bytes: 512 * KiB }));
      await gate.ok("POST", "/config/batch_size?size=500");
      await gate.publish();

      const socket = await gate.connect();
      let taken = false;
      const sending = write(socket, numberedLines("d", count, lineBytes)).then(() => {
        taken = true;
        socket.end();
      });
      await until("the disk is full", async () => {
        const { outputs } = await gate.ok("GET", "/status");
        return outputs.down.spool_error === "ENOSPC";
      });
      expect(taken).toBe(false);
      expect((await gate.api("GET", "/")).body).toMatchObject({ status: "ok" });

      down.behave();
      await sending;
      await until("everything arrives", () => down.lines === count, 60_000).catch((error) => {
        throw new Error(`${error.message}; ${down.lines} came\n${gate.stderr}`);
      });
      const status = await atRest(gate);
      expect(lostOf(status, "down")).toEqual({});
      expect(down.repeatedElsewhere).toBe(0);
      expect((await gate.stop()).code).toBe(0);
    });

    it("counts lost{shutdown} at the end, when neither the destination nor the disk takes what is left", async () => {
      const small = smallDisk();
      const gate = await Gate.start({
        engine,
        dataDir: join(small.path, "data"),
        env: { STREAMGATE_WORKERS: "1", SHUTDOWN_TIMEOUT: "2" },
      });
      const down = await tally();
      down.refuse();
      await gate.ok("POST", "/outputs", output("down", down.url, { max_bytes: 4 * MiB }));
      await gate.publish();
      const sent = 10_000;
      await gate.send(numberedLines("s", sent, lineBytes));
      await until("it is refused", () => down.refused > 0);
      fill(small);
      expect((await gate.stop()).code).toBe(0);
      const told = JSON.parse(gate.stderr.split("\n").find((line) => line.includes('"lostShutdown"'))!);
      expect(told).toMatchObject({ level: "error", received: sent, spooled: 0, lostShutdown: sent });
    });
  });
}
