/**
 * Builds the addon for other platforms, or for older systems than this one, into `.cache/prebuilt/<platform>/streamgate.node`, and beside
 * it the licences of the C++ runtime that it holds.
 *
 *     node scripts/native/cross.mjs [PLATFORM…]     default: all of src/data/engine/platforms.ts
 *
 * Needs zig (scripts/native/zig.mjs says where it looks); without it, one line says so and the status is 2. What an addon built here is
 * worth on a platform that cannot run here: docs/platforms.md.
 */
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { platforms } from "../../src/data/engine/platforms.ts";
import { findHeaders } from "./addon.mjs";
import { changedMs, compileStale, succeeds } from "./compile.mjs";
import { addonSources, root } from "./list.mjs";
import { fetchSources, re2Version } from "./sources.mjs";
import { writeUnity } from "./unity.mjs";
import { findZig, runtimeLicences, zigVersion } from "./zig.mjs";

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in platforms));
if (unknown.length > 0)
  stop(`${unknown.join(", ")}: there is no such platform; there are ${Object.keys(platforms).join(", ")}`);
const zig = findZig();
if (zig === undefined)
  stop(`zig is needed: python3 -m venv .cache/zig && .cache/zig/bin/pip install ziglang==${zigVersion}`);

const require = createRequire(import.meta.url);
const nodeApi = dirname(require.resolve("node-api-headers/package.json"));
const sources = await fetchSources(root, () => {});
for (const name of wanted.length > 0 ? wanted : Object.keys(platforms)) {
  const startMs = Date.now();
  const file = await build(name, platforms[name]).catch((error) => stop(`${name}: ${error.message}`));
  console.log(
    `${name}: ${statSync(file).size} bytes, ${Math.round((Date.now() - startMs) / 1000)} s, ${file.slice(root.length)}`,
  );
}

/** @returns {Promise<string>} the addon */
async function build(name, { os, target }) {
  const folder = join(root, ".cache", "cross", name);
  const file = join(root, ".cache", "prebuilt", name, "streamgate.node");
  mkdirSync(folder, { recursive: true });
  mkdirSync(dirname(file), { recursive: true });
  const compile = [
    ...[...zig, "c++", "-target", target],
    ...["-std=c++17", "-O2", "-fPIC", "-fvisibility=hidden", "-fvisibility-inlines-hidden"],
    ...["-ffunction-sections", "-fdata-sections", "-fexceptions"],
    // As in binding.gyp.
    ...["NDEBUG", "NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS", "NODE_ADDON_API_CPP_EXCEPTIONS_ALL"].map(
      (one) => `-D${one}`,
    ),
    ...["NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"].map((one) => `-D${one}`),
    ...["BUILDING_NODE_EXTENSION", `STREAMGATE_RE2_VERSION="${re2Version}"`].map((one) => `-D${one}`),
    "-Inative",
    // Any Node's headers: of Node-API, and of libuv, whose ABI is one for all of its version 1 (Linux's reader polls by it).
    ...["-isystem", join(findHeaders(), "include", "node"), "-isystem", require("node-addon-api").include_dir],
    ...["re2", "abseil-cpp"].flatMap((library) => ["-isystem", join(sources, library)]),
    ...(os === "darwin" ? ["-isystem", coreFoundation(folder)] : []),
    // Flags of files that other systems have and abseil's Windows headers do not (O_NONBLOCK, O_CLOEXEC: there is nothing to set).
    ...(os === "win32" ? ["-DNOMINMAX", "-DWIN32_LEAN_AND_MEAN", "-DO_NONBLOCK=0", "-DO_CLOEXEC=0"] : []),
  ];
  const unity = writeUnity(root, sources, { windows: os === "win32" });
  const objects = [
    ...Object.entries(unity).map(([part, source]) => ({
      source,
      object: join(folder, `${part}.o`),
      flags: ["-w"],
      newestMs: statSync(source).mtimeMs,
    })),
    ...addonSources().map((source) => ({
      source,
      object: join(folder, `${source}.o`),
      flags: [],
      newestMs: changedMs(source),
    })),
  ];
  await compileStale(objects, compile);
  const link = {
    linux: ["-Wl,--gc-sections", "-Wl,-Bsymbolic", "-Wl,-z,now", "-Wl,--version-script=native/binding/exports.map"],
    darwin: ["-Wl,-undefined,dynamic_lookup"],
    win32: ["-ldbghelp"],
  }[os];
  if (os === "win32") link.push(await importLibrary(folder));
  // -s: no symbols and no debug information, which are most of an addon's size.
  if (!(await succeeds([...compile, "-shared", "-s", ...objects.map(({ object }) => object), ...link, "-o", file])))
    throw new Error("linking failed");
  // For packaging/npm/pack.mjs, which may run where there is no zig.
  writeFileSync(join(dirname(file), "runtime_licences.json"), JSON.stringify(runtimeLicences(zig, os), null, 2));
  return file;
}

/** zig has no headers of CoreFoundation; abseil asks it for the name of the local time zone, which nothing here uses. */
function coreFoundation(folder) {
  const path = join(folder, "include", "CoreFoundation", "CFTimeZone.h");
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(
    path,
    `#pragma once
// Stands for Apple's header where the addon is cross-built: the local time zone has no name, and abseil takes its default.
typedef const void* CFTimeZoneRef;
typedef const void* CFStringRef;
typedef long CFIndex;
typedef unsigned int CFStringEncoding;
enum : CFStringEncoding { kCFStringEncodingUTF8 = 0x08000100 };
static inline CFTimeZoneRef CFTimeZoneCopyDefault() { return nullptr; }
static inline CFStringRef CFTimeZoneGetName(CFTimeZoneRef) { return nullptr; }
static inline CFIndex CFStringGetLength(CFStringRef) { return 0; }
static inline CFIndex CFStringGetMaximumSizeForEncoding(CFIndex, CFStringEncoding) { return 0; }
static inline bool CFStringGetCString(CFStringRef, char*, CFIndex, CFStringEncoding) { return false; }
static inline void CFRelease(const void*) {}
`,
  );
  return join(folder, "include");
}

/** What node.exe exports of Node-API, as a library to link against. */
async function importLibrary(folder) {
  const library = join(folder, "node_api.lib");
  const definition = join(nodeApi, "def", "node_api.def");
  const command = [...zig, "dlltool", "-m", "i386:x86-64", "-D", "node.exe", "-d", definition, "-l", library];
  if (!(await succeeds(command))) throw new Error("zig dlltool failed");
  return library;
}

function stop(why) {
  console.error(why);
  process.exit(2);
}
