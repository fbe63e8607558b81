/**
 * What every rule may have, on every engine: `when`, `mode: shadow` and what it foresees, `route`, and `filter` in all its forms; then a
 * differential fuzz of whole rules over lines.
 *
 *     FUZZ_SEED=… FUZZ_CASES=… FUZZ_LINES=… npx vitest run test/conformance/rules.test.ts -t "random cases"
 *
 * A case is a plan of one to four rules of any kind and 1 to FUZZ_LINES (16) lines for it. A failure names the seed that makes it alone.
 */

import { describe, expect, it } from "vitest";
import { Batch } from "../../src/data/engine/batch.ts";
import type { EngineKind, RuleEffect } from "../../src/data/engine/engine.ts";
import {
  countCell,
  countCellsFixed,
  countCellsOf,
  countCellsPerRule,
  effectExamplesMax,
  effectServicesMax,
  frameCells,
  ruleCell,
} from "../../src/data/engine/layout.ts";
import type { Source } from "../../src/data/frame/source.ts";
import { detectors } from "../../src/detectors/index.ts";
import { readManifest } from "../../src/manifest/manifest.ts";
import { compilePlan } from "../../src/plan/compile.ts";
import { type Plan, severity } from "../../src/plan/operations.ts";
import { resolveRuleKeys } from "../../src/rules/secrets_of_rules.ts";
import { random } from "../fixtures/random.ts";
import { Collector, engines, nativeEngine, plainEffects, skipNote } from "./engines.ts";
import { testKey } from "./redacting.ts";

const checkPattern = (pattern: string) => engines()[0]!.checkPattern(pattern);

/** Rules and outputs as a user writes them, as a plan. */
function planOf(processors: readonly object[], outputs: readonly object[] = []): Plan {
  const given = processors.map((rule, index) => ({ id: `r${index}`, ...rule }));
  const { manifest } = readManifest({ pipelines: [{ processors: given, outputs }] }, checkPattern);
  const { processors: rules, outputs: routed } = manifest.pipelines[0];
  return compilePlan(resolveRuleKeys(rules, { env: () => testKey, file: () => testKey }), routed);
}

interface Ran {
  readonly records: string[];
  readonly routes: bigint[];
  readonly effects: readonly RuleEffect[];
  cell(rule: number, cell: keyof typeof ruleCell): number;
  readonly counts: Float64Array;
}

interface From {
  readonly source?: Source;
  readonly receivedAtMs?: number;
  readonly batchRecords?: number;
}

function ran(kind: EngineKind, plan: Plan, lines: readonly string[], from: From = {}): Ran {
  const { source = { transport: "tcp" }, receivedAtMs = 0, batchRecords = 100 } = from;
  const counts = new Float64Array(countCellsOf(plan));
  const engine = kind.createEngine();
  const prepared = kind.prepare(plan);
  engine.use(prepared, counts);
  const out = new Collector(batchRecords, 1 << 20);
  engine.attach(out.batch);
  const framer = kind.createFramer({ kind: "newline" }, 1 << 20, source, new Float64Array(frameCells));
  const input = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  for (let at = 0; at < input.length; ) {
    at = engine.runChunk(framer, input, at, receivedAtMs);
    if (at === input.length) break;
    out.take(engine.needBytes);
    engine.attach(out.batch);
  }
  out.take(0);
  const effects = engine.effects();
  engine.close();
  framer.close();
  prepared.close();
  return {
    records: out.records.map(String),
    routes: out.routes,
    effects,
    counts,
    cell: (rule, cell) => counts[countCellsFixed + rule * countCellsPerRule + ruleCell[cell]]!,
  };
}

const drop = (value: string, rest: object = {}) => ({ type: "filter", params: { value }, ...rest });

