/** A page that needs nothing else: the chart, the tables, the targets, the machine and the versions. */

import { chart, escapeMarkup } from "./chart.ts";
import type { Result } from "./result.ts";
import { legend, type Section, sections } from "./table.ts";
import { targetLines } from "./targets.ts";

export function page(result: Result): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>StreamGate beside its peers</title>
<style>
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem; color: #1c2329; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border: 1px solid #d5dae0; padding: 0.2rem 0.5rem; text-align: left; vertical-align: top; }
</style>
<h1>StreamGate beside its peers</h1>
${list(aboutLines(result))}
${chart(result)}
${sections(result).map(tableMarkup).join("\n")}
<h2>How to read it</h2>
${list(legend)}
${targetsMarkup(result)}
</html>
`;
}

function tableMarkup({ title, table }: Section): string {
  const [head, , ...rows] = table.split("\n").map((line) => line.slice(2, -2).split(" | "));
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${strong(escapeMarkup(cell))}</${tag}>`).join("")}</tr>`;
  return `<h2>${escapeMarkup(title)}</h2>
<table>
${row(head!, "th")}
${rows.map((cells) => row(cells, "td")).join("\n")}
</table>`;
}

function targetsMarkup(result: Result): string {
  const lines = targetLines(result);
  return lines.length === 0 ? "" : `<h2>Targets</h2>\n${list(lines)}`;
}

const strong = (markup: string) => markup.replace(/^\*\*(.*)\*\*$/, "<strong>$1</strong>");

function list(lines: readonly string[]): string {
  return `<ul>\n${lines.map((line) => `<li>${escapeMarkup(line)}</li>`).join("\n")}\n</ul>`;
}

/** Machine, versions, what was left out and how busy the machine was otherwise. */
export function aboutLines({ machine, startedAt, options, seed, versions, leftOut, cells }: Result): string[] {
  const shares = cells
    .flatMap(({ runs }) => runs.map((run) => run.foreignShare))
    .filter((share) => share !== undefined)
    .toSorted((a, b) => a - b);
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, Node ${machine.node}, net.core.rmem_max ${machine.rmemMax}`,
    `${startedAt}, ${Object.entries(options)
      .map(([name, value]) => `${name} ${value}`)
      .join(", ")}, seed ${seed}`,
    ...Object.entries(versions).map(([subject, version]) => `${subject}: ${version}`),
    ...leftOut,
    ...(shares.length === 0
      ? []
      : [
          `other processes used ${percent(shares[shares.length >> 1]!)} of the machine in the median run, ${percent(shares.at(-1)!)} in the worst`,
        ]),
  ];
}
