/**
 * Compiles the native addon: sources, unity files, node-gyp, and the result put where `src/data/engine/addon.ts` looks.
 *
 * Make rebuilds only what changed: RE2 and abseil are two objects that stay, our own files compile in seconds.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, realpathSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
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
  const compiler = process.env.CXX?.split(" ").at(-1) ?? "g++";
  // On Windows node-gyp looks for Visual Studio itself.
  if (process.platform !== "win32" && !isThere(compiler, log))
    throw new Error(`no C++ compiler: ${compiler} does not start`);
  writeUnity(root, await fetchSources(root, log));
  const nodedir = findHeaders();
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
    const { status, error, stdout, stderr } = spawnSync(
      process.execPath,
      [nodeGyp, step, "-j", "2", `--nodedir=${nodedir}`],
      {
        cwd: root,
        env,
        encoding: "utf8",
        maxBuffer: 256 * 1024 * 1024,
      },
    );
    log(`${stdout ?? ""}${stderr ?? ""}`);
    if (status !== 0) throw new Error(error?.message ?? firstError(`${stdout}${stderr}`) ?? `node-gyp ${step} failed`);
  }
  mkdirSync(dirname(addonPath), { recursive: true });
  // Rename, never overwrite: a process that has the old file mapped would crash.
  const fresh = addonPath.replace(/node$/, `${process.pid}.node`);
  copyFileSync(join(root, "build", "Release", "streamgate.node"), fresh);
  // In a process of its own: a symbol that is missing ends the process that loads it.
  const trial = spawnSync(process.execPath, ["-e", "require(process.argv[1]).versions()", fresh], { encoding: "utf8" });
  if (trial.status !== 0) {
    rmSync(fresh);
    throw new Error(`it does not load: ${trial.stderr.trim().split("\n")[0]}`);
  }
  renameSync(fresh, addonPath);
}

/**
 * A prefix with Node's headers: beside this Node, in the platform package that the `node` package brings, where npm's
 * `nodedir` says, or beside any Node on the PATH. Any version's serve, because the addon uses Node-API only. Without one
 * node-gyp would download them, and this build reaches package registries only.
 */
export function findHeaders() {
  const bins = [process.execPath, ...(process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "node"))]
    .filter((node) => existsSync(node))
    .map((node) => dirname(realpathSync(node)));
  const prefixes = [
    ...bins.flatMap((bin) => [
      join(bin, ".."),
      join(bin, "..", "node_modules", `node-${process.platform}-${process.arch}`),
    ]),
    ...(process.env.npm_config_nodedir ? [process.env.npm_config_nodedir] : []),
  ];
  const found = prefixes.find((prefix) => existsSync(join(prefix, "include", "node", "common.gypi")));
  if (found === undefined) throw new Error("no Node headers beside any Node here; npm ci brings some");
  return found;
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
