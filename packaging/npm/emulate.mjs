/**
 * Tries the packed tarballs on each Linux platform, though this machine is but one: arm64 under QEMU, musl with its own loader (other_platforms.mjs).
 *
 *     node packaging/npm/emulate.mjs [PLATFORM…] [--from DIRECTORY] [--suite TEXT]… [--no-suite]
 *
 * On each: what npm chooses there, the scan kernel, `pipe`, the README's walkthrough, and then the repository's conformance tests, vitest's workers
 * running on that Node with that addon (--suite: only files whose name contains TEXT). The last line is `N passed, N failed`.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../../scripts/native/list.mjs";
import { runnable } from "./other_platforms.mjs";
import { run } from "./run.mjs";
import { packedIn, serveScope } from "./scope_registry.mjs";
import { walkthrough } from "./walkthrough.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    from: { type: "string" },
    suite: { type: "string", multiple: true },
    "no-suite": { type: "boolean" },
  },
});
const unknown = positionals.filter((name) => !(name in runnable));
if (unknown.length > 0) throw new Error(`${unknown.join(", ")}: there are ${Object.keys(runnable).join(", ")}`);
const packed = packedIn(resolve(values.from ?? join(root, ".cache", "npm")));
const main = packed.find(({ name }) => name === "streamgate");
const registry = await serveScope(packed);
const work = mkdtempSync(join(tmpdir(), "streamgate-other-"));
let passed = 0;
let failed = 0;
try {
  for (const platform of positionals.length > 0 ? positionals : Object.keys(runnable)) await tryPlatform(platform);
} finally {
  registry.close();
  rmSync(work, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

async function tryPlatform(platform) {
  const folder = join(work, platform);
  const { npm, prepare } = runnable[platform];
  let node;
  const step = async (what, act) => {
    try {
      console.log(`ok   ${platform}, ${what}: ${await act()}`);
      passed++;
      return true;
    } catch (error) {
      console.log(`FAIL ${platform}, ${what}: ${error.message}`);
      failed++;
      return false;
    }
  };
  const isThere = await step("installed", async () => {
    node = prepare();
    mkdirSync(folder);
    writeFileSync(join(folder, "package.json"), "{}");
    writeFileSync(join(folder, ".npmrc"), `${registry.setting}\n`);
    const flags = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error", "--ignore-scripts"];
    await run(["npm", "install", ...flags, ...npm, main.file], { cwd: folder });
    const chosen = readdirSync(join(folder, "node_modules", "@streamgate")).join(", ");
    if (chosen !== platform) throw new Error(`npm chose ${chosen}`);
    return `npm chose @streamgate/${chosen}`;
  });
  if (!isThere) return;
  const program = [node, join(folder, "node_modules", "streamgate", main.manifest.bin.streamgate)];
  await step("kernel", async () => {
    const { stdout } = await run([...program, "--version"], { cwd: folder });
    // The scalar one gives the same answers, and would hide that the vector one is not taken.
    const wanted = platform.includes("arm64") ? "v128" : "avx2";
    if (!stdout.includes(` · native (`) || !stdout.includes(`, ${wanted})`)) throw new Error(stdout);
    return stdout.trim();
  });
  await step("pipe", async () => {
    const rules = ["--drop", "DEBUG", "--redact", "us_ssn,credit_card", "--stats"];
    const input = "DEBUG a\nssn 536-22-8726, card 4111 1111 1111 1111\nlast";
    const { stdout, stderr } = await run([...program, "pipe", ...rules], { cwd: folder, input });
    if (stdout !== "ssn [us_ssn], card [credit_card]\nlast\n" || JSON.parse(stderr).engine !== "native")
      throw new Error(`${stdout}${stderr}`);
    return stdout.split("\n")[0];
  });
  await step("walkthrough", async () => {
    const { engine, warnings } = await walkthrough(program, { cwd: folder });
    if (!engine.startsWith("native") || warnings.length > 0) throw new Error(`${engine}; ${warnings.join("; ")}`);
    return engine;
  });
  if (values["no-suite"]) return;
  const copy = copyRepository(platform, node, folder);
  const files = readdirSync(join(copy, "test", "conformance")).filter(
    (name) => name.endsWith(".test.ts") && (values.suite ?? [""]).some((part) => name.includes(part)),
  );
  // One after the other, so that a crash of the addon says where it was.
  for (const name of files) await step(name, () => suite(copy, `test/conformance/${name}`, platform.includes("arm64")));
  rmSync(copy, { recursive: true, force: true });
}

/**
 * A copy of the repository whose `dist/native` holds the addon that was installed, and whose tests run on the platform's Node.
 * @returns its folder
 */
function copyRepository(platform, node, installed) {
  const copy = join(root, ".cache", "platforms", `suite-${platform}`);
  rmSync(copy, { recursive: true, force: true });
  for (const name of ["src", "test", "docs", "proto", "binding.gyp", "package.json"])
    cpSync(join(root, name), join(copy, name), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  const addon = join(installed, "node_modules", "@streamgate", platform, "streamgate.node");
  cpSync(addon, join(copy, "dist", "native", "streamgate.node"));
  // Where the tests look for the corpora that lie beside the repository.
  const corpora = join(root, "..", "shared");
  const link = join(copy, "..", "shared");
  if (existsSync(corpora) && !existsSync(link)) symlinkSync(corpora, link);
  // vitest forks its workers by process.execPath: it runs on this machine's Node, what it tests on the other one.
  writeFileSync(
    join(copy, "vitest.config.mjs"),
    `process.execPath = ${JSON.stringify(node)};
export default { test: { pool: "forks", isolate: false, testTimeout: 600_000, hookTimeout: 600_000, teardownTimeout: 60_000 } };
`,
  );
  return copy;
}

/** @returns vitest's sum */
async function suite(copy, file, isEmulated) {
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  // Under QEMU the random cases are as many as a processor ten times as slow does within the tests' own limits; fewer than these, and the tests say that they prove nothing.
  const few = isEmulated ? { FUZZ_CASES: "100", ENCODE_CASES: "300", PLANTED: "400" } : {};
  // What starts a Node by its own path (the system knows no arm64 programs), and what takes minutes as it is.
  const leftOut = isEmulated ? ["-t", "^(?!.*(under every kernel|a megabyte of whatever makes searches slow))"] : [];
  const { stdout, stderr } = await run([process.execPath, vitest, "run", file, ...leftOut], {
    cwd: copy,
    // Unlike in CI, a test whose program is missing is skipped.
    env: { ...few, ...process.env, CI: "", NO_COLOR: "1" },
  });
  const sum = /^\s*Tests\s+(.*)$/m.exec(stdout)?.[1];
  if (sum === undefined || /the portable engine is tested alone/.test(stdout + stderr))
    throw new Error(`${stdout}${stderr}`.slice(-2000));
  return sum;
}
