# The native addon. scripts/build.mjs fetches RE2 and abseil, writes the unity files and calls node-gyp; it can not be built by
# `node-gyp rebuild` alone. Node-API only, so one binary serves every supported Node.
{
  "targets": [
    {
      "target_name": "streamgate",
      "sources": [".cache/unity/re2.cc", ".cache/unity/abseil.cc", "<!@(node scripts/native/list.mjs)"],
      "include_dirs": [
        "native",
        "node_modules/node-addon-api",
        ".cache/re2-1.27.1/re2",
        ".cache/re2-1.27.1/abseil-cpp",
      ],
      "defines": ["NDEBUG", "NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS", "NODE_ADDON_API_CPP_EXCEPTIONS_ALL", "NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS", "STREAMGATE_RE2_VERSION=\"1.27.1\""],
      "cflags!": ["-fno-exceptions", "-O3"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
      "cflags": ["-O2", "-fvisibility=hidden", "-ffunction-sections", "-fdata-sections"],
      # -Wno-…: abseil and RE2 as unity files; our own sources are warned about by scripts/native/test.mjs.
      "cflags_cc": ["-std=c++17", "-fexceptions", "-fvisibility-inlines-hidden", "-Wno-attributes", "-Wno-unused-parameter"],
      "conditions": [
        ["OS=='linux'", {
          "ldflags": [
            "-Wl,--gc-sections",
            "-static-libstdc++",
            "-static-libgcc",
            # Node itself exports abseil's symbols, another version of them: ours are bound inside and not exported.
            "-Wl,-Bsymbolic",
            # A symbol that is missing shows when the addon is loaded, not when a record first needs it.
            "-Wl,-z,now",
            "-Wl,--version-script=../native/binding/exports.map",
          ],
        }],
        ["OS=='mac'", {
          "xcode_settings": {
            "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
            "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
            "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
            "MACOSX_DEPLOYMENT_TARGET": "11.0",
          },
          "libraries": ["-framework CoreFoundation"],
        }],
        ["OS=='win'", {
          "defines": ["NOMINMAX", "WIN32_LEAN_AND_MEAN"],
          "msvs_settings": { "VCCLCompilerTool": { "ExceptionHandling": 1, "AdditionalOptions": ["/std:c++17", "/utf-8"] } },
          "libraries": ["-ldbghelp"],
        }],
      ],
    },
  ],
}
