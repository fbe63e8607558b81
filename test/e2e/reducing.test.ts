/** sample, dedupe and throttle in the program as users start it: over sockets, workers, reloads and ends. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { engines } from "../fixtures/requirement.ts";
import { until } from "../fixtures/wait.ts";

afterEach(disposeGates);

/** Public log lines of sixteen systems; licences do not allow a copy in this repository. */
const loghub = fileURLToPath(new URL("../../../shared/corpora/lines/loghub.log.xz", import.meta.url));
const loghubNote = existsSync(loghub) ? "" : " (skipped: ../shared/corpora/lines/loghub.log.xz is not there)";

interface Amount {
  records: number;
  bytes: number;
}

/** `received + created = dropped + quarantined + passed`, in a snapshot taken at any time. */
function checkEquation(status: Record<string, unknown>): void {
  const { received, created, passed, dropped, quarantined } = status as Record<string, Amount>;
  for (const unit of ["records", "bytes"] as const) {
    const parts = [...Object.values(dropped!), ...Object.values(quarantined!)] as unknown as Amount[];
    const sum = parts.reduce((total, part) => total + part[unit], passed![unit]);
    expect(received![unit] + created![unit]).toBe(sum);
  }
}

const withoutWeight = (line: string) =>
  line
    .replace(/ sample_rate=10$/, "")
    .replace(',"sample_rate":10}', "}")
    .replace('[sample@32473 rate="10"]', "-");
