/**
 * P4: what waits on disk under an older manifest passes the protect rules that run when it leaves: after a publish, after a restart, and also
 * what had been read from the disk already and waits for another try.
 *
 *     SPOOLED=100000 npx vitest run test/promises/p4_spooled_records_meet_new_rules.test.ts
 */
import { afterEach, describe, expect, it } from "vitest";
import { type Status, statusAtRest } from "../fixtures/account.ts";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { engines } from "../fixtures/requirement.ts";
import { Sink } from "../fixtures/sink.ts";
import { until } from "../fixtures/wait.ts";

afterEach(disposeGates);

const count = Number(process.env.SPOOLED ?? 1000);
const limitMs = 60_000 + count;
const ssn = /\d{3}-\d{2}-\d{4}/;
const redactSsn = {
  id: "ssn",
  type: "redact",
  params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "XXX-XX-XXXX" },
};

/** `n <number> ssn 123-45-6789 …` */
function recordsWithSsns(): string[] {
  return Array.from({ length: count }, (_, n) => {
    const digits = String((n * 7_919_317) % 1_000_000_000).padStart(9, "0");
    return `n ${n} ssn ${digits.slice(0, 3)}-${digits.slice(3, 5)}-${digits.slice(5)} of somebody`;
  });
}

function numbersOf(lines: readonly string[]): number[] {
  return lines.map((line) => Number(/^n (\d+) /.exec(line)?.[1])).toSorted((a, b) => a - b);
}

