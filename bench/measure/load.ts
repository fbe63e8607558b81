/** One run: starts a subject, sends lines, waits for what must come out, and takes the figures. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type CorpusKind, type Expected, keptOf } from "../corpora/corpus.ts";
import type { Site, Subject } from "../subjects/subject.ts";
import { type Job, nothing, type Work } from "../work.ts";
import type { Bench } from "./bench.ts";
import { freePort, type Launched, launch } from "./launched.ts";
import { runProgram, type Sent, type Sink, type SinkStats, startSink, type Verdict } from "./native_run.ts";
import { cpuSecondsOf, machineCpuSeconds, peakRssMiBOf } from "./process_tree.ts";
import type { Run } from "./run.ts";
import { countOf, type Histogram, quantileOf } from "./statistics.ts";

export type Load =
  /** As fast as the subject takes it. */
  | { readonly kind: "saturate"; readonly lines: number }
  /** Open-loop; stamped lines are timed, and their contents not compared. */
  | {
      readonly kind: "paced";
      readonly linesPerSecond: number;
      readonly linesPerWrite: number;
      readonly seconds: number;
      readonly stamp?: boolean;
    };

export interface LoadPlan {
  readonly job: Job;
  readonly corpus: CorpusKind;
  readonly load: Load;
  /** What must come out is what this work leaves; absent: the job's. For rules so many that to run them here would take long. */
  readonly expects?: Work;
  /** Bodies of POSTs are kept and compared, which the sink pays for; absent: they are only counted. */
  readonly storeBodies?: boolean;
}

/** Output has ended when nothing came for so long. Fluent Bit and the collector flush every 200 ms. */
const quietMs = 1500;

/** The subject, running, with everything around it. */
export interface Stage {
  readonly site: Site;
  readonly subject: Launched;
  /** Where output goes that is no file. */
  readonly sink: Sink | undefined;
  /** Where the lines can be read afterwards; undefined when they are only counted. */
  readonly kept: string | undefined;
}

