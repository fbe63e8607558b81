/** Finds and loads the native addon, and explains when it does not load. Asked by both planes: "does RE2 take this pattern?" */

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { RuleEffect, WatchedRule } from "./engine.ts";

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

/** The same place seen from `src/data/engine/` and from `dist/data/engine/`. */
const places = [new URL("../../../dist/native/streamgate.node", import.meta.url)];

let loaded: { addon: Addon } | { failures: string[] } | undefined;

/** @returns the addon, or every place that was tried with the reason why it did not load there; the same on every call */
export function loadAddon(): { addon: Addon } | { failures: string[] } {
  loaded ??= tryPlaces();
  return loaded;
}

function tryPlaces(): { addon: Addon } | { failures: string[] } {
  const require = createRequire(import.meta.url);
  const failures: string[] = [];
  for (const place of places) {
    const path = fileURLToPath(place);
    try {
      return { addon: require(path) as Addon };
    } catch (error) {
      // The first line: Node appends the stack of requires.
      failures.push(`${path}: ${String((error as Error).message).split("\n")[0]}`);
    }
  }
  return { failures };
}
