/**
 * What the native engine is meant to reach, compared with what one run of the bench measured. A comparison counts only where both sides are
 * in the same result; a target with nothing to compare with is left out. It gates nothing: times are the machine's.
 */

import type { Run } from "../measure/run.ts";
import { answersRightly, cpuOf, groupOf, isStarved, ratioToBestPeer, ratioToFloor, spanIn } from "./figures.ts";
import type { CellResult, Result } from "./result.ts";
import { number } from "./table.ts";

interface Target {
  readonly scenario: string;
  /** A part of the variant; absent: every variant. */
  readonly variant?: string;
  /** Absent: the native engine's. */
  readonly subject?: string;
  /** The words after the cell's name. */
  readonly text: string;
  /** Absent: at most. */
  readonly bound?: "below" | "at least";
  readonly limit: number;
  readonly unit: "×" | "%" | "MB" | "ms" | "lines/s";
  /** Undefined where there is nothing to compare with. */
  measure(cell: CellResult, result: Pick<Result, "cells" | "machine">): number | undefined;
}

export interface Measured {
  readonly target: string;
  readonly measured: number;
  readonly limit: number;
  readonly unit: Target["unit"];
  readonly met: boolean;
  /** What a reader must know of the row; empty when nothing. */
  readonly note: string;
}

/** Limits for resident memory are in 10⁶ bytes. */
const bytesPerMiB = 2 ** 20;

const ofFigure =
  (figure: (run: Run) => number | undefined): Target["measure"] =>
  (cell) =>
    spanIn(cell, figure)?.median;

const rssMb = ofFigure((run) => (run.rssMiB === undefined ? undefined : (run.rssMiB * bytesPerMiB) / 1e6));
const overFloor: Target["measure"] = (cell, { cells }) => ratioToFloor(cell, cells);
const overBestPeer: Target["measure"] = (cell, { cells }) => ratioToBestPeer(cell, cells);

/** Its CPU over that of the peer of this name, whichever of its configurations is cheapest. */
const overPeer =
  (name: string): Target["measure"] =>
  (cell, { cells }) =>
    ratioToBestPeer(cell, [cell, ...cells.filter(({ subject }) => subject === name || subject === `${name} (best)`)]);

/** Compared with its own row of another variant. */
const overVariant =
  (variant: string, compare: (cell: CellResult, other: CellResult) => number | undefined): Target["measure"] =>
  (cell, { cells }) => {
    const other = cells.find(
      (one) => one.scenario === cell.scenario && one.subject === cell.subject && one.variant.startsWith(variant),
    );
    return other === undefined || !answersRightly(other) ? undefined : compare(cell, other);
  };

const quotient = (figure: (cell: CellResult) => number | undefined) => (cell: CellResult, other: CellResult) => {
  const [above, below] = [figure(cell), figure(other)];
  return above === undefined || below === undefined || below === 0 ? undefined : above / below;
};
const linesPerSecond = (cell: CellResult) => spanIn(cell, (run) => run.linesPerSecond)?.median;
const lossPercent = (cell: CellResult) => spanIn(cell, (run) => run.further?.["loss, %"])?.median;

/** The peer that lost least, the cheaper of two that lost as little. */
function leastLossyPeer(cell: CellResult, cells: readonly CellResult[]): CellResult | undefined {
  return groupOf(cell, cells)
    .filter((one) => one.rank === "peer" && answersRightly(one) && lossPercent(one) !== undefined)
    .toSorted(
      (a, b) =>
        lossPercent(a)! - lossPercent(b)! ||
        (cpuOf(a) ?? Number.POSITIVE_INFINITY) - (cpuOf(b) ?? Number.POSITIVE_INFINITY),
    )[0];
}

const p99 = ofFigure((run) => run.latencyMs?.p99);
const cpuLimit = (scenario: string, name: string, parts: number, variant?: string): Target => ({
  ...{ scenario, text: `CPU ≤ 1/${parts} of ${name}'s`, limit: 1 / parts, unit: "×", measure: overPeer(name) },
  ...(variant !== undefined && { variant }),
});
const latencyLimit = (variant: string, limit: number): Target => ({
  ...{ scenario: "latency", variant, text: `p99 ≤ ${limit} ms`, limit, unit: "ms", measure: p99 },
});
const idlePercent = (name: string): Target => ({
  ...{ scenario: "idle", text: `${name} ≤ 0.5`, limit: 0.5, unit: "%" },
  measure: ofFigure((run) => run.further?.[name]),
});
const memoryLimit = (scenario: string): Target => ({
  ...{ scenario, text: "memory ≤ 120 MB", limit: 120, unit: "MB", measure: rssMb },
});

