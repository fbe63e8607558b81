/**
 * Cross-compiles the C++ parts' tests for arm64 and runs them under emulation.
 *
 *     node scripts/native/test_arm64.mjs [NAME]
 *
 * What it proves: that everything compiles for arm64, that the NEON kernels and all that stands on them give the answers that the tests
 * want, and that the ring's code works there with real threads. What it does not: QEMU on an x86-64 host runs guest loads and
 * stores as host ones, which reorder less than arm64 may, so a missing barrier need not show. The orders are proven by
 * native/test/model/, which is left out here (musl has no ucontext), as is udp_test.cc: under QEMU 7.2 one of its tests waits
 * for ever for datagrams that the kernel drops to be counted; most likely the socket option that tells their count (SO_MEMINFO) is
 * not passed on.
 *
 * Needs zig (`zig` on PATH, or the Python package `ziglang`; ZIG names another command) and qemu-aarch64-static or
 * qemu-aarch64. When one is missing it says which in one line and ends with status 2. The last line is `N passed, N failed`.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { platforms } from "../../src/data/engine/platforms.ts";
import { changedMs, compileStale, succeeds } from "./compile.mjs";
import { compileAddon } from "./cross_addon.mjs";
import { root, testSources } from "./list.mjs";
import { findZig, starts } from "./zig.mjs";

const platform = "linux-arm64-musl";
const only = process.argv.slice(2).find((arg) => !arg.startsWith("--"));
const zig = findZig();
if (zig === undefined) missing("zig: put it on PATH, or `pip install ziglang`, or set ZIG");
const qemu = ["qemu-aarch64-static", "qemu-aarch64"].find((command) => starts([command, "--version"]));
if (qemu === undefined) missing("qemu-aarch64-static: `apt-get install qemu-user-static`");

const folder = join(root, ".cache", "native_test", "arm64");
// The very objects of the addon for Alpine, but for the part that knows Node.
const { objects: shipped, command } = await compileAddon(platform, platforms[platform], zig).catch((error) =>
  fail(`for arm64: ${error.message}`),
);
const leftOut = /^native\/test\/(model\/|udp_test\.cc$)/;
const tests = testSources()
  .filter((name) => !leftOut.test(name))
  .map((name) => ({
    source: name,
    object: join(folder, `${name}.o`),
    flags: ["-Wall", "-Wextra", "-Werror"],
    newestMs: changedMs(name),
  }));
await compileStale(tests, command).catch((error) => fail(`for arm64: ${error.message}`));
const objects = [...shipped.filter(({ source }) => !source.startsWith("native/binding/")), ...tests];
const program = join(folder, "native_test");
if (!(await succeeds([...command, ...objects.map(({ object }) => object), "-static", "-o", program])))
  fail("linking failed");
const { status, signal } = spawnSync(qemu, [program, ...(only === undefined ? [] : [only])], {
  cwd: root,
  stdio: "inherit",
});
if (status !== 0 && status !== 1) fail(`the tests ended with ${signal ?? `status ${status}`}`);
process.exitCode = status;

function missing(what) {
  console.error(`arm64 tests need ${what}`);
  process.exit(2);
}

function fail(what) {
  console.error(what);
  console.log("0 passed, 1 failed");
  process.exit(1);
}
