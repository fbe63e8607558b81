/** P1: a record that a protect rule cannot finish leaves through no output; a reduce rule's failure costs money, not privacy. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { readRules } from "../../src/manifest/manifest.ts";
import { compilePlan } from "../../src/plan/compile.ts";
import { operationFlag } from "../../src/plan/operations.ts";
import { statusAtRest } from "../fixtures/account.ts";
import { disposeGates, Gate, runCommand } from "../fixtures/gate.ts";
import { engines } from "../fixtures/requirement.ts";
import { Sink } from "../fixtures/sink.ts";
import { until } from "../fixtures/wait.ts";

afterEach(disposeGates);

/** Grows every `a` ninefold: over four times the record plus 64 KiB for long runs of it, so the output limit is met. */
const growing = { pattern: "a", replacement: "bbbbbbbbb" };
const tooLong = "a".repeat(100_000);

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`P1 on ${engine}${note}`, () => {
    it("withholds a record that redact cannot finish, passes the others, and exits 3", async () => {
      const args = [
        "pipe",
        "--engine",
        engine,
        "--redact-pattern",
        growing.pattern,
        "--replacement",
        growing.replacement,
      ];
      const { status, stdout, stderr } = await runCommand(args, `xa\n${tooLong}\nxaa\n`);
      expect(stdout.toString()).toBe("xbbbbbbbbb\nxbbbbbbbbbbbbbbbbbb\n");
      expect(status).toBe(3);
      expect(stderr).not.toContain("aaaa");
    });

    it("sends it to no output of a running gate and keeps its content out of the log", async () => {
      const gate = await Gate.start({ engine });
      const sink = await Sink.start();
      await gate.addRule("grow", "redact", growing);
      await gate.ok("POST", "/outputs", { type: "console" });
      await gate.ok("POST", "/outputs", { type: "http", url: sink.url });
      await gate.publish();
      await gate.send(`before\n${tooLong}\nend\n`);
      await gate.waitForLines(2);
      await until("the sink has the others", () => sink.lines().includes("end"));
      await gate.stop();
      await sink.close();
      expect(gate.lines()).toEqual(["before", "end"]);
      expect(sink.lines()).toEqual(["before", "end"]);
      expect(gate.stderr).toContain("grow");
      expect(gate.stderr).not.toContain("aaaa");
    });

    it("keeps it encrypted, to be released by the rules of another day; when it cannot, it is lost and never sent", async () => {
      const env = { QUARANTINE_MAX_BYTES: "131072", STREAMGATE_WORKERS: "1" };
      const gate = await Gate.start({ engine, env });
      const sink = await Sink.start();
      await gate.addRule("grow", "redact", growing);
      await gate.ok("POST", "/outputs", { type: "http", url: sink.url });
      await gate.publish();
      await gate.send(`kept ${tooLong}\n`);
      const kept = await statusAtRest(gate, "it is withheld", ({ quarantine }) => quarantine.records === 1);
      expect(kept.quarantined.output_limit).toEqual({ records: 1, bytes: 100_005 });
      await gate.send(`lost ${tooLong}\nend\n`);
      const status = await statusAtRest(gate, "the next is lost", ({ lost }) => lost.quarantine_full !== undefined);
      expect(status.lost).toEqual({ quarantine_full: { records: 1, bytes: 100_005 } });
      expect(status.quarantined.output_limit.records).toBe(1);
      const files = readdirSync(gate.dataDir, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
      for (const { parentPath, name } of files)
        expect(readFileSync(join(parentPath, name)).includes("aaaaaaaa"), name).toBe(false);
      await gate.ok("PUT", "/rules/grow", { id: "grow", type: "redact", params: { pattern: "a+", replacement: "b" } });
      await gate.publish();
      const released = await runCommand(["quarantine", "release", "--all", "--data-dir", gate.dataDir]);
      expect(released.status).toBe(0);
      await until("it has come", () => sink.lines().includes("kept b"));
      await gate.stop();
      await sink.close();
      expect(sink.lines()).toEqual(["end", "kept b"]);
    });

    it("goes on protecting when a publish is refused", async () => {
      const gate = await Gate.start({ engine });
      await gate.addRule("mask", "redact", { pattern: "secret", replacement: "gone" });
      await gate.publish();
      expect(
        (await gate.api("POST", "/rules", { id: "bad", type: "redact", params: { pattern: "(", replacement: "" } }))
          .status,
      ).toBe(422);
      await gate.send("a secret\n");
      await gate.waitForLines(1);
      expect(gate.lines()).toEqual(["a gone"]);
    });
  });
}

describe("P1 in the plan", () => {
  it("marks redact and any filter with protect as never to be skipped, and no other", () => {
    const { rules } = readRules(
      [
        { id: "reduce", type: "filter", params: { value: "x" } },
        { id: "protect", type: "filter", params: { value: "y", protect: true } },
        { id: "redact", type: "redact", params: { pattern: "z", replacement: "" } },
      ],
      () => ({ ok: true, groups: 0 }),
    );
    const plan = compilePlan(rules);
    const marked = plan.operations.map(({ rule, flags }) => [
      plan.rules[rule]?.id,
      (flags & operationFlag.protect) !== 0,
    ]);
    expect(marked).toEqual([
      ["reduce", false],
      ["protect", true],
      ["redact", true],
    ]);
    expect(plan.rules.map((rule) => rule.class)).toEqual(["reduce", "protect", "protect"]);
  });
});
