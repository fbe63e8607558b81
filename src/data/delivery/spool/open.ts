/** Opens lanes: the native engine's write and read in a thread of their own, the portable one's by Node's file calls. */

import { randomInt } from "node:crypto";
import { type LaneSurroundings, SegmentLane } from "./lane.ts";
import { hasNativeSpool, nativeSegments } from "./native_segment.ts";
import { portableSegments } from "./portable_segment.ts";
import type { LaneOpener } from "./spool.ts";

/**
 * @param kind the engine whose batches the lanes take: native ones only its own
 * @param given for tests; absent: the clock, and an epoch by chance
 */
export function openLane(kind: "native" | "portable", given: Partial<LaneSurroundings> = {}): LaneOpener {
  return async (options, events) => {
    // Where the addon has no spool (Windows) Node's calls read its batches as well.
    const files = kind === "native" && hasNativeSpool() ? nativeSegments : portableSegments;
    const { now = Date.now, epoch = randomInt(2 ** 32) } = given;
    return SegmentLane.open(options, events, files, { now, epoch });
  };
}
