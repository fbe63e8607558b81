/**
 * Measures StreamGate beside its peers: `npm run bench -- --help`. docs/bench.md says how and how to read it.
 *
 * Exit 1 when StreamGate lost, repeated or changed a line, let a planted value through or did not run; never because of a time.
 */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { seed } from "./corpora/text_lines.ts";
import { type Bench, makeBench } from "./measure/bench.ts";
import { isWrong, type Run } from "./measure/run.ts";
import { type Options, readOptions, usage } from "./options.ts";
import { compileNative } from "./programs.ts";
import { chart } from "./report/chart.ts";
import { headlineChart, headlineChartName, withHeadline } from "./report/headline.ts";
import { aboutLines, page } from "./report/page.ts";
import type { CellResult, Result } from "./report/result.ts";
import { resultsPage } from "./report/results_page.ts";
import { tables } from "./report/table.ts";
import { targetLines } from "./report/targets.ts";
import { scenarios } from "./scenarios/index.ts";
import type { Cell, Scenario } from "./scenarios/scenario.ts";
import { allSubjects } from "./subjects/index.ts";
import type { Subject } from "./subjects/subject.ts";

/** Longer runs send the corpus again: it and the answers expected of it must fit in memory beside the output. */
const corpusLinesMax = 500_000;

if (process.argv.includes("--help")) {
  console.log(usage);
} else {
  let options: Options | undefined;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`);
    process.exitCode = 2;
  }
  if (options !== undefined) {
    process.exitCode = await main(options).catch((error: Error) => {
      console.error(error.message);
      return 1;
    });
  }
}

async function main(options: Options): Promise<number> {
  if (process.platform !== "linux") {
    console.error("the bench needs Linux: it reads /proc and uses epoll");
    return 2;
  }
  const startedAt = new Date().toISOString();
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "streamgate-bench-"));
  // `finally` does not run then, and tmpfs is memory.
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      rmSync(folder, { recursive: true, force: true });
      process.exit(1);
    });
  }
  try {
    const programs = compileNative(folder);
    const leftOut: string[] = [];
    const subjects = allSubjects(programs, options.peers).filter((subject) => {
      if (options.subjects.length > 0 && !options.subjects.some((name) => subject.name.startsWith(name))) return false;
      const reason = subject.missing();
      if (reason !== undefined && subject.rank === "own") throw new Error(`${subject.name}: ${reason}`);
      if (reason !== undefined) leftOut.push(`${subject.name}: left out, ${reason}`);
      return reason === undefined;
    });
    if (subjects.length === 0) {
      console.error(`nothing to measure\n${leftOut.join("\n")}`);
      return 2;
    }
    const bench = makeBench(folder, programs, Math.min(options.lines, corpusLinesMax));
    const size = { ...options, cores: availableParallelism() };
    const cells: CellResult[] = [];
    for (const scenario of scenarios.filter(({ name }) => options.scenarios.includes(name))) {
      for (const cell of scenario.cells(size)) {
        cells.push(...(await measure(bench, scenario, cell, subjects, options.runs, leftOut)));
      }
    }
    const result: Result = {
      machine: {
        cpu: cpus()[0]?.model.trim() ?? "unknown processor",
        cores: availableParallelism(),
        memoryGiB: Math.round(totalmem() / 2 ** 30),
        kernel: release(),
        node: process.version,
        rmemMax: Number(readFileSync("/proc/sys/net/core/rmem_max", "utf8")),
      },
      startedAt,
      options: {
        lines: options.lines,
        runs: options.runs,
        seconds: options.seconds,
        ...(options.quick && { quick: true }),
      },
      seed,
      versions: Object.fromEntries(
        subjects.filter(({ rank }) => rank !== "floor").map((subject) => [subject.name, subject.version()]),
      ),
      leftOut: [...new Set(leftOut)],
      questions: Object.fromEntries(scenarios.map(({ name, question }) => [name, question])),
      cells,
    };
    console.log(
      [tables(result), targetLines(result).join("\n"), aboutLines(result).join("\n")].filter(Boolean).join("\n\n"),
    );
    write(options, result);
    const wrong = cells.filter((cell) => cell.rank === "own" && cell.runs.some((run) => isFailure(cell, run)));
    for (const { scenario, variant, subject } of wrong) console.error(`FAILED ${scenario} ${variant}: ${subject}`);
    return wrong.length === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Subjects take turns, so that a change of the machine's speed meets all of them. */
async function measure(
  bench: Bench,
  scenario: Scenario,
  cell: Cell,
  subjects: readonly Subject[],
  runs: number,
  leftOut: string[],
): Promise<CellResult[]> {
  const taking = subjects.filter((subject) => {
    if (cell.takes?.(subject) === false) return false;
    const reason = subject.refuses(cell.job);
    if (reason !== undefined && subject.rank !== "floor")
      leftOut.push(`${subject.name}: not in ${scenario.name} ${cell.variant}, ${reason}`);
    return reason === undefined;
  });
  const measured = new Map<Subject, Run[]>(taking.map((subject) => [subject, []]));
  for (let index = 0; index < runs; index++) {
    for (const subject of taking) {
      const run = await cell.run(bench, subject, index).catch((error: Error): Run => ({ failed: error.message }));
      measured.get(subject)!.push(run);
      const cost = run.cpuSecondsPerMillion?.toFixed(2);
      const told = run.failed ?? (cost === undefined ? "" : `${cost} CPU-s / M lines`);
      console.error(`${scenario.name} ${cell.variant}, ${subject.name}, run ${index + 1}: ${told}`);
    }
  }
  return taking.map((subject) => ({
    scenario: scenario.name,
    variant: cell.variant,
    group: cell.group ?? cell.variant,
    subject: `${subject.name}${cell.job.best === true ? " (best)" : ""}`,
    rank: subject.rank,
    lossy: cell.lossy === true,
    runs: measured.get(subject)!,
  }));
}

function isFailure({ lossy }: CellResult, run: Run): boolean {
  if (!lossy) return isWrong(run);
  const { lost: _, ...others } = run;
  return isWrong(others);
}

function write({ results, readme }: Options, result: Result): void {
  if (results !== undefined) {
    mkdirSync(results, { recursive: true });
    writeFileSync(join(results, "result.json"), `${JSON.stringify(result, null, 2)}\n`);
    writeFileSync(join(results, "chart.svg"), chart(result));
    writeFileSync(join(results, headlineChartName), headlineChart(result));
    writeFileSync(join(results, "README.md"), resultsPage(result));
    writeFileSync(join(results, "index.html"), page(result));
  }
  if (readme !== undefined) {
    const folder = join(results ?? "bench/results", "/");
    writeFileSync(readme, withHeadline(readFileSync(readme, "utf8"), result, folder));
  }
}
