/**
 * What syslog records hold, on every engine, asked as a rule asks: one filter's condition for each expectation. A table of what senders
 * write, the parsing cases of the shared corpus (RFC 3164, RFC 5424, go-syslog, syslog-ng, rsyslog, Vector, VRL, OpenTelemetry), and a
 * differential fuzz of both parsers.
 *
 *     FUZZ_SEED=… FUZZ_CASES=… npx vitest run test/conformance/syslog_parse.test.ts
 */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type ConditionConfig, compileCondition } from "../../src/conditions/index.ts";
import type { EngineKind } from "../../src/data/engine/engine.ts";
import { readManifest } from "../../src/manifest/manifest.ts";
import type { JsonEnvelope } from "../../src/outputs/envelope.ts";
import { readOutput } from "../../src/outputs/read.ts";
import { compilePlan } from "../../src/plan/compile.ts";
import type { Condition, Plan } from "../../src/plan/operations.ts";
import {
  encodeSyslogField,
  syslogFacilities,
  syslogField,
  syslogFieldOf,
  syslogSeverities,
} from "../../src/plan/syslog_field.ts";
import { random } from "../fixtures/random.ts";
import { readCorpus } from "./corpora.ts";
import { batchWith, encodeAll } from "./encode_cases.ts";
import { engines, nativeEngine, run, skipNote } from "./engines.ts";

/** An output each, at most 64 of them. */
const conditionsMax = 63;

/** Which of these conditions hold for a record, and that it comes out as it went in. */
function held(kind: EngineKind, conditions: readonly Condition[], record: Uint8Array): boolean[] {
  const found: boolean[] = [];
  for (let from = 0; from < conditions.length; from += conditionsMax) {
    const part = conditions.slice(from, from + conditionsMax);
    const plan: Plan = {
      rules: [],
      operations: [],
      outputs: part.length + 1,
      routes: part.map((condition, output) => ({ output, condition })),
    };
    // A record of any bytes, LF included.
    const framed = Buffer.concat([Buffer.alloc(4), record]);
    framed.writeUInt32BE(record.length);
    const { records, routes } = run(kind, plan, framed, { framing: { kind: "length32" } });
    expect(records).toEqual([Buffer.from(record)]);
    found.push(...part.map((_, output) => ((routes[0]! >> BigInt(output)) & 1n) === 1n));
  }
  return found;
}

/** A field's text, or that it is not there. */
type Fields = Readonly<Record<string, string | null>>;

/** Two questions for each field: it is there (or not), and it is this text and no other. */
function questionsOf(fields: Fields): readonly ConditionConfig[] {
  return Object.entries(fields).map(([name, text]) => {
    const field = `syslog.${name}`;
    return text === null ? { field, exists: false } : { field, equals: text };
  });
}

function faults(kind: EngineKind, record: Uint8Array, fields: Fields): string[] {
  const questions = questionsOf(fields);
  return held(kind, questions.map(compileCondition), record).flatMap((holds, i) =>
    holds ? [] : [JSON.stringify(questions[i])],
  );
}

const nothing = {
  ...{ version: null, time: null, host: null, app: null, procid: null, msgid: null, sd: null, message: null },
};
const none: Fields = { severity: null, facility: null, ...nothing };
const alert = { ...nothing, severity: "crit", facility: "auth" };

