/** Table, chart, page and README of a result. */
import { describe, expect, it } from "vitest";
import type { Run } from "../measure/run.ts";
import { chart } from "./chart.ts";
import { answersRightly, ratioToBestPeer, ratioToFloor } from "./figures.ts";
import { begin, end, headlineChart, withHeadline } from "./headline.ts";
import { aboutLines, page } from "./page.ts";
import type { CellResult, Result } from "./result.ts";
import { resultsPage } from "./results_page.ts";
import { legend, number, table, tables } from "./table.ts";

const cell = (subject: string, rank: CellResult["rank"], ...runs: Run[]): CellResult => ({
  ...{ scenario: "raw", variant: "", group: "", lossy: false },
  ...{ subject, rank, runs },
});
const cost = (cpuSecondsPerMillion: number, more: Run = {}): Run => ({ cpuSecondsPerMillion, lost: 0, ...more });

const cells = [
  cell("floor", "floor", cost(0.2)),
  cell("streamgate", "own", cost(0.5), cost(0.3), cost(0.4)),
  cell("slow", "peer", cost(4)),
  cell("fast but leaky", "peer", cost(1, { leaked: 3 })),
  cell("broken", "peer", { failed: "it does not\nlisten | at all" }),
];
const result: Result = {
  machine: { cpu: "A <CPU>", cores: 2, memoryGiB: 4, kernel: "6.1", node: "v26", rmemMax: 212_992 },
  ...{ startedAt: "2026-11-23T12:00:00.000Z", options: { lines: 5 }, seed: 1, versions: { slow: "1.0" } },
  ...{ leftOut: ["vector: left out, vector is not installed"], cells },
};

describe("ratios", () => {
  it("compare with the cheapest peer that answered rightly", () => {
    expect(ratioToBestPeer(cells[1]!, cells)).toBeCloseTo(0.1);
    expect(cells.map(answersRightly)).toEqual([true, true, true, false, false]);
  });

  it("compare with the floor", () => {
    expect(ratioToFloor(cells[1]!, cells)).toBeCloseTo(2);
  });

  it("are absent where there is nothing to compare with", () => {
    expect(ratioToBestPeer(cells[1]!, cells.slice(0, 2))).toBeUndefined();
    expect(ratioToBestPeer(cells[4]!, cells)).toBeUndefined();
  });

  it("take a peer's other configuration of the same group in", () => {
    const best = { ...cell("slow (best)", "peer", cost(2)), variant: "own best" };
    expect(ratioToBestPeer(cells[1]!, [...cells, best])).toBeCloseTo(0.2);
  });

  it("do not hold a loss against a peer where loss is what is measured", () => {
    const udp = { ...cell("slow", "peer", cost(4, { lost: 9 })), lossy: true };
    expect(answersRightly(udp)).toBe(true);
  });
});

