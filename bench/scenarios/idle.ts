/** Nothing to do, then one line a second, to a FIFO. The first line is not timed: its connection is new. */

import { setTimeout as sleep } from "node:timers/promises";
import { latencyOf, onStage } from "../measure/load.ts";
import { runProgram, type Sent } from "../measure/native_run.ts";
import { cpuSecondsOf, rssMiBOf } from "../measure/process_tree.ts";
import { filterRedact, type Job } from "../work.ts";
import { type Scenario, usual } from "./scenario.ts";

const job: Job = { input: "tcp", work: filterRedact, destination: { kind: "fifo" }, connections: 1 };

export const idle: Scenario = {
  name: "idle",
  question: "What does it cost when there is nothing to do, and how late is a lone line?",
  cells: ({ seconds }) => {
    // One more than is timed.
    const lines = seconds + 1;
    return [
      {
        variant: "then 1 line/s",
        job,
        takes: (subject) => usual(subject) && subject.rank !== "floor",
        run: (bench, subject) =>
          onStage(bench, subject, job, false, async ({ site, subject: { pid }, sink }) => {
            // One line that is sure to come through, so that it can be timed.
            const corpus = bench.corpus("one");
            const idleCpu = cpuSecondsOf(pid);
            await sleep(seconds * 1000);
            const idlePercent = ((cpuSecondsOf(pid) - idleCpu) / seconds) * 100;
            const busyCpu = cpuSecondsOf(pid);
            const sent = await runProgram<Sent>(bench.programs.sender, [
              ...[site.port, corpus.path, 1, "--rate", 1, "--lines-per-write", 1, "--seconds", lines, "--stamp"],
              ...["--unstamped-writes", 1],
            ]);
            await sleep(1000);
            const stats = await sink!.stats();
            return {
              linesSent: sent.lines,
              rssMiB: rssMiBOf(pid),
              lost: Math.max(0, sent.lines - stats.lines),
              ...latencyOf(stats.histogram),
              further: {
                "idle, % of a core": idlePercent,
                "one line/s, % of a core": ((cpuSecondsOf(pid) - busyCpu) / (lines + 1)) * 100,
              },
            };
          }),
      },
    ];
  },
};
