/**
 * Builds the fuzz targets of native/fuzz/ with libFuzzer under the address and undefined-behaviour sanitizers, and runs them.
 *
 *     node scripts/native/fuzz.mjs [TARGET …] [--seconds=30] [--build-only] [--input=FILE]
 *
 * TARGET: framing, plan …, by default all of them, each for --seconds. --input: one run of one target over one file, which is how a
 * finding is looked at. Seeds lie in native/fuzz/corpus/TARGET/ (bytes as the target takes them; what once was a finding stays there);
 * those that hold a plan are compiled from native/fuzz/plans/ (docs/fuzzing.md). What a run learns is kept in .cache/fuzz/ and is
 * the next run's start. A target passes that finds nothing; the last line is `N passed, N failed`.
 *
 * Needs clang++ with its runtime libraries (Debian: clang, libclang-rt-14-dev; CLANG names another). Without, it says so in one line, and
 * fails only where CI is set.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { compileStale, succeeds } from "./compile.mjs";
import { writeSeeds } from "./fuzz_seeds.mjs";
import { coreSources, fuzzSources, headers, root } from "./list.mjs";
import { fetchSources } from "./sources.mjs";
import { writeUnity } from "./unity.mjs";

const option = (name) => process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
const seconds = Number(option("seconds") ?? 30);
const input = option("input");
const named = process.argv.slice(2).filter((arg) => !arg.startsWith("--"));
const all = fuzzSources().map((source) => basename(source, ".cc"));
const targets = named.length === 0 ? all : named;
for (const name of targets) if (!all.includes(name)) fail(`no target ${name}; there are ${all.join(", ")}`);
if (input !== undefined && targets.length !== 1) fail("--input takes one target");

const folder = join(root, ".cache", "fuzz");
const bytesMaxDefault = 4096;
/** libFuzzer cuts longer seeds off, and a plan with every detector has 5 KB. */
const bytesMax = { plan: 8192 };
const clang = process.env.CLANG ?? "clang++";
const compiler = [...(isThere("ccache") ? ["ccache"] : []), clang];
const lacking = whatIsLacking();
if (lacking !== undefined) {
  console.log(`fuzzing skipped: ${lacking}`);
  console.log(process.env.CI ? "0 passed, 1 failed" : "0 passed, 0 failed");
  process.exit(process.env.CI ? 1 : 0);
}

const sources = await fetchSources(root, () => {});
const generated = await writeSeeds(folder);
const common = [
  "-std=c++17",
  "-g1",
  "-O1",
  "-fno-omit-frame-pointer",
  "-DNDEBUG",
  "-Inative",
  `-I${join(folder, "generated")}`,
  ...["re2", "abseil-cpp"].flatMap((name) => ["-isystem", join(sources, name)]),
];
// Libraries are watched for bad addresses only: their branches would drown ours, and some of abseil's constants overflow on purpose.
const ownFlags = ["-fsanitize=fuzzer-no-link,address,undefined", "-fno-sanitize-recover=all", "-Wall", "-Wextra"];
const libraryFlags = ["-fsanitize=address", "-w"];
/** Most of what preparing a plan takes is its table of candidates, whose comparisons are of numbers that no input holds: they are not traced. */
const tablesFlags = ["-O2", "-fno-sanitize-coverage=trace-cmp"];
const tables = ["native/match/candidate_index.cc"];

const headersChangedMs = Math.max(
  ...headers().map((name) => statSync(join(root, name)).mtimeMs),
  ...generated.headers.map((path) => statSync(path).mtimeMs),
);
const libraries = Object.entries(writeUnity(root, sources)).map(([name, source]) => ({
  source,
  object: join(folder, "objects", `${name}.o`),
  flags: libraryFlags,
  newestMs: statSync(source).mtimeMs,
}));
const own = (name) => ({
  source: name,
  object: join(folder, "objects", `${name}.o`),
  flags: tables.includes(name) ? [...ownFlags, ...tablesFlags] : ownFlags,
  newestMs: Math.max(headersChangedMs, statSync(join(root, name)).mtimeMs),
});
const core = [...libraries, ...coreSources().map(own)];
const programs = targets.map((name) => ({ name, main: own(`native/fuzz/${name}.cc`), path: join(folder, name) }));
await compileStale([...core, ...programs.map(({ main }) => main)], [...compiler, ...common]).catch((error) =>
  fail(error.message),
);
for (const { name, main, path } of programs) {
  const objects = [...core, main].map(({ object }) => object);
  if (existsSync(path) && objects.every((object) => statSync(object).mtimeMs <= statSync(path).mtimeMs)) continue;
  const flags = ["-fsanitize=fuzzer,address,undefined", ...objects, "-pthread", "-o", path];
  if (!(await succeeds([clang, ...flags]))) fail(`${name} does not link`);
}

