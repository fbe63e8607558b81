/** Publications over the control API, one after the other as fast as they are answered, while lines flow. StreamGate only. */

import { keptOf } from "../corpora/corpus.ts";
import { freePort } from "../measure/launched.ts";
import { arrival, onStage, startMeter } from "../measure/load.ts";
import { runProgram, type Sent, type Verdict } from "../measure/native_run.ts";
import type { StreamGate } from "../subjects/streamgate.ts";
import { filterRedact, type Job } from "../work.ts";
import type { Scenario } from "./scenario.ts";

const job: Job = { input: "tcp", work: filterRedact, destination: { kind: "file" }, connections: 4 };
const linesPerSecond = 100_000;

export const reload: Scenario = {
  name: "reload",
  question: "How many reloads a second does it bear under load, and does a line ever meet half a manifest?",
  cells: ({ seconds }) => [
    {
      variant: `${linesPerSecond / 1000}k/s`,
      job,
      takes: (subject) => subject.name === "streamgate",
      async run(bench, subject) {
        const controlPort = await freePort();
        const corpus = bench.corpus("text");
        const expected = bench.expected("text", job.work);
        return onStage(
          bench,
          subject,
          job,
          true,
          async (stage) => {
            const meter = startMeter(stage.subject.pid);
            const sending = runProgram<Sent>(bench.programs.sender, [
              ...[stage.site.port, corpus.path, job.connections, "--rate", linesPerSecond],
              ...["--lines-per-write", 10, "--seconds", seconds],
            ]);
            const answers = await publishUntil(sending, `http://127.0.0.1:${controlPort}`);
            const sent = await sending;
            const due = keptOf(expected, sent.lines);
            await arrival(stage, due, false);
            const figures = meter(sent.lines, sent.cpu_seconds);
            const { lost, doubled, altered, leaked } = await runProgram<Verdict>(bench.programs.judge, [
              ...["lines", stage.kept!, expected.path, sent.lines, expected.plantedPath ?? "-"],
            ]);
            const sorted = answers.toSorted((a, b) => a - b);
            return {
              ...figures,
              rateReached: sent.lines / sent.seconds / linesPerSecond,
              ...{ linesSent: sent.lines, linesPerSecond: sent.lines / sent.seconds, lost, doubled, altered, leaked },
              further: {
                "reloads/s": answers.length / sent.seconds,
                "publish p50, ms": sorted[sorted.length >> 1]!,
                "publish at worst, ms": sorted.at(-1)!,
              },
            };
          },
          (site) => (subject as StreamGate).commandWithControl(job, site, controlPort),
        );
      },
    },
  ],
};

/** Each publication has one rule more or less than the one before. @returns how long each took to be answered, in ms */
async function publishUntil(sending: Promise<unknown>, base: string): Promise<number[]> {
  let over = false;
  sending.then(
    () => {
      over = true;
    },
    () => {
      over = true;
    },
  );
  const rule = { id: "comes_and_goes", type: "filter", params: { value: "no line says this" } };
  const answers: number[] = [];
  for (let there = false; !over; there = !there) {
    await (there
      ? ask(`${base}/rules/${rule.id}`, "DELETE")
      : ask(`${base}/rules`, "POST", JSON.stringify(rule), { "content-type": "application/json" }));
    const askedAt = performance.now();
    await ask(`${base}/publish`, "POST");
    answers.push(performance.now() - askedAt);
  }
  return answers;
}

async function ask(url: string, method: string, body?: string, headers: Record<string, string> = {}): Promise<void> {
  const response = await fetch(url, { method, headers, ...(body !== undefined && { body }) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}: ${text}`);
}
