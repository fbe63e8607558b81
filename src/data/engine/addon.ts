/** Finds and loads the native addon, and explains when it does not load. Asked by both planes: "does RE2 take this pattern?" */

import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { version } from "../../version.ts";
import type { RuleEffect, WatchedRule } from "./engine.ts";
import { packageOf, platformName, platforms } from "./platforms.ts";

/** What `native/binding/addon.cc` exports. Handles are for the thread that made them; each tells more beside its C++ class. */
export interface Addon {
  versions(): { re2: string; napi: number; kernel: string };
  checkPattern(pattern: string): { groups: number } | string;
  /** An empty batch's memory, the addon's own. `freeBatch` detaches it. */
  createBatch(recordsMax: number, bytesMax: number): ArrayBuffer;
  freeBatch(memory: ArrayBuffer): void;
  /** `found`: four cells that it writes: stopped, records, bytes, needBytes. */
  routed(source: ArrayBuffer, from: number, to: number, output: number, found: Float64Array): void;
  gather(source: ArrayBuffer, from: number, to: number, output: number, target: ArrayBuffer, found: Float64Array): void;
  readonly Encoder: new (envelope: NativeEnvelope) => NativeEncoder;
  readonly PreparedPlan: new (bytes: Uint8Array) => NativePlan;
  readonly Framer: new (
    framing: number,
    delimiter: Uint8Array | undefined,
    maxRecordBytes: number,
    losses: Float64Array,
    transport: number,
    address: Uint8Array | undefined,
    port: number,
  ) => NativeFramer;
  readonly Ring: new (memory: Uint8Array, producer: number) => NativeRing;
  readonly Engine: new () => NativeEngine;
  /** Typed where it is used: `src/data/delivery/stream/writer_native.ts`. */
  readonly StreamWriter: new (
    ...args: never[]
  ) => unknown;
  /** Typed where it is used: `src/data/delivery/spool/native_segment.ts`. */
  readonly SpoolThread: new (
    ...args: never[]
  ) => unknown;
  /** Typed where it is used: `src/data/inputs/tcp_native.ts`. */
  readonly TcpReader: new (
    ...args: never[]
  ) => unknown;
  /** Of a listener's descriptor, on Linux (`native/tcp/closing.h`). */
  readonly turnAwayConnections?: (fd: number) => boolean;
  readonly waitingConnections?: (fd: number) => number;
  /** Typed where it is used: `src/data/inputs/udp_native.ts`. */
  readonly UdpReceiver: new (
    ...args: never[]
  ) => unknown;
}

export interface NativeFrame {
  readonly before: Uint8Array;
  /** A `frameTime`. */
  readonly time: number;
  readonly behindTime: Uint8Array;
  readonly after: Uint8Array;
}

/** `JsonEnvelope` as bytes and numbers. */
export interface NativeEnvelope {
  readonly before: Uint8Array;
  readonly between: Uint8Array;
  readonly after: Uint8Array;
  readonly string: NativeFrame;
  /** An `objectMode`. */
  readonly objectMode: number;
  readonly object: NativeFrame;
  readonly members: readonly { readonly name: Uint8Array; readonly value: Uint8Array }[];
  readonly filled: readonly {
    readonly before: Uint8Array;
    readonly field: Uint8Array;
    readonly otherwise: Uint8Array;
  }[];
  readonly countedBesideText: number | undefined;
}

export interface NativeEncoder {
  begin(recordsMax: number, bytesMax: number, recordBytesMax: number): void;
  append(batch: ArrayBuffer, from: number, to: number, timeMs: number): number;
  readonly stoppedBy: number;
  readonly records: number;
  readonly counted: number;
  finish(): ArrayBuffer;
  close(): void;
}

export interface NativePlan {
  close(): void;
}

export interface NativeFramer {
  readonly pendingBytes: number;
  readonly begunBytes: number;
  close(): void;
}

export interface NativeRing {
  isEmpty(): boolean;
  readonly blocks: number;
  readonly bytes: number;
  pushChunk(framer: NativeFramer, chunk: Uint8Array, from: number, receivedAtMs: number): number;
  pushEnd(framer: NativeFramer, receivedAtMs: number): boolean;
  pushBatch(batch: ArrayBuffer, from: number, to: number): number;
  skipAbandoned(force: boolean): boolean;
  close(): void;
}

export interface NativeEngine {
  use(plan: NativePlan, counts: Float64Array): void;
  attach(batch: ArrayBuffer): void;
  attachWithheld(memory: ArrayBuffer): void;
  shard(
    keyKind: number,
    paths: readonly Uint8Array[],
    self: number,
    rings: readonly Uint8Array[],
    producer: number,
  ): void;
  /** Sharded no more. */
  shard(): void;
  runChunk(framer: NativeFramer, chunk: Uint8Array, from: number, receivedAtMs: number): number;
  runEnd(framer: NativeFramer, receivedAtMs: number): boolean;
  pushChunk(framer: NativeFramer, chunk: Uint8Array, from: number, receivedAtMs: number): number;
  pushEnd(framer: NativeFramer, receivedAtMs: number): boolean;
  readonly stoppedBy: number;
  runBlock(ring: NativeRing): number;
  tick(nowMs: number): boolean;
  tellLast(nowMs: number, next?: NativePlan): boolean;
  effects(): RuleEffect[];
  watch(rules: readonly number[]): void;
  takeWatched(): WatchedRule[];
  readonly needBytes: number;
  close(): void;
}

