/**
 * Prints the list of npm packages that ship with StreamGate, with licences and hashes (SBOM, CycloneDX).
 *
 *     node packaging/npm/sbom.mjs > streamgate.cdx.json
 *
 * `npm sbom --omit=dev` alone leaves out what a development dependency needs as well (npm 11.19: 40 of 152 packages), so npm is given a
 * lock file that knows no development.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "../../scripts/native/list.mjs";

/** @returns {string} the SBOM as JSON. @throws Error with npm's words */
export function sbom() {
  const { devDependencies, ...manifest } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const { packages, ...lock } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const { devDependencies: _, ...own } = packages[""];
  const shipped = Object.entries(packages).filter(([path, { dev }]) => path !== "" && !dev);
  const folder = mkdtempSync(join(tmpdir(), "streamgate-sbom-"));
  try {
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
    const pruned = { ...lock, packages: { "": own, ...Object.fromEntries(shipped) } };
    writeFileSync(join(folder, "package-lock.json"), JSON.stringify(pruned));
    const { status, stdout, stderr } = spawnSync("npm", ["sbom", "--package-lock-only", "--sbom-format=cyclonedx"], {
      cwd: folder,
      encoding: "utf8",
      maxBuffer: 1 << 26,
      shell: process.platform === "win32",
    });
    if (status !== 0) throw new Error(stderr);
    return stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(sbom());
