/**
 * Installs the packed tarballs into empty folders and tries what is there, on the Node that runs this: which engine, what it warns of, a file
 * through `pipe`, the README's walkthrough through sockets, the library by `import` and `require`.
 *
 *     node packaging/npm/try.mjs [--from DIRECTORY] [--engine native|portable] [--only TEXT] [--npm FILE]
 *
 * --from: where `pack.mjs` put them (default .cache/npm). --engine: only the cases that end on it; --only: whose name contains TEXT. --npm: the
 * npm-cli.js to install with; default: this Node's own, or the one on the PATH. Needs a registry for the dependencies, and nothing else of the
 * repository's node_modules. The last line is `N passed, N failed`.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { requireNewerGlibc } from "./glibc_requirement.mjs";
import { run } from "./run.mjs";
import { packedIn, serveScope } from "./scope_registry.mjs";
import { walkthrough } from "./walkthrough.mjs";

const { values } = parseArgs({
  options: {
    from: { type: "string" },
    engine: { type: "string" },
    only: { type: "string" },
    npm: { type: "string" },
  },
});
const isWindows = process.platform === "win32";
const packed = packedIn(resolve(values.from ?? fileURLToPath(new URL("../../.cache/npm", import.meta.url))));
const main = packed.find(({ name }) => name === "streamgate");
if (main === undefined) throw new Error("there is no tarball of streamgate; run `node packaging/npm/pack.mjs`");
const npmCli = findNpm();
const work = mkdtempSync(join(tmpdir(), "streamgate-try-"));
const registry = await serveScope(packed);
let pristine;

const left = "npm install --include=optional";
/** `engine`: what must run; `remedy`: what the one warning must say, absent where there must be none; `gate`: whether the walkthrough is run. */
const cases = [
  { name: "as published", engine: "native", gate: true },
  { name: "--ignore-scripts", engine: "native", npm: ["--ignore-scripts"] },
  // Nothing but Node and a shell: an install that needs more would show.
  ...(isWindows ? [] : [{ name: "no compiler", engine: "native", bare: true, gate: true }]),
  { name: "both tarballs by name", engine: "native", direct: true },
  { name: "STREAMGATE_ENGINE=portable", engine: "portable", env: { STREAMGATE_ENGINE: "portable" } },
  { name: "--omit=optional", engine: "portable", npm: ["--omit=optional"], remedy: left, gate: true },
  { name: "no platform package to be had", engine: "portable", unserved: true, remedy: left },
  { name: "an addon cut short", engine: "portable", change: cut, remedy: "reinstall it" },
  { name: "an addon overwritten", engine: "portable", change: overwrite, remedy: "reinstall it" },
  { name: "an addon of another version", engine: "portable", change: age, remedy: "reinstall it" },
  { name: "node_modules of another platform", engine: "portable", change: exchange, remedy: "was installed for" },
  {
    name: "a platform without a prebuilt addon",
    engine: "portable",
    env: {
      NODE_OPTIONS: `--import=data:text/javascript,Object.defineProperty(process,%22arch%22,{value:%22riscv64%22})`,
    },
    remedy: "there is no prebuilt addon for",
  },
  { name: "--no-addons", engine: "portable", env: { NODE_OPTIONS: "--no-addons" }, remedy: "without --no-addons" },
  ...(isGlibc()
    ? [{ name: "a C library that is too old", engine: "portable", change: outdate, remedy: "older than glibc 2.28" }]
    : []),
];

