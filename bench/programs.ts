/** Programs that the bench starts: found on the machine, or compiled from bench/native. */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** `path` when it is given, else the first such program on the PATH or in sbin. */
export function findProgram(name: string, path?: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return [...(path === undefined ? [] : [path]), ...folders.map((folder) => join(folder, name))].find((file) =>
    existsSync(file),
  );
}

/** Compiles bench/native/NAME.c into `folder`. @throws Error with the compiler's words */
export function compile(name: string, folder: string): string {
  const source = fileURLToPath(new URL(`./native/${name}.c`, import.meta.url));
  const program = join(folder, name);
  execFileSync("cc", ["-O2", "-o", program, source], { stdio: ["ignore", "ignore", "inherit"] });
  return program;
}
