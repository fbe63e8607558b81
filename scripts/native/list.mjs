/**
 * The C++ files of the repository, found by folder so that nobody keeps a list. Run by binding.gyp, it prints the addon's
 * sources relative to the repository, because gyp's make generator takes no absolute paths.
 */
import { readdirSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** Every file below native/ with this ending, relative to the repository, sorted, with forward slashes. */
function find(ending) {
  return readdirSync(join(root, "native"), { recursive: true })
    .map((name) => `native/${name.split(sep).join("/")}`)
    .filter((name) => name.endsWith(ending))
    .sort();
}

const outside = /^native\/(test|fuzz)\//;

/** What the addon is made of. */
export const addonSources = () => find(".cc").filter((name) => !outside.test(name));
/** The part of it that has never heard of Node: what the tests in native/test/ link. */
export const coreSources = () => addonSources().filter((name) => !name.startsWith("native/binding/"));
export const testSources = () => find(".cc").filter((name) => name.startsWith("native/test/"));
/** The fuzz targets: each has a `LLVMFuzzerTestOneInput` and becomes a program of its own. */
export const fuzzSources = () => find(".cc").filter((name) => name.startsWith("native/fuzz/"));
export const headers = () => find(".h");

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(addonSources().join("\n"));
