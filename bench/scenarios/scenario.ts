/** A scenario is a question and the cells that answer it: each cell is one load that every subject meets in its turn. */

import type { Bench } from "../measure/bench.ts";
import type { Run } from "../measure/run.ts";
import type { Subject } from "../subjects/subject.ts";
import type { Job } from "../work.ts";

export interface Size {
  readonly quick: boolean;
  /** Lines of a saturated run. */
  readonly lines: number;
  /** Length of a run at a rate. */
  readonly seconds: number;
  /** Processor cores of this machine. */
  readonly cores: number;
}

export interface Cell {
  /** What tells it from the scenario's other cells; empty when there are none. */
  readonly variant: string;
  /** Cells of the same group are compared: a subject's best configuration with the others' plain ones. Absent: the variant. */
  readonly group?: string;
  readonly job: Job;
  /** Absent: every subject that does not refuse the job. */
  takes?(subject: Subject): boolean;
  /** A loss at this load says something about the machine too (UDP), so it is no failure. */
  readonly lossy?: boolean;
  /** @param index of the run, from 0 */
  run(bench: Bench, subject: Subject, index: number): Promise<Run>;
}

export interface Scenario {
  readonly name: string;
  readonly question: string;
  cells(size: Size): readonly Cell[];
}

/** The portable engine is slow enough that it runs only where it is asked for. */
export const isPortable = (subject: Subject) => subject.name === "streamgate portable";
/** The floor that gathers says something only about small writes. */
export const isGathering = (subject: Subject) => subject.rank === "floor" && subject.name !== "floor";
export const usual = (subject: Subject) => !isPortable(subject) && !isGathering(subject);