const table: readonly (readonly [why: string, record: string, fields: Fields])[] = [
  [
    "RFC 5424 whole",
    '<165>1 2003-10-11T22:14:15.003Z web-01 evntslog 77 ID47 [a@1 b="c" d="\\"\\]\\\\\\n"][e f.g=""] \ufefftext ',
    {
      severity: "notice",
      facility: "local4",
      version: "1",
      time: "2003-10-11T22:14:15.003Z",
      host: "web-01",
      app: "evntslog",
      procid: "77",
      msgid: "ID47",
      sd: '[a@1 b="c" d="\\"\\]\\\\\\n"][e f.g=""]',
      "sd.a@1.b": "c",
      "sd.a@1.d": '"]\\\\n',
      "sd.e.f.g": "",
      "sd.a@1.x": null,
      "sd.e.b": null,
      message: "text ",
    },
  ],
  ["RFC 5424, nothing in it", "<34>1 - - - - - -", { ...alert, version: "1" }],
  ["RFC 5424, an empty message", "<34>1 - - - - - - ", { ...alert, version: "1", message: "" }],
  ["RFC 5424, a second space is the message's", "<34>1 - - - - - -  x", { ...alert, version: "1", message: " x" }],
  [
    "RFC 5424, of a parameter that is there twice the first",
    '<34>1 - - - - - [a b="1" b="2"][a b="3" c="4"]',
    { ...alert, version: "1", sd: '[a b="1" b="2"][a b="3" c="4"]', "sd.a.b": "1", "sd.a.c": "4" },
  ],
  [
    "RFC 5424 with broken structured data keeps what stands before them",
    "<34>1 - h a p m [x y=z] text",
    { ...alert, version: "1", host: "h", app: "a", procid: "p", msgid: "m" },
  ],
  ["RFC 5424 that breaks off in the app-name", "<34>1 - web-01 su", { ...alert, version: "1" }],
  ["RFC 5424 that breaks off behind it", "<34>1 - web-01 su 1", { ...alert, version: "1", host: "web-01", app: "su" }],
  [
    "RFC 5424 with fields that are too long, or no printable ASCII",
    `<34>1 - h\u00e9 ${"a".repeat(49)} ${"p".repeat(129)} ${"m".repeat(33)} - x`,
    { ...alert, version: "1", message: "x" },
  ],
  ["a number at the head of a text", "<34>5 items failed", { ...alert, message: "5 items failed" }],
  [
    "RFC 3164 whole",
    "<34>Oct 11 22:14:15 mymachine su[12]: 'su root' failed",
    {
      ...alert,
      time: "Oct 11 22:14:15",
      host: "mymachine",
      app: "su",
      procid: "12",
      message: "'su root' failed",
    },
  ],
  [
    "RFC 3164 without a host",
    "<34>Oct  1 22:14:15 su: x",
    { ...alert, time: "Oct  1 22:14:15", app: "su", message: "x" },
  ],
  [
    "RFC 3164 without a tag",
    "<34>Feb  5 17:32:18 10.0.0.99 Use the BFG!",
    { ...alert, time: "Feb  5 17:32:18", host: "10.0.0.99", message: "Use the BFG!" },
  ],
  [
    "RFC 3164, an ISO 8601 time and a procid without a colon",
    "<34>2024-05-01T10:00:00.1+02:00 h app[1] x",
    { ...alert, time: "2024-05-01T10:00:00.1+02:00", host: "h", app: "app", procid: "1", message: "x" },
  ],
  [
    "RFC 3164, a procid that does not end",
    "<34>Oct 11 22:14:15 h app[1 x",
    { ...alert, time: "Oct 11 22:14:15", host: "h", app: "app", message: "app[1 x" },
  ],
  [
    "RFC 3164 with a fraction, one digit for the day and months in any case",
    "<34>OCT 1 22:14:15.123 h a: x",
    { ...alert, time: "OCT 1 22:14:15.123", host: "h", app: "a", message: "x" },
  ],
  [
    "Cisco: the year before the time, a colon behind it, and a clock that is not in step",
    "<34>*Oct 11 2024 22:14:15.123: %SYS-5-CONFIG_I: x",
    { ...alert, time: "Oct 11 2024 22:14:15.123", app: "%SYS-5-CONFIG_I", message: "x" },
  ],
  [
    "the year behind the time",
    "<34>Oct 11 22:14:15 2024 h a: x",
    { ...alert, time: "Oct 11 22:14:15 2024", host: "h", app: "a", message: "x" },
  ],
  [
    "spaces before and behind the time",
    "<34> Oct 11 22:14:15  h a: x",
    { ...alert, time: "Oct 11 22:14:15", host: "h", app: "a", message: "x" },
  ],
  ["RFC 3164 that ends in the time", "<34>Oct 11 22:14:15", { ...alert, time: "Oct 11 22:14:15", message: "" }],
  ["a priority and a text", "<34>hello: x", { ...alert, message: "hello: x" }],
  ["a priority alone", "<34>", { ...alert, message: "" }],
  ["a priority that is too large", "<192>Oct 11 22:14:15 h a: x", none],
  ["a priority of four digits", "<0034>1 - h a - - - x", none],
  ["no priority", "Oct 11 22:14:15 h a: x", none],
  ["JSON", '{"syslog.host":"x","syslog":{"host":"x"}}', none],
  ["no bytes but one", "<", none],
];

