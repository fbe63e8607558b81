/** Arrival shapes: many connections that write little at a time, open-loop, filter and redact, to a file. */

import { runLoad } from "../measure/load.ts";
import { filterRedact, type Job } from "../work.ts";
import { type Cell, isPortable, type Scenario } from "./scenario.ts";

export const shapes: Scenario = {
  name: "shapes",
  question: "What does a line cost when it comes alone, as from services that log as they go?",
  cells: ({ seconds, quick }) => {
    const cell = (connections: number, linesPerWrite: number, linesPerSecond: number): Cell => {
      const job: Job = { input: "tcp", work: filterRedact, destination: { kind: "file" }, connections };
      return {
        variant: `${connections} × ${linesPerWrite} a write, ${linesPerSecond / 1000}k/s`,
        job,
        takes: (subject) => !isPortable(subject),
        run: (bench, subject) =>
          runLoad(bench, subject, {
            job,
            corpus: "text",
            load: { kind: "paced", linesPerSecond, linesPerWrite, seconds },
          }),
      };
    };
    const cells = [cell(500, 1, 20_000), cell(500, 1, 50_000), cell(500, 10, 50_000), cell(4, 1, 100_000)];
    return quick ? cells.slice(0, 1) : cells;
  },
};
