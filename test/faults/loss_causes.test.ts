/** Each cause of loss, brought about once: exactly what is missing is told under exactly its name, and the account balances (promise P2). */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type Amount, type Status, statusAtRest } from "../fixtures/account.ts";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { engines, requirement } from "../fixtures/requirement.ts";
import { Sink } from "../fixtures/sink.ts";
import { sendUdp, write } from "../fixtures/tcp.ts";
import { until } from "../fixtures/wait.ts";

afterEach(disposeGates);

const lineBytes = 100;
/** Only Linux shows a socket's drops. */
const linux = requirement(process.platform === "linux" ? undefined : "the system does not tell a socket's drops");

/** `<tag>/<number> …`, each of `lineBytes`. */
function linesOf(tag: string, count: number): string {
  let text = "";
  for (let n = 0; n < count; n++) text += `${`${tag}/${n} ${"abcdefghij ".repeat(10)}`.slice(0, lineBytes)}\n`;
  return text;
}

function amount(records: number): Amount {
  return { records, bytes: records * lineBytes };
}

function numbersOf(lines: readonly string[], tag: string): number[] {
  return lines.flatMap((line) => {
    const [, number] = new RegExp(`^${tag}/(\\d+) `).exec(line) ?? [];
    return number === undefined ? [] : [Number(number)];
  });
}

const heldBy = ({ queued, spooled }: Status): number => queued.records + spooled.records;

/** Inverts a byte in the middle of a file. */
function damage(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 0xff;
  writeFileSync(path, bytes);
}

function segmentsOf(gate: Gate, output: string): string[] {
  const lane = join(gate.dataDir, "spool", output, "w0");
  const names = readdirSync(lane).filter((name) => name !== "cursor");
  return names.toSorted().map((name) => join(lane, name));
}

