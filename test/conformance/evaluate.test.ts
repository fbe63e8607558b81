/** What is told of single records: on each engine what became of them, by which rule, and what came out. */

import { describe, expect, it } from "vitest";
import { evaluate } from "../../src/data/engine/evaluate.ts";
import { readManifest } from "../../src/manifest/manifest.ts";
import { compilePlan } from "../../src/plan/compile.ts";
import type { Evaluation } from "../../src/plan/evaluation.ts";
import { engines } from "./engines.ts";

const dropDebug = { id: "drop_debug", type: "filter", params: { value: "DEBUG" } };
const redactSsn = {
  id: "ssn",
  type: "redact",
  params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "XXX-XX-XXXX" },
};
const redactUser = { id: "user", type: "redact", params: { pattern: "user=\\S+", replacement: "user=*" } };

for (const kind of engines()) {
  const tell = (rules: readonly object[], lines: readonly (string | Buffer)[], outputs: readonly object[] = []) => {
    const pipelines = [{ processors: rules, outputs }];
    const { manifest } = readManifest({ version: "1", pipelines }, (pattern) => kind.checkPattern(pattern));
    const [active] = manifest.pipelines;
    const records = lines.map((line) => ({ bytes: Buffer.from(line as string) }));
    return evaluate(kind, compilePlan(active.processors, active.outputs), records);
  };
  const texts = (evaluations: readonly Evaluation[]) => evaluations.map(({ output }) => output?.toString("latin1"));

  describe(`an evaluation on ${kind.name}`, () => {
    it("names the rule that drops a record, and the rules that changed it before", () => {
      const told = tell(
        [redactSsn, redactUser, dropDebug],
        ["INFO x", "DEBUG 123-45-6789 and 987-65-4321", "INFO user=ann 123-45-6789", "DEBUG"],
      );
      expect(told).toEqual([
        { fate: "passed", changes: [], output: Buffer.from("INFO x"), created: [], shadows: [] },
        { fate: "dropped", by: "drop_debug", changes: [{ rule: "ssn", replacements: 2 }], created: [], shadows: [] },
        {
          fate: "passed",
          changes: [
            { rule: "ssn", replacements: 1 },
            { rule: "user", replacements: 1 },
          ],
          output: Buffer.from("INFO user=* XXX-XX-XXXX"),
          created: [],
          shadows: [],
        },
        { fate: "dropped", by: "drop_debug", changes: [], created: [], shadows: [] },
      ]);
    });

    it("says of a record without bytes that it is none", () => {
      expect(tell([dropDebug], ["", "x"]).map(({ fate }) => fate)).toEqual(["empty", "passed"]);
    });

    it("takes every byte as the record's: line ends, NUL and broken UTF-8", () => {
      const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      const [told] = tell([redactSsn], [Buffer.concat([every, Buffer.from("\n123-45-6789\r\n")])]);
      expect(told!.output!.equals(Buffer.concat([every, Buffer.from("\nXXX-XX-XXXX\r\n")]))).toBe(true);
    });

    it("takes a record that is larger than a batch", () => {
      const line = `${"x".repeat(3_000_000)} 123-45-6789`;
      expect(texts(tell([redactSsn], [line, "y"]))).toEqual([`${"x".repeat(3_000_000)} XXX-XX-XXXX`, "y"]);
    });

    it("tells which outputs get a record, and its text also where none does", () => {
      const outputs = [
        { type: "http", url: "http://a", id: "errors", filter: { severity: { at_least: "ERROR" } } },
        { type: "http", url: "http://b", id: "payments", filter: { value: "payment" } },
      ];
      const told = tell([redactSsn], ["ERROR payment", "INFO payment", "INFO 123-45-6789"], outputs);
      expect(told.map(({ outputs }) => outputs)).toEqual([[0, 1], [1], []]);
      expect(texts(told)).toEqual(["ERROR payment", "INFO payment", "INFO XXX-XX-XXXX"]);
      expect(tell([], ["x"], [])[0]!.outputs).toBeUndefined();
    });

    it("obeys rules that name outputs", () => {
      const outputs = [
        { type: "http", url: "http://a", id: "a" },
        { type: "http", url: "http://b", id: "b", filter: { value: "b" } },
      ];
      const route = { id: "to_b", type: "route", when: { value: "pay" }, params: { outputs: ["b"] } };
      const told = tell([route], ["pay b", "pay", "b", "x"], outputs);
      expect(told.map(({ outputs }) => outputs)).toEqual([[1], [], [0, 1], [0]]);
      expect(texts(told)).toEqual(["pay b", "pay", "b", "x"]);
    });

    it("names the rules in shadow that would have acted, and lets the record go on", () => {
      const shadow = (rule: object) => ({ ...rule, mode: "shadow" });
      const told = tell([shadow(redactSsn), shadow(dropDebug), redactUser], ["DEBUG 123-45-6789", "user=a", "DEBUG"]);
      expect(told.map(({ fate, shadows }) => [fate, shadows])).toEqual([
        ["passed", ["ssn", "drop_debug"]],
        ["passed", []],
        ["passed", ["drop_debug"]],
      ]);
      expect(texts(told)).toEqual(["DEBUG 123-45-6789", "user=*", "DEBUG"]);
    });

    it("names the rule that could not finish a record, and why", () => {
      // 2^30 ÷ 32,768 bytes allow 32,768 matches.
      const rule = { id: "greedy", type: "redact", params: { pattern: "a*", replacement: "b" } };
      const [told] = tell([redactUser, rule], ["user=1 ".padEnd(40_000, "c")]);
      expect(told).toEqual({
        fate: "withheld",
        by: "greedy",
        cause: "match_limit",
        changes: [{ rule: "user", replacements: 1 }],
        created: [],
        shadows: [],
      });
    });
  });
}