for (const kind of engines()) {
  it(`${kind.name} meets rules in their order, whatever finds what they look for`, () => {
    const redact = (params: object) => ({ type: "redact", params });
    const line = "card 4111111111111111 of ada@example.com";
    const detectors = redact({ detectors: ["credit_card", "email"] });
    expect(ran(kind, planOf([detectors, drop("4111")]), [line]).records).toEqual(["card [credit_card] of [email]"]);
    expect(ran(kind, planOf([drop("4111"), detectors]), [line]).records).toEqual([]);
    expect(ran(kind, planOf([detectors, drop("[email]")]), [line, "x"]).records).toEqual(["x"]);
    // What the first has changed is looked at again; the last finds nothing any more.
    const rules = [redact({ pattern: "of", replacement: "for" }), redact({ detector: "all" }), detectors];
    const { records, cell } = ran(kind, planOf(rules), [line, "tel +1 212 555 0187 of b"]);
    expect(records).toEqual(["card [credit_card] for [email]", "tel [us_phone] for b"]);
    expect([0, 1, 2].map((rule) => cell(rule, "changedRecords"))).toEqual([2, 2, 0]);
    // One that no scan can look for, among those that are in the index.
    const unindexed = redact({ pattern: "\\S+ (\\S+)$", replacement: "\\1", scope: "record" });
    expect(ran(kind, planOf([unindexed, detectors]), [line]).records).toEqual(["card [credit_card] [email]"]);
  });

  describe(`filter on ${kind.name}`, () => {
    const lines = [
      "DEBUG a",
      "debug b",
      '{"level":"info","code":200,"service":"pay"}',
      '{"level":"error","code":503,"service":"pay"}',
      "plain",
    ];
    it.each<[object, readonly number[]]>([
      [{ value: "DEBUG" }, [0]],
      [{ value: "debug", ignore_case: true }, [0, 1]],
      [{ values: ["plain", "DEBUG"] }, [0, 4]],
      [{ pattern: "^.{5}$" }, [4]],
      [{ patterns: ["^d", "n$"] }, [1, 4]],
      [{ field: "code", gt: 499 }, [3]],
      [{ field: "code", lt: 499 }, [2]],
      [{ field: "code", in: [200, 503] }, [2, 3]],
      [{ field: "service", equals: "PAY", ignore_case: true }, [2, 3]],
      [{ field: "level", not_equals: "info" }, [3]],
      [{ field: "level", starts_with: "err" }, [3]],
      [{ field: "level", ends_with: "fo" }, [2]],
      [{ field: "level", regex: "^(info|warn)$" }, [2]],
      [{ field: "code", exists: false }, [0, 1, 4]],
      [{ severity: { at_least: "ERROR" } }, [3]],
      [{ all: [{ field: "service", equals: "pay" }, { not: { severity: { at_least: "WARN" } } }] }, [2]],
      [{ any: [{ value: "plain" }, { field: "code", gt: 499 }] }, [3, 4]],
    ])("drops and keeps by %j", (condition, held) => {
      const dropped = ran(kind, planOf([{ type: "filter", params: condition }]), lines);
      expect(dropped.records).toEqual(lines.filter((_, index) => !held.includes(index)));
      expect(dropped.cell(0, "droppedRecords")).toBe(held.length);
      const kept = ran(kind, planOf([{ type: "filter", params: { ...condition, action: "keep" } }]), lines);
      expect(kept.records).toEqual(lines.filter((_, index) => held.includes(index)));
    });
  });

  describe(`when on ${kind.name}`, () => {
    it("keeps a rule of every kind from records for which it does not hold", () => {
      const when = { value: "yes" };
      const rules = [
        drop("literal", { when }),
        { type: "filter", params: { pattern: "pat+ern" }, when },
        { type: "attribute_filter", params: { attribute: "a", value: "1" }, when },
        { type: "redact", params: { pattern: "\\d{3}", replacement: "*" }, when },
      ];
      const lines = ["literal", "pattern", '{"a":1}', "123"];
      expect(ran(kind, planOf(rules), lines).records).toEqual(lines);
      expect(
        ran(
          kind,
          planOf(rules),
          lines.map((line) => line.replace(/}?$/, (end) => (end === "" ? " yes" : ',"b":"yes"}'))),
        ).records,
      ).toEqual(["* yes"]);
    });

    it("is asked about the record as the rules before have left it", () => {
      const rules = [
        { type: "redact", params: { pattern: "secret", replacement: "gone" } },
        drop("x", { when: { value: "gone" } }),
        drop("x", { when: { value: "secret" } }),
      ];
      const { records, cell } = ran(kind, planOf(rules), ["secret x", "y x"]);
      expect(records).toEqual(["y x"]);
      expect([cell(1, "droppedRecords"), cell(2, "droppedRecords")]).toEqual([1, 0]);
    });

    it.each<[object, From, boolean]>([
      [{ source: ["10.0.0.0/8"] }, { source: { transport: "tcp", address: "10.255.0.1" } }, true],
      [{ source: ["10.0.0.0/8"] }, { source: { transport: "tcp", address: "11.0.0.1" } }, false],
      [{ source: ["10.64.0.0/10"] }, { source: { transport: "tcp", address: "10.127.255.255" } }, true],
      [{ source: ["10.64.0.0/10"] }, { source: { transport: "tcp", address: "10.128.0.0" } }, false],
      [{ source: ["192.0.2.7"] }, { source: { transport: "tcp", address: "::ffff:192.0.2.7" } }, true],
      [{ source: ["192.0.2.7", "2001:db8::/33"] }, { source: { transport: "tcp", address: "2001:db8:7fff::1" } }, true],
      [{ source: ["2001:db8::/33"] }, { source: { transport: "tcp", address: "2001:db8:8000::1" } }, false],
      [{ source: ["::/0"] }, { source: { transport: "tcp", address: "192.0.2.7" } }, false],
      [{ source: ["0.0.0.0/0"] }, { source: { transport: "tcp" } }, false],
      [{ not: { source: ["0.0.0.0/0"] } }, { source: { transport: "tcp" } }, false],
      [{ transport: "udp" }, { source: { transport: "udp" } }, true],
      [{ transport: "udp" }, { source: { transport: "tcp" } }, false],
      [{ transport: "tls" }, { source: { transport: "tls" } }, true],
      [{ transport: "tls" }, { source: { transport: "tcp" } }, false],
      [{ transport: "tcp" }, { source: { transport: "tls" } }, false],
      [{ transport: "stdin" }, { source: { transport: "tls" } }, false],
      [{ not: { transport: "udp" } }, { source: { transport: "stdin" } }, true],
      [{ not: { transport: "udp" } }, { source: { transport: "unknown" } }, false],
      [{ time_share: { share: 0.25, period_s: 60 } }, { receivedAtMs: 60_000 * 1e7 + 14_999.9 }, true],
      [{ time_share: { share: 0.25, period_s: 60 } }, { receivedAtMs: 60_000 * 1e7 + 15_000 }, false],
      [{ time_share: { share: 1 } }, { receivedAtMs: 3_599_999 }, true],
      [{ time_share: { share: 0 } }, { receivedAtMs: 3_600_000 }, false],
    ])("%j from %j: %s", (when, from, holds) => {
      expect(ran(kind, planOf([drop("x", { when })]), ["x"], from).records).toEqual(holds ? [] : ["x"]);
    });

    it("is careful where a rule protects and nobody knows where the record came from", () => {
      const from: From = { source: { transport: "unknown" } };
      for (const when of [{ source: ["10.0.0.0/8"] }, { not: { source: ["10.0.0.0/8"] } }, { transport: "udp" }]) {
        const redact = { type: "redact", params: { pattern: "\\d+", replacement: "*" }, when };
        expect(ran(kind, planOf([redact]), ["ssn 1"], from).records).toEqual(["ssn *"]);
        expect(ran(kind, planOf([drop("x", { when, protect: true })]), ["x"], from).records).toEqual([]);
        expect(ran(kind, planOf([drop("x", { when })]), ["x"], from).records).toEqual(["x"]);
      }
    });
  });

  describe(`route on ${kind.name}`, () => {
    const outputs = [
      { type: "console", id: "all" },
      { type: "http", url: "http://a/", id: "a", filter: { value: "a" } },
      { type: "http", url: "http://b/", id: "b" },
    ];
    it("sends records to the outputs that the last route names, and books what the others did not get", () => {
      const plan = planOf(
        [
          { type: "route", params: { outputs: ["b"] }, when: { value: "a" } },
          { type: "route", params: { outputs: ["a", "all"] }, when: { value: "aa" } },
          { type: "route", params: { outputs: [] }, when: { value: "nowhere" } },
        ],
        outputs,
      );
      const { records, routes, counts } = ran(kind, plan, ["x", "a", "aa", "nowhere", "y"]);
      expect(records).toEqual(["x", "a", "aa", "y"]);
      expect(routes.map((bits) => Number(bits & 7n))).toEqual([0b101, 0b100, 0b011, 0b101]);
      expect(counts[countCell.passedRecords]).toBe(5);
      const filtered = [0, 1, 2].map((output) => counts[countCellsFixed + 3 * countCellsPerRule + 2 * output]);
      expect(filtered).toEqual([2, 4, 2]);
    });

    it("is forgotten by a plan without routes, also when the last record was dropped behind one", () => {
      const routed = planOf([{ type: "route", params: { outputs: ["b"] } }, drop("x")], outputs);
      const plain = planOf([], outputs);
      const engine = kind.createEngine();
      const framer = kind.createFramer({ kind: "newline" }, 1024, { transport: "tcp" }, new Float64Array(frameCells));
      const out = new Collector(100, 10_000);
      engine.attach(out.batch);
      for (const [plan, text] of [
        [routed, "x\n"],
        [plain, "y\n"],
      ] as const) {
        engine.use(kind.prepare(plan), new Float64Array(countCellsOf(plan)));
        engine.runChunk(framer, Buffer.from(text), 0, 0);
      }
      out.take(0);
      expect(out.routes.map((bits) => Number(bits & 7n))).toEqual([0b101]);
      engine.close();
      framer.close();
    });
  });

  describe(`shadow on ${kind.name}`, () => {
    const shadow = { mode: "shadow" };
    it("lets every record pass as it is, and tells what the rule would have done, by severity and service", () => {
      const plan = planOf([
        { type: "filter", params: { values: ["DEBUG", "TRACE"] }, ...shadow },
        { type: "redact", params: { pattern: "\\d{4}", replacement: "*" }, ...shadow },
      ]);
      const lines = [
        "ERROR failed to leave DEBUG mode 1234",
        '{"level":"debug","service":"pay","m":"DEBUG TRACE"}',
        '{"level":"info","service.name":"cart","m":"x 99999999"}',
        "<14>Oct 11 22:14:15 host app[1]: DEBUG",
        "INFO nothing",
      ];
      const { records, effects, cell } = ran(kind, plan, lines);
      expect(records).toEqual(lines);
      expect([cell(0, "droppedRecords"), cell(1, "changedRecords")]).toEqual([0, 0]);
      const [dropping, redacting] = effects as [RuleEffect, RuleEffect];
      const bytes = (...indices: number[]) => indices.reduce((sum, index) => sum + lines[index]!.length, 0);
      expect(dropping).toMatchObject({ rule: 0, savedBytes: bytes(0, 1, 3), others: { records: 0 } });
      expect(dropping.records[severity.error]).toBe(1);
      expect(dropping.records[severity.debug]).toBe(1);
      expect(dropping.records[severity.info]).toBe(1);
      expect(dropping.bytes.reduce((a, b) => a + b)).toBe(bytes(0, 1, 3));
      expect(dropping.services.map(({ name, records }) => [String(name), records])).toEqual([
        ["", 1],
        ["pay", 1],
        ["app", 1],
      ]);
      expect(dropping.examples.map(String)).toEqual([lines[0], lines[1], lines[3]]);
      expect(redacting).toMatchObject({ rule: 1, savedBytes: 3 + 6 });
      expect(redacting.services.map(({ name }) => String(name))).toEqual(["", "cart"]);
    });

    it("foresees of a rule that samples what it would drop, and of what it would keep the weight alone", () => {
      const lines = Array.from({ length: 1000 }, (_, i) => (i % 10 === 0 ? `ERROR ${i}` : `INFO line ${i}`));
      const sample = { id: "s", type: "sample", params: { rate: 0.25 } };
      const enforced = ran(kind, planOf([sample]), lines);
      const [foreseen] = ran(kind, planOf([{ ...sample, ...shadow }]), lines).effects as [RuleEffect];
      const dropped = lines.length - enforced.records.length;
      expect(dropped).toBeGreaterThan(600);
      expect(dropped).toBeLessThan(750);
      // Chance is another one in shadow.
      const records = foreseen.records.reduce((a, b) => a + b);
      expect(Math.abs(records - dropped)).toBeLessThan(30);
      expect(foreseen.records[severity.error]).toBe(0);
      const sum = (texts: readonly string[]) => texts.reduce((bytes, text) => bytes + text.length, 0);
      const kept = lines.length - 100 - records;
      expect(foreseen.savedBytes).toBe(foreseen.bytes.reduce((a, b) => a + b) - kept * " sample_rate=4".length);
      expect(Math.abs(foreseen.savedBytes - sum(lines) + sum(enforced.records))).toBeLessThan(1000);
    });

    it("is evaluated in its place, behind what enforced rules before it drop and change", () => {
      const plan = planOf([
        drop("gone"),
        { type: "redact", params: { pattern: "x", replacement: "y" } },
        drop("y", shadow),
        drop("y"),
      ]);
      const { records, effects } = ran(kind, plan, ["gone y", "x", "z"]);
      expect(records).toEqual(["z"]);
      expect(effects[0]?.records.reduce((a, b) => a + b)).toBe(1);
    });

    it("is bounded: services beyond the last are counted together, examples are a sample of all hits", () => {
      const lines = Array.from({ length: 1000 }, (_, i) => `{"service":"s${i % 200}","n":${i}} DEBUG`);
      // Not JSON behind the object: so no service. These are JSON.
      const json = Array.from({ length: 1000 }, (_, i) => `{"service":"s${i % 200}","n":${i},"m":"DEBUG"}`);
      const { effects } = ran(kind, planOf([drop("DEBUG", shadow)]), [...lines, ...json]);
      const [{ services, others, examples, records }] = effects as [RuleEffect];
      expect(services).toHaveLength(effectServicesMax);
      expect(services[0]).toMatchObject({ records: 1000 });
      expect(others.records).toBe(1000 - 5 * (effectServicesMax - 1));
      expect(records.reduce((a, b) => a + b)).toBe(2000);
      expect(examples).toHaveLength(effectExamplesMax);
      const late = examples.filter((example) => Number(/"n":(\d+)/.exec(String(example))![1]) > 100);
      expect(late.length).toBeGreaterThan(5);
    });

    it("counts a record once, however often a full batch makes it run again", () => {
      const lines = Array.from({ length: 50 }, (_, i) => `DEBUG ${i}`);
      const { records, effects } = ran(kind, planOf([drop("DEBUG", shadow)]), lines, { batchRecords: 1 });
      expect(records).toEqual(lines);
      expect(effects[0]?.records[severity.debug]).toBe(50);
    });

    it("goes on over a reload while the rule stays the same, and begins anew when it changes", () => {
      const engine = kind.createEngine();
      const framer = kind.createFramer({ kind: "newline" }, 1024, { transport: "tcp" }, new Float64Array(frameCells));
      engine.attach(new Batch(100, 10_000));
      const hits = (plan: Plan) => {
        engine.use(kind.prepare(plan), new Float64Array(countCellsOf(plan)));
        engine.runChunk(framer, Buffer.from("DEBUG\nDEBUG\nx\n"), 0, 0);
        return engine.effects().map(({ rule, records }) => [rule, records.reduce((a, b) => a + b)]);
      };
      expect(hits(planOf([{ id: "d", ...drop("DEBUG", shadow) }]))).toEqual([[0, 2]]);
      expect(hits(planOf([drop("other"), { id: "d", ...drop("DEBUG", shadow) }]))).toEqual([[1, 4]]);
      expect(hits(planOf([{ id: "d", ...drop("DEBU", shadow) }]))).toEqual([[0, 2]]);
      engine.close();
      framer.close();
    });
  });
}

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const cases = Number(process.env.FUZZ_CASES ?? 200);
const linesMax = Number(process.env.FUZZ_LINES ?? 16);