const isWeighed = (line: string) => withoutWeight(line) !== line;

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`reducing on ${engine}${note}`, () => {
    it.skipIf(loghubNote !== "")(`sampled records put counts right, and ERROR is all there${loghubNote}`, async () => {
      const text = execFileSync("xz", ["-dc", loghub], { maxBuffer: 1 << 28 });
      const gate = await Gate.start({ engine });
      await gate.addRule("tenth", "sample", { rate: 0.1, keep: "ERROR" });
      await gate.publish();
      const times = 2;
      const sent =
        text
          .toString("latin1")
          .trimEnd()
          .split("\n")
          .filter((line) => line !== "").length * times;
      await Promise.all(
        Array.from({ length: times }, async () => {
          await gate.send(text);
          checkEquation(await gate.ok("GET", "/status"));
        }),
      );
      await until("all lines were taken", async () => {
        const status = await gate.ok("GET", "/status");
        checkEquation(status);
        return status.received.records === sent;
      });
      const status = await gate.ok("GET", "/status");
      await gate.stop();
      const out = gate.stdout.toString("latin1").split("\n").slice(0, -1);
      const weighed = out.filter(isWeighed).length;
      const estimate = out.length - weighed + 10 * weighed;
      expect(Math.abs(estimate / sent - 1)).toBeLessThan(0.01);
      expect(status.sampled.tenth.weight).toBe(10 * weighed);
      expect(status.dropped.tenth.records).toBe(sent - out.length);
      const errors = (lines: readonly string[]) => lines.filter((line) => /^\S+ \S+ ERROR |level=error/.test(line));
      const sentErrors = errors(text.toString("latin1").split("\n"));
      expect(errors(out).length).toBe(sentErrors.length * times);
      expect(errors(out).some(isWeighed)).toBe(false);
    });

    it("keeps the same keys in every worker and after the next start", async () => {
      const lines = Array.from({ length: 4000 }, (_, n) => `{"trace_id":"t${n % 800}","n":${n}}`);
      const kept = async (gate: Gate) => {
        // Connections are spread over the workers.
        const parts = Array.from({ length: 8 }, (_, part) => lines.filter((_, n) => n % 8 === part));
        await Promise.all(parts.map((part) => gate.send(`${part.join("\n")}\n`)));
        expect((await gate.stop()).code).toBe(0);
        return gate.lines().toSorted();
      };
      const first = await Gate.start({ engine });
      await first.addRule("s", "sample", { rate: 0.25, key: "trace_id" });
      await first.publish();
      const once = await kept(first);
      const keys = new Set(once.map((line) => JSON.parse(line).trace_id));
      expect(once.length).toBe(keys.size * 5);
      expect(keys.size).toBeGreaterThan(130);
      expect(keys.size).toBeLessThan(270);
      const again = await Gate.start({ engine, dataDir: first.dataDir, env: { STREAMGATE_WORKERS: "3" } });
      expect(await kept(again)).toEqual(once);
    });

    it("says in the log when a key has so few values that sampling is all or nothing", async () => {
      const gate = await Gate.start({ engine, env: { STREAMGATE_WORKERS: "1" } });
      await gate.addRule("s", "sample", { rate: 0.5, key: "k" });
      await gate.publish();
      await gate.send(Array.from({ length: 30_000 }, (_, n) => `{"k":"${n % 9}"}\n`).join(""));
      await until("the warning", () => gate.stderr.includes("samples by a key that has few values"));
    });

    it("tells summaries when windows end, also when nothing comes any more; at a reload; and at the end", async () => {
      const gate = await Gate.start({ engine, env: { STREAMGATE_WORKERS: "1" } });
      await gate.addRule("d", "dedupe", { window_s: 0.2 });
      await gate.publish();
      await gate.send("a\na\na\n");
      const [, idle] = await gate.waitForLines(2);
      expect(idle).toMatch(/^a \(repeated 2 times from .*, 2 bytes, rule d\)$/);
      await gate.ok("PUT", "/rules/d", { id: "d", type: "dedupe", params: { window_s: 600 } });
      await gate.publish();
      await gate.send("b\nb\n");
      await gate.waitForLines(3);
      await until("both were taken", async () => (await gate.ok("GET", "/status")).received.records === 5);
      // A rule before it changes nothing of what it remembers.
      await gate.ok("POST", "/rules?before=d", { id: "f", type: "filter", params: { value: "zz" } });
      await gate.publish();
      await gate.send("b\n");
      await until("it was taken", async () => (await gate.ok("GET", "/status")).received.records === 6);
      expect(gate.lineCount).toBe(3);
      await gate.ok("DELETE", "/rules/d");
      await gate.publish();
      expect((await gate.waitForLines(4))[3]).toMatch(/^b \(repeated 2 times/);
      await gate.addRule("d", "dedupe", {});
      await gate.publish();
      await gate.send("c\nc\n");
      await until("both were taken", async () => (await gate.ok("GET", "/status")).received.records === 8);
      const status = await gate.ok("GET", "/status");
      expect(status).toMatchObject({ created: { records: 2 }, summaries: { d: { records: 2 } }, imbalance: 0 });
      expect((await gate.stop()).code).toBe(0);
      const lines = gate.lines();
      expect(lines.slice(4).map((line) => line.replace(/ from.*/, ""))).toEqual(["c", "c (repeated 1 times"]);
    });

    it("has a key's bucket at one worker where records are sharded by it", async () => {
      const gate = await Gate.start({ engine, args: ["--shard-by", "attribute:k"], env: { STREAMGATE_WORKERS: "3" } });
      await gate.addRule("t", "throttle", { records_per_s: 0.001, burst: 10, key: "k", window_s: 3600 });
      await gate.publish();
      const lines = Array.from({ length: 700 }, (_, n) => `{"k":"key ${n % 7}"}\n`);
      await Promise.all(Array.from({ length: 4 }, () => gate.send(lines.join(""))));
      expect((await gate.stop()).code).toBe(0);
      const summaries = gate.lines().filter((line) => line.includes("streamgate"));
      expect(gate.lines().length - summaries.length).toBe(70);
      expect(summaries.length).toBe(7);
      expect(summaries.map((line) => JSON.parse(line).streamgate.count)).toEqual(Array.from({ length: 7 }, () => 390));
    });
  });
}
