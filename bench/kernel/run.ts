/**
 * The kernel bench: the native data path alone, in one thread, beside memcpy and a newline search.
 *
 *     npm run bench:kernel -- [--quick] [--rounds N] [--kernel avx2]... [--only json]... [--json FILE]
 *
 * Groups: lines (the three rules of the end-to-end bench), many (1, 10, 100 filters), json (attribute_filter). What the arms
 * are, how they are held to agree and where the noise is seen: kernel_bench.cc. Figures add up the fastest round of each block.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compilePlan } from "../../src/plan/compile.ts";
import { encodePlan } from "../../src/plan/encode.ts";
import type { Rule } from "../../src/rules/rule.ts";
import { writeLines } from "../corpora/corpus.ts";
import { planted, writeJsonRecords } from "./json_records.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    kernel: { type: "string", multiple: true, default: ["avx2", "v128", "scalar"] },
    only: { type: "string", multiple: true, default: ["lines", "many", "json"] },
    json: { type: "string" },
  },
});
const rounds = values.rounds ?? (values.quick ? "3" : "15");
const lineCount = values.quick ? 40_000 : 160_000;

interface Result {
  readonly group: string;
  readonly kernel: string;
  readonly arm: string;
  readonly bytes: number;
  readonly lines: number;
  readonly passed: number;
  readonly seconds: number;
  readonly secondsMedian: number;
  readonly cycles: number;
  readonly cycleUnit: string;
}

interface Group {
  readonly name: string;
  readonly title: string;
  readonly corpus: (path: string) => unknown;
  readonly arms: Readonly<Record<string, Rules>>;
  /** Named ratios of two arms' times. */
  readonly ratios: readonly (readonly [title: string, arm: string, reference: string])[];
}

type Rules = readonly Pick<Rule, "type" | "params">[];

const drop = (value: string) => ({ type: "filter", params: { value } });
const dropMatch = (pattern: string) => ({ type: "filter", params: { pattern } });
const redact = (pattern: string) => ({ type: "redact", params: { pattern } });
const attribute = (params: Rule["params"]) => ({ type: "attribute_filter", params });

const ssn = String.raw`\b\d{3}-\d{2}-\d{4}\b`;
const card = String.raw`\b\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b`;

// What people filter: names of probes, jobs and errors. None of them is in the corpus, so that what is timed is the search.
const subjects =
  "healthz readiness liveness heartbeat keepalive prometheus metrics scrape kube-probe ELB-HealthChecker favicon robots sitemap autocomplete prefetch thumbnail telemetry beacon synthetic canary".split(
    " ",
  );
const literals = [
  (name: string) => `GET /${name}`,
  (name: string) => `${name}: ok`,
  (name: string) => `job=${name}`,
  (name: string) => `user-agent ${name}`,
  (name: string) => `E_${name.toUpperCase()}`,
].flatMap((form) => subjects.map(form));
const patterns = [
  (name: string) => String.raw`GET /${name}\b`,
  (name: string) => String.raw`(?i)\b${name}\[\d+\]`,
  (name: string) => `job=${name}-[a-z]+`,
  (name: string) => String.raw`${name} took \d+ms`,
  (name: string) => `${name} (started|ended) by .* at`,
].flatMap((form) => subjects.map(form));

const jsonRules = {
  "early, equals": attribute({ ...planted.early, operator: "equals" }),
  "late, equals": attribute({ ...planted.late, operator: "equals" }),
  "late, contains": attribute({ ...planted.late, operator: "contains" }),
  "late, regex": attribute({ ...planted.late, operator: "regex", value: `^${planted.late.value}$` }),
  "nested, equals": attribute(planted.nested),
  "absent, equals": attribute({ attribute: "deployment.environment", value: "staging" }),
  "absent, value common": attribute({ attribute: "deployment.environment", value: "GET" }),
  "level, equals debug": attribute({ attribute: "log.level", value: "debug" }),
  "level, regex": attribute({ attribute: "log.level", operator: "regex", value: "(?i)^(trace|fatal)$" }),
};

const json = (title: string, share: number, escaped: boolean): Group => ({
  name: "json",
  title: `attribute_filter on JSON, ${title}`,
  corpus: (path) => writeJsonRecords(path, lineCount / 2.5, share, escaped),
  arms: Object.fromEntries(Object.entries(jsonRules).map(([name, rule]) => [name, [rule]])),
  ratios: [],
});