export const targets: readonly Target[] = [
  { scenario: "raw", text: "CPU ≤ 1.5 × floor", limit: 1.5, unit: "×", measure: overFloor },
  cpuLimit("raw", "syslog-ng", 10),
  cpuLimit("raw", "fluent-bit", 4),
  memoryLimit("raw"),
  cpuLimit("filter_redact", "syslog-ng", 9),
  memoryLimit("filter_redact"),
  {
    ...{ scenario: "filter_redact", subject: "streamgate portable", text: "lines a CPU-second ≥ 150,000" },
    ...{ bound: "at least", limit: 150_000, unit: "lines/s" },
    measure: (cell) => {
      const cost = cpuOf(cell);
      return cost === undefined || cost === 0 ? undefined : 1e6 / cost;
    },
  },
  cpuLimit("detectors", "syslog-ng", 5),
  { scenario: "shapes", text: "CPU ≤ 1.3 × floor", limit: 1.3, unit: "×", measure: overFloor },
  {
    ...{ scenario: "shapes", text: "CPU below every peer's", bound: "below", limit: 1, unit: "×" },
    measure: overBestPeer,
  },
  idlePercent("idle, % of a core"),
  idlePercent("one line/s, % of a core"),
  { scenario: "idle", text: "memory ≤ 80 MB", limit: 80, unit: "MB", measure: rssMb },
  { scenario: "idle", text: "p99 ≤ 5 ms", limit: 5, unit: "ms", measure: p99 },
  // Smaller payloads have no target; the table states them.
  cpuLimit("http", "syslog-ng", 6, "10000 records"),
  cpuLimit("http", "fluent-bit", 4, "10000 records"),
  {
    ...{ scenario: "udp", text: "loss ≤ the best peer's, in points above it", limit: 0, unit: "%" },
    measure(cell, { cells }) {
      const [own, peer] = [lossPercent(cell), leastLossyPeer(cell, cells)];
      return own === undefined || peer === undefined ? undefined : own - lossPercent(peer)!;
    },
  },
  {
    ...{ scenario: "udp", text: "CPU ≤ 1/2 of the peer's that loses least", limit: 1 / 2, unit: "×" },
    measure(cell, { cells }) {
      const peer = leastLossyPeer(cell, cells);
      return peer === undefined ? undefined : quotient(cpuOf)(cell, peer);
    },
  },
  latencyLimit("raw", 2),
  latencyLimit("filter_redact", 5),
  latencyLimit("http", 20),
  {
    ...{ scenario: "scale", variant: "2 workers", text: "CPU ≤ 1.1 × one worker's", limit: 1.1, unit: "×" },
    measure: overVariant("1 workers", quotient(cpuOf)),
  },
  {
    ...{ scenario: "scale", variant: "2 workers", text: "lines/s ≥ 1.8 × one worker's" },
    ...{ bound: "at least", limit: 1.8, unit: "×" },
    // On fewer cores the workers compete with sender and sink.
    measure: (cell, result) =>
      result.machine.cores < 4 ? undefined : overVariant("1 workers", quotient(linesPerSecond))(cell, result),
  },
  {
    ...{
      scenario: "scale",
      variant: "2 workers",
      text: "memory ≤ 45 MB more than one worker's",
      limit: 45,
      unit: "MB",
    },
    measure: (cell, result) =>
      overVariant("1 workers", (two, one) => {
        const [more, less] = [rssMb(two, result), rssMb(one, result)];
        return more === undefined || less === undefined ? undefined : more - less;
      })(cell, result),
  },
  {
    ...{ scenario: "scale", variant: "100 literals", text: "CPU ≤ 2 × that of one", limit: 2, unit: "×" },
    measure: overVariant("1 literals", quotient(cpuOf)),
  },
  {
    ...{ scenario: "scale", variant: "100 patterns", text: "CPU ≤ 4 × that of one", limit: 4, unit: "×" },
    measure: overVariant("1 patterns", quotient(cpuOf)),
  },
];

/** Every target that this result can tell something about, in the order of the scenarios. */
export function measuredTargets(result: Pick<Result, "cells" | "machine">): Measured[] {
  return targets.flatMap((target) =>
    result.cells
      .filter(
        ({ scenario, variant, subject }) =>
          scenario === target.scenario &&
          subject === (target.subject ?? "streamgate") &&
          (target.variant === undefined || variant.startsWith(target.variant)),
      )
      .flatMap((cell) => {
        const measured = target.measure(cell, result);
        return measured === undefined ? [] : [compared(target, cell, measured, result.machine.rmemMax)];
      }),
  );
}

function compared(target: Target, cell: CellResult, measured: number, rmemMax: number): Measured {
  const within = {
    "at most": measured <= target.limit,
    below: measured < target.limit,
    "at least": measured >= target.limit,
  }[target.bound ?? "at most"];
  const right = answersRightly(cell);
  const timed = target.unit === "ms" ? (spanIn(cell, (run) => run.latencyMs?.lines)?.min ?? 100) : 100;
  const notes = [
    ...(right ? [] : ["wrong answers"]),
    ...(isStarved(cell) ? ["the sender did not reach the rate"] : []),
    ...(timed < 100 ? [`the maximum of ${timed} lines`] : []),
    ...(cell.scenario === "udp" && rmemMax < 4 * 2 ** 20 ? ["net.core.rmem_max is below 4 MiB"] : []),
  ];
  return {
    target: `${cell.scenario}${cell.variant === "" ? "" : ` (${cell.variant})`}: ${target.text}`,
    ...{ measured, limit: target.limit, unit: target.unit },
    // Wrong answers are not fast.
    met: within && right,
    note: notes.join(", "),
  };
}

/** A line each; one that says why when the sizes were too small to compare. */
export function targetLines(result: Result): string[] {
  if (result.options.quick === true) return ["sizes are too small to compare: no targets are worked out"];
  return measuredTargets(result).map(({ target, measured, unit, met, note }) => {
    const digits = unit === "MB" || unit === "lines/s" ? 0 : 2;
    const told = unit === "×" ? `${number(measured, 3)} ×` : `${number(measured, digits)} ${unit}`;
    return `target ${target} – measured ${told} – ${met ? "met" : "missed"}${note === "" ? "" : ` (${note})`}`;
  });
}
