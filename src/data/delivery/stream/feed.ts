/** What a worker pushes console records into: the queue of the process's stream writer. */

import type { EngineKind } from "../../engine/engine.ts";
import { notify } from "../../ring/wait.ts";
import type { StreamFeed, StreamTarget } from "./stream_writer.ts";
import { nativeFeed } from "./writer_native.ts";

/**
 * Opens a writer's queue as a producer.
 * @param kind whose batches are pushed
 * @param producer this thread's number in a ring's table of producers
 */
export function openStreamFeed(kind: EngineKind, target: StreamTarget, producer: number): StreamFeed {
  if (target.kind === "writer") return nativeFeed(target.id);
  const { memory } = target;
  const ring = kind.openRing(memory, producer);
  return {
    push(batch, from, to) {
      const stopped = ring.pushBatch(batch, from, to);
      if (stopped > from) notify(memory);
      return stopped;
    },
  };
}