const day = Date.parse("2003-10-11T22:14:15.003Z");
const rfc5424 = `<165>1 2003-10-11T22:14:15.003Z web-01 evntslog 77 ID47 [a@1 n="5"] {"level":"warn","n":7}`;

for (const kind of engines()) {
  describe(`syslog fields on ${kind.name}`, () => {
    it.each(table)("%s", (_why, record, fields) => {
      expect(faults(kind, Buffer.from(record), fields)).toEqual([]);
    });

    it.each<[ConditionConfig, boolean]>([
      [{ field: "syslog.severity", equals: "notice" }, true],
      [{ field: "syslog.severity", equals: 5 }, true],
      [{ field: "syslog.severity", in: ["ERROR", "5"] }, true],
      [{ field: "syslog.severity", not_equals: "err" }, true],
      [{ field: "syslog.severity", not_equals: 5 }, false],
      [{ field: "syslog.severity", not_equals: 5, ignore_case: true }, false],
      [{ field: "syslog.severity", lt: 6 }, true],
      [{ field: "syslog.severity", lt: 5 }, false],
      [{ field: "syslog.severity", regex: "^(err|notice)$" }, true],
      [{ field: "syslog.facility", equals: 20 }, true],
      [{ field: "syslog.facility", gt: 15 }, true],
      [{ field: "syslog.facility", starts_with: "local" }, true],
      [{ field: "syslog.time", gt: day - 1 }, true],
      [{ field: "syslog.time", gt: day }, false],
      [{ field: "syslog.time", lt: day + 1 }, true],
      [{ field: "syslog.time", starts_with: "2003-10" }, true],
      [{ field: "syslog.procid", gt: 76 }, true],
      [{ field: "syslog.sd.a@1.n", lt: 6 }, true],
      [{ field: "syslog.sd.a@1.m", exists: false }, true],
      [{ field: "syslog.host", ends_with: "-01" }, true],
      [{ field: "syslog.host", equals: "WEB-01" }, false],
      [{ field: "syslog.host", equals: "WEB-01", ignore_case: true }, true],
      [{ field: "syslog.host", gt: 1 }, false],
      [{ field: "syslog.message", contains: '"warn"' }, true],
      [{ field: "syslog.message", regex: "^\\{.*\\}$" }, true],
      [{ field: "syslog.version", exists: true }, true],
      [
        { all: [{ field: "syslog.app", equals: "evntslog" }, { not: { field: "syslog.msgid", equals: "ID48" } }] },
        true,
      ],
      // Fields of JSON in the message.
      [{ field: "level", equals: "warn" }, true],
      [{ path: "n", gt: 6 }, true],
      [{ field: "host", exists: true }, false],
    ])("answers %j: %s", (condition, holds) => {
      expect(held(kind, [compileCondition(condition)], Buffer.from(rfc5424))).toEqual([holds]);
    });

    it.each([
      ['<34>Oct 11 22:14:15 h a: {"n":7}', true],
      ['<34>Oct 11 22:14:15 h a: @cee: {"n":7}', true],
      ['<34>1 - h a - - -  @cee:{"n":7}', true],
      ['<34>{"n":7}', true],
      ['<34>Oct 11 22:14:15 h a: {"n":7} x', false],
      ['<34>Oct 11 22:14:15 h a: x {"n":7}', false],
      ['<34>1 - h a - - [x] @cee {"n":7}', false],
      ['<340>{"n":7}', false],
    ])("finds an attribute in the message of %s: %s", (record, found) => {
      expect(held(kind, [compileCondition({ field: "n", equals: 7 })], Buffer.from(record))).toEqual([found]);
    });
  });
}

it("takes what docs/syslog.md shows", () => {
  const text = readFileSync(new URL("../../docs/syslog.md", import.meta.url), "utf8");
  const shown = [...text.matchAll(/```json\n([\s\S]*?)```/g)].flatMap(([, block]) => block!.trim().split("\n"));
  const [rules, outputs] = Object.values(
    Object.groupBy(
      shown.map((line) => JSON.parse(line) as object),
      (one) => ("params" in one ? "rule" : "output"),
    ),
  ) as [object[], object[]];
  expect(planOf(rules).operations).toHaveLength(4);
  expect(outputs.map((output) => readOutput(output, "").type)).toEqual(["datadog"]);
  for (const name of Object.keys(syslogField)) if (name !== "param") expect(text).toContain(`\`syslog.${name}\``);
  for (const name of [...syslogSeverities, "kern", "clock", "local7"]) expect(text).toContain(`\`${name}\``);
});