if (process.argv.includes("--build-only")) process.exit(0);
if (input !== undefined) {
  const { status } = spawnSync(programs[0].path, [input], { cwd: root, stdio: "inherit", env: sanitizerEnv() });
  process.exit(status ?? 1);
}
let failed = 0;
for (const { name, path } of programs) if (!(await fuzz(name, path))) ++failed;
console.log(`${programs.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** Runs one target and prints its line. @returns whether it found nothing */
async function fuzz(name, path) {
  const learned = join(folder, "corpus", name);
  const findings = join(folder, "findings");
  mkdirSync(learned, { recursive: true });
  mkdirSync(findings, { recursive: true });
  const dictionary = join(root, "native/fuzz", `${name}.dict`);
  const seeds = [join(root, "native/fuzz/corpus", name), join(generated.folder, name)].filter((one) => existsSync(one));
  const { code, output } = await collect(path, [
    `-max_total_time=${seconds}`,
    `-max_len=${bytesMax[name] ?? bytesMaxDefault}`,
    "-timeout=20",
    "-rss_limit_mb=2048",
    "-print_final_stats=1",
    `-artifact_prefix=${findings}/${name}-`,
    ...(existsSync(dictionary) ? [`-dict=${dictionary}`] : []),
    learned,
    ...seeds,
  ]);
  const runs = /stat::number_of_executed_units:\s*(\d+)/.exec(output)?.[1] ?? lastOf(output, /^#(\d+)/gm) ?? "0";
  const edges = lastOf(output, /\bcov: (\d+)/g) ?? "0";
  const features = lastOf(output, /\bft: (\d+)/g) ?? "0";
  const seed = /INFO: Seed: (\d+)/.exec(output)?.[1];
  const found = /Test unit written to (\S+)/.exec(output)?.[1];
  const inputs = readdirSync(learned).length;
  console.log(
    `${name.padEnd(10)} ${runs} executions, ${edges} edges, ${features} features, ${inputs} inputs kept, seed ${seed}: ` +
      (code === 0 ? "no finding" : "FOUND SOMETHING"),
  );
  if (code === 0) return true;
  console.log(output.slice(-6000).replace(/^/gm, "    "));
  if (found !== undefined) {
    console.log(`input: ${relative(root, found)}`);
    console.log(`again: node scripts/native/fuzz.mjs ${name} --input=${relative(root, found)}`);
    console.log(`mended, it goes to native/fuzz/corpus/${name}/ under a name that says what it was`);
  }
  return false;
}

function lastOf(text, pattern) {
  return [...text.matchAll(pattern)].at(-1)?.[1];
}

function sanitizerEnv() {
  return {
    ...process.env,
    ASAN_OPTIONS: "abort_on_error=0:allocator_may_return_null=0",
    UBSAN_OPTIONS: "print_stacktrace=1",
  };
}

function whatIsLacking() {
  if (!isThere(clang)) return `no ${clang}; Debian has it in clang and libclang-rt-14-dev`;
  const { stdout } = spawnSync(clang, ["-print-runtime-dir"], { encoding: "utf8" });
  const runtime = spawnSync(clang, ["-print-file-name=libclang_rt.fuzzer-x86_64.a"], { encoding: "utf8" });
  const there = [stdout, dirname(runtime.stdout ?? "")].some((path) => {
    const at = path?.trim() ?? "";
    return at !== "" && existsSync(at) && readdirSync(at).some((file) => file.startsWith("libclang_rt.fuzzer"));
  });
  return there ? undefined : `${clang} has no libFuzzer; Debian has it in libclang-rt-14-dev`;
}

/** @returns a promise of the exit status and of all that it printed */
function collect(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], env: sanitizerEnv() });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
        // Of a long run the end is looked at, and the line with the seed.
        if (output.length > 4_000_000) output = output.slice(0, 2000) + output.slice(-2_000_000);
      });
    child.on("error", () => resolve({ code: 1, output }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

function isThere(command) {
  return spawnSync(command, ["--version"]).status === 0;
}

function fail(what) {
  console.error(what);
  console.log("0 passed, 1 failed");
  process.exit(1);
}
