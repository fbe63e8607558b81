/**
 * What a protect rule could not finish, from the socket to the quarantine and back: kept encrypted, listed, released once the rule is mended,
 * purged, bounded, and never sent in between.
 */
import { appendFileSync, chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type Status, statusAtRest } from "../fixtures/account.ts";
import { disposeGates, Gate, type GateOptions, runCommand } from "../fixtures/gate.ts";
import { type EngineUnderTest, engines } from "../fixtures/requirement.ts";
import { Sink } from "../fixtures/sink.ts";
import { until } from "../fixtures/wait.ts";

afterEach(disposeGates);

/** One match a letter: 2³⁰ ÷ record bytes are fewer, from 32,769 letters on. */
const quadratic = { id: "quadratic", type: "redact", params: { pattern: "A+?|secret-\\d+", replacement: "x" } };
/** The same, mended. */
const mended = { ...quadratic, params: { pattern: "A+|secret-\\d+", replacement: "x" } };
/** Grows over four times the record and 64 KiB. */
const grow = { id: "grow", type: "redact", params: { pattern: "b", replacement: "ccccccccc" } };
const hard = (n: number) => `${n} secret-${n} ${"A".repeat(32_769)}`;
const hardBytes = (n: number) => hard(n).length;
const redacted = (n: number) => `${n} x x`;

/** Every file below the data directory, as text of which plain ASCII can be looked for. */
function everythingIn(directory: string): string {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"))
    .join("\n");
}

type Engine = EngineUnderTest["engine"];

interface Listed {
  readonly id: string;
  readonly records: number;
  readonly bytes: number;
  readonly output: string | null;
  readonly held: readonly { rule: string; cause: string; records: number; bytes: number }[];
}

async function command(dataDir: string, ...args: string[]) {
  return runCommand(["quarantine", ...args, "--data-dir", dataDir]);
}

async function ls(dataDir: string): Promise<readonly Listed[]> {
  const { status, stdout, stderr } = await command(dataDir, "ls", "--json");
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout.toString()).groups;
}

/** What the audit file says that was done to the quarantine. */
function audited({ dataDir }: Gate): [string, object][] {
  const entries = readFileSync(join(dataDir, "audit.jsonl"), "utf8").trim().split("\n");
  return entries
    .map((line) => JSON.parse(line))
    .filter(({ action, who }) => action.startsWith("quarantine_") && who.address === "command line")
    .map(({ action, what }) => [action, what]);
}

const heldRecords = (groups: readonly Listed[]) => groups.reduce((sum, { records }) => sum + records, 0);
const withheld = (records: number) => (status: Status) =>
  status.quarantined.match_limit.records + status.quarantined.output_limit.records === records;

async function startOn(engine: Engine, rules: readonly object[], options: GateOptions = {}): Promise<Gate> {
  // One worker, where a test does not say otherwise.
  const gate = await Gate.start({ engine, ...options, env: { STREAMGATE_WORKERS: "1", ...options.env } });
  for (const rule of rules) await gate.ok("POST", "/rules", rule);
  if (rules.length > 0) await gate.publish();
  return gate;
}