/** Rules as a user writes them, as a plan. */
function planOf(processors: readonly object[]): Plan {
  const given = processors.map((rule, index) => ({ id: `r${index}`, ...rule }));
  const check = (pattern: string) => engines()[0]!.checkPattern(pattern);
  return compilePlan(readManifest({ pipelines: [{ processors: given }] }, check).manifest.pipelines[0].processors);
}

for (const kind of engines()) {
  describe(`syslog in rules on ${kind.name}`, () => {
    const kept = (processors: readonly object[], lines: readonly string[]) =>
      run(kind, planOf(processors), Buffer.from(lines.map((line) => `${line}\n`).join(""))).records.map(String);
    const [cron, su, json, plain] = [
      "<78>Oct 11 22:14:15 web-01 CRON[7]: 123",
      "<34>1 - web-02 su - - - 123",
      '{"syslog.app":"CRON","syslog":{"app":"CRON"}}',
      "<999>CRON 123",
    ];

    it("drops, keeps and looks at records by their fields; what does not parse passes unharmed", () => {
      const lines = [cron, su, json, plain];
      expect(kept([{ type: "attribute_filter", params: { attribute: "syslog.app", value: "CRON" } }], lines)).toEqual([
        ...[su, json, plain],
      ]);
      const facility = { field: "syslog.facility", in: ["auth", 9], action: "keep" };
      expect(kept([{ type: "filter", params: facility }], lines)).toEqual([cron, su]);
      const redact = { type: "redact", params: { pattern: "\\d{3}$", replacement: "*" } };
      expect(kept([{ ...redact, when: { field: "syslog.host", ends_with: "2" } }], lines)).toEqual([
        ...[cron, su.replace("123", "*"), json, plain],
      ]);
    });

    it("are keys of rules that remember", () => {
      const host = (name: string) => `<14>1 - ${name} su - - - x`;
      const throttle = { type: "throttle", params: { records_per_s: 1, key: "syslog.host" } };
      expect(kept([throttle], [host("a"), host("a"), host("b"), plain, plain, host("b")])).toEqual([
        ...[host("a"), host("b"), plain],
      ]);
      const dedupe = { type: "dedupe", params: { fields: ["syslog.app", "syslog.message"] } };
      expect(kept([dedupe], [host("a"), host("b"), `${host("a")}y`, json, json])).toEqual([
        ...[host("a"), `${host("a")}y`, json, json],
      ]);
      const many = Array.from({ length: 400 }, (_, i) => host(`h${i % 40}`));
      const sample = { type: "sample", params: { rate: 0.5, key: "syslog.host", weight: false } };
      const hosts = new Map<string, number>();
      for (const record of kept([sample], many)) hosts.set(record, (hosts.get(record) ?? 0) + 1);
      expect(new Set(hosts.values())).toEqual(new Set([10]));
      expect(hosts.size).toBeGreaterThan(5);
      expect(hosts.size).toBeLessThan(35);
    });

    it("finds attributes in a message that is JSON, for attribute_filter as for filter", () => {
      const wrapped = '<34>1 - h a - - - {"service":{"name":"test"}}';
      const params = { attribute: "service.name", value: "test" };
      expect(kept([{ type: "attribute_filter", params }], [wrapped, `${wrapped} `, `${wrapped}x`, su])).toEqual([
        ...[`${wrapped}x`, su],
      ]);
    });
  });
}

/** A case of the corpus (its README.md has the form). Only the fields that its source tells are stated. */
interface Case {
  readonly id: string;
  readonly source: string;
  readonly framing: string;
  readonly why: string;
  readonly level: "must" | "should";
  readonly bytes_base64: string;
  readonly valid?: boolean;
  readonly expected_messages: readonly Expected[];
  readonly best_effort?: Expected | null;
}
interface Expected {
  readonly priority?: number;
  readonly facility?: number;
  readonly severity?: number;
  readonly version?: number | null;
  readonly timestamp?: string | null;
  readonly timestamp_epoch_us?: number;
  readonly hostname?: string | null;
  readonly appname?: string | null;
  readonly procid?: string | null;
  readonly msgid?: string | null;
  readonly syslogtag?: string;
  readonly structured_data?: Readonly<Record<string, Readonly<Record<string, string>>>> | null;
  readonly structured_data_raw?: string;
  readonly message?: string | null;
}

