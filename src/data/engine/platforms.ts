/**
 * The platforms that get a prebuilt addon: an npm package each, which npm chooses through `os`, `cpu` and `libc`. docs/platforms.md says
 * how far each is tried.
 */

export interface Platform {
  /** As `process.platform`. */
  readonly os: string;
  /** As `process.arch`. */
  readonly cpu: string;
  /** Linux only. */
  readonly libc?: "glibc" | "musl";
  /** zig's name of it. Behind `gnu` the oldest glibc that the addon runs with (Debian 10, RHEL 8), behind `macos` the oldest macOS. */
  readonly target: string;
}

/** By `platformName`. */
export const platforms: Readonly<Record<string, Platform>> = {
  "linux-x64-glibc": { os: "linux", cpu: "x64", libc: "glibc", target: "x86_64-linux-gnu.2.28" },
  "linux-arm64-glibc": { os: "linux", cpu: "arm64", libc: "glibc", target: "aarch64-linux-gnu.2.28" },
  "linux-x64-musl": { os: "linux", cpu: "x64", libc: "musl", target: "x86_64-linux-musl" },
  "linux-arm64-musl": { os: "linux", cpu: "arm64", libc: "musl", target: "aarch64-linux-musl" },
  "darwin-x64": { os: "darwin", cpu: "x64", target: "x86_64-macos.11.0" },
  "darwin-arm64": { os: "darwin", cpu: "arm64", target: "aarch64-macos.11.0" },
  "win32-x64": { os: "win32", cpu: "x64", target: "x86_64-windows-gnu" },
};

/** @param libc null: Linux could not say, and is taken for the common one */
export function platformName({ os, cpu, libc }: { os: string; cpu: string; libc: string | null }): string {
  return [os, cpu, ...(os === "linux" ? [libc ?? "glibc"] : [])].join("-");
}

/** The npm package that holds a platform's addon. */
export function packageOf(platform: string): string {
  return `@streamgate/${platform}`;
}