async function mend(gate: Gate): Promise<void> {
  await gate.ok("PUT", `/rules/${mended.id}`, mended);
  await gate.publish();
}

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`the quarantine on ${engine}${note}`, () => {
    const start = (rules: readonly object[], options?: GateOptions) => startOn(engine, rules, options);

    it("keeps what a rule cannot finish, says which and why, and sends it on redacted once the rule is mended", async () => {
      const gate = await start([quadratic, grow]);
      await gate.send(`one\n${hard(1)}\n${"b".repeat(13_108)}\nafter secret-9\n`);
      await gate.waitForLines(2);
      const status = await statusAtRest(gate, "both are withheld", withheld(2));
      expect(status.quarantine).toMatchObject({ records: 2, bytes: hardBytes(1) + 13_108, released: 0, damaged: 0 });
      // Nothing of it lies in plain sight anywhere, in the log neither.
      const everything = everythingIn(gate.dataDir) + gate.stderr;
      for (const plain of ["secret-1", "AAAAAAAA", "bbbbbbbb"]) expect(everything.includes(plain)).toBe(false);
      expect(statSync(join(gate.dataDir, "quarantine.key")).mode & 0o777).toBe(0o600);

      const groups = await ls(gate.dataDir);
      const held = groups.flatMap((group) => group.held);
      expect(held).toEqual(
        expect.arrayContaining([
          { rule: "quadratic", cause: "match_limit", records: 1, bytes: hardBytes(1) },
          { rule: "grow", cause: "output_limit", records: 1, bytes: 13_108 },
        ]),
      );
      expect(held).toHaveLength(2);
      const text = await command(gate.dataDir, "ls", "--rule", "quadratic");
      expect(text.stdout.toString()).toMatch(/quadratic +match_limit +1 +\d+ +all/);

      // Still unfinished: it stays, and nothing is counted twice.
      const early = await command(gate.dataDir, "release", "--rule", "quadratic");
      expect([early.status, early.stdout.toString()]).toEqual([1, expect.stringContaining("still cannot finish")]);
      expect(heldRecords(await ls(gate.dataDir))).toBe(2);

      await mend(gate);
      const released = await command(gate.dataDir, "release", "--all");
      // The two may have come in one group: what can be finished leaves, the other stays.
      expect(released.stdout.toString()).toMatch(/^1 group released\n/);
      await gate.waitForLines(3);
      const after = await statusAtRest(gate, "one is released", (now) => now.outputs.console.delivered.records === 3);
      expect(gate.lines()).toEqual(["one", "after x", redacted(1)]);
      const left = await ls(gate.dataDir);
      expect(left.flatMap((group) => group.held)).toEqual([
        { rule: "grow", cause: "output_limit", records: 1, bytes: 13_108 },
      ]);
      expect(after.quarantine.records).toBe(1);
      expect(after.lost).toEqual({});
      // And again: it is not there a second time.
      await command(gate.dataDir, "release", "--rule", "quadratic");
      expect((await gate.stop()).code).toBe(0);
      expect(gate.lines()).toEqual(["one", "after x", redacted(1)]);
    });

    it("shows a group's records one by one: source and time, and content only when it is asked for", async () => {
      const gate = await start([quadratic]);
      await gate.send(`${hard(1)}\u001b[2J\n`);
      await statusAtRest(gate, "it is withheld", withheld(1));
      const [{ id }] = (await ls(gate.dataDir)) as [Listed];
      const plain = await command(gate.dataDir, "inspect", id);
      expect(plain.status).toBe(0);
      expect(plain.stdout.toString()).toMatch(
        /\d{4}-\d\d-\d\dT[\d:.]+Z +tcp (127\.0\.0\.1|\S*::1|0:0:0:0:0:0:0:1) +quadratic +match_limit/,
      );
      expect(plain.stdout.includes("secret")).toBe(false);
      const content = await command(gate.dataDir, "inspect", id.slice(0, 6), "--content");
      expect(content.stdout.includes("secret-1")).toBe(true);
      expect(content.stdout.includes(0x1b)).toBe(false);
      expect(audited(gate)).toEqual([["quarantine_show", { groups: [id] }]]);
      const none = await command(gate.dataDir, "inspect", "00000000-77");
      expect([none.status, none.stderr]).toEqual([1, expect.stringContaining("quarantine ls")]);
      await gate.stop();
    });

    it("is bounded: what finds no room is lost{quarantine_full}, to the record and byte, said loudly and never sent", async () => {
      const gate = await start([quadratic], { env: { QUARANTINE_MAX_BYTES: "65536", STREAMGATE_WORKERS: "1" } });
      await gate.send(`${hard(1)}\n`);
      await statusAtRest(gate, "the first is kept", withheld(1));
      await gate.send(`${hard(2)}\n${hard(3)}\nend\n`);
      await gate.waitForLines(1);
      const status = await statusAtRest(gate, "the others are lost", ({ lost }) => lost.quarantine_full?.records === 2);
      expect(status.lost).toEqual({ quarantine_full: { records: 2, bytes: hardBytes(2) + hardBytes(3) } });
      expect(status.quarantined.match_limit).toEqual({ records: 1, bytes: hardBytes(1) });
      expect(status.quarantine).toMatchObject({ records: 1, bytes: hardBytes(1) });
      expect(status.quarantine.disk_bytes).toBeLessThanOrEqual(65_536);
      expect(gate.stderr).toContain("QUARANTINE_MAX_BYTES");
      // A reload goes on counting; room that was made is taken again.
      await mend(gate);
      await gate.ok("PUT", `/rules/${quadratic.id}`, quadratic);
      await gate.publish();
      expect((await command(gate.dataDir, "purge", "--all")).status).toBe(0);
      await gate.send(`${hard(4)}\n`);
      const later = await statusAtRest(gate, "there is room again", withheld(2));
      expect(later.lost.quarantine_full.records).toBe(2);
      expect(later.quarantine).toMatchObject({ records: 1, purged: 1 });
      expect((await gate.stop()).code).toBe(0);
      expect(gate.lines()).toEqual(["end"]);
      expect(gate.stderr).toContain('"lostQuarantineFull":2');
    });

    it("loses what it cannot write, and sends nothing of it", async () => {
      const gate = await start([quadratic]);
      writeFileSync(join(gate.dataDir, "quarantine"), "something else is in its place");
      await gate.send(`one\n${hard(1)}\ntwo\n`);
      await gate.waitForLines(2);
      const status = await statusAtRest(gate, "it is lost", ({ lost }) => lost.quarantine_full?.records === 1);
      expect(status.lost.quarantine_full).toEqual({ records: 1, bytes: hardBytes(1) });
      expect(status.quarantined.match_limit.records).toBe(0);
      await gate.stop();
      expect(gate.lines()).toEqual(["one", "two"]);
      expect(gate.stderr).not.toContain("secret-1");
    });

    it("has everything that it counted after kill -9, from two workers, and releases each record once", async () => {
      const gate = await start([quadratic], { env: { STREAMGATE_WORKERS: "2" } });
      const count = 24;
      const parts = Array.from({ length: 6 }, (_, part) =>
        Array.from({ length: count / 6 }, (_, n) => hard(100 + part * (count / 6) + n)),
      );
      await Promise.all(parts.map((records) => gate.send(`${records.join("\n")}\n`)));
      await statusAtRest(gate, "all are withheld", withheld(count), 60_000);
      gate.child.kill("SIGKILL");
      await gate.exited;
      // Killed while it wrote: a group of which the end is missing.
      const directory = join(gate.dataDir, "quarantine");
      const [segment] = readdirSync(directory).filter((name) => name.endsWith(".qseg"));
      appendFileSync(join(directory, segment!), readFileSync(join(directory, segment!)).subarray(64, 1000));
      expect(heldRecords(await ls(gate.dataDir))).toBe(count);
      const again = await start([], { dataDir: gate.dataDir, env: { STREAMGATE_WORKERS: "2" } });
      const { quarantine } = await statusAtRest(again, "it is at rest", () => true);
      expect(quarantine).toMatchObject({ records: count, damaged: 1 });
      await mend(again);
      const { status, stdout } = await command(gate.dataDir, "release", "--all");
      expect([status, stdout.toString()]).toEqual([0, expect.stringContaining("released")]);
      await again.waitForLines(count, 60_000);
      await statusAtRest(again, "all are released", (now) => now.quarantine.released === count);
      expect((await again.stop()).code).toBe(0);
      const wanted = Array.from({ length: count }, (_, n) => redacted(100 + n));
      expect(again.lines().toSorted()).toEqual(wanted.toSorted());
      expect(readdirSync(directory)).toEqual([]);
    });

    it("is killed in the middle of it, again and again, and every record that was counted is there and opens", async () => {
      let dataDir: string | undefined;
      let counted = 0;
      let next = 1000;
      for (let round = 0; round < 2; round++) {
        const gate = await start(dataDir === undefined ? [quadratic] : [], dataDir === undefined ? {} : { dataDir });
        dataDir = gate.dataDir;
        let killed = false;
        const sender = async () => {
          while (!killed) await gate.send(`${hard(next++)}\n${hard(next++)}\n`).catch(() => {});
        };
        const senders = Promise.all([sender(), sender(), sender()]);
        let seen = 0;
        await until("some are withheld", async () => {
          const { quarantined } = await gate.ok("GET", "/status");
          seen = quarantined.match_limit.records;
          return seen > 10;
        });
        gate.child.kill("SIGKILL");
        killed = true;
        await Promise.all([gate.exited, senders]);
        counted += seen;
      }
      const groups = await ls(dataDir!);
      expect(heldRecords(groups)).toBeGreaterThanOrEqual(counted);
      const gate = await start([], { dataDir: dataDir! });
      await mend(gate);
      const held = heldRecords(await ls(dataDir!));
      expect((await command(dataDir!, "release", "--all")).status).toBe(0);
      await gate.waitForLines(held, 60_000);
      await gate.stop();
      const lines = gate.lines();
      expect(lines).toHaveLength(held);
      expect(new Set(lines).size).toBe(held);
      expect(lines.filter((line) => !/^\d+ x x$/.test(line))).toEqual([]);
    });

    it("keeps what a later rule cannot finish of an output's spool for that output, and gives it back to it", async () => {
      const [down, up] = [await Sink.start(), await Sink.start()];
      down.status = 503;
      const gate = await Gate.start({ engine });
      const retry = { max_delay_ms: 200 };
      const queue = { durable: true };
      await gate.ok("POST", "/outputs", { type: "http", id: "down", url: down.url, queue, retry });
      await gate.ok("POST", "/outputs", { type: "http", id: "up", url: up.url });
      await gate.publish();
      await gate.send(`one\n${hard(1)}\ntwo\n`);
      await until("the other output has it", () => up.lines().length === 3);
      await statusAtRest(gate, "it waits on disk", ({ outputs }) => outputs.down.spooled.records === 3);
      await gate.ok("POST", "/rules", quadratic);
      await gate.publish();
      down.status = 200;
      const status = await statusAtRest(gate, "the rest left", ({ outputs }) => outputs.down.spooled.records === 0);
      expect(down.lines()).toEqual(["one", "two"]);
      expect(status.outputs.down.quarantined).toEqual({ records: 1, bytes: hardBytes(1) });
      expect(status.outputs.down.lost).toEqual({});
      expect(await ls(gate.dataDir)).toMatchObject([{ output: "down", records: 1 }]);
      await mend(gate);
      const released = await command(gate.dataDir, "release", "--all");
      expect([released.status, released.stdout.toString()]).toEqual([0, "1 group released\n"]);
      await until("it has come", () => down.lines().length === 3);
      await statusAtRest(gate, "nothing waits", ({ outputs }) => outputs.down.spooled.records === 0);
      expect(down.lines()).toEqual(["one", "two", redacted(1)]);
      expect(up.lines()).toHaveLength(3);
      expect((await gate.stop()).code).toBe(0);
      await Promise.all([down.close(), up.close()]);
    });

    it("keeps what streamgate pipe withholds where it is told to, also when that is more than fits in one go", async () => {
      const gate = await start([]);
      await gate.stop();
      const many = Array.from({ length: 60 }, (_, n) => hard(n));
      const args = ["pipe", "--engine", engine, "--redact-pattern", quadratic.params.pattern, "--stats"];
      const input = `one\n${many.join("\n")}\ntwo\n`;
      const { status, stdout, stderr } = await runCommand([...args, "--quarantine", gate.dataDir], input);
      expect([status, stdout.toString()]).toEqual([3, "one\ntwo\n"]);
      const stats = JSON.parse(stderr.trim().split("\n").at(-1)!);
      expect(stats.quarantined.records).toBe(60);
      expect(stats.lost.quarantine_full).toEqual({ records: 0, bytes: 0 });
      expect(heldRecords(await ls(gate.dataDir))).toBe(60);
      const bound = ["--quarantine-max-bytes", "600000"];
      const full = await runCommand([...args, "--quarantine", join(gate.dataDir, "new"), ...bound], input);
      expect([full.status, full.stdout.toString()]).toEqual([3, "one\ntwo\n"]);
      const { quarantined, lost } = JSON.parse(full.stderr.trim().split("\n").at(-1)!);
      expect(quarantined.records + lost.quarantine_full.records).toBe(60);
      expect(Math.min(quarantined.records, lost.quarantine_full.records)).toBeGreaterThan(0);
      expect(heldRecords(await ls(join(gate.dataDir, "new")))).toBe(quarantined.records);
      const running = await start([quadratic], { dataDir: gate.dataDir });
      const refused = await runCommand([...args, "--quarantine", gate.dataDir], input);
      expect([refused.status, refused.stdout.toString()]).toEqual([1, ""]);
      await running.stop();
    });
  });
}