let passed = 0;
let failed = 0;
try {
  const wanted = cases.filter(
    ({ name, engine }) => (values.engine === undefined || engine === values.engine) && name.includes(values.only ?? ""),
  );
  console.log(`Node ${process.version}, npm ${(await run([process.execPath, npmCli, "--version"])).stdout.trim()}`);
  for (const one of wanted) {
    try {
      console.log(`ok   ${one.name}: ${await tryCase(one)}`);
      passed++;
    } catch (error) {
      console.log(`FAIL ${one.name}: ${error.message}`);
      failed++;
    }
  }
} finally {
  registry.close();
  rmSync(work, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** @returns what was seen, for a person */
async function tryCase({ engine, npm = [], env = {}, bare, direct, unserved, change, remedy, gate }) {
  const folder = mkdtempSync(join(work, "case-"));
  // This Node before any other: `streamgate` is started by its first line, which looks for `node`.
  const path = bare ? barePath() : [dirname(process.execPath), process.env.PATH].join(delimiter);
  const environment = { ...process.env, ...env, PATH: path };
  for (const variable of Object.keys(environment)) if (/^npm_/i.test(variable)) delete environment[variable];
  if (change !== undefined || (env.NODE_OPTIONS ?? env.STREAMGATE_ENGINE) !== undefined) {
    cpSync(await installed(), folder, { recursive: true, verbatimSymlinks: true });
    change?.(folder);
  } else {
    await install(folder, environment, { npm, direct, unserved });
  }
  const program = join(folder, "node_modules", ".bin", isWindows ? "streamgate.cmd" : "streamgate");
  const version = await run([program, "--version"], { cwd: folder, env: environment });
  if (!version.stdout.includes(` · ${engine} (`) || !version.stdout.includes(` · node ${process.version}\n`))
    throw new Error(`${version.stdout}${version.stderr}`);

  const rules = ["--drop", "DEBUG", "--redact", "us_ssn"];
  const input = "DEBUG a\nssn 536-22-8726\nlast";
  const piped = await run([program, "pipe", ...rules], { cwd: folder, env: environment, input });
  if (piped.stdout !== "ssn [us_ssn]\nlast\n") throw new Error(`pipe wrote ${JSON.stringify(piped.stdout)}`);
  const warnings = piped.stderr
    .trim()
    .split("\n")
    .filter((line) => line !== "");
  checkWarnings("pipe", warnings, remedy);

  const shown = [version.stdout.trim(), ...(remedy === undefined ? [] : [`“${warnings[0]}”`])];
  if (gate) {
    const mainFile = join(folder, "node_modules", "streamgate", main.manifest.bin.streamgate);
    const seen = await walkthrough([process.execPath, mainFile], { env: environment, cwd: folder });
    if (!seen.engine.startsWith(`${engine} `)) throw new Error(`the gate ran on ${seen.engine}`);
    checkWarnings("the gate", seen.warnings, remedy);
    shown.push("walkthrough");
  }
  // The library is told by its options, not by the environment.
  if (env.STREAMGATE_ENGINE === undefined) shown.push(await tryLibrary(folder, environment, engine));
  // Which of the seven npm took.
  shown.push(existsSync(scopeOf(folder)) ? readdirSync(scopeOf(folder)).join(", ") : "no platform package");
  return shown.join("; ");
}

function checkWarnings(where, warnings, remedy) {
  if (warnings.length !== (remedy === undefined ? 0 : 1) || !(warnings[0] ?? "").includes(remedy ?? ""))
    throw new Error(
      `${where} warned ${warnings.length} times, and should ${remedy === undefined ? "not" : `once, of “${remedy}”`}:\n${warnings.join("\n")}`,
    );
}

async function install(folder, env, { npm, direct, unserved }) {
  writeFileSync(join(folder, "package.json"), '{ "name": "somewhere", "private": true }\n');
  if (!direct && !unserved) writeFileSync(join(folder, ".npmrc"), `${registry.setting}\n`);
  const tarballs = [main.file, ...(direct ? [ownTarball()] : [])];
  const quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
  const { stdout, stderr } = await run([process.execPath, npmCli, "install", ...quiet, ...npm, ...tarballs], {
    cwd: folder,
    env,
  });
  if (stderr.trim() !== "") throw new Error(`npm said: ${stdout}${stderr}`);
}

/** What npm installs as published, once for all cases that change something of it. */
async function installed() {
  if (pristine === undefined) {
    pristine = mkdtempSync(join(work, "pristine-"));
    await install(pristine, process.env, { npm: [] });
  }
  return pristine;
}

/** Of the platform that this is: what npm chooses by is in the manifests. */
function ownTarball() {
  const fits = packed.filter(
    ({ manifest: { os, cpu, libc } }) =>
      os?.includes(process.platform) &&
      cpu.includes(process.arch) &&
      (libc === undefined || libc.includes(isGlibc() ? "glibc" : "musl")),
  );
  if (fits.length !== 1) throw new Error(`${fits.length} platform packages fit here`);
  return fits[0].file;
}

function isGlibc() {
  return process.platform === "linux" && process.report.getReport().header.glibcVersionRuntime !== undefined;
}

function scopeOf(folder) {
  return join(folder, "node_modules", "@streamgate");
}

function addonIn(folder) {
  const [name] = readdirSync(scopeOf(folder));
  return join(scopeOf(folder), name, "streamgate.node");
}

function cut(folder) {
  writeFileSync(addonIn(folder), readFileSync(addonIn(folder)).subarray(0, 1000));
}

function overwrite(folder) {
  writeFileSync(addonIn(folder), Buffer.alloc(readFileSync(addonIn(folder)).length, "#"));
}

function age(folder) {
  const file = join(dirname(addonIn(folder)), "package.json");
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), version: "0.0.1" }));
}

/** As when node_modules is copied from another system's image. */
function exchange(folder) {
  const other = packed.find(({ manifest: { os } }) => os !== undefined && !os.includes(process.platform));
  const name = (other?.name ?? "@streamgate/darwin-arm64").split("/")[1];
  renameSync(dirname(addonIn(folder)), join(scopeOf(folder), name));
}

function outdate(folder) {
  writeFileSync(addonIn(folder), requireNewerGlibc(readFileSync(addonIn(folder))));
}

/** The library as both kinds of modules get it. @returns what was seen */
async function tryLibrary(folder, env, engine) {
  const use = `
    const engine = createEngine({ rules: [{ id: "ssn", type: "redact", params: { detector: "us_ssn" } }] });
    process.stdout.write(engine.name + " " + engine.run("ssn 536-22-8726\\n"));
    engine.close();`;
  const files = {
    "by_import.mjs": `import { createEngine } from "streamgate";${use}`,
    "by_require.cjs": `const { createEngine } = require("streamgate");${use}`,
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text);
    const { stdout } = await run([process.execPath, name], { cwd: folder, env });
    if (stdout !== `${engine} ssn [us_ssn]\n`) throw new Error(`${name}: ${stdout}`);
  }
  return "import and require";
}

/** A PATH with this Node and a shell, and nothing else. */
function barePath() {
  const folder = join(work, "bin");
  if (!existsSync(folder)) {
    mkdirSync(folder);
    symlinkSync(process.execPath, join(folder, "node"));
    symlinkSync("/bin/sh", join(folder, "sh"));
  }
  return folder;
}

function findNpm() {
  if (values.npm !== undefined) return resolve(values.npm);
  const beside = dirname(process.execPath);
  const cli = ["node_modules", "npm", "bin", "npm-cli.js"];
  const onPath = (process.env.PATH ?? "").split(delimiter).map((one) => join(one, "npm"));
  const found = [join(beside, ...cli), join(beside, "..", "lib", ...cli), ...onPath].find((one) => existsSync(one));
  if (found === undefined)
    throw new Error("there is no npm beside this Node or on the PATH; name its npm-cli.js with --npm");
  return realpathSync(found);
}
