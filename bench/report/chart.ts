/** The chart: CPU-seconds per million lines as horizontal bars, a block for each cell. Self-contained SVG, no script, no font of its own. */

import { cpuOf } from "./figures.ts";
import type { CellResult, Result } from "./result.ts";

const columnWidth = 480;
const labelWidth = 170;
const valueWidth = 60;
const barHeight = 16;
const rowHeight = 22;
const titleHeight = 34;
const headHeight = 54;

const colours = { floor: "#9aa4ae", own: "#1f7a4d", peer: "#5b7db1" } as const;

interface Block {
  readonly title: string;
  readonly rows: readonly { readonly subject: string; readonly rank: CellResult["rank"]; readonly cost: number }[];
}

export function chart({ cells, machine, startedAt }: Result): string {
  const blocks = blocksOf(cells);
  // In reading order: the left column takes the first half of the height.
  const heights = blocks.map(({ rows }) => titleHeight + rows.length * rowHeight + 8);
  const half = heights.reduce((sum, height) => sum + height, 0) / 2;
  const columns = [headHeight, headHeight];
  let placed = 0;
  const parts = blocks.flatMap((block, index) => {
    const column = placed >= half ? 1 : 0;
    const top = columns[column]!;
    placed += heights[index]!;
    columns[column] = top + heights[index]!;
    return blockAt(block, column * columnWidth, top);
  });
  const width = 2 * columnWidth;
  const height = Math.max(...columns) + 12;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="13" role="img">
<title>CPU-seconds per million lines by scenario and program</title>
<rect width="100%" height="100%" fill="#ffffff"/>
${text(10, 24, "CPU-seconds per million lines: shorter is better", { "font-size": "16", "font-weight": "600" })}
${text(10, 44, `${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}, ${startedAt.slice(0, 10)}`, { fill: "#5a6570" })}
${parts.join("\n")}
</svg>
`;
}

function blockAt({ title, rows }: Block, left: number, top: number): string[] {
  const most = Math.max(...rows.map(({ cost }) => cost));
  return [
    text(left + 10, top + 22, title, { "font-weight": "600" }),
    ...rows.flatMap(({ subject, rank, cost }, index) => {
      const y = top + titleHeight + index * rowHeight;
      const length = most === 0 ? 0 : (cost / most) * (columnWidth - labelWidth - valueWidth);
      const bar = left + labelWidth;
      return [
        text(bar - 8, y + barHeight - 4, subject, { "text-anchor": "end" }),
        `<rect x="${bar}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="2" fill="${colours[rank]}"/>`,
        text(bar + length + 6, y + barHeight - 4, cost.toFixed(2)),
      ];
    }),
  ];
}

/** Where there is a peer to compare with; a subject's several configurations in one block. */
function blocksOf(cells: readonly CellResult[]): Block[] {
  return [...new Set(cells.map(titleOf))]
    .map((title) => cells.filter((cell) => titleOf(cell) === title))
    .filter((group) => group.some(({ rank }) => rank === "peer"))
    .map((group) => ({
      title: titleOf(group[0]!),
      rows: group.flatMap((cell) => {
        const cost = cpuOf(cell);
        return cost === undefined ? [] : [{ subject: cell.subject, rank: cell.rank, cost }];
      }),
    }))
    .filter(({ rows }) => rows.length > 0);
}

function titleOf({ scenario, group }: CellResult): string {
  return group === "" || group === scenario ? scenario : `${scenario}: ${group}`;
}

function text(x: number, y: number, content: string, attributes: Readonly<Record<string, string>> = {}): string {
  const all = Object.entries({ fill: "#1c2329", ...attributes }).map(([name, value]) => ` ${name}="${value}"`);
  return `<text x="${x.toFixed(1)}" y="${y}"${all.join("")}>${escapeMarkup(content)}</text>`;
}

export function escapeMarkup(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
