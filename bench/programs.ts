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

type Environment = Readonly<Record<string, string>>;

/** The first line that a program prints that has a digit in it: where programs tell their version. */
export function firstLineOf(file: string, args: readonly string[], env: Environment = {}): string {
  const { stdout, stderr } = ask(file, args, env);
  return (
    `${stdout}\n${stderr}`
      .split("\n")
      .find((line) => /\d/.test(line))
      ?.trim() ?? "version unknown"
  );
}

/**
 * A program that is there and cannot tell its version cannot be measured either: a library that it needs is missing, for instance.
 * @param args what makes it tell its version
 * @returns undefined when it starts, else why not, in its own words or the loader's
 */
export function whyMissing(
  name: string,
  file: string | undefined,
  args: readonly string[],
  env: Environment = {},
): string | undefined {
  if (file === undefined) return `${name} is not installed`;
  const { error, status, signal, stdout, stderr } = ask(file, args, env);
  if (error === undefined && status === 0) return undefined;
  const said = [error?.message, stderr, stdout].find((text) => (text ?? "").trim() !== "");
  return `${name} does not start: ${said?.trim().split("\n")[0] ?? `it ended with ${signal ?? status}`}`;
}

function ask(file: string, args: readonly string[], env: Environment) {
  return spawnSync(file, args, { encoding: "utf8", timeout: 10_000, env: { ...process.env, ...env } });
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
