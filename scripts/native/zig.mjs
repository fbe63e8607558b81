/** Finds zig, which compiles the C++ parts for other platforms and brings every platform's C library and headers along. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
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

/** @returns whether the command runs and ends with success */
export function starts([command, ...args]) {
  return spawnSync(command, args).status === 0;
}
