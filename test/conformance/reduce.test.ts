/** sample, dedupe and throttle: one table over both engines. What they share with all rules (`when`, shadow, order) is in plan.test.ts. */

import { describe, expect, it } from "vitest";
import type { EngineKind } from "../../src/data/engine/engine.ts";
import { lightenedPlans } from "../../src/plan/lightened.ts";
import { random } from "../fixtures/random.ts";
import { engines, nativeEngine, skipNote } from "./engines.ts";
import { count, type Event, planOfRules, ruleCount, type Story, tell } from "./reducing.ts";

const t0 = Date.parse("2026-11-26T12:00:00.000Z");
const rule = (id: string, type: string, params: object = {}, more: object = {}) => ({ id, type, params, ...more });
const lines = (atMs: number, ...texts: string[]): Event => ({ atMs: t0 + atMs, lines: texts });
const numbered = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

for (const kind of engines()) {
  const run = (rules: object[], ...events: Event[]): Story => tell(kind, planOfRules(rules), events);

  describe(`sample on ${kind.name}`, () => {
    it("keeps its share by chance, and says on each record how many it stands for", () => {
      const input = numbered(20_000, (i) => `line ${i}`);
      const { records, counts } = run([rule("s", "sample", { rate: 0.1 })], lines(0, ...input));
      // One of each ten, at a place that is drawn.
      const places = records.map((record) => Number(/^line (\d+) sample_rate=10$/.exec(record)![1]));
      expect(places.map((place) => Math.floor(place / 10))).toEqual(numbered(2000, (i) => i));
      for (let place = 0; place < 10; place++) {
        // Six standard deviations of a binomial.
        expect(Math.abs(places.filter((one) => one % 10 === place).length - 200)).toBeLessThan(81);
      }
      expect(ruleCount(counts[0]!, 0, "sampledWeight")).toBe(20_000);
      expect(ruleCount(counts[0]!, 0, "droppedRecords")).toBe(18_000);
      expect(ruleCount(counts[0]!, 0, "changedRecords")).toBe(0);
      const third = run([rule("s", "sample", { rate: 0.3 })], lines(0, ...input));
      expect(Math.abs(third.records.length - 6000)).toBeLessThan(390);
      expect(third.records.every((record) => record.endsWith(" sample_rate=3.333333"))).toBe(true);
    });

    it("writes its weight last: rules behind it see where the text that was sent ends", () => {
      const rules = [
        rule("s", "sample", { rate: 0.5 }),
        rule("r", "redact", { pattern: "password=\\S+$", replacement: "password=***" }),
        rule("f", "filter", { pattern: "noise$" }),
        rule("t", "sample", { rate: 0.5 }),
      ];
      const input = numbered(200, (i) => (i % 2 === 0 ? "login password=hunter2" : "some noise"));
      const { records } = run(rules, lines(0, ...input));
      expect(new Set(records)).toEqual(new Set(["login password=*** sample_rate=4"]));
    });

    it("always keeps WARN and worse, as they are", () => {
      const kept = ["WARN disk", '{"level":"error","m":1}', "<11>1 - h a p m - x", "2026-11-26 FATAL x"];
      expect(run([rule("s", "sample", { rate: 0 })], lines(0, "INFO a", ...kept, "b")).records).toEqual(kept);
      expect(run([rule("s", "sample", { rate: 0, keep: "none" })], lines(0, ...kept)).records).toEqual([]);
      expect(run([rule("s", "sample", { rate: 0, keep: "ERROR" })], lines(0, ...kept)).records).toEqual(kept.slice(1));
    });

    it("has shares by severity, and writes none on what it keeps all of", () => {
      const rates = { rates: { debug: 0, info: 1, unknown: 0.5 } };
      const input = numbered(200, (i) => ["DEBUG x", "INFO x", "x"][i % 3]!);
      const { records } = run([rule("s", "sample", rates)], lines(0, ...input));
      expect(records.filter((record) => record.includes("DEBUG"))).toEqual([]);
      expect(records.filter((record) => record === "INFO x").length).toBe(67);
      const rest = records.filter((record) => !record.includes("INFO"));
      expect(new Set(rest)).toEqual(new Set(["x sample_rate=2"]));
    });

    it("keeps all records of a key or none, whatever else they hold and whoever decides", () => {
      const key = (i: number) => `{"trace_id":"trace-${i % 50}","n":${i}}`;
      const rules = [rule("s", "sample", { rate: 0.3, key: "trace_id", weight: false })];
      const { records } = run(rules, lines(0, ...numbered(500, key)));
      const keys = new Set(records.map((record) => (JSON.parse(record) as { trace_id: string }).trace_id));
      expect(records.length).toBe(keys.size * 10);
      // Fixed for good: other instances, and this one after its next start, must decide alike.
      const plan = planOfRules([rule("other", "sample", { rate: 0.3, path: "trace_id", weight: false })], 99n);
      expect(tell(kind, plan, [lines(5, ...numbered(500, key))]).records).toEqual(records);
      expect([...keys].map((name) => Number(name.slice(6))).toSorted((a, b) => a - b)).toEqual(keptOf50);
      // A higher share keeps all of a lower one's.
      const more = run(
        [rule("s", "sample", { rate: 0.6, key: "trace_id", weight: false })],
        lines(0, ...numbered(500, key)),
      );
      expect(records.every((record) => more.records.includes(record))).toBe(true);
    });

    it("counts about how many keys there are, so that few can be told of", () => {
      const keys = (count: number) =>
        ruleCount(
          run(
            [rule("s", "sample", { rate: 0.5, key: "k" })],
            lines(0, ...numbered(3000, (i) => `{"k":"key ${i % count}"}`)),
          ).counts[0]!,
          0,
          "keyBuckets",
        );
      expect(keys(5)).toBe(5);
      expect(keys(3000)).toBeGreaterThan(250);
    });

    it.each([
      ['{"a":1}', '{"a":1,"sample_rate":4}'],
      ["{}", '{"sample_rate":4}'],
      ['{ "a" : [ {} ] } ', '{ "a" : [ {} ] ,"sample_rate":4} '],
      ['{"sample_rate":2.5,"b":{"sample_rate":9}}', '{"sample_rate":10,"b":{"sample_rate":9}}'],
      ['{"s\\u0061mple_rate":1e1}', '{"s\\u0061mple_rate":40}'],
      ['{"sample_rate":"x"}', '{"sample_rate":4}'],
      ['{"sample_rate":2,"sample_rate":3}', '{"sample_rate":2,"sample_rate":12}'],
      ['{"broken":', '{"broken": sample_rate=4'],
      ["[1,2]", "[1,2]"],
      ['"text"', '"text"'],
      ["[main] text", "[main] text sample_rate=4"],
      ["text sample_rate=2.5", "text sample_rate=10"],
      ["text sample_rate=", "text sample_rate= sample_rate=4"],
      ["<14>1 2026-11-26T12:00:00Z h a p m - t", '<14>1 2026-11-26T12:00:00Z h a p m [sample@32473 rate="4"] t'],
      ["<14>1 - - - - - -", '<14>1 - - - - - [sample@32473 rate="4"]'],
      ['<14>1 - - - - - [a x="]"][b] t', '<14>1 - - - - - [a x="]"][b][sample@32473 rate="4"] t'],
      ['<14>1 - - - - - [a x="\\"]"] t', '<14>1 - - - - - [a x="\\"]"][sample@32473 rate="4"] t'],
      ['<14>1 - - - - - [sample@32473 rate="5"] t', '<14>1 - - - - - [sample@32473 rate="20"] t'],
      ['<14>1 - - - - - [sample@32473 x="5"] t', '<14>1 - - - - - [sample@32473 x="5" rate="4"] t'],
      ["<14>1 - - - - - [broken t", "<14>1 - - - - - [broken t sample_rate=4"],
      ["<14>Nov 26 12:00:00 host app: t", "<14>Nov 26 12:00:00 host app: t sample_rate=4"],
    ])("writes the weight on %s", (record, weighed) => {
      // Of 64 copies some are kept.
      const { records } = run([rule("s", "sample", { rate: 0.25 })], lines(0, ...numbered(64, () => record)));
      expect(new Set(records)).toEqual(new Set([weighed]));
    });

    it("multiplies its weight with that of a rule before it", () => {
      const rules = [rule("a", "sample", { rate: 0.5 }), rule("b", "sample", { rate: 0.2 })];
      const { records } = run(rules, lines(0, ...numbered(500, () => '{"a":1}')));
      expect(new Set(records)).toEqual(new Set(['{"a":1,"sample_rate":10}']));
    });
  });

  describe(`dedupe on ${kind.name}`, () => {
    it("passes the first of a window and tells the others in one summary when it ends", () => {
      const { records, counts } = run(
        [rule("d", "dedupe", { window_s: 10 })],
        lines(0, "a", "b", "a"),
        lines(9_999, "a"),
        lines(10_000, "a", "a", "c"),
        { tickMs: t0 + 20_000 },
        lines(20_000, "a"),
      );
      expect(records).toEqual([
        "a",
        "b",
        "a (repeated 2 times from 2026-11-26T12:00:00.000Z to 2026-11-26T12:00:09.999Z, 2 bytes, rule d)",
        "a",
        "c",
        "a (repeated 1 times from 2026-11-26T12:00:10.000Z to 2026-11-26T12:00:10.000Z, 1 bytes, rule d)",
        "a",
      ]);
      expect(ruleCount(counts[0]!, 0, "droppedRecords")).toBe(3);
      expect(count(counts[0]!, "createdRecords")).toBe(2);
    });

    it("tells of JSON as JSON, under the members of the record", () => {
      const record = '{"level":"info","service":"a","n":1} ';
      const { records } = run([rule('d"\n', "dedupe")], lines(0, record, record, "{}", "{}"));
      expect(records.slice(2)).toEqual([
        '{"level":"info","service":"a","n":1,"streamgate":{"rule":"d\\"\\n","type":"dedupe","count":1,"bytes":37,"first":"2026-11-26T12:00:00.000Z","last":"2026-11-26T12:00:00.000Z"}} ',
        '{"streamgate":{"rule":"d\\"\\n","type":"dedupe","count":1,"bytes":2,"first":"2026-11-26T12:00:00.000Z","last":"2026-11-26T12:00:00.000Z"}}',
      ]);
    });

    it("keeps no text of more than 8,192 bytes, whole ones or pieces", () => {
      const [long, object] = ["x".repeat(8193), `{"m":"${"x".repeat(8200)}"}`];
      const { records } = run(
        [rule("d", "dedupe")],
        lines(0, long, long, object, object, "y".repeat(8192), "y".repeat(8192)),
      );
      expect(records[3]).toMatch(/^records of more than 8192 bytes \(repeated 1 times from .*, 8193 bytes, rule d\)$/);
      expect(JSON.parse(records[4]!)).toMatchObject({
        message: "records of more than 8192 bytes",
        streamgate: { count: 1 },
      });
      expect(records[5]).toMatch(/^y{8192} \(repeated/);
      // Nothing is left of a text, which is not the same.
      const gone = rule("p", "redact", { pattern: ".+", replacement: "" });
      expect(run([gone, rule("d", "dedupe")], lines(0, "a", "b")).records[1]).toMatch(
        /^ \(repeated 1 times .*, 0 bytes/,
      );
    });

    it("takes records for alike that differ in numbers, hex, UUIDs and times, when it masks", () => {
      const input = [
        "2026-11-26T12:00:00.120Z request 7c9e6679-7425-40de-944b-e07fc1f90ae7 took 12.5ms at 0xdeadbeef",
        "2025-01-02T03:04:05Z request aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee took 9ms at 0x1",
        "2025-01-02T03:04:05Z response aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee took 9ms at 0x1",
      ];
      expect(run([rule("d", "dedupe", { mask: true })], lines(0, ...input)).records.length).toBe(3);
      expect(run([rule("d", "dedupe")], lines(0, ...input)).records.length).toBe(3);
      expect(run([rule("d", "dedupe", { mask: true })], lines(0, ...input)).records[2]).toContain("repeated 1 times");
    });

    it("looks at fields where they are named; records without them pass", () => {
      const input = [
        '{"service":"a","n":1}',
        '{"service":"a","n":2}',
        '{"service":"b"}',
        "text",
        "text",
        '{"x":1}',
        '{"x":1}',
      ];
      const { records } = run([rule("d", "dedupe", { fields: ["service", "/deep/er"] })], lines(0, ...input));
      expect(records.length).toBe(7);
      expect(records[6]).toMatch(/^\{"service":"a","n":2,"streamgate":\{"rule":"d","type":"dedupe","count":1/);
      const nested = ['{"deep":{"er":""}}', '{"service":""}', '{"deep":{"er":""},"z":1}'];
      expect(run([rule("d", "dedupe", { fields: ["service", "/deep/er"] })], lines(0, ...nested)).records.length).toBe(
        3,
      );
    });

    it("hands summaries to the rules behind it, and to none before", () => {
      const rules = [
        rule("before", "filter", { value: "repeated" }),
        rule("d", "dedupe"),
        rule("ssn", "redact", { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "#" }),
        rule("s", "sample", { rate: 0 }, { when: { value: "throttle me" } }),
        rule("t", "throttle", { records_per_s: 0.001, burst: 1000 }),
        rule("drop", "filter", { values: ["secret", "(repeated"] }),
      ];
      const { records, counts } = run(rules, lines(0, "my 123-45-6789", "my 123-45-6789", "secret", "secret"));
      expect(records).toEqual([
        "my #",
        "my # (repeated 1 times from 2026-11-26T12:00:00.000Z to 2026-11-26T12:00:00.000Z, 14 bytes, rule d)",
      ]);
      // The record and its summary, of which rules see the text alone.
      expect(ruleCount(counts[0]!, 5, "droppedRecords")).toBe(2);
      expect(ruleCount(counts[0]!, 2, "changedRecords")).toBe(2);
    });

    it("forgets what was seen once before what repeats, and tells what it must forget", () => {
      const flood = numbered(3000, (i) => `once ${i}`);
      const rules = [rule("d", "dedupe", { memory_bytes: 65_536 })];
      const { records, counts } = run(rules, lines(0, "again", "again"), lines(1, ...flood), lines(2, "again"));
      expect(records.filter((record) => record === "again").length).toBe(1);
      expect(records.at(-1)).toContain("again (repeated 2 times");
      // All of them repeat: the memory holds some hundreds.
      const twice = run(rules, lines(0, ...flood.flatMap((text) => [text, text])));
      expect(twice.records.length).toBe(6000);
      expect(ruleCount(twice.counts[0]!, 0, "summaryRecords")).toBe(3000);
      expect(ruleCount(counts[0]!, 0, "droppedRecords")).toBe(2);
    });

    it("goes on over a reload that leaves it as it is, and tells what it owes when it changes or goes", () => {
      const d = (more: object) => rule("d", "dedupe", { window_s: 60, ...more });
      const again = (plan: object[]) =>
        run([d({})], lines(0, "a", "a"), { plan: planOfRules(plan), atMs: t0 + 5 }, lines(10, "a", "a")).records;
      const summary = (n: number, last: string) =>
        `a (repeated ${n} times from 2026-11-26T12:00:00.000Z to 2026-11-26T12:00:00.${last}Z, ${n} bytes, rule d)`;
      expect(again([rule("other", "filter", { value: "x" }), d({})])).toEqual(["a", summary(3, "010")]);
      expect(again([d({ mask: true })]).slice(0, 3)).toEqual(["a", summary(1, "000"), "a"]);
      expect(again([])).toEqual(["a", summary(1, "000"), "a", "a"]);
    });

    it("has its summaries meet a rule that protects and came since, wherever it stands, and routes", () => {
      const d = rule("d", "dedupe");
      const ssn = rule("ssn", "redact", { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "#" });
      const drop = rule("f", "filter", { value: "my" });
      const { records } = run([d], lines(0, "my 123-45-6789", "my 123-45-6789"), {
        plan: planOfRules([drop, ssn, d]),
        atMs: t0,
      });
      expect(records[1]).toMatch(/^my # \(repeated 1 times/);
    });

    it("loses nothing while it is skipped under load", () => {
      const plan = planOfRules([
        rule("d", "dedupe", { window_s: 10 }),
        rule("r", "redact", { pattern: "zz", replacement: "-" }),
      ]);
      const { records } = tell(kind, plan, [
        lines(0, "a", "a", "zz", "zz"),
        { lightened: lightenedPlans(plan).at(-1)!.plan },
        lines(1, "a"),
        { tickMs: t0 + 10_000 },
        { lightened: plan },
        lines(10_001, "a"),
      ]);
      expect(records.map((record) => record.replace(/ from .*/, ""))).toEqual([
        "a",
        "-",
        "a",
        "a (repeated 1 times",
        "- (repeated 1 times",
        "a",
      ]);
    });

    it("shows the rules behind it the text as it was, so that what they look for at its ends is found", () => {
      const redact = rule("p", "redact", { pattern: "password=\\S+$", replacement: "#" });
      const protect = rule("f", "filter", { pattern: "^top secret$", protect: true });
      const input = ["login password=abc", "login password=abc", "top secret", "top secret"];
      const { records, counts } = run([rule("d", "dedupe"), redact, protect], lines(0, ...input));
      expect(records).toEqual([
        "login #",
        "login # (repeated 1 times from 2026-11-26T12:00:00.000Z to 2026-11-26T12:00:00.000Z, 18 bytes, rule d)",
      ]);
      expect([count(counts[0]!, "createdRecords"), ruleCount(counts[0]!, 2, "droppedRecords")]).toEqual([2, 2]);
      const throttle = rule("t", "throttle", { records_per_s: 1, burst: 1 });
      const cut = run([throttle, redact], lines(0, ...input.slice(0, 2)));
      expect(cut.records[1]).toMatch(/^login # \(throttled 1 times/);
      const json = '{"m":"x","password":"abc"}';
      const member = rule("m", "redact", { pattern: '"abc"}$', replacement: '"#"}' });
      const object = run([rule("d", "dedupe"), member], lines(0, json, json));
      expect(JSON.parse(object.records[1]!)).toMatchObject({ m: "x", password: "#", streamgate: { count: 1 } });
    });

    it("in shadow drops nothing and tells nothing", () => {
      const { records } = run([rule("d", "dedupe", {}, { mode: "shadow" })], lines(0, "a", "a", "a"));
      expect(records).toEqual(["a", "a", "a"]);
    });

    it("begins anew when the clock was set back by more than a window", () => {
      const { records } = run([rule("d", "dedupe", { window_s: 10 })], lines(0, "a", "a"), lines(-3_600_000, "a", "a"));
      expect(records.map((record) => record.replace(/ from .*/, ""))).toEqual([
        "a",
        "a (repeated 1 times",
        "a",
        "a (repeated 1 times",
      ]);
    });
  });

  describe(`throttle on ${kind.name}`, () => {
    it("passes a burst, then its rate, and tells what it cut of each key", () => {
      const record = (service: string, n: number) => `{"service.name":"${service}","n":${n}}`;
      const { records, counts } = run(
        [rule("t", "throttle", { records_per_s: 2, burst: 3, key: "service.name", window_s: 5 })],
        lines(0, ...numbered(5, (i) => record("a", i)), record("b", 0), "text"),
        lines(500, record("a", 5), record("a", 6)),
        { tickMs: t0 + 5000 },
        lines(60_000, ...numbered(4, (i) => record("a", 10 + i))),
      );
      const numbers = records.filter((text) => text.includes('"a"') && !text.includes("streamgate"));
      expect(numbers.map((text) => (JSON.parse(text) as { n: number }).n)).toEqual([0, 1, 2, 5, 10, 11, 12]);
      const told = records.filter((text) => text.includes("streamgate")).map((text) => JSON.parse(text));
      expect(told).toMatchObject([
        {
          n: 3,
          streamgate: {
            rule: "t",
            type: "throttle",
            count: 3,
            bytes: 78,
            first: "2026-11-26T12:00:00.000Z",
            last: "2026-11-26T12:00:00.500Z",
          },
        },
        { n: 13, streamgate: { count: 1 } },
      ]);
      expect(ruleCount(counts[0]!, 0, "droppedRecords")).toBe(4);
    });

    it("counts bytes, and lets ERROR and worse through at no cost", () => {
      const params = { bytes_per_s: 10, burst: 20 };
      const input = ["0123456789", "ERROR 0123456789", "0123456789", "x", "<8>fatal"];
      expect(run([rule("t", "throttle", params)], lines(0, ...input)).records.slice(0, 4)).toEqual([
        "0123456789",
        "ERROR 0123456789",
        "0123456789",
        "<8>fatal",
      ]);
      expect(
        run([rule("t", "throttle", { ...params, exempt: "none" })], lines(0, "ERROR 0123456789", "ERROR 0123456789"))
          .records[1],
      ).toMatch(/^ERROR 0123456789 \(throttled 1 times from .*, 16 bytes, rule t\)$/);
    });

    it("gives each source its rate", () => {
      const { records } = run(
        [rule("t", "throttle", { records_per_s: 1, by: "source" })],
        { atMs: t0, lines: ["a", "a"], from: "10.0.0.1" },
        { atMs: t0, lines: ["b", "b"], from: "10.0.0.2" },
        { atMs: t0, lines: ["c"], from: "fe80::1" },
      );
      expect(records.map((text) => text.replace(/ from .*/, ""))).toEqual([
        "a",
        "b",
        "c",
        "a (throttled 1 times",
        "b (throttled 1 times",
      ]);
    });

    it("takes a field of syslog for a key, as sample and dedupe do", () => {
      const from = (host: string, n: number) => `<14>1 - ${host} app - - - ${n}`;
      const input = [from("a", 1), from("a", 2), from("b", 3), from("b", 4), "no syslog"];
      const passed = (type: string, params: object) =>
        run([rule("r", type, params)], lines(0, ...input)).records.filter((text) => !text.includes("rule r"));
      expect(passed("throttle", { records_per_s: 1, key: "syslog.host" })).toEqual([input[0], input[2], "no syslog"]);
      expect(passed("dedupe", { fields: ["syslog.host"] })).toEqual([input[0], input[2], "no syslog"]);
      const kept = passed("sample", { rate: 0.5, key: "syslog.host", weight: false }).filter(
        (text) => text !== "no syslog",
      );
      // The hash of b is below 2^63, that of a is not.
      expect(kept).toEqual([input[2], input[3]]);
    });

    it("keeps buckets over a reload, but not with another rate", () => {
      const t = (records_per_s: number, more = {}) => rule("t", "throttle", { records_per_s, burst: 2, ...more });
      const recordsAfter = (next: object) =>
        run([t(1)], lines(0, "a", "b"), { plan: planOfRules([next]), atMs: t0 }, lines(0, "c", "d")).records;
      expect(recordsAfter(t(1, { exempt: "FATAL" })).map((text) => text.replace(/ from .*/, ""))).toEqual([
        "a",
        "b",
        "c (throttled 2 times",
      ]);
      expect(recordsAfter(t(2))).toEqual(["a", "b", "c", "d"]);
    });
  });
}

const storySeed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const storyCases = Math.ceil(Number(process.env.FUZZ_CASES ?? 3000) / 30);

describe.each(engines())("what protects, on $name", (kind) => {
  const protects = [
    rule("end", "redact", { pattern: "secret=\\d+$", replacement: "#" }),
    rule("whole", "filter", { pattern: "^hide \\d+$", protect: true }),
    rule("member", "redact", { field: "password" }),
    rule("ssn", "redact", { detector: "us_ssn" }),
  ];
  const secret = /secret=|hide |pw\d|219-09/;

  it(`is met by all that leaves, whatever thins out around it (seed ${storySeed}, ${storyCases} cases)`, () => {
    let met = 0;
    for (let index = 0; index < storyCases; index++) {
      const next = random(storySeed + index);
      const below = (limit: number) => Math.floor(next() * limit);
      const one = <T>(choices: readonly T[]): T => choices[below(choices.length)]!;
      const reduces = [
        rule("d", "dedupe", { window_s: one([0.1, 5]), memory_bytes: 65_536, ...one([{}, { mask: true }]) }),
        rule("t", "throttle", { records_per_s: 2, burst: 2, window_s: one([0.1, 5]), memory_bytes: 65_536 }),
        rule("s", "sample", { rate: 0.5, weight: false }),
        rule("e", "dedupe", { fields: ["k"], memory_bytes: 65_536 }),
      ];
      const shuffled = (rules: object[]) => rules.toSorted(() => next() - 0.5);
      const thinning = shuffled(reduces).slice(0, 1 + below(3));
      const plan = () => planOfRules(shuffled([...protects, ...thinning]));
      const text = () => {
        const n = below(one([2, 5000]));
        if (below(40) === 0) return `${"x".repeat(8200)} secret=${n}`;
        return one([`a secret=${n}`, `hide ${n}`, `{"k":"${n % 3}","password":"pw${n}"}`, `219-09-9999 ${n}`]);
      };
      let now = t0;
      let running = plan();
      const events = Array.from({ length: 4 + below(12) }, (): Event => {
        now += one([0, 1, 90, 900, 12_000]);
        switch (below(6)) {
          case 0:
            return { tickMs: now };
          case 1:
            running = plan();
            return { plan: running, atMs: now };
          case 2:
            return { lightened: one([running, ...lightenedPlans(running).map(({ plan }) => plan)]) };
          default:
            return { atMs: now, lines: Array.from({ length: 1 + below(80) }, text) };
        }
      });
      // Before the first reload rules thin out alone, so that summaries are owed of texts that met nothing.
      const before: Event = { atMs: t0, lines: Array.from({ length: below(80) }, text) };
      const reload: Event = { plan: running, atMs: t0 };
      const story = tell(kind, planOfRules(thinning), [before, reload, ...events], { batchRecords: one([2, 256]) });
      const leaks = story.records.slice(story.reloads[0]).filter((record) => secret.test(record));
      expect(leaks, `FUZZ_SEED=${storySeed + index} FUZZ_CASES=30`).toEqual([]);
      met += story.counts.slice(1).reduce((sum, counts) => sum + count(counts, "createdRecords"), 0);
    }
    expect(met, "the stories make summaries").toBeGreaterThan(storyCases);
  });
});

/** Of trace-0 to trace-49, those whose hash is below 0.3 × 2^64. */
const keptOf50 = [2, 3, 4, 6, 8, 11, 17, 20, 21, 24, 25, 30, 31, 32, 33, 34, 35, 38, 40, 43, 46, 47];

describe(`both engines${skipNote}`, () => {
  const [seed, cases] = [storySeed, storyCases];
  const title = `write the same batches and counts for random stories (seed ${seed}, ${cases} cases)`;
  it.skipIf(nativeEngine() === undefined)(
    title,
    () => {
      const [native, portable] = engines() as [EngineKind, EngineKind];
      const met = { summaries: 0, batches: 0, withheld: 0 };
      for (let index = 0; index < cases; index++) {
        const { plan, events, options } = makeStory(seed + index);
        const [a, b] = [tell(native, plan, events, options), tell(portable, plan, events, options)];
        const what = `FUZZ_SEED=${seed + index} FUZZ_CASES=30`;
        expect(b.records, what).toEqual(a.records);
        expect(b.counts, what).toEqual(a.counts);
        expect(b.effects, what).toEqual(a.effects);
        expect(b.withheld.equals(a.withheld), what).toBe(true);
        expect(b.batches.length, what).toBe(a.batches.length);
        for (const [at, batch] of a.batches.entries()) expect(batch.equals(b.batches[at]!), what).toBe(true);
        // Where batches end changes nothing.
        const roomy = { batchRecords: 1 << 16, batchBytes: 1 << 24, withheldBytes: 1 << 24 };
        const { batches, ...told } = a;
        const { batches: _, ...toldRoomy } = tell(native, plan, events, roomy);
        expect(toldRoomy, what).toEqual(told);
        met.summaries += a.counts.reduce((sum, counts) => sum + count(counts, "createdRecords"), 0);
        met.batches += batches.length;
        met.withheld += a.withheld.length;
      }
      expect(met.summaries, "the stories make summaries").toBeGreaterThan(cases);
      expect(met.batches, "the stories fill batches").toBeGreaterThan(10 * cases);
      // One story in some hundred does.
      if (cases >= 1000) expect(met.withheld, "the stories withhold").toBeGreaterThan(0);
    },
    3_600_000,
  );
});

function makeStory(from: number): { plan: ReturnType<typeof planOfRules>; events: Event[]; options: object } {
  const next = random(from);
  const below = (limit: number) => Math.floor(next() * limit);
  const one = <T>(choices: readonly T[]): T => choices[below(choices.length)]!;
  const makeRule = (index: number) => {
    const more = one([{}, {}, {}, { when: { value: "a" } }, { when: { source: ["10.0.0.0/31"] } }, { mode: "shadow" }]);
    switch (below(7)) {
      case 0:
        return rule(
          `r${index}`,
          "sample",
          one<object>([
            { rate: one([0, 0.3, 0.7, 1]) },
            { rate: 0.5, key: "k" },
            { rates: { info: 0.4, unknown: 0.6 }, keep: "none" },
          ]),
          more,
        );
      case 1:
      case 2:
        return rule(
          `r${index}`,
          "dedupe",
          {
            window_s: one([0.01, 1, 60]),
            memory_bytes: one([65_536, 65_536, 100_000]),
            ...one([{}, { mask: true }, { fields: ["k", "/m/n"] }]),
          },
          more,
        );
      case 3:
      case 4:
        return rule(
          `r${index}`,
          "throttle",
          {
            ...one<object>([{ records_per_s: one([0.5, 3, 100]) }, { bytes_per_s: one([7.3, 1000]) }]),
            ...one([{}, { burst: one([1, 10, 500]) }]),
            ...one([{}, { key: "k" }, { by: "source" }]),
            window_s: one([0.05, 1, 10]),
            memory_bytes: 65_536,
            exempt: one(["ERROR", "none", "INFO"]),
          },
          more,
        );
      case 5:
        return rule(
          `r${index}`,
          "redact",
          // Forty bytes for each of 8,180 are more than a rule may write.
          { pattern: one(["\\d+", "a", "\\d+", "a", "w"]), replacement: one(["", "<x>", "y".repeat(40)]) },
          more,
        );
      default:
        return rule(`r${index}`, "filter", { value: one(["7", "zz", "rule r0"]) }, more);
    }
  };
  const rules = Array.from({ length: 1 + below(4) }, (_, index) => makeRule(index));
  const wide = one([3, 20, 2000]);
  const text = () => {
    const n = below(wide);
    const filler = one(["", "", "", "x".repeat(below(300)), "é\u{1f600}", "w".repeat(one([0, 0, 8180 + below(30)]))]);
    switch (below(7)) {
      case 0:
        return `{"k":"${n}","level":"${one(["info", "error", "debug"])}"${filler === "" ? "" : `,"t":"${filler}"`}}`;
      case 1:
        return `{"k":${n},"m":{"n":"${filler}"},"sample_rate":${one(["2", "0.5", '"x"', "1e400"])}}`;
      case 2:
        return `<${one([11, 14])}>1 - h a p m ${one(["-", '[x y="1"]', '[sample@32473 rate="2"]', "[bad"])} n ${n} ${filler}`;
      case 3:
        return `${one(["INFO", "ERROR", "2026-11-26 12:00:00 WARN"])} ${n} ${filler}`;
      case 4:
        return `${one(["[", '"', "{", "\u0000", " sample_rate=3"])}${n}`;
      default:
        return `a ${n}${filler}`;
    }
  };
  let now = t0;
  const plan = planOfRules(rules);
  let running = plan;
  const events = Array.from({ length: 3 + below(25) }, (): Event => {
    now += one([0, 0, 1, 5, 40, 900, 12_000, one([0, 0, -50, -100_000])]);
    switch (below(12)) {
      case 0:
        return { tickMs: now };
      case 2:
        return { lightened: one([running, ...lightenedPlans(running).map(({ plan }) => plan)]) };
      case 1: {
        const changed = rules.map((each, index) => (below(3) === 0 ? makeRule(index) : each)).slice(below(2));
        running = planOfRules(changed, BigInt(below(3)));
        return { plan: running, atMs: now };
      }
      default:
        return {
          atMs: now,
          lines: Array.from({ length: one([1, 3, 30, 400]) }, text),
          from: one(["10.0.0.1", "10.0.0.2", "fe80::1"]),
        };
    }
  });
  return {
    plan,
    events,
    options: {
      batchRecords: 1 + below(one([2, 20, 500])),
      batchBytes: 64 + below(one([200, 20_000])),
      withheldBytes: below(one([1, 20_000])),
    },
  };
}
