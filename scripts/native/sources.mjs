/**
 * Brings the RE2 and abseil sources that the addon is compiled from into `.cache/re2-<version>/`.
 *
 * They come from the tarball of the `re2` npm package, fetched through the npm that runs us, so that a registry set by the
 * user is the one that is asked. The package is not a dependency: its own install script compiles for minutes, and no npm
 * version can be relied on to leave it out. The hash below is what the registry lists; a tarball with another one is refused.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";

export const re2Version = "1.27.1";
const re2Integrity = "sha512-J0RHubiwH/isNWD2Z+TX+hpVZCkaS/X30KPtYwckK5sjEaW8BRhnd15EPIjBB5GxD174iEVtJmmCoqfErH1qDQ==";

/** What is taken of the tarball: sources and licences of the two libraries, no tests, no documentation. */
const wanted =
  /^package\/vendor\/(re2\/(re2|util)|abseil-cpp\/absl)\/.*\.(cc|h|inc)$|^package\/vendor\/[^/]+\/LICENSE$/;

/**
 * @param {string} root the repository
 * @param {(text: string) => void} log takes what the tools print
 * @returns {Promise<string>} folder with `re2/` and `abseil-cpp/`
 * @throws Error in one line when npm cannot fetch the tarball, or it is not the one that we know
 */
export async function fetchSources(root, log) {
  const cache = join(root, ".cache");
  const target = join(cache, `re2-${re2Version}`);
  if (existsSync(join(target, "re2", "re2", "re2.h"))) return target;
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "fetch-"));
  try {
    const tarball = fetchTarball(work, log);
    const integrity = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
    if (integrity !== re2Integrity) throw new Error(`the tarball of re2@${re2Version} has the hash ${integrity}`);
    const { x: extract } = await import("tar");
    const unpacked = join(work, "unpacked");
    mkdirSync(unpacked);
    await extract({ file: tarball, cwd: unpacked, strip: 2, filter: (path) => wanted.test(path) });
    // One rename, so that the folder is either complete or not there.
    rmSync(target, { recursive: true, force: true });
    renameSync(unpacked, target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return target;
}

function fetchTarball(folder, log) {
  const args = ["pack", `re2@${re2Version}`, "--ignore-scripts", "--pack-destination", folder];
  const npm = process.env.npm_execpath;
  const { status, error, stdout, stderr } =
    npm !== undefined && basename(npm).startsWith("npm")
      ? spawnSync(process.execPath, [npm, ...args], { cwd: folder, encoding: "utf8" })
      : spawnSync("npm", args, { cwd: folder, encoding: "utf8", shell: process.platform === "win32" });
  log(`${stdout ?? ""}${stderr ?? ""}`);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  if (status !== 0 || tarball === undefined)
    throw new Error(`npm could not fetch re2@${re2Version}${error === undefined ? "" : ` (${error.message})`}`);
  return join(folder, tarball);
}
