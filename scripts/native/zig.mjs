/** Compiles the C++ parts for another platform with zig, which brings every platform's C library and headers along. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { headers, root } from "./list.mjs";

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

/**
 * Compiles what is older than its source or than any header of ours, two at a time.
 * @param {string[]} compile the command and the flags that all sources share
 * @param {string} folder where objects go
 * @param {{source: string, flags: string[], ours: boolean}[]} sources relative to the repository or absolute; `ours`: includes our headers
 * @returns {Promise<string[]>} the objects
 * @throws Error naming the source that does not compile
 */
export async function compileObjects(compile, folder, sources) {
  const headersChangedMs = Math.max(...headers().map((name) => statSync(join(root, name)).mtimeMs));
  const objects = sources.map(({ source, flags, ours }) => {
    const path = source.startsWith(root) ? source.slice(root.length) : source;
    const changedMs = statSync(join(root, path)).mtimeMs;
    return {
      ...{ source: path, flags, object: join(folder, `${path}.o`) },
      newestMs: ours ? Math.max(headersChangedMs, changedMs) : changedMs,
    };
  });
  const stale = objects.filter(({ object, newestMs }) => !existsSync(object) || statSync(object).mtimeMs < newestMs);
  const next = async () => {
    for (let one = stale.shift(); one !== undefined; one = stale.shift()) {
      mkdirSync(dirname(one.object), { recursive: true });
      if (!(await succeeds([...compile, ...one.flags, "-c", one.source, "-o", one.object])))
        throw new Error(`${one.source} does not compile`);
    }
  };
  await Promise.all([next(), next()]);
  return objects.map(({ object }) => object);
}

/** @returns a promise of whether the command succeeded; what it prints goes where ours goes */
export function succeeds([command, ...args]) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: "inherit" });
    child.on("error", () => resolve(false));
    child.on("close", (code) => resolve(code === 0));
  });
}
