/**
 * Builds what runs: TypeScript into dist/, the native addon into dist/native/. `npm ci` calls it through `prepare`.
 *
 *     node scripts/build.mjs [--ts-only | --native-only]
 *
 * A step whose inputs have not changed since it last succeeded is skipped. TypeScript that does not compile fails the build.
 * An addon that does not is said in one line and fails nothing, because the portable engine runs without it; `.cache/build.log`
 * has what the tools printed. STREAMGATE_SKIP_NATIVE=1 leaves the addon out.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const cache = join(root, ".cache");
const logPath = join(cache, "build.log");
const lockPath = join(cache, "build.lock");
const wantsTs = !process.argv.includes("--native-only");
const wantsNative = !process.argv.includes("--ts-only");

mkdirSync(cache, { recursive: true });
const unlock = await lock();
let status = 0;
try {
  writeFileSync(logPath, "");
  if (wantsTs) status = await buildTypeScript();
  if (wantsNative && status === 0) await buildNative();
} finally {
  unlock();
}
process.exitCode = status;

function log(text) {
  appendFileSync(logPath, text);
}

async function buildTypeScript() {
  const inputs = [
    "src",
    "tsconfig.json",
    "tsconfig.build.json",
    "scripts/build.mjs",
    "node_modules/typebox/package.json",
  ];
  const stamp = inputsHash(inputs, (name) => !name.endsWith(".test.ts"));
  const main = join(root, "dist", "commands", "main.js");
  if (isFresh("typescript", stamp) && existsSync(main)) return 0;
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  const { status } = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
  if (status !== 0) return status ?? 1;
  removeOrphans();
  copyCommonJs();
  await bundleTypeBox();
  keepPublicTypes();
  if (existsSync(main)) chmodSync(main, 0o755);
  setFresh("typescript", stamp);
  return 0;
}

/** What `require` loads, and its types: written as they are, since the compiler makes ES modules. */
function copyCommonJs() {
  for (const name of readdirSync(join(root, "src")))
    if (/\.(cjs|d\.cts)$/.test(name)) copyFileSync(join(root, "src", name), join(root, "dist", name));
}

/** Puts TypeBox into the one module that names it (src/typebox.ts says why), with its licence. */
async function bundleTypeBox() {
  const file = join(root, "dist", "typebox.js");
  try {
    const { build } = await import("rolldown");
    const licence = readFileSync(join(root, "node_modules", "typebox", "license"), "utf8");
    const banner = `/*!\n${licence.trim()}\n*/`;
    await build({ input: file, output: { file, format: "esm", banner }, logLevel: "silent" });
  } catch (error) {
    log(`TypeBox stays in its own modules, which load slowly: ${error.stack}\n`);
  }
}

/** Of the declarations those that the package's own lead to: nobody can import the others, and they are most of them. */
function keepPublicTypes() {
  const dist = join(root, "dist");
  const wanted = new Set();
  const visit = (path) => {
    if (wanted.has(path)) return;
    wanted.add(path);
    for (const [, name] of readFileSync(path, "utf8").matchAll(/(?:from |import\()"(\.[^"]+)\.ts"/g))
      visit(join(dirname(path), `${name}.d.ts`));
  };
  for (const name of ["index.d.ts", "pino.d.ts"]) visit(join(dist, name));
  for (const name of readdirSync(dist, { recursive: true }))
    if (name.endsWith(".d.ts") && !wanted.has(join(dist, name))) rmSync(join(dist, name));
}

/** Takes away what was compiled from a source that is gone: a stale module would still be importable. */
function removeOrphans() {
  const dist = join(root, "dist");
  for (const name of readdirSync(dist, { recursive: true })) {
    const match = /^(?!native[/\\])(.*)(\.d\.ts|\.js)$/.exec(name);
    if (match !== null && !existsSync(join(root, "src", `${match[1]}.ts`))) rmSync(join(dist, name));
  }
}

async function buildNative() {
  if (process.env.STREAMGATE_SKIP_NATIVE === "1") {
    console.error("native addon: not built (STREAMGATE_SKIP_NATIVE=1); the portable engine runs");
    return;
  }
  try {
    const { addonPath, buildAddon } = await import("./native/addon.mjs");
    const stamp = `${inputsHash(["native", "binding.gyp", "scripts/native", "node_modules/node-addon-api/package.json"], (name) => !/[/\\](test|fuzz)[/\\]/.test(name))} ${process.platform} ${process.arch} ${process.versions.modules}`;
    if (isFresh("native", stamp) && existsSync(addonPath)) return;
    await buildAddon(log);
    setFresh("native", stamp);
  } catch (error) {
    log(`${error.stack}\n`);
    console.error(
      `native addon: not built (${error.message.split("\n")[0]}); the portable engine runs; details: .cache/build.log`,
    );
  }
}

/** One hash over the names and bytes of files, and of all files below folders. */
function inputsHash(paths, keep) {
  const hash = createHash("sha256");
  for (const path of paths) {
    const files = statSync(join(root, path)).isDirectory()
      ? readdirSync(join(root, path), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name))
          .filter(keep)
          .sort()
      : [join(root, path)];
    for (const file of files)
      hash
        .update(`${file.slice(root.length)}\0`)
        .update(readFileSync(file))
        .update("\0");
  }
  return hash.digest("hex");
}

function isFresh(step, stamp) {
  const path = join(cache, `${step}.stamp`);
  return existsSync(path) && readFileSync(path, "utf8") === stamp;
}

function setFresh(step, stamp) {
  writeFileSync(join(cache, `${step}.stamp`), stamp);
}

/** Two builds at once would write the same objects: the second waits for the first. @returns what opens the lock */
async function lock() {
  for (;;) {
    try {
      writeFileSync(lockPath, String(process.pid), { flag: "wx" });
      return () => rmSync(lockPath, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      const { owner, ageMs } = readLock();
      // The number of a dead build may belong to another process by now; no build takes this long.
      if (owner !== 0 && (!isAlive(owner) || ageMs > 20 * 60_000)) rmSync(lockPath, { force: true });
      await sleep(200);
    }
  }
}

function readLock() {
  try {
    return { owner: Number(readFileSync(lockPath, "utf8")), ageMs: Date.now() - statSync(lockPath).mtimeMs };
  } catch {
    return { owner: 0, ageMs: 0 }; // just opened
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
