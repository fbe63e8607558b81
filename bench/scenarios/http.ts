/** TCP to HTTP, plain text or what the subject makes of it, uncompressed, equal payload sizes, saturated. */

import { runLoad } from "../measure/load.ts";
import { type Job, nothing } from "../work.ts";
import { type Cell, type Scenario, usual } from "./scenario.ts";

export const http: Scenario = {
  name: "http",
  question: "What does it cost to POST what comes, by the number of records in a request?",
  cells: ({ lines, quick }) => {
    const cell = (records: number): Cell => {
      const job: Job = { input: "tcp", work: nothing, destination: { kind: "http", records }, connections: 4 };
      return {
        variant: `${records} records a request`,
        job,
        takes: usual,
        run: (bench, subject, index) =>
          runLoad(bench, subject, {
            ...{ job, corpus: "text", load: { kind: "saturate", lines } },
            storeBodies: index === 0,
          }),
      };
    };
    return (quick ? [10_000] : [10_000, 500, 100]).map(cell);
  },
};
