/**
 * Judges the packed tarballs before they are published: what is in them, how large they are, the addons themselves, licences, entry points and
 * types (publint, are-the-types-wrong), and the list of parts (SBOM).
 *
 *     node packaging/npm/check.mjs [--from DIRECTORY] [--all] [--offline]     default: .cache/npm
 *
 * --all: a platform that has no tarball is a fault. --offline: without the two linters, which npm fetches. Needs readelf (binutils). The last
 * line is `N passed, N failed`.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../../scripts/native/list.mjs";
import { packageOf, platforms } from "../../src/data/engine/platforms.ts";
import { faultsOfAddon } from "./addon_file.mjs";
import { sbom } from "./sbom.mjs";
import { packedIn } from "./scope_registry.mjs";

/** Pinned, since a linter of tomorrow may refuse what nobody changed. */
const linters = { publint: "publint@0.3.25", attw: "@arethetypeswrong/cli@0.18.5" };
/** A tenth above what they are (docs/platforms.md): who makes them larger should have meant to. */
const packedBytesMax = { main: 1_000_000, platform: 1_000_000 };

const { values } = parseArgs({
  options: { from: { type: "string" }, all: { type: "boolean" }, offline: { type: "boolean" } },
});
const packed = packedIn(resolve(values.from ?? join(root, ".cache", "npm")));
const work = mkdtempSync(join(tmpdir(), "streamgate-check-"));
let passed = 0;
let failed = 0;

