/**
 * Writes the unity files: RE2 as one translation unit, abseil as another, so that the two compile side by side in a third
 * of the time that their 87 files take alone. They lie in `.cache/unity/` because node-gyp may empty `build/`.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The abseil files that RE2 needs, found by linking it against an archive of all and reading the map. */
const abseil = {
  "base/": "throw_delegate",
  "base/internal/":
    "cycleclock low_level_alloc raw_logging spinlock spinlock_wait strerror sysinfo thread_identity unscaledcycleclock",
  "container/internal/": "hashtablez_sampler hashtablez_sampler_force_weak_definition raw_hash_set",
  "hash/internal/": "city hash",
  "numeric/": "int128",
  "debugging/": "stacktrace symbolize",
  "debugging/internal/":
    "decode_rust_punycode demangle demangle_rust address_is_readable elf_mem_image examine_stack utf8_for_code_point vdso_support",
  "log/": "globals log_sink",
  "log/internal/": "globals log_format log_message log_sink_set nullguard proto structured_proto",
  "strings/": "ascii charconv match numbers",
  "strings/internal/": "charconv_bigint charconv_parse memutil utf8",
  "strings/internal/str_format/": "arg bind extension float_conversion output parser",
  "time/": "clock duration time",
  "synchronization/": "mutex",
  "synchronization/internal/":
    "create_thread_identity graphcycles futex_waiter kernel_timeout per_thread_sem waiter_base",
  "time/internal/cctz/src/":
    "time_zone_fixed time_zone_if time_zone_impl time_zone_info time_zone_libc time_zone_lookup time_zone_posix zone_info_source",
};
const abseilWindows = {
  "synchronization/internal/": "win32_waiter stdcpp_waiter",
  "time/internal/cctz/src/": "time_zone_name_win",
};

/** Names that several files define for themselves: each file gets its own spelling of the first kind. */
const renamed = ["ExtraDebug", "kMaxCodePoint", "kAsciiToInt", "kDigits"];
/** Macros that a file leaves behind and the next one would trip over. */
const leftBehind = ["Mark", "MatchSep", "DeadState", "FullMatchState", "SpecialStateMax", "Simplify", "ToString"];

/**
 * @param {string} root the repository
 * @param {string} sources what `fetchSources` returned
 * @param {{ windows?: boolean }} [target] the system that is compiled for; default: this one
 * @returns {{ re2: string, abseil: string }} the two files; written only when their text changes, so that make leaves them alone
 */
export function writeUnity(root, sources, { windows = process.platform === "win32" } = {}) {
  const folder = join(root, ".cache", "unity", ...(windows === (process.platform === "win32") ? [] : ["other"]));
  mkdirSync(folder, { recursive: true });
  const re2Files = [
    ...readdirSync(join(sources, "re2", "re2"))
      .filter((name) => name.endsWith(".cc") && name !== "mimics_pcre.cc")
      .sort()
      .map((name) => `re2/${name}`),
    "util/rune.cc",
    "util/strutil.cc",
  ];
  const lists = windows ? [abseil, abseilWindows] : [abseil];
  const abseilFiles = lists.flatMap((list) =>
    Object.entries(list).flatMap(([path, names]) => names.split(" ").map((name) => `absl/${path}${name}.cc`)),
  );
  return {
    re2: write(join(folder, "re2.cc"), unity(re2Files)),
    abseil: write(join(folder, "abseil.cc"), unity(abseilFiles)),
  };
}

function unity(files) {
  const parts = files.map((file, index) =>
    [
      ...renamed.map((name) => `#define ${name} ${name}_${index}`),
      `#include "${file}"`,
      ...renamed.map((name) => `#undef ${name}`),
      ...leftBehind.map((name) => `#undef ${name}`),
      "",
    ].join("\n"),
  );
  return `// Written by scripts/native/unity.mjs.\n${parts.join("\n")}`;
}

function write(path, text) {
  if (!existsSync(path) || readFileSync(path, "utf8") !== text) writeFileSync(path, text);
  return path;
}