const corpus = readCorpus<Case>("syslog");
const missing = typeof corpus === "string" ? corpus : undefined;
const cases = (typeof corpus === "string" ? [] : corpus).filter(({ framing }) => framing.startsWith("rfc"));

/** Where a source expects what StreamGate does not want: why, and the cases' ids. None is of level `must`. */
const meantOtherwise: Readonly<Record<string, readonly string[]>> = {
  "a number is a version where a whole time and a space stand behind it, else it is the head of a text": [
    "sys-2ce23b80faa0a81b",
    "sys-2db374a37f04b76f",
    "sys-32bb5319854906fb",
    "sys-3f473de8d6eba383",
    "sys-441a20ee5c803f6b",
    "sys-4fb04ae936206f81",
    "sys-56f6fd63c20ea902",
    "sys-5991f410dd7778d5",
    "sys-5c1521bdf7df93b5",
    "sys-7b25a9656e8bdfc8",
    "sys-88a68c59bc967d04",
    "sys-8c09a85dfbe31224",
    "sys-a1f7deda2eca2dfc",
    "sys-a9d8bf6cf1770439",
    "sys-b669e40d39ef8fb0",
    "sys-ba5479621d642fda",
    "sys-bcdc932d9ddc6487",
    "sys-bf82040cf23d2c60",
    "sys-d2d99b8bcee96ea4",
    "sys-dbecc2000d6a705c",
    "sys-ddc32646431bcb8a",
    "sys-e60f1e6380d75fdf",
    "sys-e99b675c5aea6464",
    "sys-ed1b97d01771d4d7",
    "sys-f06ed035cccbc58a",
    "sys-fae6068b8fa9f187",
  ],
  "a time is taken as it is written, and has milliseconds only where a calendar has it": ["sys-0070be0550a6f2d9"],
  "a record whose structured data are broken has neither these nor a message: nobody can say where they end": [
    "sys-416093b0014bf2c6",
    "sys-de0b2afdfca2daef",
    "sys-a8db5dca262d13f6",
    "sys-fc1a5c4cbd085aaa",
  ],
  "syslog-ng puts a message about the fault in the record's place": ["sys-3c7084239879bce9", "sys-9d071b5b9bbd3e81"],
  "syslog-ng is told that there is no host, or that % is none of its characters; the word in front of a tag is one": [
    "sys-38bd7a5e070b0cda",
    "sys-b86d7757e1252fa4",
  ],
  "syslog-ng takes no host behind a time with a space in front of it": [
    "sys-1abe3d426030239e",
    "sys-af1c0e0954ea2590",
    "sys-c5e590200bc26864",
  ],
  "syslog-ng's test does not look at this process id": ["sys-c02aaaf0bd402aa1"],
  "a word that ends in neither : nor [ is text, and no tag": ["sys-624d2213e7fe3a25", "sys-b69aa1f4809ce9bb"],
  "rsyslog takes the year behind a time for the host": ["sys-b26dc03ada18ccd6"],
  "what has no priority is no syslog; OpenTelemetry has an option for it": ["sys-d3cf7d7668e91e41"],
};