// The store, its key and its commands are one for both engines.
describe("what lies in the quarantine", () => {
  const engine = engines.find(({ skip }) => !skip)!.engine;
  const start = (rules: readonly object[], options?: GateOptions) => startOn(engine, rules, options);

  it("is looked into, purged and told to release while no instance runs", async () => {
    const gate = await start([quadratic]);
    for (const n of [1, 2]) {
      await gate.send(`${hard(n)}\n`);
      await statusAtRest(gate, "it is withheld", withheld(n));
    }
    expect((await gate.stop()).code).toBe(0);
    const groups = await ls(gate.dataDir);
    expect(heldRecords(groups)).toBe(2);
    const nothing = await command(gate.dataDir, "purge");
    expect([nothing.status, nothing.stderr]).toEqual([2, expect.stringContaining("--all")]);
    expect((await command(gate.dataDir, "purge", "--older-than", "1")).stdout.toString()).toBe("0 groups purged\n");
    const purged = await command(gate.dataDir, "purge", groups[0]!.id);
    expect([purged.status, purged.stdout.toString()]).toEqual([0, "1 group purged\n"]);
    const waiting = await command(gate.dataDir, "release", groups[1]!.id);
    expect([waiting.status, waiting.stdout.toString()]).toEqual([0, expect.stringContaining("when it starts")]);
    expect(audited(gate)).toEqual([
      ["quarantine_purge", { groups: [groups[0]!.id], damaged: [] }],
      ["quarantine_release", { groups: [groups[1]!.id], withoutRule: false }],
    ]);
    const again = await start([], { dataDir: gate.dataDir });
    await mend(again);
    // The request may have been met by the rule that still could not finish it.
    await command(gate.dataDir, "release", "--all");
    await again.waitForLines(1);
    await statusAtRest(again, "it is released", (now) => now.quarantine.records === 0);
    await again.stop();
    expect(again.lines()).toHaveLength(1);
  });

  it("releases nothing that no rule would hold any more, unless that is what is asked", async () => {
    const gate = await start([quadratic]);
    await gate.send(`${hard(1)}\n`);
    await statusAtRest(gate, "it is withheld", withheld(1));
    await gate.ok("DELETE", "/rules/quadratic");
    await gate.publish();
    const refused = await command(gate.dataDir, "release", "--all");
    expect([refused.status, refused.stdout.toString()]).toEqual([1, expect.stringContaining("quadratic does not run")]);
    await gate.ok("POST", "/rules", { ...mended, mode: "shadow" });
    await gate.publish();
    expect((await command(gate.dataDir, "release", "--all")).status).toBe(1);
    expect(gate.lines()).toEqual([]);
    expect((await command(gate.dataDir, "release", "--all", "--without-rule")).status).toBe(0);
    expect((await gate.waitForLines(1))[0]).toBe(hard(1));
    await gate.stop();
  });

  it("cannot be read with another key, and what was tampered with is not believed", async () => {
    const gate = await start([quadratic]);
    for (const n of [1, 2]) {
      await gate.send(`${hard(n)}\n`);
      await statusAtRest(gate, "it is withheld", withheld(n));
    }
    await gate.stop();
    const keyFile = join(gate.dataDir, "quarantine.key");
    const key = readFileSync(keyFile);
    const [first] = await ls(gate.dataDir);
    writeFileSync(keyFile, `${Buffer.alloc(32, 1).toString("base64")}\n`);
    const wrong = await command(gate.dataDir, "inspect", first!.id, "--content");
    expect([wrong.status, wrong.stdout.toString()]).toEqual([1, ""]);
    expect(wrong.stderr).toContain("no key of quarantine.key opens it");
    const other = await start([], { dataDir: gate.dataDir });
    expect(other.stderr).toContain("no key of quarantine.key");
    await mend(other);
    expect((await command(gate.dataDir, "release", "--all")).status).toBe(1);
    await other.stop();
    expect(other.lines()).toEqual([]);

    writeFileSync(keyFile, key);
    const directory = join(gate.dataDir, "quarantine");
    for (const name of readdirSync(directory).filter((name) => name.endsWith(".qseg"))) {
      const bytes = readFileSync(join(directory, name));
      bytes[bytes.length - 100]! ^= 1;
      writeFileSync(join(directory, name), bytes);
    }
    const again = await start([], { dataDir: gate.dataDir });
    const { stdout } = await command(gate.dataDir, "release", "--all");
    expect(stdout.toString()).toContain("it was changed since it was written");
    await again.stop();
    // The last group of each segment was tampered with: those never leave.
    expect(again.lines().length).toBeLessThan(2);
  });

  it("does not start with a key file that others may read", async () => {
    const gate = await start([]);
    await gate.stop();
    chmodSync(join(gate.dataDir, "quarantine.key"), 0o644);
    const { status, stderr } = await runCommand(["run", "--data-dir", gate.dataDir, "--engine", engine]);
    expect([status, stderr]).toEqual([1, expect.stringContaining("chmod 600")]);
  });
});
