/** Compiles objects two at a time, and runs the other commands that a build of the C++ parts needs. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./list.mjs";

/**
 * Compiles what is older than what it is made of.
 * @param {{source?: string, object: string, flags?: string[], newestMs: number}[]} objects `newestMs`: the latest change of what it is made of
 * @param {string[]} command the compiler and the flags that all share
 * @returns {Promise<number>} how many were compiled
 * @throws Error naming the source that does not compile
 */
export async function compileStale(objects, command) {
  const stale = objects.filter(({ object, newestMs }) => !existsSync(object) || statSync(object).mtimeMs < newestMs);
  const count = stale.length;
  const next = async () => {
    for (let one = stale.shift(); one !== undefined; one = stale.shift()) {
      mkdirSync(dirname(one.object), { recursive: true });
      if (!(await succeeds([...command, ...one.flags, "-c", one.source, "-o", one.object])))
        throw new Error(`${one.source} does not compile`);
    }
  };
  await Promise.all([next(), next()]);
  return count;
}

const includes = new Map();

/**
 * @param {string} file below native/, relative to the repository
 * @returns {number} when it, or anything of native/ that it includes over however many headers, changed last
 */
export function changedMs(file) {
  const seen = new Set();
  const look = (one) => {
    if (seen.has(one)) return;
    seen.add(one);
    if (!includes.has(one)) includes.set(one, includedBy(one));
    for (const next of includes.get(one)) look(next);
  };
  look(file);
  return Math.max(...[...seen].map((one) => statSync(join(root, one)).mtimeMs));
}

/** Our own headers are included by their path below native/. */
function includedBy(file) {
  return [...readFileSync(join(root, file), "utf8").matchAll(/^#include "([^"]+)"/gm)]
    .map(([, name]) => `native/${name}`)
    .filter((name) => existsSync(join(root, name)));
}

/** @returns a promise of whether the command succeeded; what it prints goes where ours goes */
export function succeeds([command, ...args]) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: "inherit" });
    child.on("error", () => resolve(false));
    child.on("close", (code) => resolve(code === 0));
  });
}