const all = Array.from({ length: count }, (_, n) => n);
const held = ({ outputs: { down } }: Status) => down.queued.records + down.spooled.records;

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`P4 for spooled records on ${engine}${note}`, () => {
    let sink: Sink;
    afterEach(() => sink.close());

    async function start(queue: Record<string, unknown>, dataDir?: string): Promise<Gate> {
      const gate = await Gate.start({ engine, ...(dataDir !== undefined && { dataDir }) });
      if (dataDir !== undefined) return gate;
      const retry = { max_delay_ms: 200 };
      await gate.ok("POST", "/outputs", { type: "http", id: "down", url: sink.url, queue, retry });
      await gate.publish();
      return gate;
    }

    /** A gate that holds all records for a sink that refuses. */
    async function filled(queue: Record<string, unknown>, records = recordsWithSsns()): Promise<Gate> {
      sink = await Sink.start();
      sink.status = 503;
      const gate = await start(queue);
      // Over two connections, so that both workers may have some.
      const half = records.length / 2;
      await Promise.all([records.slice(0, half), records.slice(half)].map((part) => gate.send(`${part.join("\n")}\n`)));
      await statusAtRest(gate, "everything waits", (status) => held(status) === records.length, limitMs);
      return gate;
    }

    /** Lanes of the output that refuses, in which there is something, as they begin payloads' names. */
    async function fullLanes(gate: Gate): Promise<string[]> {
      const { lanes } = (await gate.ok("GET", "/status")).outputs.down;
      return lanes.filter(({ records }: Status) => records > 0).map(({ lane }: Status) => `down-${lane}-`);
    }

    /** The sink takes all from now on. What was on the wire when the manifest was published is answered before that. */
    async function recover(lanes: readonly string[]): Promise<void> {
      const before = sink.refusedGroups.length;
      await until("each lane was refused again", () => {
        const since = sink.refusedGroups.slice(before);
        return lanes.every((lane) => since.filter((group) => group.startsWith(lane)).length >= 2);
      });
      sink.status = 200;
    }

    it(`redacts ${count} SSNs that were on disk before the rule was published`, { timeout: 2 * limitMs }, async () => {
      const gate = await filled({ durable: true });
      await until("something was read, encoded and tried", () => sink.refused > 0);
      await gate.ok("POST", "/rules", redactSsn);
      await gate.publish();
      await recover(await fullLanes(gate));
      const { outputs } = await statusAtRest(gate, "all is delivered", (status) => held(status) === 0, limitMs);
      const lines = sink.lines();
      expect(lines.filter((line) => ssn.test(line))).toEqual([]);
      expect(numbersOf(lines)).toEqual(all);
      expect(lines.every((line) => line.includes("ssn XXX-XX-XXXX of"))).toBe(true);
      expect(outputs.down.delivered.records).toBe(count);
      expect(outputs.down.lost).toEqual({});
      expect((await gate.stop()).code).toBe(0);
    });

    it("does so for an output that was removed and still delivers what it had", async () => {
      const gate = await filled({ durable: true });
      const other = await Sink.start();
      const lanes = await fullLanes(gate);
      await gate.ok("POST", "/outputs", { type: "http", id: "other", url: other.url });
      await gate.ok("DELETE", "/outputs/down");
      await gate.ok("POST", "/rules", redactSsn);
      await gate.publish();
      await recover(lanes);
      await statusAtRest(gate, "the rest left", ({ outputs }) => outputs.retired.delivered.records === count, limitMs);
      expect(sink.lines().filter((line) => ssn.test(line))).toEqual([]);
      expect(numbersOf(sink.lines())).toEqual(all);
      await gate.stop();
      await other.close();
    });

    it("does so after a restart, also for what a shutdown brought to the disk under the new rules", async () => {
      // Little enough to be in memory when the rule is published: what leaves memory for the disk is as old as it was.
      const gate = await filled({ max_bytes: 64 * 1024 * 1024 });
      await gate.ok("POST", "/rules", redactSsn);
      await gate.publish();
      expect((await gate.stop()).code).toBe(0);
      sink.status = 200;
      const again = await start({}, gate.dataDir);
      const { last_run, outputs } = await statusAtRest(
        again,
        "all is delivered",
        (status) => held(status) === 0,
        limitMs,
      );
      expect(last_run).toEqual({ stop: "clean" });
      expect(outputs.down.recovered.records).toBe(count);
      expect(sink.lines().filter((line) => ssn.test(line))).toEqual([]);
      expect(numbersOf(sink.lines())).toEqual(all);
      await again.stop();
    });

    it("does not let an output begin to send before its manifest runs, under the old rules or at all", async () => {
      const before = await filled({ durable: true });
      await before.ok("DELETE", "/outputs/down");
      const other = await Sink.start();
      await before.ok("POST", "/outputs", { type: "http", id: "other", url: other.url });
      await before.publish();
      expect((await before.stop()).code).toBe(0);
      sink.status = 200;
      sink.taken.length = 0;
      const gate = await start({}, before.dataDir);
      // It is back, with the rule, in a manifest that workers refuse after they have made this output ready.
      await gate.ok("POST", "/rules", redactSsn);
      await gate.ok("POST", "/outputs", { type: "http", id: "down", url: sink.url, queue: { durable: true } });
      const headers = { authorization: { env: "NO_SUCH_VARIABLE" } };
      await gate.ok("POST", "/outputs", { type: "http", id: "refused", url: other.url, headers });
      expect((await gate.api("POST", "/publish")).status).not.toBe(200);
      expect(sink.taken).toEqual([]);
      await gate.ok("DELETE", "/outputs/refused");
      await gate.publish();
      const status = await statusAtRest(gate, "all is delivered", (status) => held(status) === 0, limitMs);
      expect(sink.lines().filter((line) => ssn.test(line))).toEqual([]);
      expect(numbersOf(sink.lines())).toEqual(all);
      expect(status.outputs.down.recovered.records).toBe(count);
      expect((await gate.stop()).code).toBe(0);
      await other.close();
    });

    it("counts once what a removed output leaves on disk for one of its name that comes back", async () => {
      const gate = await filled({ durable: true });
      await gate.ok("DELETE", "/outputs/down");
      const other = await Sink.start();
      await gate.ok("POST", "/outputs", { type: "http", id: "other", url: other.url });
      await gate.publish();
      await gate.ok("POST", "/outputs", { type: "http", id: "down", url: sink.url, queue: { durable: true } });
      await gate.publish();
      sink.status = 200;
      const { outputs } = await statusAtRest(gate, "all is delivered", (status) => held(status) === 0, limitMs);
      expect(numbersOf(sink.lines())).toEqual(all);
      expect(outputs.down.delivered.records + (outputs.retired?.delivered.records ?? 0)).toBe(count);
      expect(outputs.retired?.spooled.records ?? 0).toBe(0);
      expect((await gate.stop()).code).toBe(0);
      await other.close();
    });

    it("withholds what a protect filter published meanwhile drops, and counts it", async () => {
      const gate = await filled({ durable: true });
      await gate.addRule("tens", "filter", { pattern: "^n \\d*0 ", protect: true });
      // Of class reduce: what has passed the rules does not pass these again.
      await gate.addRule("fives", "filter", { pattern: "^n \\d*5 " });
      await gate.publish();
      await recover(await fullLanes(gate));
      const { outputs } = await statusAtRest(gate, "nothing waits", (status) => held(status) === 0, limitMs);
      const tens = recordsWithSsns().filter((record) => /^n \d*0 /.test(record));
      const bytes = tens.reduce((sum, record) => sum + Buffer.byteLength(record), 0);
      expect(outputs.down.lost).toEqual({ protected: { records: tens.length, bytes } });
      expect(numbersOf(sink.lines())).toEqual(all.filter((n) => n % 10 !== 0));
      await gate.stop();
    });

    it("accounts for groups of which a rule leaves nothing, and for those that hold nothing but empty records", async () => {
      const records = Array.from({ length: 1000 }, (_, n) => `only ${n}`);
      const gate = await filled({ durable: true }, records);
      await gate.addRule("all", "redact", { pattern: "only \\d+", replacement: "" });
      await gate.publish();
      // These come to the disk as empty records.
      await gate.send(`${records.join("\n")}\n`);
      await statusAtRest(gate, "everything waits", ({ outputs }) => outputs.down.routed.records === 2000);
      await recover(await fullLanes(gate));
      const { outputs } = await statusAtRest(gate, "nothing waits", (status) => held(status) === 0, limitMs);
      expect(sink.lines().filter((line) => line !== "")).toEqual([]);
      const { delivered, lost } = outputs.down;
      expect(delivered.records + (lost.protected?.records ?? 0)).toBe(2000);
      await gate.stop();
    });
  });
}
