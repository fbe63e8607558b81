/**
 * Builds and runs the C++ parts' own tests.
 *
 *     node scripts/native/test.mjs [--sanitize=address,undefined | --sanitize=thread] [--model-budget=N] [--stress=N] [NAME]
 *
 * NAME: only tests whose name contains it. --model-budget: so many times the states and executions of the ring's model check
 * (docs/decisions/0008-ring-proof.md); --stress: so many times the blocks of its threads. The last line is `N passed, N failed`. Our own sources are compiled with warnings as
 * errors; RE2 and abseil are taken from the addon's build where it left them, and compiled once for each sanitizer.
 */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { changedMs, compileStale, succeeds } from "./compile.mjs";
import { coreSources, root, testSources } from "./list.mjs";
import { fetchSources } from "./sources.mjs";
import { writeUnity } from "./unity.mjs";

const sanitize = process.argv.find((arg) => arg.startsWith("--sanitize="))?.slice("--sanitize=".length);
const only = process.argv.slice(2).find((arg) => !arg.startsWith("--"));
const folder = join(root, ".cache", "native_test", sanitize?.replaceAll(",", "_") ?? "plain");
const compiler = process.env.CXX?.split(" ") ?? [...(isThere("ccache") ? ["ccache"] : []), "g++"];
if (!isThere(compiler.at(-1))) fail(`no C++ compiler: ${compiler.at(-1)} does not start`);

const sources = await fetchSources(root, () => {});
const unity = writeUnity(root, sources);
const optimize = sanitize === undefined ? ["-O2"] : ["-O1", "-fno-omit-frame-pointer"];
const common = [
  "-std=c++17",
  "-g1",
  "-Inative",
  ...["re2", "abseil-cpp"].flatMap((name) => ["-isystem", join(sources, name)]),
  ...optimize,
];
/** `undefined` is for our own sources only: under it gcc no longer takes some of abseil's constant expressions. */
function sanitizeFlags(own) {
  const names = (sanitize ?? "").split(",").filter((name) => name !== "" && (own || name !== "undefined"));
  return names.length === 0 ? [] : [`-fsanitize=${names.join(",")}`, "-fno-sanitize-recover=all"];
}
const ownFlags = [...sanitizeFlags(true), "-Wall", "-Wextra", "-Werror", "-Wno-interference-size"];

const own = [...coreSources(), ...testSources()].map((name) => ({
  source: name,
  object: join(folder, `${name}.o`),
  flags: ownFlags,
  newestMs: changedMs(name),
}));
const libraries = Object.entries(unity).map(([name, source]) => {
  const built = join(root, "build/Release/obj.target/streamgate/.cache/unity", `${name}.o`);
  // NDEBUG as in the addon: abseil's headers depend on it, and the two must agree.
  return sanitize === undefined && existsSync(built)
    ? { object: built, newestMs: 0 }
    : {
        source,
        object: join(folder, `${name}.o`),
        flags: [...sanitizeFlags(false), "-w"],
        newestMs: statSync(source).mtimeMs,
      };
});

const objects = [...libraries, ...own];
const compiled = await compileStale(objects, [...compiler, "-DNDEBUG", ...common]).catch((error) =>
  fail(error.message),
);

const program = join(folder, "native_test");
if (
  compiled > 0 ||
  !existsSync(program) ||
  objects.some(({ object }) => statSync(object).mtimeMs > statSync(program).mtimeMs)
)
  if (
    !(await succeeds([
      ...compiler.slice(-1),
      ...common,
      ...sanitizeFlags(true),
      ...objects.map(({ object }) => object),
      "-pthread",
      "-o",
      program,
    ]))
  )
    fail("linking failed");
const env = { ...process.env };
for (const [option, name] of [
  ["--model-budget=", "STREAMGATE_MODEL_BUDGET"],
  ["--stress=", "STREAMGATE_STRESS"],
]) {
  const given = process.argv.find((arg) => arg.startsWith(option));
  if (given !== undefined) env[name] = given.slice(option.length);
}
const { status, signal } = spawnSync(program, only === undefined ? [] : [only], { cwd: root, stdio: "inherit", env });
if (status !== 0 && status !== 1) fail(`the tests ended with ${signal ?? `status ${status}`}`);
process.exitCode = status;

function isThere(command) {
  return spawnSync(command, ["--version"]).status === 0;
}

function fail(what) {
  console.error(what);
  console.log("0 passed, 1 failed");
  process.exit(1);
}
