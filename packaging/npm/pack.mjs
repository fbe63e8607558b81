/**
 * Makes the tarballs that are published: `streamgate`, and a package for each platform whose addon lies in `.cache/prebuilt`.
 *
 *     node packaging/npm/pack.mjs [--to DIRECTORY] [--all]     default: .cache/npm
 *
 * --all: fails unless there is an addon for every platform, as a release needs it; without, what lacks one is told.
 *
 * The platform packages are `optionalDependencies` of the tarball only: in package.json they would have `npm ci` of a clone look for
 * versions that are not published yet. Nothing that is installed runs a script.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../../scripts/native/list.mjs";
import { fetchSources } from "../../scripts/native/sources.mjs";
import { packageOf, platforms } from "../../src/data/engine/platforms.ts";

const { values } = parseArgs({ options: { to: { type: "string" }, all: { type: "boolean" } } });
const target = resolve(values.to ?? join(root, ".cache", "npm"));
const staging = join(root, ".cache", "npm-staging");
rmSync(staging, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
// One of another version or platform would be taken along.
for (const name of readdirSync(target)) if (/^streamgate-.*\.tgz$/.test(name)) rmSync(join(target, name));

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const { version, license, description } = manifest;
// npm refuses the provenance of a package that does not name the repository in which it is built.
const { GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env;
if (manifest.repository === undefined && GITHUB_REPOSITORY !== undefined)
  manifest.repository = { type: "git", url: `git+${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}.git` };
const built = Object.keys(platforms).filter((name) => existsSync(addonOf(name)));
const lacking = Object.keys(platforms).filter((name) => !built.includes(name));
if (lacking.length > 0) {
  console.error(`no addon in .cache/prebuilt for ${lacking.join(", ")} (scripts/native/cross.mjs builds them)`);
  if (values.all) process.exit(1);
}
const sources = built.length > 0 ? await fetchSources(root, () => {}) : "";
for (const name of built) packPlatform(name);
packMain();

function addonOf(name) {
  return join(root, ".cache", "prebuilt", name, "streamgate.node");
}

function packPlatform(name) {
  const folder = join(staging, name);
  const { os, cpu, libc } = platforms[name];
  mkdirSync(folder, { recursive: true });
  cpSync(addonOf(name), join(folder, "streamgate.node"));
  cpSync(join(root, "LICENSE"), join(folder, "LICENSE"));
  writeFileSync(join(folder, "THIRD_PARTY_LICENSES"), linkedLicences(name));
  writeFileSync(
    join(folder, "README.md"),
    `The native engine of [streamgate](https://www.npmjs.com/package/streamgate) for ${name}. Install \`streamgate\`, which brings it along.\n`,
  );
  writeJson(join(folder, "package.json"), {
    name: packageOf(name),
    version,
    description: `${description} (native engine, ${name})`,
    license,
    // The addon is all there is to it.
    type: "commonjs",
    ...("repository" in manifest && { repository: manifest.repository }),
    main: "streamgate.node",
    files: ["streamgate.node", "THIRD_PARTY_LICENSES"],
    os: [os],
    cpu: [cpu],
    ...(libc !== undefined && { libc: [libc] }),
    engines: manifest.engines,
    preferUnplugged: true,
    // src/data/engine/addon.ts compares it: an addon that was cut short must not be loaded.
    addonBytes: statSync(addonOf(name)).size,
  });
  pack(folder);
}

function packMain() {
  const folder = join(staging, "streamgate");
  mkdirSync(folder, { recursive: true });
  for (const name of manifest.files) {
    const from = join(root, name);
    if (!name.startsWith("!")) cpSync(from, join(folder, name), { recursive: true, filter: isShipped });
  }
  const { devDependencies, scripts, allowScripts, gypfile, ...kept } = manifest;
  writeJson(join(folder, "package.json"), {
    ...kept,
    optionalDependencies: Object.fromEntries(built.map((name) => [packageOf(name), version])),
  });
  pack(folder);
}

/** An addon built here fits this machine only, and tests run from the repository. */
function isShipped(path) {
  return !path.startsWith(join(root, "dist", "native"));
}

/**
 * Texts for what is compiled into an addon; npm packages bring their own.
 * @param {string} name the platform
 */
function linkedLicences(name) {
  const runtime = join(root, ".cache", "prebuilt", name, "runtime_licences.json");
  const texts = [
    ["RE2", readFileSync(join(sources, "re2", "LICENSE"), "utf8")],
    ["Abseil C++", readFileSync(join(sources, "abseil-cpp", "LICENSE"), "utf8")],
    ["node-addon-api", readFileSync(join(root, "node_modules", "node-addon-api", "LICENSE.md"), "utf8")],
    // Absent where the compiler's runtime is the system's, as in builds on macOS.
    ...(existsSync(runtime) ? JSON.parse(readFileSync(runtime, "utf8")) : []),
  ];
  return texts.map(([part, text]) => `${part}\n${"=".repeat(part.length)}\n\n${text}\n`).join("\n");
}

function pack(folder) {
  const { status, stdout, stderr } = spawnSync("npm", ["pack", "--json", "--pack-destination", target], {
    cwd: folder,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (status !== 0) {
    console.error(stderr);
    process.exit(1);
  }
  const answer = JSON.parse(stdout);
  // npm 12 answers with an object by package, older ones with a list.
  const [{ filename, unpackedSize, entryCount }] = Array.isArray(answer) ? answer : Object.values(answer);
  const path = join(target, filename);
  console.log(`${path}: ${statSync(path).size} bytes packed, ${unpackedSize} unpacked, ${entryCount} files`);
}

function writeJson(path, value) {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}
