/** How late a line comes out, open-loop: from when it was due to when it was read behind the subject. */

import { runLoad } from "../measure/load.ts";
import { type Destination, filterRedact, type Job, nothing, type Work } from "../work.ts";
import { type Cell, type Scenario, usual } from "./scenario.ts";

export const latency: Scenario = {
  name: "latency",
  question: "How late is a line at a rate that every subject should bear?",
  cells: ({ seconds, quick }) => {
    const cell = (name: string, work: Work, destination: Destination, linesPerSecond: number): Cell => {
      const job: Job = { input: "tcp", work, destination, connections: 4 };
      return {
        variant: `${name}, ${linesPerSecond / 1000}k/s`,
        job,
        takes: usual,
        run: (bench, subject) =>
          runLoad(bench, subject, {
            job,
            corpus: "text",
            load: { kind: "paced", linesPerSecond, linesPerWrite: 10, seconds, stamp: true },
          }),
      };
    };
    const cells = [
      cell("raw", nothing, { kind: "fifo" }, 200_000),
      cell("filter_redact", filterRedact, { kind: "fifo" }, 150_000),
      cell("http", nothing, { kind: "http", records: 500 }, 50_000),
    ];
    return quick ? cells.slice(1, 2) : cells;
  },
};