/** What a source states, as questions. */
function statedOf({ source, framing }: Case, expected: Expected): ConditionConfig[] {
  const questions: ConditionConfig[] = [];
  const ask = (name: string, text: string | null | undefined) => {
    if (text === undefined) return;
    questions.push(...questionsOf({ [name]: text }));
  };
  const { facility, severity, version, timestamp, structured_data: data, message, syslogtag: tag } = expected;
  ask("facility", facility === undefined ? undefined : syslogFacilities[facility]);
  ask("severity", severity === undefined ? undefined : syslogSeverities[severity]);
  ask("version", typeof version === "number" ? String(version) : version);
  ask("host", expected.hostname);
  ask("app", expected.appname);
  ask("procid", expected.procid);
  ask("msgid", expected.msgid);
  // rsyslog tells app and procid as one.
  if (tag !== undefined && framing === "rfc3164") {
    const [, app = null, procid = null] = /^(.+?)(?:\[(.*)\])?:$/.exec(tag) ?? [];
    ask("app", app);
    ask("procid", procid);
  } else if (tag !== undefined) ask("app", tag);
  if (timestamp === null) ask("time", null);
  else if (timestamp?.startsWith("--")) {
    const [month, date, time] = [timestamp.slice(2, 4), Number(timestamp.slice(5, 7)), timestamp.slice(8)];
    const name = new Date(`2000-${month}-01T00:00:00Z`).toLocaleString("en", { month: "short", timeZone: "UTC" });
    questions.push({ field: "syslog.time", regex: `^${name} +${date} ${time}$` });
  } else if (timestamp !== undefined) questions.push(...at(Date.parse(timestamp)));
  if (expected.timestamp_epoch_us !== undefined) questions.push(...at(Math.floor(expected.timestamp_epoch_us / 1000)));
  ask("sd", data === null ? null : expected.structured_data_raw);
  for (const [id, params] of Object.entries(data ?? {})) {
    if (Object.keys(params).length === 0) questions.push({ field: "syslog.sd", regex: `\\[${id}\\]` });
    for (const [name, value] of Object.entries(params)) ask(`sd.${id}.${name}`, value);
  }
  if (message !== undefined && message !== null) {
    // go-syslog leaves the byte order mark in the text, and rsyslog RFC 3164's space in front of it: see the corpus' README.
    const text = message.replace(/^\ufeff/, "");
    const space = framing === "rfc3164" && source.startsWith("rsyslog");
    // Bytes that are no UTF-8 are U+FFFD there, one for each.
    if (text.includes("\ufffd")) questions.push({ field: "syslog.message", exists: true });
    else ask("message", space ? text.replace(/^ /, "") : text);
  } else ask("message", message);
  return questions;
}

const at = (ms: number): ConditionConfig[] => [
  { field: "syslog.time", gt: ms - 1 },
  { field: "syslog.time", lt: ms + 1 },
];

for (const kind of engines()) {
  describe.skipIf(missing !== undefined)(`syslog parsing on ${kind.name}${missing ? `: ${missing}` : ""}`, () => {
    it("agrees with every source, but where StreamGate means otherwise; every record passes unharmed", () => {
      let asked = 0;
      const different = cases.filter((test) => {
        // Of a record that a source refuses, the fields that it tells all the same.
        const questions = statedOf(test, test.expected_messages[0] ?? withoutNulls(test.best_effort ?? {}));
        asked += questions.length;
        return held(kind, questions.map(compileCondition), Buffer.from(test.bytes_base64, "base64")).includes(false);
      });
      expect(different.map(({ id }) => id).toSorted()).toEqual(Object.values(meantOtherwise).flat().toSorted());
      expect(different.filter(({ level }) => level === "must")).toEqual([]);
      expect(asked).toBeGreaterThan(2500);
    });
  });
}

function withoutNulls(expected: Expected): Expected {
  return Object.fromEntries(Object.entries(expected).filter(([, value]) => value !== null));
}

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const fuzzCases = Number(process.env.FUZZ_CASES ?? 20_000);
const fields = [
  ...["severity", "facility", "version", "time", "host", "app", "procid", "msgid", "sd"],
  ...["sd.a.b", "sd.a@1.b.c", "message"],
].map((name) => `syslog.${name}`);
/** Every field of a record, written out by the encoders. */
const telling: JsonEnvelope = {
  kind: "json",
  before: "",
  between: "\n",
  after: "",
  string: { before: '{"record":', after: "}" },
  filled: fields.map((name) => ({
    before: `,"${name}":`,
    field: encodeSyslogField(syslogFieldOf(name)!),
    otherwise: "",
  })),
};
/** What is told apart by numbers. */
const numbers: readonly Condition[] = [
  ...[3, 12].map((lt) => ({ field: "syslog.facility", lt })),
  ...[-6e13, 0, 1e12, 1.1e12, 2e14].map((gt) => ({ field: "syslog.time", gt })),
  { field: "syslog.procid", gt: 20 },
  { field: "syslog.sd.a.b", lt: 1e9 },
  { field: "n", gt: 6 },
].map(compileCondition);

