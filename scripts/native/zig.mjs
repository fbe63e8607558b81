/** Finds zig, which compiles the C++ parts for other platforms and brings every platform's C library and headers along. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { root } from "./list.mjs";

/** What was measured with (see CONTRIBUTING.md); it is a package of PyPI. */
export const zigVersion = "0.17.1";

/** @returns {string[] | undefined} the command: ZIG, the repository's own (`.cache/zig`, a Python environment), or one on the PATH */
export function findZig() {
  const own = join(root, ".cache", "zig", "bin", "python");
  return [
    process.env.ZIG?.split(" "),
    [own, "-m", "ziglang"],
    ["zig"],
    ["python3", "-m", "ziglang"],
    ["python", "-m", "ziglang"],
  ].find((command) => command !== undefined && starts([...command, "version"]));
}

/**
 * Licences of what zig links into a shared library on its own account: the C++ runtime, and on Windows the start-up code of its C library. That
 * of Linux and macOS is the system's.
 * @param {string[]} zig what `findZig` returned
 * @param {string} os as `process.platform`
 * @returns {[string, string][]} names and texts
 */
export function runtimeLicences(zig, os) {
  const { stdout } = spawnSync(zig[0], [...zig.slice(1), "env"], { cwd: root, encoding: "utf8" });
  const [, lib] = /\.lib_dir = "([^"]+)"/.exec(stdout) ?? [];
  if (lib === undefined) throw new Error("zig does not tell where its libraries lie (`zig env`: .lib_dir)");
  // Beside the libraries in the Python package, above them in zig's own archives.
  const own = ["../LICENSE", "../../LICENSE"].find((path) => existsSync(resolve(root, lib, path))) ?? "../LICENSE";
  return [
    ["libc++", "libcxx/LICENSE.TXT"],
    ["libc++abi", "libcxxabi/LICENSE.TXT"],
    ["libunwind", "libunwind/LICENSE.TXT"],
    ["compiler-rt (zig)", own],
    ...(os === "win32" ? [["mingw-w64", "libc/mingw/COPYING"]] : []),
  ].map(([name, path]) => [name, readFileSync(resolve(root, lib, path), "utf8")]);
}

/** @returns whether the command runs and ends with success */
export function starts([command, ...args]) {
  return spawnSync(command, args).status === 0;
}