describe("the table", () => {
  const rows = table(cells).split("\n");

  it("has as many columns in every row", () => {
    expect(new Set(rows.map((row) => row.replaceAll("\\|", "").split("|").length)).size).toBe(1);
  });

  it("shows the median and the extremes", () => {
    expect(rows[3]).toContain("| 0.40 (0.30–0.50) | 0.10 | 2.0 |");
  });

  it("shows the worst loss, not the median one", () => {
    const lossy = cell("streamgate", "own", cost(1), cost(1), cost(1, { lost: 7 }));
    expect(table([lossy]).split("\n")[2]).toContain("| 7 |");
  });

  it("tells in one line why a subject has no figures", () => {
    expect(rows[6]).toContain("failed: it does not listen \\| at all");
  });

  it("has StreamGate's rows bold", () => {
    expect(rows.filter((row) => row.includes("**"))).toEqual([rows[3]]);
    expect(rows[3]).toContain("| **streamgate** |");
  });

  it("stands under the question of its scenario", () => {
    const other = { ...cell("streamgate", "own", cost(1)), scenario: "udp" };
    const text = tables({ cells: [...cells, other], questions: { raw: "What does it cost?" } });
    expect(text.match(/^### .*/gm)).toEqual(["### raw: What does it cost?", "### udp"]);
  });

  it.each([
    [20, "0.50 / max 2.00"],
    [500, "0.50 / 1.00 / max 2.00"],
    [5000, "0.50 / 1.00 / 2.00"],
  ])("calls no maximum a quantile: %i lines", (lines, told) => {
    const latencyMs = { p50: 0.5, p99: 1, p999: 2, lines };
    expect(table([cell("streamgate", "own", { latencyMs })])).toContain(`| ${told} |`);
  });

  it("marks a row whose sender did not reach the rate", () => {
    const at = (rateReached: number) => table([cell("streamgate", "own", { linesPerSecond: 900, rateReached })]);
    expect(at(0.9)).toMatch(/\| 900 † \|.*sender reached 90 % of the rate/);
    expect(at(0.96)).not.toContain("†");
  });

  it("groups thousands", () => {
    expect([number(1234567, 0), number(1234.5, 2), number(12, 1)]).toEqual([
      "1\u2009234\u2009567",
      "1\u2009234.50",
      "12.0",
    ]);
  });
});

describe("the chart", () => {
  it("has a bar for each subject with a cost, the longest for the dearest", () => {
    const widths = [...chart(result).matchAll(/<rect x="\d+" y="\d+" width="([\d.]+)"/g)].map(([, width]) =>
      Number(width),
    );
    expect(widths).toHaveLength(4);
    expect(Math.max(...widths)).toBe(widths[2]);
  });

  it("escapes what it did not write itself, and refers to nothing outside", () => {
    expect(chart(result)).toContain("A &lt;CPU&gt;");
    expect(chart(result).replace("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:|href|<script/);
  });

  it("repeats no attribute, which XML forbids", () => {
    for (const [tag] of chart(result).matchAll(/<\w[^>]*>/g)) {
      const names = [...tag.matchAll(/ ([\w-]+)="/g)].map(([, name]) => name);
      expect(new Set(names).size, tag).toBe(names.length);
    }
  });
});

describe("the page", () => {
  it("names machine, versions and what was left out", () => {
    for (const line of aboutLines(result)) expect(page(result)).toContain(line.replace("<CPU>", "&lt;CPU&gt;"));
    expect(page(result)).toContain("vector is not installed");
  });
});

describe("the page's parts", () => {
  it("are the questions, the legend, the targets, and StreamGate in bold", () => {
    const text = page({ ...result, questions: { raw: "What does <it> cost?" } });
    expect(text).toContain("<h2>raw: What does &lt;it&gt; cost?</h2>");
    expect(text).toContain("<td><strong>streamgate</strong></td>");
    for (const line of legend) expect(text).toContain(line);
    expect(text).toMatch(/<li>target raw: CPU ≤ 1.5 × floor – measured 2.000 × – missed<\/li>/);
  });
});

describe("a README", () => {
  const headline = {
    ...result,
    cells: cells.map((one) => ({ ...one, variant: "4 connections", group: "4 connections" })),
  };

  it("keeps what stands around the markers, and can be filled again", () => {
    const once = withHeadline(`# Title\n${begin}\nold\n${end}\nafter\n`, headline, "bench/results/");
    expect(once).toMatch(/^# Title\n/);
    expect(once).toMatch(/\nafter\n$/);
    expect(once).not.toContain("old");
    expect(withHeadline(once, headline, "bench/results/")).toBe(once);
  });

  it("gets one row a cell, the ratio to the best peer that answered rightly, and no figure of one that did not", () => {
    const filled = withHeadline(`${begin}${end}`, headline, "r/");
    expect(filled).toContain(
      "| CPU-seconds per million lines | **StreamGate** | slow | fast but leaky | broken | StreamGate ÷ best peer |",
    );
    expect(filled).toContain("| TCP to a file, nothing else | 0.40 | 4.00 | wrong | – | 0.10 | – |");
    expect(filled).toContain("(r/headline.svg)");
    expect(headlineChart(headline)).toContain(">streamgate<");
  });

  it.each(["", begin, `${end}${begin}`, `${begin}${end}${begin}`])("is refused without its markers: %j", (text) => {
    expect(() => withHeadline(text, result, "r/")).toThrow("the file needs the lines");
  });
});

describe("the page of a folder of results", () => {
  it("has every cell, the legend, the conditions and the targets", () => {
    const text = resultsPage(result);
    for (const line of [...aboutLines(result), ...legend]) expect(text).toContain(line);
    expect(text).toContain("| **streamgate** |");
    expect(text).toContain("- target raw: CPU ≤ 1.5 × floor");
  });
});
