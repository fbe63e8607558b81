/**
 * The engines that behaviour is held to, and small tools to drive any of them: one suite, every engine.
 *
 * A machine without the addon runs the portable engine alone and says so; where `CI` is set a missing addon is an error.
 * STREAMGATE_ENGINE=portable leaves the addon alone.
 */

import { loadAddon } from "../../src/data/engine/addon.ts";
import { Batch } from "../../src/data/engine/batch.ts";
import type { EngineKind, Framer, PreparedPlan, RuleEffect } from "../../src/data/engine/engine.ts";
import { batchEntry, batchHeader, countCellsOf, frameCells } from "../../src/data/engine/layout.ts";
import { nativeKind } from "../../src/data/engine/native/kind.ts";
import { portableKind } from "../../src/data/engine/portable/kind.ts";
import type { Framing } from "../../src/data/frame/framing.ts";
import { type Operation, type OperationName, operationFlag, type Plan } from "../../src/plan/operations.ts";

let found: EngineKind[] | undefined;

/** Native first, where it loads. */
export function engines(): EngineKind[] {
  found ??= findEngines();
  return found;
}

/** The native engine; undefined where the addon does not load. */
export function nativeEngine(): EngineKind | undefined {
  return engines().find(({ name }) => name === "native");
}

/** Why tests that need both engines are skipped. */
export const addonMissing = "the native addon is not built on this machine";

/** Behind the name of a test that needs both engines. */
export const skipNote = engines().length === 1 ? ` (skipped: ${addonMissing})` : "";

function findEngines(): EngineKind[] {
  if (process.env.STREAMGATE_ENGINE === "portable") return [portableKind()];
  const loaded = loadAddon();
  if ("addon" in loaded) return [nativeKind(loaded.addon), portableKind()];
  if (process.env.CI) throw new Error(`the native addon does not load: ${loaded.failures.join("; ")}`);
  console.warn(`${addonMissing}: the portable engine is tested alone`);
  return [portableKind()];
}

/** An operation as a test writes it: one rule each, numbered in order. */
export interface Step {
  readonly name: OperationName;
  readonly args: readonly (string | Uint8Array)[];
  readonly limited?: boolean;
}

export function planOf(steps: readonly Step[]): Plan {
  return {
    rules: steps.map(({ name }, rule) => ({
      id: `rule${rule}`,
      type: name,
      class: name === "replacePattern" ? "protect" : "reduce",
    })),
    operations: steps.map(
      ({ name, args, limited }, rule): Operation => ({
        name,
        rule,
        flags: limited === true ? operationFlag.limited : 0,
        args: args.map((arg) => (typeof arg === "string" ? Buffer.from(arg) : arg)),
      }),
    ),
  };
}

export interface Run {
  /** The records that came out, in order. */
  readonly records: Buffer[];
  /** Of each of them the bits of the outputs that it goes to. */
  readonly routes: bigint[];
  /** Each batch's memory up to its last byte, header and index included. */
  readonly batches: Buffer[];
  readonly counts: Float64Array;
  readonly losses: Float64Array;
}

export interface RunOptions {
  readonly framing?: Framing;
  readonly maxRecordBytes?: number;
  /** Sizes of the chunks, in order; what is left comes as one more. Absent: one chunk. */
  readonly chunks?: readonly number[];
  readonly batchRecords?: number;
  readonly batchBytes?: number;
}

/** Runs a plan over a byte stream, from its first byte to its close. */
export function run(kind: EngineKind, plan: Plan | PreparedPlan, input: Uint8Array, options: RunOptions = {}): Run {
  const { framing = { kind: "newline" }, maxRecordBytes = 1 << 20, batchRecords = 256, batchBytes = 1 << 16 } = options;
  const prepared = "close" in plan ? plan : kind.prepare(plan);
  const counts = new Float64Array(countCellsOf(prepared.plan));
  const losses = new Float64Array(frameCells);
  const framer = kind.createFramer(framing, maxRecordBytes, { transport: "tcp" }, losses);
  const engine = kind.createEngine();
  engine.use(prepared, counts);
  const out = new Collector(batchRecords, batchBytes);
  engine.attach(out.batch);
  const whenFull = () => {
    out.take(engine.needBytes);
    engine.attach(out.batch);
  };
  for (const chunk of chunksOf(input, options.chunks)) {
    let at = 0;
    for (;;) {
      at = engine.runChunk(framer, chunk, at, 0);
      if (at === chunk.length) break;
      whenFull();
    }
    // The next chunk comes in the same memory, as from a socket: an engine that still points into this one shows.
    chunk.fill(0x2e);
  }
  while (!engine.runEnd(framer, 0)) whenFull();
  out.take(0);
  engine.close();
  framer.close();
  if (prepared !== plan) prepared.close();
  return { records: out.records, routes: out.routes, batches: out.batches, counts, losses };
}

/** What a framer makes of a byte stream: the records of a plan that does nothing. */
export function frame(kind: EngineKind, input: Uint8Array, options: RunOptions = {}): Run {
  return run(kind, { rules: [], operations: [] }, input, options);
}

function chunksOf(input: Uint8Array, sizes: readonly number[] = []): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    if (at >= input.length) break;
    chunks.push(Buffer.from(input.subarray(at, at + size)));
    at += size;
  }
  if (at < input.length) chunks.push(Buffer.from(input.subarray(at)));
  return chunks.filter(({ length }) => length > 0);
}

/** Takes what batches hold and empties them. */
export class Collector {
  batch: Batch;
  readonly records: Buffer[] = [];
  readonly routes: bigint[] = [];
  readonly batches: Buffer[] = [];

  constructor(recordsMax: number, bytesMax: number) {
    this.batch = new Batch(recordsMax, bytesMax);
  }

  /** @param needBytes what the record that found no room needs */
  take(needBytes: number): void {
    const { batch } = this;
    if (batch.records === 0 && needBytes <= batch.bytesMax && needBytes > 0)
      throw new Error("an empty batch was called full");
    for (let i = 0; i < batch.records; i++) {
      const slice = batch.slice(i, i + 1);
      if (slice.at(-1) !== 0x0a) throw new Error("a record in the batch is not followed by LF");
      this.records.push(Buffer.from(slice.subarray(0, -1)));
      const entry = (batchHeader.bytes + i * batchEntry.bytes) / 4;
      const [low, high] = [batch.words[entry + 2]!, batch.words[entry + 3]!];
      this.routes.push((BigInt(high) << 32n) | BigInt(low));
    }
    const used = batch.words.byteLength + batch.bytes;
    if (batch.records > 0) this.batches.push(Buffer.from(Buffer.from(batch.memory, 0, used)));
    this.batch = new Batch(batch.recordsMax, Math.max(batch.bytesMax, needBytes));
  }
}

/** A framer over one stream, for tests that use it with a ring. */
export function framerOf(kind: EngineKind, framing: Framing, maxRecordBytes = 1 << 20): Framer {
  return kind.createFramer(framing, maxRecordBytes, { transport: "tcp" }, new Float64Array(frameCells));
}

/** Effects whose buffers compare whatever their class. */
export function plainEffects(effects: readonly RuleEffect[]): unknown {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
  return effects.map(({ services, others, examples, ...rest }) => ({
    ...rest,
    services: services.map(({ name, ...amounts }) => ({ name: text(name), ...amounts })),
    others: { ...others, name: text(others.name) },
    examples: examples.map(text),
  }));
}
