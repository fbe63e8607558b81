/** JSON lines of 500 bytes, those of one service dropped by a nested attribute, to a file. */

import { runLoad } from "../measure/load.ts";
import { attributeFilter, type Job } from "../work.ts";
import { type Scenario, usual } from "./scenario.ts";

const job: Job = { input: "tcp", work: attributeFilter, destination: { kind: "file" }, connections: 4 };

export const json: Scenario = {
  name: "json",
  question: "What does it cost to look at one attribute of a JSON record?",
  cells: ({ lines }) => [
    {
      variant: "attribute equals",
      job,
      takes: usual,
      run: (bench, subject) =>
        runLoad(bench, subject, { job, corpus: "json", load: { kind: "saturate", lines: Math.min(lines, 2_000_000) } }),
    },
  ],
};
