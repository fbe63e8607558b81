/** TCP to a file, no rules, saturated. */

import { runLoad } from "../measure/load.ts";
import { type Job, nothing } from "../work.ts";
import { isGathering, type Scenario } from "./scenario.ts";

const job: Job = { input: "tcp", work: nothing, destination: { kind: "file" }, connections: 4 };

export const raw: Scenario = {
  name: "raw",
  question: "What does it cost to take a line from TCP and write it to a file?",
  cells: ({ lines }) => [
    {
      variant: "4 connections",
      job,
      takes: (subject) => !isGathering(subject),
      run: (bench, subject) => runLoad(bench, subject, { job, corpus: "text", load: { kind: "saturate", lines } }),
    },
  ],
};
