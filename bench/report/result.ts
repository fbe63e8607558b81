/** Everything that one call of the bench measured, as it is written to bench/results/. */

import type { Run } from "../measure/run.ts";

export interface CellResult {
  readonly scenario: string;
  readonly variant: string;
  readonly group: string;
  readonly subject: string;
  readonly rank: "floor" | "own" | "peer";
  /** A loss is no failure here. */
  readonly lossy: boolean;
  readonly runs: readonly Run[];
}

export interface Result {
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly kernel: string;
    readonly node: string;
    readonly rmemMax: number;
  };
  readonly startedAt: string;
  /** `quick` where the sizes were those of a smoke. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly seed: number;
  /** By subject, as the program tells it. */
  readonly versions: Readonly<Record<string, string>>;
  /** Subjects that were not there, and jobs that were refused, each with the reason. */
  readonly leftOut: readonly string[];
  /** What each scenario asks, by its name. */
  readonly questions?: Readonly<Record<string, string>>;
  readonly cells: readonly CellResult[];
}