const main = packed.find(({ name }) => name === "streamgate");
check("streamgate is packed", main === undefined ? ["there is no tarball of it"] : []);
if (main !== undefined) checkMain(main);
for (const [name, platform] of Object.entries(platforms)) {
  const found = packed.find((one) => one.name === packageOf(name));
  if (found !== undefined) checkPlatform(name, platform, found);
  else if (values.all) check(`${packageOf(name)} is packed`, ["there is no tarball of it"]);
}
check("every npm package that ships has a licence and a hash in the SBOM", faultsOfSbom());
rmSync(work, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** @param {string[]} faults none: it passes */
function check(what, faults) {
  console.log(`${faults.length === 0 ? "ok  " : "FAIL"} ${what}${faults.map((fault) => `\n       ${fault}`).join("")}`);
  if (faults.length === 0) passed++;
  else failed++;
}

function checkMain({ file, manifest }) {
  const expected = [
    /^dist\/.*\.(js|cjs|d\.ts|d\.cts)$/,
    /^proto\/.*\.proto$/,
    /^(package\.json|LICENSE|README\.md|CHANGELOG\.md)$/,
  ];
  const names = namesIn(file);
  check("streamgate holds what runs and nothing else", [
    ...names.filter((name) => !expected.some((one) => one.test(name)) || /\.test\.|\.bench\./.test(name)),
    ...["dist/commands/main.js", "proto/streamgate/v1/control.proto", "LICENSE"].filter(
      (name) => !names.includes(name),
    ),
  ]);
  checkSize("streamgate", file, packedBytesMax.main);
  const ours = Object.keys(manifest.optionalDependencies ?? {});
  check("streamgate's manifest names each platform's package of its own version, and runs no script", [
    ...(values.all
      ? Object.keys(platforms)
          .map(packageOf)
          .filter((name) => !ours.includes(name))
      : []
    ).map((name) => `${name} is not among the optionalDependencies`),
    ...ours.filter((name) => manifest.optionalDependencies[name] !== manifest.version),
    ...Object.keys(manifest.scripts ?? {}).map((name) => `script ${name}`),
    ...Object.keys(manifest.devDependencies ?? {}).map((name) => `devDependency ${name}`),
    ...Object.entries(manifest.dependencies)
      .filter(([, wanted]) => !/^\d+\.\d+\.\d+$/.test(wanted))
      .map(([name, wanted]) => `${name} ${wanted} is not pinned`),
  ]);
  if (values.offline) return;
  check("streamgate passes publint --strict", faultsOf(["publint", "--strict", file], linters.publint));
  // Node 22.15 and later: the resolution of Node 10 knows no `exports`, and subpaths do not exist there.
  check("streamgate passes are-the-types-wrong", faultsOf(["attw", "--profile", "node16", file], linters.attw));
}

function checkPlatform(name, { os, cpu, libc }, { file, manifest }) {
  const wanted = ["LICENSE", "README.md", "THIRD_PARTY_LICENSES", "package.json", "streamgate.node"];
  const names = namesIn(file).toSorted();
  check(`${name} holds ${wanted.join(", ")}`, [
    ...names.filter((one) => !wanted.includes(one)),
    ...wanted.filter((one) => !names.includes(one)).map((one) => `${one} is missing`),
  ]);
  checkSize(name, file, packedBytesMax.platform);
  const chosenBy = { os: [os], cpu: [cpu], ...(libc !== undefined && { libc: [libc] }) };
  const { status, stderr } = spawnSync("tar", ["-xzf", file, "-C", work]);
  if (status !== 0) throw new Error(`${file}: ${stderr}`);
  const addon = join(work, "package", "streamgate.node");
  const { size } = statSync(addon);
  check(`${name} is chosen by ${Object.values(chosenBy).join(", ")}, and says how long its addon is`, [
    ...Object.keys({ os, cpu, libc }).filter((key) => `${manifest[key] ?? ""}` !== `${chosenBy[key] ?? ""}`),
    ...(manifest.addonBytes === size ? [] : [`addonBytes is ${manifest.addonBytes}, the addon has ${size}`]),
    ...Object.keys(manifest.scripts ?? {}).map((one) => `script ${one}`),
  ]);
  check(
    `${name}'s addon is stripped, exports two symbols and needs the system's C library alone`,
    faultsOfAddon(addon, { os, cpu, libc }),
  );
  const texts = readFileSync(join(work, "package", "THIRD_PARTY_LICENSES"), "utf8");
  const parts = {
    RE2: "Copyright (c) 2009 The RE2 Authors",
    "Abseil C++": "Apache License",
    "node-addon-api": "Node.js API collaborators",
    // Where zig built it, as it does for Linux.
    ...(os === "linux" && { "libc++": "LLVM Exceptions" }),
  };
  check(
    `${name} brings the licences of ${Object.keys(parts).join(", ")}`,
    Object.entries(parts)
      .filter(([part, text]) => !texts.includes(`${part}\n=`) || !texts.includes(text))
      .map(([part]) => `that of ${part} is missing`),
  );
  rmSync(join(work, "package"), { recursive: true });
}

function checkSize(name, file, bytesMax) {
  const { size } = statSync(file);
  check(`${name} is small: ${size} bytes`, size <= bytesMax ? [] : [`${bytesMax} bytes are its limit`]);
}

function namesIn(file) {
  const { stdout } = spawnSync("tar", ["-tzf", basename(file)], { cwd: join(file, ".."), encoding: "utf8" });
  return stdout
    .trim()
    .split("\n")
    .map((name) => name.replace(/^package\//, ""));
}

function faultsOf(command, npmPackage) {
  const { status, stdout, stderr } = npm(["exec", "--yes", `--package=${npmPackage}`, "--", ...command]);
  return status === 0 ? [] : `${stdout}${stderr}`.trim().split("\n");
}

function faultsOfSbom() {
  const { components } = JSON.parse(sbom());
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const shipped = Object.entries(packages)
    .filter(([path, { dev }]) => path !== "" && !dev)
    .map(([path, { version }]) => `${path.split("node_modules/").at(-1)}@${version}`);
  const listed = components.map(({ name, version }) => `${name}@${version}`);
  return [
    ...shipped.filter((one) => !listed.includes(one)).map((one) => `${one} is missing`),
    ...components
      .filter(({ licenses, hashes }) => !licenses?.length || !hashes?.length)
      .map(({ name, version }) => `${name} ${version} has no licence or no hash`),
  ];
}

function npm(args) {
  return spawnSync("npm", args, {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 1 << 26,
    shell: process.platform === "win32",
  });
}
