/** CPU time and memory of a process and all that it started, from /proc. Linux only. */

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** What stat(5) counts CPU time in. */
let clockTicksPerSecond: number | undefined;

function ticks(): number {
  clockTicksPerSecond ??= Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return clockTicksPerSecond;
}

export interface Stat {
  readonly parent: number;
  /** User and system time of all threads, ended ones too. */
  readonly ownTicks: number;
  /** The same of children that ended and were waited for. */
  readonly endedChildrenTicks: number;
}

/** One line of /proc/PID/stat; the second field may hold spaces and parentheses (proc_pid_stat(5)). */
export function parseStat(text: string): Stat {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const number = (field: number) => Number(fields[field - 3]);
  return { parent: number(4), ownTicks: number(14) + number(15), endedChildrenTicks: number(16) + number(17) };
}

/**
 * Clock ticks are of 10 ms, which is a tenth of what the floor needs for a short run; schedstat counts nanoseconds, but only of
 * threads that live. The larger of the two is nearest.
 *
 * @returns seconds; 0 when the process is gone
 */
export function cpuSecondsOf(root: number): number {
  let total = 0;
  for (const pid of treeOf(root)) {
    const stat = statOf(pid);
    if (stat === undefined) continue;
    total += Math.max(stat.ownTicks / ticks(), livingThreadsSecondsOf(pid)) + stat.endedChildrenTicks / ticks();
  }
  return total;
}

/** First field of /proc/PID/task/TID/schedstat, where the kernel has it. */
function livingThreadsSecondsOf(pid: number): number {
  let nanoseconds = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`))
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  } catch {
    // A thread ended meanwhile, or the kernel keeps no such figures.
  }
  return nanoseconds / 1e9;
}

/** Sum of the peaks of the resident sets. */
export function peakRssMiBOf(root: number): number {
  return sumStatus(root, /^VmHWM:\s+(\d+) kB/m);
}

/** Sum of the resident sets. */
export function rssMiBOf(root: number): number {
  return sumStatus(root, /^VmRSS:\s+(\d+) kB/m);
}

/** Seconds that all processors have worked since the machine started: proc_stat(5), everything but idle and iowait. */
export function machineCpuSeconds(): number {
  const [, user, nice, system, , , interrupt, softInterrupt, steal] = readFileSync("/proc/stat", "utf8")
    .split("\n")[0]!
    .split(/\s+/)
    .map(Number) as [number, number, number, number, number, number, number, number, number];
  return (user + nice + system + interrupt + softInterrupt + steal) / ticks();
}

function sumStatus(root: number, line: RegExp): number {
  let kiB = 0;
  for (const pid of treeOf(root)) {
    try {
      kiB += Number(line.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
    } catch {
      // It ended meanwhile.
    }
  }
  return kiB / 1024;
}

/** The process and its descendants. */
function treeOf(root: number): number[] {
  const tree = [root];
  for (let at = 0; at < tree.length; at++) {
    try {
      for (const thread of readdirSync(`/proc/${tree[at]}/task`)) {
        const children = readFileSync(`/proc/${tree[at]}/task/${thread}/children`, "utf8");
        tree.push(...children.split(" ").filter(Boolean).map(Number));
      }
    } catch {
      // It ended meanwhile.
    }
  }
  return tree;
}

function statOf(pid: number): Stat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return undefined;
  }
}