/** What a build of this repository leaves, seen from `src/data/engine/` and from `dist/data/engine/` alike. */
const ownBuild = fileURLToPath(new URL("../../../dist/native/streamgate.node", import.meta.url));

/** The repository has it and the npm package has not. */
const isClone = existsSync(new URL("../../../binding.gyp", import.meta.url));

export type LoadedAddon =
  | { readonly addon: Addon }
  | {
      /** Every place that was tried, with the reason why it did not load there. */
      readonly failures: readonly string[];
      /** What helps on this platform, as an imperative. */
      readonly remedy: string;
    };

let loaded: LoadedAddon | undefined;

/** @returns the addon, or why there is none; the same on every call */
export function loadAddon(): LoadedAddon {
  loaded ??= tryPlaces();
  return loaded;
}

function tryPlaces(): LoadedAddon {
  const require = createRequire(import.meta.url);
  const failures: string[] = [];
  const tryTo = (load: () => Addon, place: string): Addon | undefined => {
    try {
      return load();
    } catch (error) {
      const { message, code } = error as NodeJS.ErrnoException;
      // The first line: Node appends the stack of requires.
      failures.push(`${place}: ${message.split("\n")[0]}${code === "ERR_DLOPEN_DISABLED" ? ` (${code})` : ""}`);
      return undefined;
    }
  };
  // An installed package was never built where it lies, and need not say so.
  const own = isClone || existsSync(ownBuild) ? tryTo(() => require(ownBuild), ownBuild) : undefined;
  if (own !== undefined) return { addon: own };

  // Loaded here: every thread of a gate comes by, and a clone has no need of it.
  const { familySync } = require("detect-libc") as typeof import("detect-libc");
  const platform = platformName({ os: process.platform, cpu: process.arch, libc: familySync() });
  const prebuilt = packageOf(platform);
  const installed = tryTo(() => {
    checkPackage(require(`${prebuilt}/package.json`), require.resolve(prebuilt));
    return require(prebuilt);
  }, prebuilt);
  if (installed !== undefined) return { addon: installed };
  const others = Object.keys(platforms).filter((name) => name !== platform && resolves(require, packageOf(name)));
  return { failures, remedy: remedyFor({ platform, failure: failures.at(-1)!, isClone, others }) };
}

/**
 * @param manifest of a prebuilt package, as packaging/npm/pack.mjs writes it
 * @param file its addon
 */
function checkPackage(manifest: { version: string; addonBytes: number }, file: string): void {
  // Both sides read and write the same memory by layouts that change from one version to the next.
  if (manifest.version !== version) throw new Error(`it is of version ${manifest.version}, and this is ${version}`);
  // A file that a full disk cut short would end the process with SIGBUS when it is loaded.
  const { size } = statSync(file);
  if (size !== manifest.addonBytes) throw new Error(`its addon has ${size} bytes instead of ${manifest.addonBytes}`);
}

function resolves(require: NodeJS.Require, name: string): boolean {
  try {
    return require.resolve(name) !== "";
  } catch {
    return false;
  }
}

/**
 * @param why.platform of `platformName`
 * @param why.failure why its prebuilt package does not load
 * @param why.isClone whether the addon could be built here
 * @param why.others platforms whose packages are there, though they are not this one's
 */
export function remedyFor({
  platform,
  failure,
  isClone,
  others = [],
}: {
  platform: string;
  failure: string;
  isClone: boolean;
  others?: readonly string[];
}): string {
  if (isClone) return "run `npm run build` and read .cache/build.log, or choose STREAMGATE_ENGINE=portable";
  const portable = "or choose STREAMGATE_ENGINE=portable, which needs no addon";
  if (!(platform in platforms))
    return `there is no prebuilt addon for ${platform}: build StreamGate from its repository, ${portable}`;
  if (/Cannot find (module|package)/.test(failure)) {
    if (others.length > 0)
      return `this node_modules was installed for ${others.join(", ")}, and this is ${platform}: remove it and run \`npm install\` here, ${portable}`;
    return `npm left the package ${packageOf(platform)} out, as it does with --omit=optional, --no-optional or a lock file made on another platform: \`npm install --include=optional\`, without the old node_modules, ${portable}`;
  }
  if (/GLIBC_|GLIBCXX_/.test(failure))
    return `this system's C library is older than glibc 2.28 (Debian 10, RHEL 8): use a newer one or the container image, ${portable}`;
  if (/ERR_DLOPEN_DISABLED|not allowed/.test(failure))
    return `this Node loads no addons: start it without --no-addons, ${portable}`;
  return `reinstall it (\`npm install streamgate@${version}\` without the old node_modules), ${portable}`;
}
