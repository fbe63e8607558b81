/** Chart, tables, targets and conditions of a result as the Markdown page of its folder. */

import { aboutLines } from "./page.ts";
import type { Result } from "./result.ts";
import { legend, tables } from "./table.ts";
import { targetLines } from "./targets.ts";

/** @returns a page beside chart.svg, result.json and index.html; it links to the method as from bench/results/ */
export function resultsPage(result: Result): string {
  const list = (lines: readonly string[]) => lines.map((line) => `- ${line}`).join("\n");
  const targets = targetLines(result);
  return `# One run of the bench

<!-- Written by \`npm run bench\` and \`npm run generate\` from result.json; do not edit. -->

What is measured, how far to trust it and what is uneven: [docs/bench.md](../../docs/bench.md). Every run of every cell: [result.json](result.json);
the same as a page that needs nothing else: [index.html](index.html).

${list(aboutLines(result))}

![CPU-seconds per million lines](chart.svg)

${tables(result).replace(/^### /gm, "## ")}

## How to read it

${list(legend)}
${targets.length === 0 ? "" : `\n## Targets\n\n${list(targets)}\n`}`;
}
