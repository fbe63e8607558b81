/**
 * The severity that records of sixteen kinds of real systems tell (loghub, ../shared/corpora/lines), as text and as JSON, on every engine.
 *
 * The expectations were worked out apart, from loghub's own level columns where a family has one, else by reading the lines; counts only,
 * since the lines may not be copied here. loghub: Zhu et al., ISSRE 2023, https://github.com/logpai/loghub.
 */

import { describe, expect, it } from "vitest";
import { type Plan, type Severity, severity } from "../../src/plan/operations.ts";
import { readCorpusFile } from "./corpora.ts";
import { engines, run } from "./engines.ts";

const levels = Object.keys(severity).filter((name) => name !== "unknown") as Severity[];
const perFamily = 2000;
type Counts = Readonly<Partial<Record<Severity | "unknown", number>>>;

/** In the order in which the corpus takes them in turn: sixteen lines of text, then the same sixteen as JSON. */
const families: readonly {
  readonly name: string;
  readonly text: Counts;
  readonly json: Counts;
  readonly why?: string;
}[] = [
  same("android", { trace: 257, debug: 650, info: 920, warn: 170, error: 3 }),
  same("apache", { info: 1405, error: 595 }),
  same("bgl", { info: 1597, warn: 8, error: 48, fatal: 347 }),
  same("hdfs", { info: 1920, warn: 80 }),
  {
    name: "hpc",
    text: { error: 2, unknown: 1998 },
    json: { unknown: 2000 },
    why: "no level; two messages begin with Error:",
  },
  same("hadoop", { info: 1040, warn: 808, error: 150, fatal: 2 }),
  { ...same("healthapp", { unknown: 2000 }), why: "no level" },
  {
    name: "linux",
    text: { warn: 2, fatal: 43, unknown: 1955 },
    json: { unknown: 2000 },
    why: "syslog without its priority: logrotate's ALERT, xinetd's warning:. loghub's level column is the host",
  },
  {
    name: "mac",
    text: { info: 22, warn: 7, error: 17, unknown: 1954 },
    json: { unknown: 2000 },
    why: "syslog without its priority: labels of messages, such as Information: and [Error]",
  },
  {
    name: "openssh",
    text: { error: 47, fatal: 1, unknown: 1952 },
    json: { unknown: 2000 },
    why: "syslog without its priority: sshd's labels error: and fatal:",
  },
  same("openstack", { info: 1969, warn: 31 }),
  { ...same("proxifier", { unknown: 2000 }), why: "no level" },
  same("spark", { info: 2000 }),
  {
    name: "thunderbird",
    text: { warn: 35, error: 1, unknown: 1964 },
    json: { unknown: 2000 },
    why: "syslog without its priority: labels Warning: and error:",
  },
  same("windows", { info: 2000 }),
  same("zookeeper", { info: 669, warn: 1318, error: 13 }),
];

function same(name: string, counts: Counts) {
  return { name, text: counts, json: counts };
}

/** An output for each level, and one that takes everything, so that each record stays. */
const plan: Plan = {
  rules: [],
  operations: [],
  outputs: levels.length + 1,
  routes: levels.map((atLeast, output) => ({ output, condition: { kind: "severity", atLeast } })),
};

const corpus = readCorpusFile("lines/loghub.log.xz");
const missing = typeof corpus === "string" ? corpus : undefined;

for (const engine of engines()) {
  describe.skipIf(missing !== undefined)(`severity of loghub on ${engine.name}${missing ? `: ${missing}` : ""}`, () => {
    const lines = { text: families.map(none), json: families.map(none) };
    it("is read from every record", () => {
      const { routes } = run(engine, plan, corpus as Buffer);
      expect(routes).toHaveLength(2 * families.length * perFamily);
      for (const [index, bits] of routes.entries()) {
        const turn = index % (2 * families.length);
        const counts = (turn < families.length ? lines.text : lines.json)[turn % families.length]!;
        counts[["unknown", ...levels][levels.filter((_, bit) => (bits >> BigInt(bit)) & 1n).length]!]!++;
      }
    });

    it.each(families.map((family, index) => ({ ...family, index })))("$name: $text", ({ text, json, index }) => {
      expect(lines.text[index]).toEqual({ ...none(), ...text });
      expect(lines.json[index]).toEqual({ ...none(), ...json });
    });
  });
}

function none(): Record<string, number> {
  return Object.fromEntries(["unknown", ...levels].map((level) => [level, 0]));
}
