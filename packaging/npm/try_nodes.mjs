/**
 * Runs try.mjs on each supported Node, with the npm of its time; all of them come from npm.
 *
 *     node packaging/npm/try_nodes.mjs [--node VERSION]… [options of try.mjs]
 *
 * On Linux for x64 and arm64, where npm has Nodes as packages. The last line is the sum, `N passed, N failed`.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/native/list.mjs";

/** The oldest that is supported, and the newest of each line; npm 10 and 11 are what came with them, 12 is the newest. */
const pairs = { "22.15.0": "10.9.9", "24.21.0": "11.19.1", "26.10.0": "12.2.1" };

const args = process.argv.slice(2);
const chosen = [];
for (let at = args.indexOf("--node"); at !== -1; at = args.indexOf("--node")) chosen.push(args.splice(at, 2)[1]);

let passed = 0;
let failed = 0;
for (const version of chosen.length > 0 ? chosen : Object.keys(pairs)) {
  const folder = fetchNode(version, pairs[version] ?? "11.19.1");
  const node = join(folder, "node_modules", `node-linux-${process.arch}`, "bin", "node");
  const npm = join(folder, "node_modules", "npm", "bin", "npm-cli.js");
  const { stdout } = spawnSync(node, [join(root, "packaging", "npm", "try.mjs"), "--npm", npm, ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.stdout.write(stdout);
  const [, good, bad] = /(\d+) passed, (\d+) failed\s*$/.exec(stdout) ?? [undefined, 0, 1];
  passed += Number(good);
  failed += Number(bad);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** @returns {string} the folder in which this Node and this npm are installed */
function fetchNode(version, npm) {
  const folder = join(root, ".cache", "nodes", version);
  if (existsSync(join(folder, "node_modules", "npm"))) return folder;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), "{}");
  const flags = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts"];
  const wanted = [`node-linux-${process.arch}@${version}`, `npm@${npm}`];
  const { status } = spawnSync("npm", ["install", ...flags, ...wanted], { cwd: folder, stdio: "inherit" });
  if (status !== 0) throw new Error(`npm could not install ${wanted.join(" and ")}`);
  return folder;
}
