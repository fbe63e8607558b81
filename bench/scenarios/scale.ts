/** More workers on many connections, and more rules: filters for literals that no line has, and patterns that hardly any has. */

import { randomFrom } from "../corpora/random.ts";
import { runLoad } from "../measure/load.ts";
import { filterRedact, type Job, nothing, type Work } from "../work.ts";
import type { Cell, Scenario } from "./scenario.ts";

export const scale: Scenario = {
  name: "scale",
  question: "What does another worker bring, and another rule cost?",
  cells: ({ lines, quick, cores }) => {
    const cell = (variant: string, job: Job, expects: Work): Cell => ({
      variant,
      job,
      takes: (subject) => subject.name === "streamgate",
      run: (bench, subject) =>
        runLoad(bench, subject, {
          ...{ job, expects, corpus: "text" },
          load: { kind: "saturate", lines: Math.min(lines, 2_000_000) },
        }),
    });
    const base: Job = { input: "tcp", work: filterRedact, destination: { kind: "file" }, connections: 32 };
    const workers = [...new Set([1, 2, 4, 8, cores].filter((count) => count <= Math.max(2, cores)))].toSorted(
      (a, b) => a - b,
    );
    const counts = quick ? [1, 100] : [1, 10, 100, 1000];
    return [
      ...workers.map((count) => cell(`${count} workers, 32 connections`, { ...base, workers: count }, filterRedact)),
      ...counts.map((count) => cell(`${count} literals`, { ...base, connections: 4, work: literals(count) }, nothing)),
      ...counts.map((count) => cell(`${count} patterns`, { ...base, connections: 4, work: patterns(count) }, nothing)),
    ];
  },
};

/** Words of eight letters; that one of them is in the corpus is as good as impossible. */
function names(count: number): string[] {
  const random = randomFrom(20_261_126);
  return Array.from({ length: count }, () => random.letters(8));
}

function literals(count: number): Work {
  return { drop: names(count), redact: [] };
}

function patterns(count: number): Work {
  return {
    drop: [],
    redact: names(count).map((name) => ({ pattern: `\\b${name}-[0-9]{4,6}\\b`, replacement: "[TOKEN]" })),
  };
}
