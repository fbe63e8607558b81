/**
 * Filters of outputs on every engine: which outputs a record's route bits name, which records are not kept at all, what is counted, and a
 * differential fuzz of conditions over lines.
 *
 *     FUZZ_SEED=… FUZZ_CASES=… npx vitest run test/conformance/routes.test.ts
 */

import { describe, expect, it } from "vitest";
import { readCondition } from "../../src/conditions/index.ts";
import { Batch } from "../../src/data/engine/batch.ts";
import {
  countCell,
  countCellsFixed,
  countCellsOf,
  countCellsPerRoute,
  countCellsPerRule,
  routeCell,
  runResult,
} from "../../src/data/engine/layout.ts";
import { createRingMemory } from "../../src/data/ring/layout.ts";
import { StreamGateError } from "../../src/errors.ts";
import type { OutputConfig } from "../../src/outputs/index.ts";
import { compilePlan } from "../../src/plan/compile.ts";
import type { Plan } from "../../src/plan/operations.ts";
import type { Rule } from "../../src/rules/rule.ts";
import { Collector, engines, framerOf, nativeEngine, type Run, run, skipNote } from "./engines.ts";

const checkPattern = (pattern: string) => engines()[0]!.checkPattern(pattern);

/** An output for each filter, in order; undefined: it has none. */
function planOf(filters: readonly (object | undefined)[], rules: readonly Rule[] = []): Plan {
  const outputs = filters.map(
    (filter): OutputConfig => ({
      type: "console",
      ...(filter !== undefined && { filter: readCondition(filter, "filter", checkPattern) }),
    }),
  );
  return compilePlan(rules, outputs);
}

const redact: Rule = { id: "mask", type: "redact", params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "***" } };
const drop: Rule = { id: "drop", type: "filter", params: { value: "DROP" } };

const lines = (records: readonly string[]) => Buffer.from(records.map((record) => `${record}\n`).join(""));

/** Numbers of the outputs, of the first `outputs`, that each record goes to. */
function outputsOf({ records, routes }: Run, outputs: number): [string, number[]][] {
  return records.map((record, index) => [
    String(record),
    Array.from({ length: outputs }, (_, output) => output).filter((output) => (routes[index]! >> BigInt(output)) & 1n),
  ]);
}

/** For each output, in records and bytes as written: passed = filtered + routed. */
function expectBalance(plan: Plan, { records, routes, counts }: Run): void {
  expect(counts[countCell.receivedRecords]).toBeGreaterThanOrEqual(counts[countCell.passedRecords]!);
  for (const [index, { output }] of (plan.routes ?? []).entries()) {
    const routed = records.filter((_, i) => (routes[i]! >> BigInt(output)) & 1n);
    const cells = countCellsFixed + plan.rules.length * countCellsPerRule + index * countCellsPerRoute;
    expect(counts[cells + routeCell.filteredRecords]! + routed.length).toBe(counts[countCell.passedRecords]);
    const bytes = routed.reduce((sum, { length }) => sum + length, 0);
    expect(counts[cells + routeCell.filteredBytes]! + bytes).toBe(counts[countCell.writtenBytes]);
  }
}

interface Question {
  readonly condition: object;
  readonly yes: readonly string[];
  readonly no: readonly string[];
}