/** What the kernel says that it dropped at this port. */
function kernelDrops(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const rows = ["udp", "udp6"].flatMap((table) => readFileSync(`/proc/net/${table}`, "utf8").split("\n"));
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, local]) => local?.endsWith(`:${hex}`))
    .reduce((sum, row) => sum + Number(row.at(-1)), 0);
}

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`losses on ${engine}${note}`, () => {
    const env = { STREAMGATE_WORKERS: "1" };

    it("counts what inputs cut off, cannot frame, and what protection withholds", async () => {
      const gate = await Gate.start({ engine, env: { ...env, TCP_FRAMING: "octet", MAX_RECORD_BYTES: "65536" } });
      await gate.addRule("quadratic", "redact", { pattern: "A+?", replacement: "x" });
      await gate.addRule("grow", "redact", { pattern: "b", replacement: "ccccccccc" });
      await gate.publish();
      const octets = (...records: string[]) => records.map((record) => `${record.length} ${record}`).join("");
      // The cut falls behind a space, so that no run of letters goes with it.
      await gate.send(octets("one", `${"- ".repeat(32_768)}${"+".repeat(4464)}`, "two"));
      await sendUdp(gate.udpPort, [`${"- ".repeat(32_700)}`, "three"]);
      // A record whose end never comes; and what is no octet count at all.
      await gate.send("9 four");
      // 2^30 / 32,769 is less than the matches in it; 9 n > 4 n + 65,536.
      await gate.send(octets("A".repeat(32_769), "b".repeat(13_108), "five"));
      await gate.waitForLines(6);
      const status = await statusAtRest(gate, "all is read", ({ lost }) => lost.frame !== undefined);
      expect(status.lost).toEqual({ oversize: { records: 0, bytes: 4464 }, frame: { records: 1, bytes: 4 } });
      expect(status.quarantined).toEqual({
        match_limit: { records: 1, bytes: 32_769 },
        output_limit: { records: 1, bytes: 13_108 },
      });
      expect(status.outputs.console.delivered.records).toBe(6);
      expect(gate.lines().map((line) => line.slice(0, 5))).toEqual(
        expect.arrayContaining(["one", "- - -", "two", "three", "five"]),
      );
      await gate.stop();
    });

    it.skipIf(linux.skip)(`counts what the kernel drops${linux.note}`, async () => {
      const gate = await Gate.start({ engine, env });
      const sent = 6000;
      gate.child.kill("SIGSTOP");
      // More than twice what the socket's buffer of 8 MiB holds, and nobody reads.
      await sendUdp(
        gate.udpPort,
        Array.from({ length: sent }, (_, n) => `${n} `.padEnd(8000, ".")),
      );
      const dropped = kernelDrops(gate.udpPort);
      expect(dropped).toBeGreaterThan(0);
      expect(dropped).toBeLessThan(sent);
      gate.child.kill("SIGCONT");
      await gate.waitForLines(sent - dropped);
      const status = await statusAtRest(gate, "it is told", ({ lost }) => lost.kernel !== undefined);
      expect(status.lost).toEqual({ kernel: { records: dropped, bytes: 0 } });
      expect(status.received.records).toBe(sent - dropped);
      await gate.stop();
    });

    it("counts datagrams for which the ring has no room, where the system does not keep them", async () => {
      const small = { ...env, RING_BYTES: "1MiB", MAX_RECORD_BYTES: "64KiB", QUEUE_BYTES: "64KiB" };
      const gate = await Gate.start({ engine, unread: true, env: small });
      const sent = 12_000;
      await sendUdp(
        gate.udpPort,
        Array.from({ length: sent }, (_, n) => `${n} `.padEnd(1000, ".")),
      );
      // Standard output is stuck: what the ring cannot take is lost by the portable input, and waits in the kernel for the native one.
      if (engine === "portable")
        await until("the ring is full", async () => (await gate.ok("GET", "/status")).lost.ring_full?.records > 0);
      gate.read();
      const whole = ({ received, lost }: Status) =>
        received.records + (lost.ring_full?.records ?? 0) + (lost.kernel?.records ?? 0) === sent;
      const status = await statusAtRest(gate, "all is read or lost", whole);
      const lost = status.lost.ring_full ?? { records: 0, bytes: 0 };
      if (engine === "portable") expect(lost).toEqual({ records: lost.records, bytes: lost.records * 1000 });
      else expect(status.lost.ring_full).toBe(undefined);
      await gate.waitForLines(status.received.records);
      expect((await gate.stop()).code).toBe(0);
      expect(gate.lineCount).toBe(status.received.records);
    });

    it("counts what nobody reads any more on standard output", async () => {
      const gate = await Gate.start({ engine, env });
      gate.closeStdout();
      await gate.send(linesOf("a", 1000));
      const status = await statusAtRest(gate, "it has noticed", ({ streams }) => streams.lost_closed.records === 1000);
      expect(status.streams.lost_closed).toEqual(amount(1000));
      expect(status.lost).toEqual({});
      await gate.stop();
    });

    it("counts what queues and spools give up, and what destinations refuse for good", async () => {
      const [down, refusing] = [await Sink.start(), await Sink.start()];
      down.status = 503;
      refusing.status = 400;
      const gate = await Gate.start({ engine, env });
      const counts = { oldest: 2000, newest: 2000, full: 6000, expired: 1000, refused: 500, nowhere: 500, late: 500 };
      const tags = Object.keys(counts) as (keyof typeof counts)[];
      const add = (id: keyof typeof counts, fields: object) =>
        gate.ok("POST", "/outputs", {
          type: "http",
          id,
          url: `${(id === "refused" || id === "nowhere" ? refusing : down).url}${id}`,
          filter: { value: `${id}/` },
          retry: { max_delay_ms: 200 },
          ...fields,
        });
      await add("oldest", { queue: { when_full: "drop_oldest", max_bytes: 65_536 } });
      await add("newest", { queue: { when_full: "drop_newest", max_bytes: 65_536 } });
      await add("full", { queue: { durable: true, spool_max_bytes: 262_144 } });
      await add("expired", { queue: { durable: true, spool_max_age_s: 1 } });
      await add("refused", {});
      await add("nowhere", { queue: { dead_letter_max_bytes: 0 } });
      await add("late", { retry: { deadline_s: 1, max_delay_ms: 200 } });
      await gate.publish();
      for (const tag of tags) await gate.send(linesOf(tag, counts[tag]));
      await until("all causes have come about", async () => {
        const { outputs } = await gate.ok("GET", "/status");
        return (
          outputs.expired.lost.spool_expired?.records > 0 &&
          [outputs.refused, outputs.nowhere, outputs.late].every((output) => heldBy(output) === 0)
        );
      });
      down.status = 200;
      const status = await statusAtRest(gate, "nothing waits", ({ outputs }) =>
        Object.values<Status>(outputs).every((output) => heldBy(output) === 0),
      );
      const { outputs } = status;
      const lines = down.lines();
      for (const [id, cause] of [
        ["oldest", "queue_full"],
        ["newest", "queue_full"],
        ["full", "spool_full"],
        ["expired", "spool_expired"],
      ] as const) {
        const came = numbersOf(lines, id);
        expect(new Set(came).size, id).toBe(came.length);
        expect(came.length, id).toBeLessThan(counts[id]);
        expect(outputs[id].lost, id).toEqual({ [cause]: amount(counts[id] - came.length) });
        expect(outputs[id].delivered, id).toEqual(amount(came.length));
        expect(outputs[id].routed, id).toEqual(amount(counts[id]));
        if (id === "oldest" || id === "full") expect(came, id).toContain(counts[id] - 1);
        if (id === "newest") expect(came, id).toContain(0);
      }
      for (const id of ["refused", "late"] as const) {
        expect(outputs[id].lost, id).toEqual({});
        expect(outputs[id].dead_lettered, id).toEqual(amount(counts[id]));
      }
      expect(outputs.nowhere.lost).toEqual({ dead_letter: amount(counts.nowhere) });
      for (const tag of tags) expect(outputs[tag].filtered.records).toBe(status.passed.records - counts[tag]);
      expect((await gate.stop()).code).toBe(0);
      await Promise.all([down.close(), refusing.close()]);
    });

    it("counts the records of a group that was damaged on disk, while it ran and while it did not", async () => {
      const sink = await Sink.start();
      sink.status = 503;
      const count = 2500;
      const gate = await Gate.start({ engine, env });
      const queue = { durable: true, segment_bytes: 65_536, fsync: "always" };
      await gate.ok("POST", "/outputs", {
        type: "http",
        id: "kept",
        url: sink.url,
        queue,
        retry: { max_delay_ms: 200 },
      });
      await gate.publish();
      await gate.send(linesOf("a", count));
      await statusAtRest(gate, "all is on disk", ({ outputs }) => outputs.kept.spooled.records === count);
      // Nothing reads so far ahead of what the destination has not taken.
      damage(segmentsOf(gate, "kept").at(-2)!);
      sink.status = 200;
      const one = await statusAtRest(gate, "nothing waits", ({ outputs }) => heldBy(outputs.kept) === 0);
      const missing = count - numbersOf(sink.lines(), "a").length;
      expect(missing).toBeGreaterThan(0);
      expect(missing).toBeLessThan(count / 4);
      expect(one.outputs.kept.lost).toEqual({ spool_damaged: amount(missing) });

      sink.status = 503;
      await gate.send(linesOf("b", count));
      await statusAtRest(gate, "all is on disk", ({ outputs }) => outputs.kept.spooled.records === count);
      await gate.stop();
      damage(segmentsOf(gate, "kept").at(-2)!);
      sink.status = 200;
      const again = await Gate.start({ engine, env, dataDir: gate.dataDir });
      const two = await statusAtRest(again, "nothing waits", ({ outputs }) => heldBy(outputs.kept) === 0);
      const missingToo = count - numbersOf(sink.lines(), "b").length;
      expect(missingToo).toBeGreaterThan(0);
      expect(missingToo).toBeLessThan(count / 4);
      expect(two.outputs.kept.lost).toEqual({ spool_damaged: amount(missingToo) });
      expect(two.outputs.kept.recovered.records).toBe(count);
      await again.stop();
      await sink.close();
    });

    it("counts what removed outputs give up when they hold more than one queue", async () => {
      const small = { ...env, RING_BYTES: "1MiB", MAX_RECORD_BYTES: "64KiB", QUEUE_BYTES: "64KiB" };
      const gate = await Gate.start({ engine, unread: true, env: small });
      const swap = async (from: string | undefined, to: string) => {
        if (from !== undefined) await gate.ok("DELETE", `/outputs/${from}`);
        await gate.ok("POST", "/outputs", { type: "console", id: to });
        await gate.publish();
      };
      await swap(undefined, "first");
      const count = 60_000;
      const socket = await gate.connect();
      const closed = new Promise((resolve) => socket.once("close", resolve));
      const sending = write(socket, linesOf("a", count)).then(() => socket.end());
      const full = (id: string) =>
        until(`${id} is full`, async () => {
          const { queued } = (await gate.ok("GET", "/status")).outputs[id];
          return queued.bytes + 64 * queued.records >= 65_536;
        });
      await full("first");
      await swap("first", "second");
      await full("second");
      await swap("second", "third");
      const { outputs } = await gate.ok("GET", "/status");
      expect(Object.keys(outputs.retired.lost)).toEqual(["removed"]);
      gate.read();
      await Promise.all([sending, closed]);
      const status = await statusAtRest(gate, "all is written", ({ outputs, streams }) =>
        Object.values<Status>({ ...outputs, streams: { ...streams, spooled: amount(0) } }).every(
          (output) => heldBy(output) === 0,
        ),
      );
      const lost = status.outputs.retired.lost.removed.records;
      expect(status.outputs.retired.lost).toEqual({ removed: amount(lost) });
      await gate.waitForLines(count - lost);
      expect((await gate.stop()).code).toBe(0);
      expect(gate.lineCount).toBe(count - lost);
    });
  });
}
