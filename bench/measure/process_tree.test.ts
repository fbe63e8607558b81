/** CPU and memory of processes, from /proc. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { cpuSecondsOf, parseStat, peakRssMiBOf } from "./process_tree.ts";

describe("parseStat", () => {
  it("finds its fields behind a name with spaces and parentheses", () => {
    const text =
      "42 (a (b) c) S 7 42 42 0 -1 4194560 100 0 0 0 11 22 33 44 20 0 1 0 100 1000 10 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0";
    expect(parseStat(text)).toEqual({ parent: 7, ownTicks: 33, endedChildrenTicks: 77 });
  });
});

describe.runIf(existsSync("/proc/self/stat"))("a process tree", () => {
  it("counts what children use, those that ended included", async () => {
    // The shell's child works until it is told not to; the loop's length is not measured, only that it is seen.
    const busy = "let n = 0; for (let i = 0; i < 3e8; i++) n += i; process.stdin.resume(); console.log(n)";
    const shell = spawn("sh", ["-c", '"$0" -e "$1"; echo done', process.execPath, busy], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    const pid = shell.pid!;
    await new Promise((resolve) => shell.stdout.once("data", resolve));
    const running = cpuSecondsOf(pid);
    expect(running).toBeGreaterThan(0.05);
    expect(peakRssMiBOf(pid)).toBeGreaterThan(10);
    shell.stdin.end();
    await new Promise((resolve) => shell.once("close", resolve));
    expect(cpuSecondsOf(pid)).toBe(0);
  });
});
