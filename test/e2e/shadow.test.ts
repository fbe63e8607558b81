/**
 * Rules in shadow on live traffic, on both engines: what their effect says, that it comes true once they are enforced, what publishing
 * warns of and audits, and that nothing that protect rules hide can be read by trying rules.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { disposeGates, Gate } from "../fixtures/gate.ts";
import { engines } from "../fixtures/requirement.ts";
import { atRest } from "../fixtures/status.ts";
import { until } from "../fixtures/wait.ts";

afterEach(disposeGates);

const debug = { id: "drop_debug", type: "filter", params: { value: "DEBUG" } };
const ssn = { id: "ssn", type: "redact", params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "[ssn]" } };
const shadow = (rule: object) => ({ ...rule, mode: "shadow" });

/** 1 % errors that speak of DEBUG, of two services; of the rest half DEBUG. */
const lines = Array.from({ length: 10_000 }, (_, index) => {
  if (index % 100 === 0)
    return JSON.stringify({
      level: "error",
      service: index % 200 === 0 ? "pay" : "shop",
      msg: "failed to leave DEBUG mode",
    });
  return index % 2 === 0 ? `DEBUG ${index} cache miss` : `INFO ${index} ssn 123-45-6789`;
});
const block = `${lines.join("\n")}\n`;
/** 10⁶ lines with STREAMGATE_TEST_LINES=1000000. */
const blocks = Math.max(1, Math.round(Number(process.env.STREAMGATE_TEST_LINES ?? 100_000) / lines.length));

