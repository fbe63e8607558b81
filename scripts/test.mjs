/**
 * `npm test`: every check of this repository, one short line each, the output of what failed, and as the last line the sum
 * `N passed, N failed`. A step that fails stops no later one. Exit status 0 only when nothing failed.
 *
 *     node scripts/test.mjs [vitest filter …]      with filters only vitest runs
 *
 * With `CI` set a missing tool or addon is a failure; without, the step says that it was skipped.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const bin = join(root, "node_modules/.bin");
const node = existsSync(join(bin, "node")) ? join(bin, "node") : process.execPath;
const env = { ...process.env, PATH: [bin, process.env.PATH].join(delimiter) };
const inCi = Boolean(process.env.CI);
const filters = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };

/** Runs a program to its end. @returns its exit status (1 where it cannot be started) and all it printed */
function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"], ...options });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    child.once("error", (error) => resolve({ status: 1, output: error.message }));
    child.once("close", (status) => resolve({ status: status ?? 1, output }));
  });
}

/** Prints a step's line and adds it to the sum; `counts` where the step is many tests. */
function book(name, startedAt, { passed = 0, failed = 0, skipped = 0 }, output = "") {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(0).padStart(3);
  const parts = [
    `${passed} passed`,
    ...(failed ? [`${failed} FAILED`] : []),
    ...(skipped ? [`${skipped} skipped`] : []),
  ];
  console.log(`${name.padEnd(28)} ${seconds} s  ${parts.join(", ")}`);
  if (output.trim() !== "") console.log(output.trimEnd().replace(/^/gm, "    "));
}

/** A step that passes when its program exits 0. */
async function step(name, command, args) {
  const startedAt = Date.now();
  const { status, output } = await run(command, args);
  book(name, startedAt, status === 0 ? { passed: 1 } : { failed: 1 }, status === 0 ? "" : output);
}

/** A step that cannot run here: skipped, or in CI failed. */
function absent(name, reason) {
  book(name, Date.now(), inCi ? { failed: 1 } : { skipped: 1 }, reason);
}

async function build() {
  const startedAt = Date.now();
  const { status, output } = await run(node, ["scripts/build.mjs"]);
  book("build", startedAt, status === 0 ? { passed: 1 } : { failed: 1 }, status === 0 ? "" : output);
}

async function vitest() {
  const startedAt = Date.now();
  const folder = mkdtempSync(join(tmpdir(), "streamgate-vitest-"));
  const report = join(folder, "report.json");
  const args = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...filters];
  const { status, output } = await run(join(bin, "vitest"), args);
  const counts = existsSync(report)
    ? readReport(JSON.parse(readFileSync(report, "utf8")))
    : { passed: 0, failed: 1, skipped: 0 };
  rmSync(folder, { recursive: true });
  // An unhandled error, or a file that cannot be loaded, is no failed test in the report.
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  book("vitest", startedAt, counts, counts.failed > 0 ? output : notes(output));
}

function readReport({ testResults }) {
  const tests = testResults.flatMap((file) => file.assertionResults);
  const count = (...states) => tests.filter(({ status }) => states.includes(status)).length;
  const unloadable = testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  ).length;
  return {
    passed: count("passed"),
    failed: count("failed") + unloadable,
    skipped: count("pending", "skipped", "todo", "disabled"),
  };
}

/** What tests say on purpose: agreement with the shared corpora, the fuzzer's seed. */
function notes(output) {
  return output
    .split("\n")
    .filter((line) => /agree|seed/i.test(line) && !/[✓×]/.test(line))
    .join("\n");
}

async function native() {
  const startedAt = Date.now();
  if (!existsSync(join(root, "scripts/native/test.mjs")))
    return absent("native tests", "scripts/native/test.mjs is missing");
  const { status, output } = await run(node, ["scripts/native/test.mjs"]);
  const [, passed, failed] = /(\d+) passed, (\d+) failed\s*$/.exec(output) ?? [];
  if (passed === undefined) {
    if (status === 0) return absent("native tests", output.trim() || "they did not run");
    return book("native tests", startedAt, { failed: 1 }, output);
  }
  const counts = { passed: Number(passed), failed: Number(failed) || (status === 0 ? 0 : 1) };
  book("native tests", startedAt, counts, counts.failed ? output : "");
}

async function clangFormat() {
  if ((await run("clang-format", ["--version"])).status !== 0)
    return absent("clang-format", "clang-format is not installed");
  const files = ["native", "bench"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((file) => /\.(h|c|cc)$/.test(file) && !file.startsWith("generated"))
      .map((file) => join(folder, file)),
  );
  await step("clang-format", "clang-format", ["--dry-run", "--Werror", ...files]);
}

if (filters.length > 0) {
  await vitest();
} else {
  await build();
  await step("lint", join(bin, "biome"), ["check", "."]);
  await step("types", join(bin, "tsc"), ["-p", "tsconfig.json"]);
  await step("generated layouts", node, ["scripts/generate.mjs", "--check"]);
  await step("generated documentation", node, ["scripts/reference.mjs", "--check"]);
  await clangFormat();
  await native();
  await vitest();
  // A smoke: it fails on lines lost, repeated or leaked, never on a time.
  if (process.platform === "linux")
    await step("bench", node, [
      "bench/run.ts",
      "--quick",
      "--scenario",
      "raw,filter_redact",
      "--subject",
      "streamgate,floor",
    ]);
}
if (total.skipped > 0) console.log(`${total.skipped} skipped`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
