/** The native engine as a worker sees it: C++ and RE2, behind the one interface. */

import type { Plan } from "../../../plan/operations.ts";
import type { PatternCheck } from "../../../plan/pattern.ts";
import type { Framing } from "../../frame/framing.ts";
import type { Source } from "../../frame/source.ts";
import type { Addon } from "../addon.ts";
import { Batch } from "../batch.ts";
import type { EngineKind } from "../engine.ts";
import { NativeEncoderHandle } from "./encoder.ts";
import { NativeFramerHandle } from "./framer.ts";
import { gather, routed } from "./gather.ts";
import { NativePreparedPlan } from "./plan.ts";
import { NativeRingHandle } from "./ring.ts";
import { NativeEngineHandle } from "./run.ts";

export function nativeKind(addon: Addon): EngineKind {
  const versions = addon.versions();
  return {
    name: "native",
    description: `native (RE2 ${versions.re2}, ${versions.kernel})`,
    checkPattern(pattern: string): PatternCheck {
      const answer = addon.checkPattern(pattern);
      return typeof answer === "string" ? { ok: false, message: answer } : { ok: true, groups: answer.groups };
    },
    prepare: (plan: Plan) => new NativePreparedPlan(addon, plan),
    createEngine: () => new NativeEngineHandle(addon),
    createBatch(recordsMax: number, bytesMax: number): Batch {
      const memory = addon.createBatch(recordsMax, bytesMax);
      return new Batch(recordsMax, bytesMax, { memory, free: () => addon.freeBatch(memory) });
    },
    createEncoder: (envelope) => new NativeEncoderHandle(addon, envelope),
    routed: (source, from, to, output) => routed(addon, source, from, to, output),
    gather: (source, from, to, output, target) => gather(addon, source, from, to, output, target),
    createFramer: (framing: Framing, maxRecordBytes: number, source: Source, losses: Float64Array) =>
      new NativeFramerHandle(addon, framing, maxRecordBytes, source, losses),
    openRing: (memory: SharedArrayBuffer, producer: number) => new NativeRingHandle(addon, memory, producer),
  };
}