const groups: readonly Group[] = (
  [
    {
      name: "lines",
      title: "lines of the end-to-end bench",
      corpus: (path) => writeLines(path, "text", lineCount),
      arms: {
        "no rules": [],
        "drop DEBUG": [drop("DEBUG")],
        "drop DEBUG, redact SSN, redact card": [drop("DEBUG"), redact(ssn), redact(card)],
      },
      ratios: [
        ["framer (auto) ÷ split + copy", "framer, auto", "split + one memcpy a line"],
        ["engine without rules ÷ split + copy", "no rules", "split + one memcpy a line"],
        [
          "engine, three rules ÷ split + copy (target ≤ 2)",
          "drop DEBUG, redact SSN, redact card",
          "split + one memcpy a line",
        ],
      ],
    },
    {
      name: "many",
      title: "many filters, none of which matches",
      corpus: (path) => writeLines(path, "text", lineCount),
      arms: Object.fromEntries(
        [1, 10, 100].flatMap((count) => [
          [`${count} literals`, literals.slice(0, count).map(drop)],
          [`${count} patterns`, patterns.slice(0, count).map(dropMatch)],
        ]),
      ),
      ratios: [
        ["100 literals ÷ 1 (target ≤ 2)", "100 literals", "1 literals"],
        ["100 patterns ÷ 1 (target ≤ 4)", "100 patterns", "1 patterns"],
      ],
    },
    json("no record matches", 0, false),
    json("1 % match", 0.01, false),
    json("50 % match", 0.5, false),
    json("1 % match, every record has escapes", 0.01, true),
  ] satisfies Group[]
).filter(({ name }) => values.only.includes(name));

const program = execFileSync(process.execPath, [fileURLToPath(new URL("./build.mjs", import.meta.url))], {
  encoding: "utf8",
  stdio: ["ignore", "pipe", "inherit"],
}).trim();
const folder = mkdtempSync(join(tmpdir(), "kernel_bench-"));
const results: Result[] = [];
try {
  console.log(`${cpus()[0]!.model}; ${rounds} rounds, the fastest of each block; one thread, 1 MiB blocks`);
  for (const group of groups) {
    const corpus = join(folder, "corpus");
    group.corpus(corpus);
    const arms = Object.entries(group.arms).map(([name, rules], index) => {
      const plan = join(folder, `plan${index}`);
      const named = rules.map((rule, rank) => ({ id: `rule${rank}`, ...rule }));
      writeFileSync(plan, encodePlan(compilePlan(named)));
      return `${name}=${plan}`;
    });
    for (const kernel of values.kernel) {
      const output = execFileSync(program, [corpus, rounds, ...arms], {
        encoding: "utf8",
        env: { ...process.env, STREAMGATE_SIMD: kernel },
        stdio: ["ignore", "pipe", "inherit"],
      });
      const rows = output
        .trim()
        .split("\n")
        .map((line) => ({ group: group.title, ...JSON.parse(line) }) as Result);
      if (rows[0]!.kernel !== kernel) {
        console.log(`\n${kernel}: this processor has no such kernel`);
        continue;
      }
      results.push(...rows);
      print(group, kernel, rows);
    }
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function print(group: Group, kernel: string, rows: readonly Result[]): void {
  const [{ bytes, lines, cycleUnit }] = rows as [Result];
  console.log(`\n${group.title}: kernel ${kernel}, ${lines} lines of ${(bytes / lines).toFixed(0)} bytes`);
  const unit = cycleUnit === "" ? "" : `bytes/${cycleUnit}`;
  console.log(`${"".padEnd(44)}${["GB/s", unit, "M lines/s", "kept"].map((name) => name.padStart(15)).join("")}`);
  for (const { arm, seconds, cycles, passed } of rows) {
    const cells = [
      (bytes / seconds / 1e9).toFixed(2),
      cycles === 0 ? "" : (bytes / cycles).toFixed(2),
      (lines / seconds / 1e6).toFixed(1),
      passed < 0 ? "" : `${((100 * passed) / lines).toFixed(1)} %`,
    ];
    console.log(`${arm.padEnd(44)}${cells.map((cell) => cell.padStart(15)).join("")}`);
  }
  const timeOf = (name: string) => rows.find(({ arm }) => arm === name)!.seconds;
  const noise = timeOf("split + one memcpy a line, again") / timeOf("split + one memcpy a line") - 1;
  console.log(`  noise: the same arm twice differs by ${(100 * Math.abs(noise)).toFixed(1)} %`);
  for (const [title, arm, reference] of group.ratios)
    console.log(`  ${title}: ${(timeOf(arm) / timeOf(reference)).toFixed(2)}`);
}
