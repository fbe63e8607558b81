/** What table and chart have in common: a cell's figures over its runs, and how they compare with others of their group. */

import type { Run } from "../measure/run.ts";
import { type Span, spanOf } from "../measure/statistics.ts";
import type { CellResult } from "./result.ts";

/** The spread of one figure over the runs that have it. */
export function spanIn(cell: CellResult, figure: (run: Run) => number | undefined): Span | undefined {
  return spanOf(cell.runs.map(figure).filter((value) => value !== undefined));
}

export const cpuOf = (cell: CellResult): number | undefined => spanIn(cell, (run) => run.cpuSecondsPerMillion)?.median;

/** Its CPU over that of the cheapest peer of the group that answered rightly; undefined when there is none. */
export function ratioToBestPeer(cell: CellResult, cells: readonly CellResult[]): number | undefined {
  return ratio(
    cell,
    groupOf(cell, cells)
      .filter(({ rank }) => rank === "peer")
      .filter(answersRightly),
  );
}

/** Its CPU over that of the floor that does not gather. */
export function ratioToFloor(cell: CellResult, cells: readonly CellResult[]): number | undefined {
  return ratio(
    cell,
    // The work on the floor is none, so cells with more work stand on it too.
    groupOf(cell, cells).filter(({ subject }) => subject === "floor"),
  );
}

/** Of what it should have sent, what the sender sent in the worst run; undefined where there is no rate. */
export const reachedShare = (cell: CellResult): number | undefined => spanIn(cell, (run) => run.rateReached)?.min;

/** Whether the row was under less load than its name says. */
export const isStarved = (cell: CellResult): boolean => (reachedShare(cell) ?? 1) < 0.95;

/** Wrong answers are not fast. */
export function answersRightly(cell: CellResult): boolean {
  return cell.runs.every(
    (run) => run.failed === undefined && ((run.lost ?? 0) === 0 || cell.lossy) && (run.leaked ?? 0) === 0,
  );
}

/** The cells that are compared with it, itself among them. */
export function groupOf(cell: CellResult, cells: readonly CellResult[]): CellResult[] {
  return cells.filter(({ scenario, group }) => scenario === cell.scenario && group === cell.group);
}

function ratio(cell: CellResult, others: readonly CellResult[]): number | undefined {
  const own = cpuOf(cell);
  const costs = others.map(cpuOf).filter((cost) => cost !== undefined && cost > 0) as number[];
  return own === undefined || costs.length === 0 ? undefined : own / Math.min(...costs);
}