describe(`rules on both engines${skipNote}`, () => {
  const timeout = Math.max(60_000, cases * (60 + linesMax));
  it.skipIf(nativeEngine() === undefined)(
    `do the same to ${cases} random cases (FUZZ_SEED=${seed})`,
    { timeout },
    () => {
      let met = 0;
      let next = random(seed);
      const below = (limit: number) => Math.floor(next() * limit);
      const one = <T>(choices: readonly T[]): T => choices[below(choices.length)]!;
      const words = ["DEBUG", "ERROR", "user=", "42", "1234", "é", "pay", '"', "\\", "x", "INFO ", "level=warn "];
      const word = () => one(words);
      const condition = (depth = 2): object => {
        const leaf = below(depth === 0 ? 9 : 12);
        switch (leaf) {
          case 0:
            return { value: word(), ...(below(3) === 0 && { ignore_case: true }) };
          case 1:
            return { values: [word(), word()] };
          case 2:
            return { pattern: one(["\\d+", "^[A-Z]+", "e$", '[^"]{3}', "(DEBUG|x)"]) };
          case 3:
            return {
              field: one(["level", "n", "service"]),
              ...one([{ equals: word() }, { exists: below(2) === 0 }, { gt: 50 }, { contains: "a" }]),
            };
          case 4:
            return { severity: { at_least: one(["DEBUG", "INFO", "WARN", "ERROR"]) } };
          case 5:
            return { source: [one(["10.0.0.0/8", "10.1.0.0/17", "::/1", "192.0.2.7"])] };
          case 6:
            return { transport: one(["tcp", "udp", "stdin"]) };
          case 7:
            return { time_share: { share: one([0.1, 0.5, 0.9]), period_s: one([1, 10]) } };
          case 8:
            return { value: word() };
          case 9:
            return { not: condition(depth - 1) };
          default:
            return { [leaf === 10 ? "all" : "any"]: [condition(depth - 1), condition(depth - 1)] };
        }
      };
      const outputs = [
        { type: "console", id: "o0" },
        { type: "http", url: "http://o1/", id: "o1" },
      ];
      const redacted = () =>
        one<() => object>([
          () => ({ detectors: [one(names), one(names)] }),
          () => ({ detector: one(["all", "pii", "secrets"]), ...(below(2) === 0 && { decode: [] }) }),
          () => ({ detector: one(names), scope: [one(["m", "n", "a/*"])] }),
          () => ({ fields: [one(["m", "service", "a/b", "*"])] }),
          () => ({ pattern: one(["\\d+", "(?i)e", "^.", "[^{}]*"]), scope: one(["record", ["m", "a/b"]]) }),
        ])();
      const redacting = () =>
        one<() => object>([
          () => ({}),
          () => ({ mode: "mask", keep_last: below(4) }),
          () => ({ mode: "hash", key: { env: "K" } }),
          () => ({ mode: "drop" }),
        ])();
      const rule = (): object => ({
        ...one([
          () => ({ type: "filter", params: { ...condition(), ...(below(3) === 0 && { action: "keep" }) } }),
          () => ({
            type: "redact",
            params: { pattern: one(["\\d+", "e+", "(DEB)UG", "^"]), replacement: one(["*", "", "\\0\\0"]) },
          }),
          () => ({ type: "redact", params: { ...redacted(), ...redacting() } }),
          () => ({
            type: "attribute_filter",
            params: {
              ...one([{ attribute: "service.name" }, { attribute: "log.level" }, { path: "a/b" }, { path: "n" }]),
              operator: one(["equals", "contains", "regex"]),
              value: one(["pay", "error", "4", "x"]),
            },
          }),
          () => ({
            type: "sample",
            params: {
              ...one([{ rate: 0.5 }, { rate: 0 }, { rates: { debug: 0.1, info: 0.25 } }]),
              ...one([{}, {}, { key: "service" }, { path: "a/b" }]),
              ...one([{}, { keep: "ERROR" }, { weight: false }]),
            },
          }),
          () => ({
            type: "dedupe",
            params: {
              memory_bytes: 65_536,
              ...one([{}, { mask: true }, { fields: ["service", "m"] }, { window_s: 1 }]),
            },
          }),
          () => ({
            type: "throttle",
            params: {
              memory_bytes: 65_536,
              ...one([{ records_per_s: 1 }, { records_per_s: 1, burst: 3 }, { bytes_per_s: 40 }]),
              ...one([{}, { key: "service" }, { by: "source" }]),
              ...one([{}, { exempt: "none" }]),
            },
          }),
          () => ({ type: "route", params: { outputs: one([["o0"], ["o1"], [], ["o0", "o1"]]) } }),
        ])(),
        ...(below(2) === 0 && { when: condition() }),
        ...(below(3) === 0 && { mode: "shadow" }),
        ...(below(4) === 0 && { protect: true }),
      });
      const line = () =>
        below(4) === 0
          ? JSON.stringify({ level: "info", a: { b: one(examples) }, m: one(examples) })
          : below(3) === 0
            ? one([
                `<${below(192)}>1 2026-11-26T12:00:00Z host app ${below(100)} ID [x@1 b="${below(9)}"] ${one(examples)}`,
                `<${below(192)}>Nov 26 12:00:00 host app[${below(100)}]: ${one(examples)}`,
                `level=${one(["info", "error"])} service=pay ${one(examples)}`,
              ])
            : below(2) === 0
              ? `{"level":"${one(["info", "error", "debug"])}","n":${below(100)},"service":"${one(["pay", "cart", ""])}","m":"${one(["x", "DEBUG", "4242"])}"}`
              : Array.from({ length: below(6) }, word).join("");
      const names = [...detectors.keys()];
      const examples = [...detectors.values()].flatMap(({ positives, lookAlikes }) => [
        ...positives.map(({ text }) => text),
        ...lookAlikes,
      ]);
      const sources: Source[] = [
        { transport: "tcp", address: "10.1.2.3", port: 1 },
        { transport: "udp", address: "2001:db8::1" },
        { transport: "unknown" },
      ];
      for (let i = 0; i < cases; i++) {
        if (i > 0 && i % 500 === 0) console.log(`${i} cases, rules met ${met} lines`);
        next = random(seed + i);
        const plan = planOf(Array.from({ length: 1 + below(4) }, rule), below(2) === 0 ? outputs.slice(0, 2) : outputs);
        const lines = Array.from({ length: 1 + below(linesMax) }, line);
        const from = { source: one(sources), receivedAtMs: below(20_000), batchRecords: one([1, 3, 100]) };
        // Where batches end changes nothing.
        const [native, portable] = engines().map((kind, engine) =>
          ran(kind, plan, lines, engine === 0 ? from : { ...from, batchRecords: 100 }),
        );
        const shown = `FUZZ_SEED=${seed + i} FUZZ_CASES=1: ${JSON.stringify({ plan: plan.operations.length, lines, from })}`;
        expect(portable!.records, shown).toEqual(native!.records);
        expect(portable!.routes, shown).toEqual(native!.routes);
        expect(portable!.counts, shown).toEqual(native!.counts);
        expect(plainEffects(portable!.effects), shown).toEqual(plainEffects(native!.effects));
        met += plan.rules.length * lines.length;
      }
      if (cases >= 1000) console.log(`${cases} cases from seed ${seed}: rules met ${met} lines`);
    },
  );
});
