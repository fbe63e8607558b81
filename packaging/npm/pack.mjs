/**
 * Makes the tarballs that are published: `streamgate`, and a package for each platform whose addon lies in `.cache/prebuilt`.
 *
 *     node packaging/npm/pack.mjs [--to DIRECTORY]     default: .cache/npm
 *
 * The platform packages are `optionalDependencies` of the tarball only: in package.json they would have `npm ci` of a clone look for
 * versions that are not published yet. Nothing that is installed runs a script.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../../scripts/native/list.mjs";
import { packageOf, platforms } from "../../src/data/engine/platforms.ts";

const { values } = parseArgs({ options: { to: { type: "string" } } });
const target = resolve(values.to ?? join(root, ".cache", "npm"));
const staging = join(root, ".cache", "npm-staging");
rmSync(staging, { recursive: true, force: true });
mkdirSync(target, { recursive: true });

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const { version, license, description } = manifest;
const built = Object.keys(platforms).filter((name) => existsSync(addonOf(name)));
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
  writeFileSync(join(folder, "THIRD_PARTY_LICENSES"), linkedLicences());
  writeFileSync(
    join(folder, "README.md"),
    `The native engine of [streamgate](https://www.npmjs.com/package/streamgate) for ${name}. Install \`streamgate\`, which brings it along.\n`,
  );
  writeJson(join(folder, "package.json"), {
    name: packageOf(name),
    version,
    description: `${description} (native engine, ${name})`,
    license,
    ...("repository" in manifest && { repository: manifest.repository }),
    main: "streamgate.node",
    files: ["streamgate.node", "THIRD_PARTY_LICENSES"],
    os: [os],
    cpu: [cpu],
    ...(libc !== undefined && { libc: [libc] }),
    engines: manifest.engines,
    preferUnplugged: true,
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
  writeFileSync(join(folder, "THIRD_PARTY_LICENSES"), linkedLicences());
  const { devDependencies, scripts, allowScripts, gypfile, ...kept } = manifest;
  writeJson(join(folder, "package.json"), {
    ...kept,
    files: [...kept.files, "THIRD_PARTY_LICENSES"],
    optionalDependencies: Object.fromEntries(built.map((name) => [packageOf(name), version])),
  });
  pack(folder);
}

/** An addon built here fits this machine only, and tests run from the repository. */
function isShipped(path) {
  return !path.startsWith(join(root, "dist", "native"));
}

/** Of what is compiled into the addon; npm packages bring their own. */
function linkedLicences() {
  const sources = join(root, ".cache", "re2-1.27.1");
  const texts = [
    ["RE2", join(sources, "re2", "LICENSE")],
    ["Abseil C++", join(sources, "abseil-cpp", "LICENSE")],
    ["node-addon-api", join(root, "node_modules", "node-addon-api", "LICENSE.md")],
  ];
  return texts.map(([name, path]) => `${name}\n${"=".repeat(name.length)}\n\n${readFileSync(path, "utf8")}\n`).join("\n");
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
