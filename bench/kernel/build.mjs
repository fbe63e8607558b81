/**
 * Compiles bench/kernel/kernel_bench.cc with the addon's own sources and flags, without Node, and prints the program's path.
 *
 *     node bench/kernel/build.mjs
 *
 * RE2 and abseil are taken from the addon's build, so `npm run build` comes first.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { coreSources, headers, root } from "../../scripts/native/list.mjs";
import { fetchSources } from "../../scripts/native/sources.mjs";
import { writeUnity } from "../../scripts/native/unity.mjs";

const folder = join(root, ".cache", "kernel_bench");
const program = join(folder, "kernel_bench");
const isThere = (command) => spawnSync(command, ["--version"]).status === 0;
const compiler = process.env.CXX?.split(" ") ?? [...(isThere("ccache") ? ["ccache"] : []), "g++"];
const sources = await fetchSources(root, () => {});
// As in binding.gyp.
const flags = [
  ..."-std=c++17 -O2 -fPIC -pthread -fvisibility=hidden -fvisibility-inlines-hidden -ffunction-sections -fdata-sections -DNDEBUG -Inative".split(
    " ",
  ),
  ...["re2", "abseil-cpp"].flatMap((name) => ["-isystem", join(sources, name)]),
];
const headersChangedMs = Math.max(...headers().map((name) => statSync(join(root, name)).mtimeMs));
const own = ["bench/kernel/kernel_bench.cc", ...coreSources()].map((source) => ({
  source,
  object: join(folder, `${source}.o`),
  newestMs: Math.max(headersChangedMs, statSync(join(root, source)).mtimeMs),
}));
const libraries = Object.entries(writeUnity(root, sources)).map(([name, source]) => {
  const built = join(root, "build/Release/obj.target/streamgate/.cache/unity", `${name}.o`);
  return existsSync(built)
    ? { object: built, newestMs: 0 }
    : { source, object: join(folder, `${name}.o`), newestMs: statSync(source).mtimeMs };
});
const objects = [...libraries, ...own];
const stale = objects.filter(({ object, newestMs }) => !existsSync(object) || statSync(object).mtimeMs < newestMs);
await Promise.all([compileNext(), compileNext()]);
const files = objects.map(({ object }) => object);
await run([compiler.at(-1), ...flags, "-Wl,--gc-sections", ...files, "-o", program]);
console.log(program);

async function compileNext() {
  for (let next = stale.shift(); next !== undefined; next = stale.shift()) {
    mkdirSync(dirname(next.object), { recursive: true });
    await run([
      ...compiler,
      ...flags,
      ...(libraries.includes(next) ? ["-w"] : []),
      "-c",
      next.source,
      "-o",
      next.object,
    ]);
  }
}

function run([command, ...args]) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", reject);
    child.on("close", (status) => (status === 0 ? resolve() : reject(new Error(`${command} ended with ${status}`))));
  });
}
