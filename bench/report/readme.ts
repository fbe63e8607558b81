/** Puts chart and tables between two markers of a Markdown file. */

import { aboutLines } from "./page.ts";
import type { Result } from "./result.ts";
import { tables } from "./table.ts";

/** What a reader decides by; the page has all scenarios. */
const shown = ["raw", "filter_redact", "http", "latency"];
const pageName = "index.html";

export const begin = "<!-- bench:start -->";

export const end = "<!-- bench:end -->";

/** @throws Error when the markers are not there, once each and in order */
export function withResult(markdown: string, result: Result, chartPath: string): string {
  const from = markdown.indexOf(begin);
  const to = markdown.indexOf(end);
  if (from < 0 || to < from || markdown.indexOf(begin, from + 1) >= 0)
    throw new Error(`the file needs the lines ${begin} and ${end}, once each`);
  const about = aboutLines(result)
    .map((line) => `- ${line}`)
    .join("\n");
  const cells = result.cells.filter(({ scenario }) => shown.includes(scenario));
  const more = `All scenarios of this run, and which target each one meets: [${pageName}](${chartPath.replace(/[^/]*$/, pageName)}).`;
  const text = [`![CPU-seconds per million lines](${chartPath})`, tables({ ...result, cells }), more, about].join(
    "\n\n",
  );
  const filled = `${begin}\n${text}\n`;
  return markdown.slice(0, from) + filled + markdown.slice(to);
}
