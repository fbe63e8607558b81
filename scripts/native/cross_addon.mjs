/** Compiles and links the addon for another platform with zig. */
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { findHeaders } from "./addon.mjs";
import { changedMs, compileStale, succeeds } from "./compile.mjs";
import { addonSources, root } from "./list.mjs";
import { fetchSources, re2Version } from "./sources.mjs";
import { writeUnity } from "./unity.mjs";
import { runtimeLicences } from "./zig.mjs";

const require = createRequire(import.meta.url);

/**
 * Compiles what is older than its sources.
 * @param {string} name of src/data/engine/platforms.ts
 * @param {{os: string, target: string}} platform
 * @param {string[]} zig what `findZig` returned
 * @returns {Promise<{objects: {source: string, object: string}[], command: string[]}>} the objects, and the compiler with the flags that all share
 */
export async function compileAddon(name, { os, target }, zig) {
  const folder = join(root, ".cache", "cross", name);
  const sources = await fetchSources(root, () => {});
  const command = [
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
  await compileStale(objects, command);
  return { objects, command };
}

/**
 * @returns {Promise<string>} the addon, in `.cache/prebuilt/<name>/`, with the licences of the C++ runtime in it beside it
 * @throws Error that says which step failed
 */
export async function buildAddonFor(name, platform, zig) {
  const { os } = platform;
  const folder = join(root, ".cache", "cross", name);
  const file = join(root, ".cache", "prebuilt", name, "streamgate.node");
  mkdirSync(folder, { recursive: true });
  mkdirSync(dirname(file), { recursive: true });
  const { objects, command } = await compileAddon(name, platform, zig);
  const link = {
    linux: ["-Wl,--gc-sections", "-Wl,-Bsymbolic", "-Wl,-z,now", "-Wl,--version-script=native/binding/exports.map"],
    darwin: ["-Wl,-undefined,dynamic_lookup"],
    win32: ["-ldbghelp"],
  }[os];
  if (os === "win32") link.push(await importLibrary(folder, zig));
  // -s: no symbols and no debug information, which are most of an addon's size.
  if (!(await succeeds([...command, "-shared", "-s", ...objects.map(({ object }) => object), ...link, "-o", file])))
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
async function importLibrary(folder, zig) {
  const library = join(folder, "node_api.lib");
  const nodeApi = dirname(require.resolve("node-api-headers/package.json"));
  const definition = join(nodeApi, "def", "node_api.def");
  const command = [...zig, "dlltool", "-m", "i386:x86-64", "-D", "node.exe", "-d", definition, "-l", library];
  if (!(await succeeds(command))) throw new Error("zig dlltool failed");
  return library;
}
