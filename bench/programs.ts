/** Programs that the bench starts: found on the machine, or compiled from bench/native. */

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** `path` when it is given, else the first such program on the PATH or in sbin. */
export function findProgram(name: string, path?: string): string | undefined {
  if (path !== undefined) return existsSync(path) ? path : undefined;
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

/** The first line that a program prints that has a digit in it: where programs tell their version. */
export function firstLineOf(file: string, args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(file, args, { encoding: "utf8", timeout: 10_000 });
  return (
    `${stdout}\n${stderr}`
      .split("\n")
      .find((line) => /\d/.test(line))
      ?.trim() ?? "version unknown"
  );
}

export interface NativePrograms {
  readonly sender: string;
  readonly udpSender: string;
  readonly sink: string;
  readonly floor: string;
  readonly judge: string;
}

/** Compiles bench/native into `folder`. @throws Error when there is no C compiler or it refuses */
export function compileNative(folder: string): NativePrograms {
  const compile = (name: string) => {
    const source = fileURLToPath(new URL(`./native/${name}.c`, import.meta.url));
    const program = join(folder, name);
    execFileSync(process.env.CC ?? "cc", ["-O2", "-Wall", "-o", program, source], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    return program;
  };
  return {
    sender: compile("sender"),
    udpSender: compile("udp_sender"),
    sink: compile("sink"),
    floor: compile("floor"),
    judge: compile("judge"),
  };
}
