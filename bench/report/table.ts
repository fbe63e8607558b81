/** The table, as Markdown: one row a subject and cell, each figure the median and its extremes. */

import type { Run } from "../measure/run.ts";
import { ratioToBestPeer, ratioToFloor, spanIn } from "./figures.ts";
import type { CellResult } from "./result.ts";

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

function rowOf(cell: CellResult, cells: readonly CellResult[]): string[] {
  const name = `${cell.scenario}${cell.variant === "" ? "" : `: ${cell.variant}`}`;
  const failed = cell.runs.find((run) => run.failed !== undefined)?.failed;
  if (failed !== undefined && cell.runs.every((run) => run.failed !== undefined)) {
    return [name, cell.subject, ...head.slice(3).map(() => "–"), `failed: ${oneLine(failed)}`];
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
    cell.subject,
    figure((run) => run.cpuSecondsPerMillion, 2),
    own === undefined ? "–" : number(own, 2),
    onFloor === undefined ? "–" : number(onFloor, 1),
    figure((run) => run.linesPerSecond, 0),
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
  return spans[0] === undefined ? "–" : spans.map((span) => number(span!.median, 2)).join(" / ");
}

function further(cell: CellResult, failed: string | undefined): string {
  const names = [...new Set(cell.runs.flatMap((run) => Object.keys(run.further ?? {})))];
  const notes = names.map((name) => {
    const { median } = spanIn(cell, (run) => run.further?.[name])!;
    return `${name}: ${number(median, Number.isInteger(median) ? 0 : 2)}`;
  });
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
