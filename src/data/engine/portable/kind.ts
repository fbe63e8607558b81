/** The portable engine as a kind that the rest of the program can choose. */

import { PortableFramer } from "../../frame/framer.ts";
import { SharedRing } from "../../ring/shared.ts";
import { Batch } from "../batch.ts";
import type { EngineKind } from "../engine.ts";
import { PortableEncoder } from "./encode/encoder.ts";
import { PortableEngine } from "./engine.ts";
import { checkPattern } from "./match/pattern.ts";
import { gather, routed } from "./plan/gather.ts";
import { PortablePlan } from "./plan/prepare.ts";

export function portableKind(): EngineKind {
  return {
    name: "portable",
    description: "portable (re2js 2.10.0)",
    checkPattern,
    prepare: (plan) => new PortablePlan(plan),
    createEngine: () => new PortableEngine(),
    createBatch: (recordsMax, bytesMax) => new Batch(recordsMax, bytesMax),
    createEncoder: (envelope) => new PortableEncoder(envelope),
    routed,
    gather,
    createFramer: (framing, maxRecordBytes, source, losses) =>
      new PortableFramer(framing, maxRecordBytes, source, losses),
    openRing: (memory, producer) => new SharedRing(memory, producer),
  };
}
