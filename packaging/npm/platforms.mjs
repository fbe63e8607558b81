/**
 * The platforms that get a prebuilt addon: one npm package each, chosen by npm through `os`, `cpu` and `libc`.
 *
 * `target` is zig's name of the platform; the number behind `gnu` is the oldest glibc that the addon runs with (Debian 10, RHEL 8), the one
 * behind `macos` the oldest macOS. `checked` says how far each is tried where releases are built (docs/platforms.md).
 */

/**
 * @typedef {object} Platform
 * @property {string} os as `process.platform`
 * @property {string} cpu as `process.arch`
 * @property {"glibc" | "musl"} [libc] Linux only; as npm's field of that name
 * @property {string} target
 */

/** @type {Readonly<Record<string, Platform>>} by the end of the package's name */
export const platforms = {
  "linux-x64-glibc": { os: "linux", cpu: "x64", libc: "glibc", target: "x86_64-linux-gnu.2.28" },
  "linux-arm64-glibc": { os: "linux", cpu: "arm64", libc: "glibc", target: "aarch64-linux-gnu.2.28" },
  "linux-x64-musl": { os: "linux", cpu: "x64", libc: "musl", target: "x86_64-linux-musl" },
  "linux-arm64-musl": { os: "linux", cpu: "arm64", libc: "musl", target: "aarch64-linux-musl" },
  "darwin-x64": { os: "darwin", cpu: "x64", target: "x86_64-macos.11.0" },
  "darwin-arm64": { os: "darwin", cpu: "arm64", target: "aarch64-macos.11.0" },
  "win32-x64": { os: "win32", cpu: "x64", target: "x86_64-windows-gnu" },
};

/** The npm package of a platform. */
export const packageOf = (platform) => `@streamgate/${platform}`;