for (const { engine, skip, note } of engines) {
  describe.skipIf(skip)(`a rule in shadow on ${engine}${note}`, () => {
    const start = async (rules: readonly object[], env: Record<string, string> = {}) => {
      const gate = await Gate.start({ engine, env });
      for (const rule of rules) await gate.ok("POST", "/rules", rule);
      await gate.publish();
      return gate;
    };
    /** Sends lines and waits until the rules have seen all of them. */
    const send = async (gate: Gate, text: string, records: number) => {
      const before = (await gate.ok("GET", "/status")).received.records;
      await gate.send(text);
      await until(
        "the records are in",
        async () => (await gate.ok("GET", "/status")).received.records === before + records,
      );
      return atRest(gate);
    };
    const effectOf = (gate: Gate, id = "drop_debug") => gate.ok("GET", `/rules/${id}/effect`);

    it(`counts errors exactly among ${blocks * lines.length} lines of which 1 % are errors that contain DEBUG`, {
      timeout: 180_000,
    }, async () => {
      const gate = await start([shadow({ ...debug, when: { severity: { at_least: "ERROR" } } })]);
      const records = blocks * lines.length;
      await send(gate, block.repeat(blocks), records);
      const effect = await effectOf(gate);
      const errors = records / 100;
      expect(effect).toMatchObject({ mode: "shadow", records: errors, error_or_above: errors, flags: [] });
      expect(effect.by_severity).toMatchObject({ error: { records: errors } });
      expect(effect.by_service).toMatchObject([{ records: errors / 2 }, { records: errors / 2 }]);
      await until("all lines are out", () => gate.lineCount >= records);
      expect(gate.lineCount).toBe(records);
    });

    it("foresees what it saves once it is enforced, when the same lines come again", async () => {
      const gate = await start([shadow(debug)], { PRICES: "0.5+2" });
      await send(gate, block, lines.length);
      const effect = await effectOf(gate);
      expect(effect).toMatchObject({ records: 5000, error_or_above: 100, draft_differs: false });
      const gone = lines.filter((line) => line.includes("DEBUG"));
      const goneBytes = gone.reduce((sum, { length }) => sum + length, 0);
      expect(effect.saved_bytes).toBe(goneBytes);
      // Dollars a month are dollars of these lines, times the months that the time since then is of.
      const usd = (goneBytes / 1e9) * 0.5 + (gone.length / 1e6) * 2;
      expect(Math.abs((effect.a_month.usd * effect.hours) / 730 / usd - 1)).toBeLessThan(0.01);

      const promoted = await gate.ok("POST", "/rules/drop_debug/promote");
      expect(promoted).toMatchObject({
        status: "promoted",
        rule: debug,
        warnings: [{ rule: "drop_debug", records: 100 }],
      });
      expect(promoted.rule).not.toHaveProperty("mode");
      expect((await gate.publish()).warnings).toMatchObject([
        { rule: "drop_debug", kind: "hits_errors", records: 100 },
      ]);
      const status = await send(gate, block, lines.length);
      expect(status.dropped.drop_debug).toEqual({ records: 5000, bytes: goneBytes });
      // The next publication enforces nothing anew.
      expect((await gate.publish()).warnings).toEqual([]);
      expect(await effectOf(gate)).toMatchObject({
        mode: "enforce",
        records: 5000,
        dropped: { records: 5000, bytes: goneBytes },
      });
    });

    it("goes on counting over a publication that leaves it as it was, and begins anew when it changes", async () => {
      const gate = await start([shadow(debug)]);
      await send(gate, block, lines.length);
      await gate.ok("POST", "/rules", ssn);
      await gate.publish();
      await send(gate, block, lines.length);
      expect(await effectOf(gate)).toMatchObject({ records: 10_000, version: "2" });
      await gate.ok("PUT", "/rules/drop_debug", shadow({ ...debug, params: { value: "DEBUG " } }));
      expect(await effectOf(gate)).toMatchObject({ records: 10_000, draft_differs: true });
      await gate.publish();
      expect(await effectOf(gate)).toMatchObject({ records: 0, draft_differs: false });
    });

    it("shows examples and recent records as protect rules leave them, whatever rules are tried", async () => {
      const gate = await start([shadow({ ...debug, params: { value: "INFO" } }), ssn]);
      await send(gate, block, lines.length);
      const { examples, examples_withheld } = await effectOf(gate);
      expect([examples.length, examples_withheld]).toEqual([20, 0]);
      for (const example of examples) expect(example).toMatch(/^INFO \d+ ssn \[ssn\]$/);
      // Not even rules that protect nothing show more.
      await gate.ok("DELETE", "/rules/ssn");
      for (const rules of [undefined, []]) {
        const answer = await gate.ok("POST", "/rules/preview", { recent: 200, ...(rules && { rules }) });
        expect(answer.source).toBe("recent");
        expect(answer.lines.length).toBeGreaterThan(0);
        expect(JSON.stringify(answer)).not.toContain("123-45");
      }
      expect(JSON.stringify(await effectOf(gate))).not.toContain("123-45");
    });

    it("previews lines: what happens to each, by which rule, and where a rule leaves what another would hide", async () => {
      const gate = await start([ssn]);
      const body = {
        rules: [
          debug,
          shadow({ ...ssn, id: "shy" }),
          { id: "user", type: "redact", params: { pattern: "user=\\w+", replacement: "user=*" } },
        ],
        lines: ["DEBUG x", "user=ann 123-45-6789", "plain", ""],
      };
      const answer = await gate.ok("POST", "/rules/preview", body);
      const common = { changed_by: [], would_act: [], outputs: ["console"] };
      expect(answer.lines).toEqual([
        { line: 1, fate: "dropped", by: "drop_debug", ...common, outputs: [] },
        {
          line: 2,
          fate: "passed",
          ...common,
          changed_by: [{ rule: "user", replacements: 1 }],
          would_act: ["shy"],
          output: "user=* [ssn]",
          concealed: true,
        },
        { line: 3, fate: "passed", ...common, output: "plain" },
        { line: 4, fate: "empty", ...common, outputs: [] },
      ]);
      expect(answer.summary).toEqual({ records: 3, passed: 2, dropped: 1, withheld: 0, concealed: 1 });
      expect(answer.rules.drop_debug).toEqual({ dropped: 1, changed: 0, withheld: 0, would_act: 0 });
      // Without rules it is the draft's, and nothing has changed.
      expect((await gate.ok("POST", "/rules/preview", { lines: ["123-45-6789"] })).lines[0]).toMatchObject({
        output: "[ssn]",
      });
      expect(await gate.ok("GET", "/rules")).toHaveLength(1);
    });

    it("shows nothing that a detector finds, though no rule protects, and says that it is there", async () => {
      const gate = await start([]);
      const lines = ["mail ann.lee@example.com", '{"card":"4111 1111 1111 1111","n":1}', "nothing"];
      const answer = await gate.ok("POST", "/rules/preview", { rules: [], lines });
      expect(JSON.stringify(answer)).not.toMatch(/ann\.lee|4111/);
      expect(answer.lines.map(({ concealed }: { concealed?: boolean }) => concealed ?? false)).toEqual([
        true,
        true,
        false,
      ]);
      expect(answer.lines[2].output).toBe("nothing");
      expect(JSON.parse(answer.lines[1].output)).toMatchObject({ n: 1 });
      expect(answer.summary).toMatchObject({ passed: 3, concealed: 2 });
    });

    it("names in publish's answer what protects less, and writes it to the audit file", async () => {
      const rule = (id: string, more: object = {}) => ({ ...ssn, id, ...more });
      const gate = await start([
        rule("gone"),
        rule("off"),
        rule("shy"),
        rule("narrow"),
        rule("same"),
        { ...debug, protect: true },
      ]);
      await gate.ok("DELETE", "/rules/gone");
      await gate.ok("PUT", "/rules/off", rule("off", { enabled: false }));
      await gate.ok("PUT", "/rules/shy", shadow(rule("shy")));
      await gate.ok("PUT", "/rules/narrow", rule("narrow", { when: { value: "ssn" } }));
      await gate.ok("PUT", "/rules/drop_debug", debug);
      const { weakened } = await gate.publish();
      const expected = {
        gone: "deleted",
        off: "disabled",
        shy: "shadowed",
        narrow: "narrowed",
        drop_debug: "unprotected",
      };
      const told = weakened.map(({ rule, how }: { rule: string; how: string }) => [rule, how]);
      expect(Object.fromEntries(told)).toEqual(expected);
      const audit = readFileSync(join(gate.dataDir, "audit.jsonl"), "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      const written = audit.filter(({ action }) => action === "weaken");
      expect(Object.fromEntries(written.map(({ what }) => [what.rule, what.how]))).toEqual(expected);
      for (const entry of written)
        expect(entry).toMatchObject({
          time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
          who: { address: expect.stringMatching(/127\.0\.0\.1|::1/) },
          versions: { from: "1", to: "2" },
        });
      expect((await gate.publish()).weakened).toEqual([]);
    });

    it("has no effect before it runs, and none where there is no such rule", async () => {
      const gate = await start([{ ...debug, enabled: false }]);
      expect((await gate.api("GET", "/rules/drop_debug/effect")).status).toBe(409);
      expect((await gate.api("GET", "/rules/nope/effect")).status).toBe(404);
      expect((await gate.api("POST", "/rules/nope/promote")).status).toBe(404);
    });
  });
}
