/** What a reader of the README decides by: one table and one chart of a few cells, put between two markers. All the rest: results_page.ts. */

import { chart } from "./chart.ts";
import { answersRightly, cpuOf, groupOf, ratioToBestPeer, spanIn } from "./figures.ts";
import type { CellResult, Result } from "./result.ts";
import { number } from "./table.ts";

/** The cells, in the order of the table, each in words. Part of them do not suit StreamGate: it is no list of victories. */
const rows: readonly {
  readonly scenario: string;
  readonly group: string;
  readonly text: string;
  readonly charted?: true;
}[] = [
  { scenario: "raw", group: "4 connections", text: "TCP to a file, nothing else", charted: true },
  {
    scenario: "filter_redact",
    group: "filter_redact",
    text: "drop two lines in five, redact two kinds of numbers",
    charted: true,
  },
  { scenario: "json", group: "attribute equals", text: "drop by a nested JSON attribute" },
  { scenario: "http", group: "10000 records a request", text: "POST, 10 000 records a request" },
  { scenario: "http", group: "500 records a request", text: "POST, 500 records a request", charted: true },
  { scenario: "http", group: "100 records a request", text: "POST, 100 records a request" },
  {
    scenario: "shapes",
    group: "500 × 1 a write, 50k/s",
    text: "500 connections, a line a write, 50 000 lines/s",
    charted: true,
  },
  { scenario: "udp", group: "200k/s", text: "UDP, 200 000 datagrams/s" },
];

export const begin = "<!-- bench:start -->";
export const end = "<!-- bench:end -->";
export const headlineChartName = "headline.svg";

/**
 * Puts table and chart between the markers.
 * @param folder where the results lie, as the file links to it, with its `/`
 * @throws Error when the markers are not there, once each and in order
 */
export function withHeadline(markdown: string, result: Result, folder: string): string {
  const from = markdown.indexOf(begin);
  const to = markdown.indexOf(end);
  if (from < 0 || to < from || markdown.indexOf(begin, from + 1) >= 0)
    throw new Error(`the file needs the lines ${begin} and ${end}, once each`);
  const text = [
    `![CPU-seconds per million lines](${folder}${headlineChartName})`,
    headlineTable(result),
    `${conditions(result)} All scenarios, versions and settings: [${folder}](${folder}README.md).`,
  ].join("\n\n");
  return `${markdown.slice(0, from)}${begin}\n${text}\n${markdown.slice(to)}`;
}

/** The chart of some of these cells. */
export function headlineChart(result: Result): string {
  return chart({ ...result, cells: rows.filter(({ charted }) => charted).flatMap((row) => cellsOf(row, result)) });
}

function headlineTable(result: Result): string {
  const shown = rows
    .map((row) => ({ text: row.text, cells: cellsOf(row, result) }))
    .filter(({ cells }) => cells.length > 0);
  const subjects = [
    ...new Set(
      shown.flatMap(({ cells }) => cells.filter(({ rank }) => rank !== "floor")).map(({ subject }) => subject),
    ),
  ];
  const head = [
    "CPU-seconds per million lines",
    ...subjects.map(heading),
    "StreamGate ÷ best peer",
    "StreamGate, lines/s",
  ];
  const body = shown.map(({ text, cells }) => {
    const own = cells.find(({ subject }) => subject === "streamgate");
    const ratio = own === undefined ? undefined : ratioToBestPeer(own, cells);
    const speed = own === undefined ? undefined : spanIn(own, (run) => run.linesPerSecond)?.median;
    return [
      text,
      ...subjects.map((subject) => costOf(cells.find((cell) => cell.subject === subject))),
      ratio === undefined ? "–" : ratio.toFixed(2),
      speed === undefined ? "–" : number(speed, 0),
    ];
  });
  return [head, head.map((_, index) => (index === 0 ? "---" : "--:")), ...body]
    .map((row) => `| ${row.join(" | ")} |`)
    .join("\n");
}

const heading = (subject: string) =>
  subject === "streamgate" ? "**StreamGate**" : subject === "streamgate portable" ? "its portable engine" : subject;

/** A subject that answered wrongly keeps its place, not its figure: wrong answers are not fast. */
function costOf(cell: CellResult | undefined): string {
  const cost = cell === undefined ? undefined : cpuOf(cell);
  if (cost === undefined) return "–";
  return answersRightly(cell!) ? cost.toFixed(2) : "wrong";
}

function cellsOf({ scenario, group }: (typeof rows)[number], { cells }: Result): CellResult[] {
  const first = cells.find((cell) => cell.scenario === scenario && cell.group === group);
  return first === undefined ? [] : groupOf(first, cells);
}

/** How it was measured, in a sentence. */
function conditions({ machine, options, startedAt }: Result): string {
  const { lines, runs } = options as { lines?: number; runs?: number };
  const size = lines === undefined ? "" : `${number(lines, 0)} lines a run, `;
  const times = runs === undefined ? "" : runs === 1 ? "one run each" : `median of ${runs} runs`;
  return `Less is better. ${size}${times}, one worker, ${machine.cpu} with ${machine.cores} cores shared by sender, subject and sink, Linux ${machine.kernel.replace(/-.*/, "")}, Node ${machine.node.replace(/^v/, "")}, ${startedAt.slice(0, 10)}.`;
}
