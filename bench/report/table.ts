/** The table, as Markdown: one row a subject and cell, each figure the median and its extremes. StreamGate's rows are bold. */

import type { Run } from "../measure/run.ts";
import { isStarved, ratioToBestPeer, ratioToFloor, reachedShare, spanIn } from "./figures.ts";
import type { CellResult, Result } from "./result.ts";

const head = [
  ...[
    "scenario",
    "subject",
    "CPU-s / M lines",
    "× best peer",
    "× floor",
    "lines/s",
    "MB/s",
    "RSS MiB",
    "lost",
    "leaked",
  ],
  ...["p50 / p99 / p99.9 ms", "further"],
];

export function table(cells: readonly CellResult[]): string {
  const rows = cells.map((cell) => rowOf(cell, cells));
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** A table for each scenario, under its question. */
export function sections({ cells, questions }: Pick<Result, "cells" | "questions">): Section[] {
  return [...new Set(cells.map(({ scenario }) => scenario))].map((scenario) => ({
    title: [scenario, questions?.[scenario]].filter(Boolean).join(": "),
    table: table(cells.filter((cell) => cell.scenario === scenario)),
  }));
}

export interface Section {
  readonly title: string;
  readonly table: string;
}

/** The sections as Markdown. */
export function tables(result: Pick<Result, "cells" | "questions">): string {
  return sections(result)
    .map(({ title, table }) => `### ${title}\n\n${table}`)
    .join("\n\n");
}

/** What the columns and marks mean, where a reader has nothing else at hand. */
export const legend: readonly string[] = [
  "floor: a C program that only reads and writes and does none of the work; × floor is the CPU over its",
  "× best peer: the CPU over that of the cheapest peer that neither lost a line nor leaked; below 1 is cheaper",
  "lost: lines that should have come out and did not; leaked: planted values found in the output; both of the worst run",
  "a figure is the median of the runs, with the extremes in brackets",
  "† the sender reached less than 95 % of the rate: the machine had no time for it, and the row was under less load than the others",
];

function rowOf(cell: CellResult, cells: readonly CellResult[]): string[] {
  const name = `${cell.scenario}${cell.variant === "" ? "" : `: ${cell.variant}`}`;
  const subject = cell.rank === "own" ? `**${cell.subject}**` : cell.subject;
  const failed = cell.runs.find((run) => run.failed !== undefined)?.failed;
  if (failed !== undefined && cell.runs.every((run) => run.failed !== undefined)) {
    return [name, subject, ...head.slice(3).map(() => "–"), `failed: ${oneLine(failed)}`];
  }
  const figure = (of: (run: Run) => number | undefined, digits: number) => {
    const span = spanIn(cell, of);
    if (span === undefined) return "–";
    const { median, min, max } = span;
    const text = number(median, digits);
    return cell.runs.length === 1 ? text : `${text} (${number(min, digits)}–${number(max, digits)})`;
  };
  const own = cell.rank === "floor" ? undefined : ratioToBestPeer(cell, cells);
  const onFloor = cell.rank === "floor" ? undefined : ratioToFloor(cell, cells);
  return [
    name,
    subject,
    figure((run) => run.cpuSecondsPerMillion, 2),
    own === undefined ? "–" : number(own, 2),
    onFloor === undefined ? "–" : number(onFloor, 1),
    `${figure((run) => run.linesPerSecond, 0)}${isStarved(cell) ? " †" : ""}`,
    figure((run) => run.megabytesPerSecond, 0),
    figure((run) => run.rssMiB, 0),
    worst(cell, (run) => run.lost),
    worst(cell, (run) => run.leaked),
    latency(cell),
    further(cell, failed),
  ];
}

/** A median would hide the one run that lost something. */
function worst(cell: CellResult, of: (run: Run) => number | undefined): string {
  const span = spanIn(cell, of);
  return span === undefined ? "–" : number(span.max, 0);
}

function latency(cell: CellResult): string {
  const spans = (["p50", "p99", "p999"] as const).map((key) => spanIn(cell, (run) => run.latencyMs?.[key]));
  if (spans[0] === undefined) return "–";
  const [p50, p99, p999] = spans.map((span) => number(span!.median, 2)) as [string, string, string];
  // A quantile beyond what was timed is the maximum, and says so.
  const timed = spanIn(cell, (run) => run.latencyMs?.lines)?.min ?? Number.POSITIVE_INFINITY;
  if (timed < 100) return `${p50} / max ${p999}`;
  return `${p50} / ${p99} / ${timed < 1000 ? "max " : ""}${p999}`;
}

function further(cell: CellResult, failed: string | undefined): string {
  const names = [...new Set(cell.runs.flatMap((run) => Object.keys(run.further ?? {})))];
  const notes = names.map((name) => {
    const { median } = spanIn(cell, (run) => run.further?.[name])!;
    return `${name}: ${number(median, Number.isInteger(median) ? 0 : 2)}`;
  });
  const reached = reachedShare(cell);
  if (reached !== undefined && isStarved(cell)) notes.push(`sender reached ${Math.floor(reached * 100)} % of the rate`);
  for (const name of ["doubled", "altered"] as const) {
    const count = spanIn(cell, (run) => run[name])?.max ?? 0;
    if (count > 0) notes.push(`${name} ${number(count, 0)}`);
  }
  if (failed !== undefined) notes.push(`a run failed: ${oneLine(failed)}`);
  return notes.join("; ");
}

/** With a thin space between thousands, which keeps long numbers readable and short. */
export function number(value: number, digits: number): string {
  const [whole, part] = value.toFixed(digits).split(".") as [string, string | undefined];
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, "\u2009");
  return part === undefined ? grouped : `${grouped}.${part}`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").replaceAll("|", "\\|").slice(0, 200);
}
