/** What is compared with what, what counts as met, and what is left out. */
import { describe, expect, it } from "vitest";
import type { Run } from "../measure/run.ts";
import type { CellResult, Result } from "./result.ts";
import { measuredTargets, targetLines, targets } from "./targets.ts";

const machine: Result["machine"] = {
  ...{ cpu: "a CPU", cores: 2, memoryGiB: 4, kernel: "6.1", node: "v26", rmemMax: 8_388_608 },
};
const cell = (scenario: string, variant: string, subject: string, run: Run): CellResult => ({
  ...{ scenario, variant, group: scenario === "filter_redact" ? scenario : variant, subject },
  rank: subject === "floor" ? "floor" : subject.startsWith("streamgate") ? "own" : "peer",
  ...{ lossy: scenario === "udp", runs: [run] },
});
const cost = (cpuSecondsPerMillion: number, more: Run = {}): Run => ({ cpuSecondsPerMillion, ...more });
const verdicts = (cells: readonly CellResult[], cores = 2) =>
  measuredTargets({ cells, machine: { ...machine, cores } }).map(
    ({ target, measured, met }) => `${target} | ${Number(measured.toFixed(3))} | ${met}`,
  );

describe("targets", () => {
  it("compare with the floor, with peers by name, and with limits", () => {
    const cells = [
      cell("raw", "v", "floor", cost(0.2)),
      cell("raw", "v", "streamgate", cost(0.3, { rssMiB: 100 })),
      cell("raw", "v", "syslog-ng", cost(2.5)),
    ];
    expect(verdicts(cells)).toEqual([
      "raw (v): CPU ≤ 1.5 × floor | 1.5 | true",
      "raw (v): CPU ≤ 1/10 of syslog-ng's | 0.12 | false",
      "raw (v): memory ≤ 120 MB | 104.858 | true",
    ]);
  });

  it("leave out what has nothing to compare with", () => {
    expect(verdicts([cell("raw", "v", "streamgate", cost(1))])).toEqual([]);
    expect(verdicts([cell("raw", "v", "floor", cost(1)), cell("raw", "v", "syslog-ng", cost(1))])).toEqual([]);
  });

  it("leave out a peer that leaks", () => {
    const cells = [
      cell("detectors", "v", "streamgate", cost(1)),
      cell("detectors", "v", "syslog-ng", cost(9, { leaked: 1 })),
    ];
    expect(verdicts(cells)).toEqual([]);
  });

  it("are missed by wrong answers, however fast", () => {
    const cells = [
      cell("detectors", "v", "streamgate", cost(1, { lost: 1 })),
      cell("detectors", "v", "syslog-ng", cost(9)),
    ];
    expect(measuredTargets({ cells, machine })).toMatchObject([{ met: false, note: "wrong answers" }]);
  });

  it("take a peer's cheapest configuration", () => {
    const cells = [
      cell("filter_redact", "same patterns", "streamgate", cost(1)),
      cell("filter_redact", "same patterns", "syslog-ng", cost(12)),
      cell("filter_redact", "own best", "syslog-ng (best)", cost(8)),
    ];
    expect(verdicts(cells)).toEqual(["filter_redact (same patterns): CPU ≤ 1/9 of syslog-ng's | 0.125 | false"]);
  });

  it("want the shapes below every peer, not level with one", () => {
    const cells = [
      cell("shapes", "500 × 1", "floor", cost(2)),
      cell("shapes", "500 × 1", "streamgate", cost(2.6, { rateReached: 0.9 })),
      cell("shapes", "500 × 1", "fluent-bit", cost(2.6)),
      cell("shapes", "500 × 1", "rsyslog", cost(5)),
    ];
    expect(verdicts(cells)).toEqual([
      "shapes (500 × 1): CPU ≤ 1.3 × floor | 1.3 | true",
      "shapes (500 × 1): CPU below every peer's | 1 | false",
    ]);
    expect(measuredTargets({ cells, machine })[0]!.note).toBe("the sender did not reach the rate");
  });

  it("measure UDP against the peer that loses least", () => {
    const lossy = (name: string, cpu: number, loss: number) =>
      cell("udp", "300k/s", name, cost(cpu, { lost: loss * 1000, further: { "loss, %": loss } }));
    expect(verdicts([lossy("streamgate", 1, 0.5), lossy("rsyslog", 4, 0.5), lossy("vector", 1, 7)])).toEqual([
      "udp (300k/s): loss ≤ the best peer's, in points above it | 0 | true",
      "udp (300k/s): CPU ≤ 1/2 of the peer's that loses least | 0.25 | true",
    ]);
  });

  it("tell a p99 of few lines for what it is", () => {
    const latencyMs = { p50: 1, p99: 6, p999: 6, lines: 20 };
    const idle = cell("idle", "", "streamgate", { latencyMs, further: { "idle, % of a core": 0.5 } });
    expect(measuredTargets({ cells: [idle], machine })).toMatchObject([
      { target: "idle: idle, % of a core ≤ 0.5", met: true, note: "" },
      { target: "idle: p99 ≤ 5 ms", met: false, note: "the maximum of 20 lines" },
    ]);
  });

  it("compare two workers with one, their throughput only where there are cores for it", () => {
    const cells = [
      cell("scale", "1 workers, 32 connections", "streamgate", cost(1, { rssMiB: 90, linesPerSecond: 100 })),
      cell("scale", "2 workers, 32 connections", "streamgate", cost(1.2, { rssMiB: 120, linesPerSecond: 190 })),
    ];
    const two = "scale (2 workers, 32 connections):";
    const throughput = `${two} lines/s ≥ 1.8 × one worker's | 1.9 | true`;
    const others = [
      `${two} CPU ≤ 1.1 × one worker's | 1.2 | false`,
      `${two} memory ≤ 45 MB more than one worker's | 31.457 | true`,
    ];
    expect(verdicts(cells)).toEqual(others);
    expect(verdicts(cells, 4)).toEqual([others[0], throughput, others[1]]);
  });

  it("have limits that their text states", () => {
    for (const { text, limit } of targets) {
      const [, parts] = /1\/(\d+)/.exec(text) ?? [];
      if (parts !== undefined) expect(limit, text).toBeCloseTo(1 / Number(parts));
      else if (/[≤≥] [\d.,]+/.test(text))
        expect(limit, text).toBe(Number(/[≤≥] ([\d.,]+)/.exec(text)![1]!.replace(",", "")));
    }
  });
});

describe("the lines", () => {
  const result = (options: Result["options"]): Result => ({
    ...{ machine, startedAt: "", options, seed: 1, versions: {}, leftOut: [] },
    cells: [cell("raw", "v", "floor", cost(0.2)), cell("raw", "v", "streamgate", cost(0.4))],
  });

  it("say target, measured and met or missed", () => {
    expect(targetLines(result({}))).toEqual(["target raw (v): CPU ≤ 1.5 × floor – measured 2.000 × – missed"]);
  });

  it("compare nothing under --quick", () => {
    expect(targetLines(result({ quick: true })).join()).toContain("sizes are too small to compare");
  });
});
