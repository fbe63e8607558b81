/** Drop DEBUG, redact SSN and card by the same plain patterns, to a file; and again with each subject's best configuration. */

import { runLoad } from "../measure/load.ts";
import { filterRedact, type Job } from "../work.ts";
import { type Cell, isGathering, type Scenario } from "./scenario.ts";

const plain: Job = { input: "tcp", work: filterRedact, destination: { kind: "file" }, connections: 4 };

export const filterRedactScenario: Scenario = {
  name: "filter_redact",
  question: "What does it cost to drop two lines in five and to redact two kinds of personal data?",
  cells: ({ lines }) => {
    const cell = (variant: string, job: Job): Cell => ({
      variant,
      group: "filter_redact",
      job,
      takes: (subject) => (job.best === true ? subject.rank === "peer" : !isGathering(subject)),
      run: (bench, subject) => runLoad(bench, subject, { job, corpus: "text", load: { kind: "saturate", lines } }),
    });
    return [cell("same patterns", plain), cell("own best", { ...plain, best: true })];
  },
};