const questions: Record<string, Question> = {
  "a text, byte for byte": { condition: { value: "Ab." }, yes: ["Ab.", "xAb.y"], no: ["ab.", "Ab", "Abx"] },
  "a text in any case": {
    condition: { value: "Ab.é", ignore_case: true },
    yes: ["aB.É", "xAB.éy"],
    no: ["abxé", "ab.e"],
  },
  "one of several texts": { condition: { values: ["a", "b"] }, yes: ["xa", "b"], no: ["c", "A"] },
  "a pattern": { condition: { pattern: "^GET /(a|b)$" }, yes: ["GET /a"], no: ["GET /c", " GET /a"] },
  "a pattern in any case": {
    condition: { pattern: "^get|put", ignore_case: true },
    yes: ["GET", "xPUT"],
    no: ["xGET"],
  },
  "a window of digits": {
    condition: { pattern: "\\b\\d{3}-\\d{2}-\\d{4}\\b" },
    yes: ["a 123-45-6789"],
    no: ["1234-45-6789"],
  },
  "all of them": { condition: { all: [{ value: "a" }, { value: "b" }] }, yes: ["ab", "ba"], no: ["a", "b", "c"] },
  "any of them": { condition: { any: [{ value: "a" }, { pattern: "^b" }] }, yes: ["a", "b"], no: ["cb"] },
  "not that": { condition: { not: { any: [{ value: "a" }, { value: "b" }] } }, yes: ["c"], no: ["a", "b"] },
  "a field's equality": {
    condition: { field: "service.name", equals: "x" },
    yes: [
      '{"service.name":"x"}',
      '{"service":{"name":"x"}}',
      '{"attributes":[{"key":"service.name","value":{"stringValue":"x"}}]}',
    ],
    no: ['{"service.name":"xx"}', '{"service.name":"X"}', "service.name=x", "{}", '{"service.name":["x"]}'],
  },
  "a field's equality in any case": {
    condition: { field: "a", equals: "x.é", ignore_case: true },
    yes: ['{"a":"X.É"}', '{"a":"x.\\u00e9"}'],
    no: ['{"a":"xxé"}', '{"a":"x.éé"}', '{"a":"x.é\\n"}'],
  },
  "a field that is another": {
    condition: { field: "a", not_equals: "x" },
    yes: ['{"a":"y"}', '{"a":1}', '{"a":null}', '{"a":{}}', '{"a":["x"]}'],
    no: ['{"a":"x"}', '{"b":"y"}', "y", '{"a":"y"'],
  },
  "a field that is another in any case": {
    condition: { field: "a", not_equals: "x", ignore_case: true },
    yes: ['{"a":"y"}', '{"a":{}}'],
    no: ['{"a":"X"}', '{"b":"y"}'],
  },
  "what a field contains": {
    condition: { path: "a/b", contains: "x" },
    yes: ['{"a":{"b":"1x1"}}'],
    no: ['{"a":{"b":"1"}}', '{"b":"x"}'],
  },
  "how a field starts": {
    condition: { field: "a", starts_with: "x/" },
    yes: ['{"a":"x/y"}', '{"a":"x/"}', '{"a":"x\\/y"}'],
    no: ['{"a":"x"}', '{"a":" x/"}', '{"a":"X/"}'],
  },
  "how a field ends": {
    condition: { field: "a", ends_with: "é" },
    yes: ['{"a":"é"}', '{"a":"x\\u00e9"}'],
    no: ['{"a":"éx"}', '{"a":""}'],
  },
  "how a field ends in any case": {
    condition: { field: "a", ends_with: "B", ignore_case: true },
    yes: ['{"a":"ab"}'],
    no: ['{"a":"ba"}'],
  },
  "a pattern in a field": {
    condition: { field: "a", regex: "^\\d+$" },
    yes: ['{"a":"12"}', '{"a":12}'],
    no: ['{"a":"1x"}'],
  },
  "that a field is there": {
    condition: { field: "a", exists: true },
    yes: ['{"a":null}', '{"a":{"b":1}}', '{"a":[]}', '{"attributes":{"a":0}}'],
    no: ['{"b":1}', "a", '{"a":1'],
  },
  "that a field is not there": {
    condition: { field: "a", exists: false },
    yes: ['{"b":1}', "a"],
    no: ['{"a":null}', '{"a":{}}'],
  },
  "more than a number": {
    condition: { field: "a", gt: 499.5 },
    yes: ['{"a":500}', '{"a":"500"}', '{"a":5e2}', '{"a":499.50000001}', '{"a":1e99}', `{"a":1${"0".repeat(63)}}`],
    no: [
      '{"a":499.5}',
      '{"a":-500}',
      '{"a":"x"}',
      '{"a":" 500"}',
      '{"a":"0x1F5"}',
      '{"a":"0500"}',
      '{"a":null}',
      '{"a":1e100}',
      `{"a":1${"0".repeat(64)}}`,
      '{"a":"Infinity"}',
      '{"a":".6e3"}',
    ],
  },
  "less than a number": {
    condition: { field: "a", lt: 0 },
    yes: ['{"a":-1}', '{"a":-1e-98}'],
    no: ['{"a":-0}', '{"a":0}', '{"a":""}', '{"a":"-"}'],
  },
  "one of several values": {
    condition: { field: "a", in: ["x", 1, true, "y\n"] },
    yes: ['{"a":"x"}', '{"a":1}', '{"a":"1"}', '{"a":true}', '{"a":"y\\n"}'],
    no: ['{"a":"X"}', '{"a":1.0}', '{"a":null}'],
  },
  "a severity": {
    condition: { severity: { at_least: "ERROR" } },
    yes: ["ERROR failed to leave DEBUG mode", '{"level":60}', "<11>x"],
    no: ["WARN x", "DEBUG ERROR", "x", '{"level":40}'],
  },
};