/** What syslog is made of, well put together and otherwise. */
const pieces: readonly (readonly string[])[] = [
  ["<34>", "<0>", "<191>", "<192>", "<013>", "<>", "<3", "", "x"],
  ["1 ", "12 ", "", " ", "0 ", "1234 ", "*", ".", " *"],
  [
    ...[
      "2003-10-11T22:14:15.003Z ",
      "2024-02-29T23:59:59.999999+05:30 ",
      "2023-02-29T23:59:59Z ",
      "0001-01-01T00:00:00-23:59 ",
    ],
    ...[
      "- ",
      "Oct 11 22:14:15 ",
      "oct  1 22:14:15.12: ",
      "Oct 1 2024 22:14:15: ",
      "Oct 11 22:14:15 2024 ",
      "Oct 11 22:14:15",
    ],
    ...["2024-05-01T10:00:00: ", "2003-10-11T22:14:60Z ", "9999-12-31T23:59:59.9Z ", "Oct 11 22:14:15 1899 ", ""],
  ],
  [
    "web-01 ",
    "- ",
    " ",
    "h\u00e9 ",
    "su: ",
    "su[1]: ",
    "2001:db8::1 ",
    `${"h".repeat(255)} `,
    `${"h".repeat(256)} `,
    "",
  ],
  ["su ", "su: ", "su[77]: ", "su[7", "su[7] ", "[7]: ", `${"a".repeat(48)}[1]:`, `${"a".repeat(49)}: `, "- ", "", ":"],
  ["77 ", "- ", `${"7".repeat(128)} `, `${"7".repeat(129)} `, "", "1e3 "],
  ["ID47 ", "- ", `${"m".repeat(33)} `, ""],
  [
    ...[
      "-",
      '[a b="c"]',
      '[a b="\\"\\]\\\\\\n"]',
      '[a@1 b.c="5"][a b=""]',
      "[a]",
      "[]",
      "[a b=c]",
      '[a b="]"]',
      '[a  b="c"]',
      "[a",
    ],
    ...['[a.b c="x"][a@1.b c="y"]', '[a b="1e8"]', ""],
  ],
  [" ", "  ", " \ufeff", "", "\ufeff"],
  ["text", '{"n":7}', '@cee: {"n":7}', '{"n":7', "", "\u0000\u0001", " x: y"],
];

describe.skipIf(nativeEngine() === undefined)(`syslog on both engines${skipNote}`, () => {
  it(`reads the same of ${fuzzCases} records, FUZZ_SEED=${seed}`, { timeout: 600_000 }, () => {
    const next = random(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)]!;
    const alphabet = Buffer.from('<>1 -[]"\\=:.TZ+aO\xff\xef\xbb\xbf@', "latin1");
    let told = 0;
    for (let from = 0; from < fuzzCases; from += 500) {
      const records = Array.from({ length: Math.min(500, fuzzCases - from) }, () => {
        const record = Buffer.from(pieces.map((list) => (next() < 0.6 ? list[0]! : pick(list))).join(""));
        if (record.length === 0) return Buffer.from("x");
        for (let changes = next() < 0.5 ? 0 : Math.ceil(next() * 4); changes > 0; changes--)
          record[Math.floor(next() * record.length)] = pick([...alphabet]);
        return record.subarray(0, next() < 0.1 ? 1 + Math.floor(next() * record.length) : undefined);
      });
      const [native, portable] = engines().map((kind) => {
        const encoder = kind.createEncoder(telling);
        const lines = Buffer.concat(encodeAll(encoder, batchWith(kind, records)).bodies)
          .toString()
          .split("\n");
        encoder.close();
        return { lines, held: routesOf(kind, records) };
      });
      for (const [index, record] of records.entries()) {
        const of = ({ lines, held }: { lines: string[]; held: bigint[] }) => ({
          line: lines[index],
          held: held[index],
        });
        if (native!.lines[index] !== portable!.lines[index] || native!.held[index] !== portable!.held[index])
          expect({ record: record.toString("latin1"), ...of(native!) }).toEqual({
            record: record.toString("latin1"),
            ...of(portable!),
          });
        if (native!.lines[index]!.includes('"syslog.message"')) told++;
      }
      expect(native!.lines).toHaveLength(records.length);
    }
    // A generator that makes only what is refused would prove little.
    expect(told).toBeGreaterThan(fuzzCases / 3);
  });
});

function routesOf(kind: EngineKind, records: readonly Buffer[]): bigint[] {
  const plan: Plan = {
    rules: [],
    operations: [],
    outputs: numbers.length + 1,
    routes: numbers.map((condition, output) => ({ output, condition })),
  };
  const framed = records.flatMap((record) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(record.length);
    return [length, record];
  });
  return run(kind, plan, Buffer.concat(framed), { framing: { kind: "length32" } }).routes;
}
