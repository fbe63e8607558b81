/** Twenty shapes of personal data and secrets redacted in every line, to a file. */

import { runLoad } from "../measure/load.ts";
import { detectors, type Job, namedDetectors } from "../work.ts";
import { type Scenario, usual } from "./scenario.ts";

const job: Job = { input: "tcp", work: detectors, destination: { kind: "file" }, connections: 4 };

/** StreamGate's own detectors: what check digits and decoding cost beside bare patterns. */
const namedJob: Job = { ...job, work: namedDetectors };

export const detectorsScenario: Scenario = {
  name: "detectors",
  question: "What do twenty patterns cost when one line in ten has a match?",
  cells: ({ lines }) => [
    {
      variant: "20 patterns",
      job,
      takes: usual,
      // Peers need up to 50 CPU-seconds per million lines here.
      run: (bench, subject) =>
        runLoad(bench, subject, {
          job,
          corpus: "personal",
          load: { kind: "saturate", lines: Math.min(lines, 1_000_000) },
        }),
    },
    {
      variant: "all detectors",
      job: namedJob,
      takes: (subject) => subject.name === "streamgate",
      run: (bench, subject) =>
        runLoad(bench, subject, {
          job: namedJob,
          corpus: "personal",
          load: { kind: "saturate", lines: Math.min(lines, 1_000_000) },
        }),
    },
  ],
};
