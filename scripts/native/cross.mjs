/**
 * Builds the addon for other platforms, or for older systems than this one, into `.cache/prebuilt/<platform>/streamgate.node`, and beside
 * it the licences of the C++ runtime that it holds.
 *
 *     node scripts/native/cross.mjs [PLATFORM…]     default: all of src/data/engine/platforms.ts
 *
 * Needs zig (scripts/native/zig.mjs says where it looks); without it, one line says so and the status is 2. What an addon built here is
 * worth on a platform that cannot run here: docs/platforms.md.
 */
import { statSync } from "node:fs";
import { platforms } from "../../src/data/engine/platforms.ts";
import { buildAddonFor } from "./cross_addon.mjs";
import { root } from "./list.mjs";
import { findZig, zigVersion } from "./zig.mjs";

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in platforms));
if (unknown.length > 0)
  stop(`${unknown.join(", ")}: there is no such platform; there are ${Object.keys(platforms).join(", ")}`);
const zig = findZig();
if (zig === undefined)
  stop(`zig is needed: python3 -m venv .cache/zig && .cache/zig/bin/pip install ziglang==${zigVersion}`);

for (const name of wanted.length > 0 ? wanted : Object.keys(platforms)) {
  const startMs = Date.now();
  const file = await buildAddonFor(name, platforms[name], zig).catch((error) => stop(`${name}: ${error.message}`));
  console.log(
    `${name}: ${statSync(file).size} bytes, ${Math.round((Date.now() - startMs) / 1000)} s, ${file.slice(root.length)}`,
  );
}

function stop(why) {
  console.error(why);
  process.exit(2);
}