/** Sets the stage, plays `play` on it and clears it. */
export async function onStage<Result>(
  bench: Bench,
  subject: Subject,
  job: Job,
  store: boolean,
  play: (stage: Stage) => Promise<Result>,
  commandOf: (site: Site) => ReturnType<Subject["command"]> = (site) => subject.command(job, site),
): Promise<Result> {
  const folder = mkdtempSync(join(bench.folder, "site-"));
  const site: Site = { folder, port: await freePort(), output: join(folder, "out.log"), sinkPort: await freePort() };
  let sink: Sink | undefined;
  let launched: Launched | undefined;
  let kept: string | undefined = site.output;
  try {
    if (job.destination.kind === "file") {
      writeFileSync(site.output, "");
    } else {
      if (job.destination.kind === "fifo") execFileSync("mkfifo", [site.output]);
      kept = store ? join(folder, "stored.log") : undefined;
      if (kept !== undefined) writeFileSync(kept, "");
      const marker = subject.marker?.(job);
      sink = await startSink(bench.programs.sink, site.sinkPort, [
        ...(job.destination.kind === "fifo" ? ["--fifo", site.output] : []),
        ...(kept === undefined ? [] : ["--store", kept]),
        ...(marker === undefined ? [] : ["--marker", marker]),
      ]);
    }
    launched = await launch(commandOf(site), folder, site.port, job.input);
    return await play({ site, subject: launched, sink, kept });
  } finally {
    await launched?.stop();
    sink?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

export function runLoad(bench: Bench, subject: Subject, plan: LoadPlan): Promise<Run> {
  const { job, corpus: kind, load } = plan;
  const corpus = bench.corpus(kind);
  const does = subject.rank === "floor" ? nothing : (plan.expects ?? job.work);
  const expected = bench.expected(kind, does);
  const stamped = load.kind === "paced" && load.stamp === true;
  const marker = subject.marker?.(job);
  // The floor mixes its connections wherever a read ended, so its lines cannot be compared.
  const store = !stamped && plan.storeBodies === true && subject.rank !== "floor";
  return onStage(bench, subject, job, store, async (stage) => {
    const meter = startMeter(stage.subject.pid);
    const sent = await runProgram<Sent>(bench.programs.sender, [
      ...[stage.site.port, corpus.path, job.connections],
      ...senderOptions(load, corpus.lines, subject.linesMax),
    ]);
    const sentNs = Number(process.hrtime.bigint());
    const due = keptOf(expected, sent.lines);
    // What detectors leave of a line nobody here works out: the lines are counted, and the detectors' own tests judge what is in them.
    const counted = job.work.named !== undefined && subject.rank === "own";
    const end = await arrival(stage, due, marker !== undefined || counted);
    const figures = meter(sent.lines, sent.cpu_seconds + (end.sink?.cpu_seconds ?? 0));
    // A subject that loses lines may have been done before the sender.
    const seconds = (Math.max(end.atNs, sentNs) - sentNs) / 1e9 + sent.seconds;
    const dead = stage.subject.ended();
    if (dead !== undefined) throw new Error(dead);
    const histogram = end.sink?.histogram ?? [];
    return {
      ...figures,
      linesSent: sent.lines,
      linesPerSecond: sent.lines / seconds,
      megabytesPerSecond: sent.bytes / seconds / 1e6,
      ...(subject.rank !== "floor" &&
        (stage.kept !== undefined && counted
          ? { lost: due.lines - lineFeedsIn(stage.kept) }
          : stage.kept !== undefined
            ? await judge(bench, stage, expected, sent.lines, due.lines, marker)
            : { lost: Math.max(0, due.lines - (end.sink?.lines ?? 0)) })),
      ...latencyOf(histogram),
      ...(load.kind === "paced" && { rateReached: sent.lines / sent.seconds / load.linesPerSecond }),
      further: {
        ...(job.destination.kind === "http" && { requests: end.sink?.requests ?? 0 }),
        ...(load.kind === "paced" && { "sender late at worst, ms": sent.late_ms_max }),
      },
    };
  });
}

function senderOptions(load: Load, corpusLines: number, linesMax = Number.POSITIVE_INFINITY): (string | number)[] {
  if (load.kind === "saturate")
    return ["--repeat", Math.max(1, Math.round(Math.min(load.lines, linesMax) / corpusLines))];
  const { linesPerSecond, linesPerWrite, seconds, stamp } = load;
  return [
    ...["--rate", linesPerSecond, "--lines-per-write", linesPerWrite, "--seconds", seconds],
    ...(stamp === true ? ["--stamp"] : []),
  ];
}

/** Takes the figures that every run has; the function returned ends it. */
export function startMeter(
  pid: number,
): (lines: number, benchSeconds: number) => Pick<Run, "cpuSecondsPerMillion" | "rssMiB" | "foreignShare"> {
  const startedMs = performance.now();
  const subjectBefore = cpuSecondsOf(pid);
  const machineBefore = machineCpuSeconds();
  const ownBefore = process.cpuUsage();
  return (lines, benchSeconds) => {
    const subject = cpuSecondsOf(pid) - subjectBefore;
    const own = process.cpuUsage(ownBefore);
    const all = machineCpuSeconds() - machineBefore;
    const seconds = (performance.now() - startedMs) / 1000;
    const foreign = all - subject - benchSeconds - (own.user + own.system) / 1e6;
    return {
      ...(lines > 0 && { cpuSecondsPerMillion: (subject / lines) * 1e6 }),
      rssMiB: peakRssMiBOf(pid),
      foreignShare: Math.min(1, Math.max(0, foreign / seconds / availableParallelism())),
    };
  };
}

/** @returns when the last of the output came: once all of it is there, or nothing has come for a while */
export async function arrival(
  { site, sink, subject }: Stage,
  due: { lines: number; bytes: number },
  wrapped: boolean,
): Promise<{ atNs: number; sink: SinkStats | undefined }> {
  let size = -1;
  let atNs = Number(process.hrtime.bigint());
  for (;;) {
    const stats = await sink?.stats();
    const now = stats?.bytes ?? statSync(site.output).size;
    const nowNs = Number(process.hrtime.bigint());
    if (now !== size) atNs = nowNs;
    size = now;
    const complete = stats === undefined ? !wrapped && now >= due.bytes : stats.lines >= due.lines;
    if (complete || (nowNs - atNs) / 1e6 > quietMs || subject.ended() !== undefined)
      return { atNs: stats === undefined || stats.last_ns === 0 ? atNs : stats.last_ns, sink: stats };
    await sleep(10);
  }
}

function lineFeedsIn(path: string): number {
  let count = 0;
  const bytes = readFileSync(path);
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}

async function judge(
  bench: Bench,
  { kept }: Stage,
  expected: Expected,
  sentLines: number,
  dueLines: number,
  marker: string | undefined,
): Promise<Pick<Run, "lost" | "doubled" | "altered" | "leaked">> {
  const planted = expected.plantedPath ?? "-";
  const verdict = await runProgram<Verdict>(
    bench.programs.judge,
    marker === undefined
      ? ["lines", kept!, expected.path, sentLines, planted]
      : ["marked", kept!, marker, dueLines, planted],
  );
  const { lost, doubled, altered, leaked } = verdict;
  return { lost, doubled, altered, ...(expected.plantedPath !== undefined && { leaked }) };
}

export function latencyOf(histogram: Histogram): Pick<Run, "latencyMs"> {
  const at = (share: number) => quantileOf(histogram, share);
  const p50 = at(0.5);
  if (p50 === undefined) return {};
  return {
    latencyMs: { p50: p50 / 1e6, p99: at(0.99)! / 1e6, p999: at(0.999)! / 1e6, lines: countOf(histogram) },
  };
}
