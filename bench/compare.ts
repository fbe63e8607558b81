/**
 * Two builds of the program, one against the other: `node bench/compare.ts --before DIRECTORY --after DIRECTORY [--rounds 3] [--lines 500000]`.
 *
 * Each round runs `streamgate pipe` of both over the same lines, in turns, for each piece of work, and takes the CPU time that the child
 * used. The least of all rounds counts: what a busy machine adds is never negative. Prints a table in Markdown.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type CorpusKind, writeCorpus } from "./corpora/corpus.ts";

interface Work {
  readonly name: string;
  readonly corpus: CorpusKind;
  readonly rules: readonly object[];
}

const works: readonly Work[] = [
  { name: "no rules", corpus: "text", rules: [] },
  {
    name: "drop a word, redact two patterns",
    corpus: "text",
    rules: [
      { id: "debug", type: "filter", params: { value: "DEBUG" } },
      { id: "ssn", type: "redact", params: { pattern: "\\d{3}-\\d{2}-\\d{4}", replacement: "[SSN]" } },
      { id: "card", type: "redact", params: { pattern: "\\b4\\d{15}\\b", replacement: "[CARD]" } },
    ],
  },
  {
    name: "every detector",
    corpus: "personal",
    rules: [{ id: "all", type: "redact", params: { detectors: ["all"] } }],
  },
  {
    name: "a JSON attribute",
    corpus: "json",
    rules: [
      {
        id: "one",
        type: "attribute_filter",
        params: { attribute: "service.name", operator: "equals", value: "service-1" },
      },
    ],
  },
  { name: "dedupe, numbers masked", corpus: "text", rules: [{ id: "twice", type: "dedupe", params: { mask: true } }] },
];

const { values } = parseArgs({
  options: {
    before: { type: "string" },
    after: { type: "string" },
    rounds: { type: "string", default: "3" },
    lines: { type: "string", default: "500000" },
  },
});
if (values.before === undefined || values.after === undefined) {
  console.error("--before and --after name the folders of two built repositories");
  process.exit(2);
}
const sides = [values.before, values.after] as const;
const lines = Number(values.lines);
const folder = mkdtempSync(join(tmpdir(), "streamgate-compare-"));
try {
  const rows = works.map((work) => {
    const corpus = writeCorpus(folder, work.corpus, lines).path;
    const rules = join(folder, "rules.json");
    writeFileSync(rules, JSON.stringify(work.rules));
    const least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let round = 0; round < Number(values.rounds); round++)
      for (const [side, repository] of sides.entries())
        least[side] = Math.min(least[side]!, secondsOf(repository, corpus, rules));
    const [before, after] = least.map((seconds) => (seconds / lines) * 1e6);
    return `| ${work.name} | ${before!.toFixed(2)} | ${after!.toFixed(2)} | ${(after! / before!).toFixed(2)} |`;
  });
  const about = `${lines} lines, the least of ${values.rounds} rounds in turns, \`streamgate pipe\` with its start`;
  console.log(
    `CPU-seconds per million lines (${about}):\n\n| Work | before | after | ratio |\n|---|---|---|---|\n${rows.join("\n")}`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** @returns CPU-seconds, user and system, of one run; its answer goes nowhere. @throws Error with what it said when it fails */
function secondsOf(repository: string, corpus: string, rules: string): number {
  const program = join(repository, "dist", "commands", "main.js");
  const { status, stderr } = spawnSync(
    "bash",
    ["-c", 'TIMEFORMAT="%U %S"; time "$0" "$@" > /dev/null', process.execPath, program, "pipe", "--rules", rules],
    { stdio: [openSync(corpus, "r"), "ignore", "pipe"], encoding: "utf8" },
  );
  const times = /([\d.]+) ([\d.]+)\s*$/.exec(stderr);
  if (status !== 0 || times === null) throw new Error(`${program} ended with status ${status}: ${stderr}`);
  return Number(times[1]) + Number(times[2]);
}