for (const engine of engines()) {
  describe(`a filter on ${engine.name}`, () => {
    it.each(Object.entries(questions))("asks for %s", (_name, { condition, yes, no }) => {
      // An output that takes everything keeps those for which the filter does not hold.
      const plan = planOf([condition, undefined]);
      const result = run(engine, plan, lines([...yes, ...no]));
      expect(outputsOf(result, 2)).toEqual([...yes.map((one) => [one, [0, 1]]), ...no.map((one) => [one, [1]])]);
      expectBalance(plan, result);
    });

    it("looks at a record as the rules leave it", () => {
      const plan = planOf([{ value: "123-45-6789" }, { value: "***" }, undefined], [redact, drop]);
      const result = run(engine, plan, lines(["a 123-45-6789", "b", "DROP ***", "c ***"]));
      expect(outputsOf(result, 3)).toEqual([
        ["a ***", [1, 2]],
        ["b", [2]],
        ["c ***", [1, 2]],
      ]);
      expectBalance(plan, result);
      expect(result.counts[countCell.passedRecords]).toBe(3);
    });

    it("does not keep a record that no output gets, and counts it", () => {
      const plan = planOf([{ value: "a" }, { value: "b" }]);
      const result = run(engine, plan, lines(["a", "ccc", "b", "cc", "ab"]));
      expect(outputsOf(result, 2)).toEqual([
        ["a", [0]],
        ["b", [1]],
        ["ab", [0, 1]],
      ]);
      expectBalance(plan, result);
      expect(result.counts[countCell.passedRecords]).toBe(5);
      expect(result.counts[countCell.passedBytes]).toBe(9);
      expect(result.counts[countCell.writtenBytes]).toBe(9);
    });

    it("routes to all 64 outputs, and leaves the bits of outputs without a filter", () => {
      const filters = Array.from({ length: 64 }, (_, output) =>
        output % 2 === 0 ? { value: `<${output}>` } : undefined,
      );
      const plan = planOf(filters);
      const result = run(engine, plan, lines(["<0><62>", "<30><32>", "x"]));
      const odd = filters.flatMap((filter, output) => (filter === undefined ? [output] : []));
      expect(outputsOf(result, 64)).toEqual([
        ["<0><62>", [0, ...odd, 62].toSorted((a, b) => a - b)],
        ["<30><32>", [30, 32, ...odd].toSorted((a, b) => a - b)],
        ["x", odd],
      ]);
      expectBalance(plan, result);
    });

    it("asks as many questions as conditions may, for every output", () => {
      const filters = Array.from({ length: 64 }, (_, output) => ({
        values: Array.from({ length: 100 }, (_, text) => `<${output}.${text}>`),
      }));
      const plan = planOf(filters);
      const result = run(engine, plan, lines(["<0.0>", "<63.99> <7.42>", "<64.0> <0.100>", "x<31.1"]));
      expect(outputsOf(result, 64)).toEqual([
        ["<0.0>", [0]],
        ["<63.99> <7.42>", [7, 63]],
      ]);
      expectBalance(plan, result);
    });

    it("answers alike however the stream is cut, and however small its batches are", () => {
      const plan = planOf([{ value: "a" }, { severity: { at_least: "ERROR" } }, { not: { pattern: "\\d" } }], [redact]);
      const input = lines(
        Array.from(
          { length: 200 },
          (_, i) => `${["a", "ERROR", "b 123-45-6789", "7", "aERROR", ""][i % 6]} ${"x".repeat(i % 9)}`,
        ),
      );
      const whole = run(engine, plan, input);
      expectBalance(plan, whole);
      for (const chunks of [Array(input.length).fill(1), Array(300).fill(7), [1, 100, 3]])
        for (const batchRecords of [1, 3, 256]) {
          const cut = run(engine, plan, input, { chunks, batchRecords, batchBytes: 24 });
          expect(cut.records).toEqual(whole.records);
          expect(cut.routes).toEqual(whole.routes);
          expect(cut.counts).toEqual(whole.counts);
        }
    });

    it("answers alike for blocks from a ring", () => {
      const plan = planOf([{ value: "a" }, { value: "b" }], [redact]);
      const input = lines(["a 123-45-6789", "c", "b", "123-45-6789", "ab", "cccc"]);
      const wanted = run(engine, plan, input);
      const ring = engine.openRing(createRingMemory(1 << 16, 16), 0);
      const framer = framerOf(engine, { kind: "newline" });
      expect(ring.pushChunk(framer, input, 0, 0)).toBe(input.length);
      const prepared = engine.prepare(plan);
      const counts = new Float64Array(countCellsOf(plan));
      const worker = engine.createEngine();
      worker.use(prepared, counts);
      const out = new Collector(2, 16);
      worker.attach(out.batch);
      for (;;) {
        const answer = worker.runBlock(ring);
        if (answer === runResult.empty) break;
        if (answer !== runResult.batchFull) continue;
        out.take(worker.needBytes);
        worker.attach(out.batch);
      }
      out.take(0);
      expect(out.records).toEqual(wanted.records);
      expect(out.routes).toEqual(wanted.routes);
      expect(counts).toEqual(wanted.counts);
      worker.close();
    });

    it("goes with its plan: the next plan without filters gives every output every record again", () => {
      const worker = engine.createEngine();
      const batch = new Batch(8, 64);
      const framer = framerOf(engine, { kind: "newline" });
      for (const [plan, kept] of [
        [planOf([{ value: "a" }]), 1],
        [planOf([undefined]), 3],
        [planOf([{ value: "b" }]), 4],
      ] as const) {
        worker.use(engine.prepare(plan), new Float64Array(countCellsOf(plan)));
        worker.attach(batch);
        worker.runChunk(framer, lines(["a", "b"]), 0, 0);
        expect(batch.records).toBe(kept);
      }
      worker.close();
    });

    it("needs cells for its counts", () => {
      const plan = planOf([{ value: "a" }]);
      const worker = engine.createEngine();
      expect(() => worker.use(engine.prepare(plan), new Float64Array(countCellsOf(plan) - 1))).toThrow(StreamGateError);
      worker.close();
    });

    it("is refused by the engine too when RE2 does not take its pattern", () => {
      const plan: Plan = {
        rules: [],
        operations: [],
        outputs: 3,
        routes: [{ output: 2, condition: { kind: "not", of: { kind: "pattern", pattern: Buffer.from("[a") } } }],
      };
      let thrown: unknown;
      try {
        engine.prepare(plan);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({
        code: "SG_CONDITION",
        where: "outputs[2] filter",
        what: "RE2 refuses it: missing ]: [a",
      });
    });
  });
}

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const cases = Number(process.env.FUZZ_CASES ?? 750);

/** Random numbers from a seed: mulberry32. */
function random(from: number): (limit: number) => number {
  let state = from >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

const words = [
  "a",
  "B",
  "é",
  "ß",
  "K",
  "7",
  ".",
  " ",
  "DEBUG",
  "ERROR ",
  "error",
  "x=1",
  "\t",
  "123-45-6789",
  "[info] ",
  "<11>",
];
const jsonValues = [
  '"a"',
  '"\\u00e9"',
  '"Ab"',
  "7",
  "7.5",
  "-1e3",
  "true",
  "null",
  "{}",
  '["a"]',
  '"error"',
  '"x\\ny"',
  "50",
  '{"name":"a"}',
  "7e400",
];
const patterns = [
  "a|b",
  "\\d{3}-\\d{2}",
  "^[^a]",
  "\\bé",
  ".",
  "(?i)k",
  "a$",
  "[[:upper:]]{2}",
  "\\pL+",
  "x?",
  "\\D\\d",
];
const syslogHeads = [
  ...[
    "<11>",
    "<34>Oct 11 22:14:15 a b[7]: ",
    "<34>1 2003-10-11T22:14:15Z a b 7 - - ",
    '<34>1 - ab - 7.5 - [a b="a\\"\\]é"] ',
  ],
  ...['<34>1 - a - - - [a b=""][a ', "<34>Oct 11 22:14:15 b: @cee: "],
];
const jsonKeys = ["a", "b", "level", "severity", "log", "attributes", "severityNumber", "status", "a.b"];

function condition(below: (limit: number) => number, depth: number): object {
  const one = <T>(list: readonly T[]) => list[below(list.length)]!;
  const text = () => one(words) + one(["", "", ...words]);
  const parts = () => Array.from({ length: 1 + below(3) }, () => condition(below, depth - 1));
  const fold = below(3) === 0 ? { ignore_case: true } : {};
  const about = one([
    { field: one(["a", "b", "a.b", "log.level"]) },
    { path: one(["a", "a/b", "b", "attributes/a"]) },
    { field: `syslog.${one(["host", "app", "procid", "time", "message", "sd.a.b", "sd"])}` },
  ]);
  switch (below(depth > 0 ? 16 : 12)) {
    case 0:
      return { value: text(), ...fold };
    case 1:
      return { values: [text(), text()], ...fold };
    case 2:
      return { pattern: one(patterns), ...fold };
    case 3:
      return { patterns: [one(patterns), one(patterns)], ...fold };
    case 4:
      return { severity: { at_least: one(["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]) } };
    case 5:
      return { ...about, [one(["equals", "not_equals"])]: one(["a", "é", "ab", 7, true, "", "x\ny"]), ...fold };
    case 6:
      return { ...about, in: ["a", one(["é", "b"]), 7.5], ...fold };
    case 7:
      return { ...about, [one(["contains", "starts_with", "ends_with"])]: one(["a", "é", "b", "7", "\n"]), ...fold };
    case 8:
      return { ...about, regex: one(patterns), ...fold };
    case 9:
      return { ...about, exists: below(2) === 0 };
    case 10:
    case 11:
      return { ...about, [one(["gt", "lt"])]: one([7, 7.25, -1e3, 0, 1e-7]) };
    case 12:
      return { all: parts() };
    case 13:
      return { any: parts() };
    default:
      return { not: condition(below, depth - 1) };
  }
}

function line(below: (limit: number) => number): Buffer {
  const one = <T>(list: readonly T[]) => list[below(list.length)]!;
  const object = (depth: number): string =>
    `{${Array.from({ length: below(4) }, () => `"${one(jsonKeys)}":${depth > 0 && below(3) === 0 ? object(depth - 1) : one(jsonValues)}`).join(",")}${below(20) === 0 ? "," : ""}}`;
  const head = below(3) === 0 ? one(syslogHeads) : "";
  const text = head + (below(2) === 0 ? object(2) : Array.from({ length: below(6) }, () => one(words)).join(""));
  const bytes = Buffer.from(text);
  if (below(12) === 0 && bytes.length > 0) bytes[below(bytes.length)] = one([0xff, 0xc3, 0x80, 0x00]);
  return bytes;
}

describe("filters on both engines", () => {
  const native = nativeEngine();
  const portable = engines().find(({ name }) => name === "portable")!;

  it.skipIf(native === undefined)(
    `agree on ${cases} random cases, with prefilters and without${skipNote}`,
    { timeout: Math.max(60_000, cases * 60) },
    () => {
      let routed = 0;
      let filtered = 0;
      for (let i = 0; i < cases; i++) {
        const below = random(seed + i);
        const filters = Array.from({ length: 1 + below(4) }, () => (below(4) === 0 ? undefined : condition(below, 3)));
        const rules = [redact, drop, { ...redact, id: "a", params: { pattern: "a", replacement: "é7" } }].filter(
          () => below(3) === 0,
        );
        const plan = planOf(filters, rules);
        const input = Buffer.concat(
          Array.from({ length: below(12) }, () => line(below)).flatMap((one) => [one, Buffer.from("\n")]),
        );
        const note = `FUZZ_SEED=${seed + i} FUZZ_CASES=1: ${JSON.stringify(filters)} ${JSON.stringify(input.toString("latin1"))}`;
        const options = {
          chunks: Array.from({ length: below(6) }, () => 1 + below(40)),
          batchRecords: 1 + below(8),
          batchBytes: 16 + below(200),
        };
        const a = run(native!, plan, input, options);
        const b = run(portable, plan, input, options);
        expect(shown(a), note).toEqual(shown(b));
        expectBalance(plan, a);
        process.env.STREAMGATE_PREFILTER = "off";
        try {
          expect(shown(run(native!, plan, input, options)), note).toEqual(shown(a));
        } finally {
          delete process.env.STREAMGATE_PREFILTER;
        }
        if (plan.routes !== undefined) {
          const first = countCellsFixed + plan.rules.length * countCellsPerRule;
          filtered += a.counts[first]! > 0 ? 1 : 0;
          routed += a.counts[first]! < a.counts[countCell.passedRecords]! ? 1 : 0;
        }
      }
      // A fuzzer whose filters never hold, or always, proves nothing.
      if (cases >= 1000) {
        expect(routed).toBeGreaterThan(cases / 5);
        expect(filtered).toBeGreaterThan(cases / 5);
      }
    },
  );
});

function shown({ records, routes, batches, counts }: Run) {
  return {
    records: records.map((record) => record.toString("latin1")),
    routes: routes.map(String),
    memory: batches.map((memory) => memory.toString("latin1")),
    counts: [...counts],
  };
}
