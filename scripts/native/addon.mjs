/**
 * Compiles the native addon: sources, unity files, node-gyp, and the result put where `src/data/engine/addon.ts` looks.
 *
 * Make rebuilds only what changed: RE2 and abseil are two objects that stay, our own files compile in seconds.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, renameSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { root } from "./list.mjs";
import { fetchSources } from "./sources.mjs";
import { writeUnity } from "./unity.mjs";

/** Where the finished addon lies, relative to the repository and to an installed package alike. */
export const addonPath = join(root, "dist", "native", "streamgate.node");

/**
 * @param {(text: string) => void} log takes everything that the tools print
 * @throws Error whose message says in one line which step failed
 */
export async function buildAddon(log) {
  writeUnity(root, await fetchSources(root, log));
  const nodedir = findHeaders();
  const gypArgs = nodedir === undefined ? [] : [`--nodedir=${nodedir}`];
  const env = { ...process.env };
  // A Makefile compares time stamps only, so another compiler or ccache changes nothing that is built already.
  if (env.CXX === undefined && isThere("ccache", log)) {
    env.CXX = "ccache g++";
    env.CC ??= "ccache gcc";
  }
  // gyp runs `node scripts/native/list.mjs`: with this Node.
  env.PATH = `${dirname(process.execPath)}${process.platform === "win32" ? ";" : ":"}${env.PATH}`;
  for (const step of ["configure", "build"]) {
    const nodeGyp = createRequire(import.meta.url).resolve("node-gyp/bin/node-gyp.js");
    const { status, error, stdout, stderr } = spawnSync(process.execPath, [nodeGyp, step, "-j", "2", ...gypArgs], {
      cwd: root,
      env,
      encoding: "utf8",
      maxBuffer: 256 * 1024 * 1024,
    });
    log(`${stdout ?? ""}${stderr ?? ""}`);
    if (status !== 0) throw new Error(error?.message ?? firstError(`${stdout}${stderr}`) ?? `node-gyp ${step} failed`);
  }
  mkdirSync(dirname(addonPath), { recursive: true });
  // Rename, never overwrite: a process that has the old file mapped would crash.
  const fresh = `${addonPath}.${process.pid}`;
  copyFileSync(join(root, "build", "Release", "streamgate.node"), fresh);
  renameSync(fresh, addonPath);
}

/** Headers beside this Node, or in the platform package that the `node` package brings; else node-gyp downloads them. */
function findHeaders() {
  const bin = dirname(process.execPath);
  const prefixes = [join(bin, ".."), join(bin, "..", "node_modules", `node-${process.platform}-${process.arch}`)];
  return prefixes.find((prefix) => existsSync(join(prefix, "include", "node", "common.gypi")));
}

function isThere(command, log) {
  const { status, error } = spawnSync(command, ["--version"], { encoding: "utf8" });
  log(`${command}: ${status === 0 ? "found" : (error?.message ?? "not found")}\n`);
  return status === 0;
}

/** The line of a log that a person would look for. */
function firstError(text) {
  const lines = text.split("\n");
  return lines
    .find((line) => /\berror:|not found: make|gyp ERR! stack Error: (?!`make`)|Could not find any Python/.test(line))
    ?.replace("gyp ERR! stack Error: ", "")
    .trim();
}
