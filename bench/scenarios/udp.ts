/** Datagrams of 180 bytes at a rate, to a file: how many come through, and what each of them costs: CPU-seconds per million are
 * microseconds a datagram. `net.core.rmem_max` bounds every subject. */

import { readFileSync } from "node:fs";
import { arrival, onStage, startMeter } from "../measure/load.ts";
import { runProgram, type Verdict } from "../measure/native_run.ts";
import { type Job, nothing } from "../work.ts";
import { type Cell, type Scenario, usual } from "./scenario.ts";

const job: Job = { input: "udp", work: nothing, destination: { kind: "file" }, connections: 8 };
const datagramBytes = 180;

interface SentDatagrams {
  readonly datagrams: number;
  readonly seconds: number;
  readonly cpu_seconds: number;
  readonly late_ms_max: number;
}

export const udp: Scenario = {
  name: "udp",
  question: "How many datagrams are lost at a rate, and what does one cost?",
  cells: ({ seconds, quick }) => {
    const cell = (rate: number): Cell => ({
      variant: `${rate / 1000}k/s`,
      job,
      lossy: true,
      takes: (subject) => usual(subject) && subject.rank !== "floor",
      run: (bench, subject) =>
        onStage(bench, subject, job, true, async (stage) => {
          const meter = startMeter(stage.subject.pid);
          const sent = await runProgram<SentDatagrams>(bench.programs.udpSender, [
            ...[stage.site.port, rate, seconds, datagramBytes],
          ]);
          const due = { lines: sent.datagrams, bytes: sent.datagrams * (datagramBytes + 1) };
          await arrival(stage, due, subject.marker?.(job) !== undefined);
          const figures = meter(sent.datagrams, sent.cpu_seconds);
          const { lost, doubled, altered } = await runProgram<Verdict>(bench.programs.judge, [
            ...["sequence", stage.kept!, sent.datagrams],
          ]);
          const received = sent.datagrams - lost;
          return {
            ...figures,
            // What is lost costs nothing, so the price is that of a datagram that came through.
            cpuSecondsPerMillion: (figures.cpuSecondsPerMillion! * sent.datagrams) / Math.max(1, received),
            rateReached: sent.datagrams / sent.seconds / rate,
            ...{ linesSent: sent.datagrams, linesPerSecond: received / sent.seconds, lost, doubled, altered },
            further: {
              "loss, %": (lost / sent.datagrams) * 100,
              // Less than the rate when the machine had no time for the sender.
              "sent/s": Math.round(sent.datagrams / sent.seconds),
              rmem_max: Number(readFileSync("/proc/sys/net/core/rmem_max", "utf8")),
            },
          };
        }),
    });
    return (quick ? [50_000] : [50_000, 100_000, 200_000, 300_000]).map(cell);
  },
};
