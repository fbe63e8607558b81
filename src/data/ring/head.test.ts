/** The time of what a ring's consumer runs next, at every place of a ring that wraps. */

import { expect, it } from "vitest";
import { engines } from "../../../test/conformance/engines.ts";
import { frameCells } from "../engine/layout.ts";
import { RingHead } from "./head.ts";
import { createRingMemory } from "./layout.ts";

for (const kind of engines())
  it(`is the receive time of the block at the head, behind padding too, on ${kind.name}`, () => {
    const memory = createRingMemory(65_536, 1000);
    const ring = kind.openRing(memory, 0);
    const head = new RingHead(memory);
    const engine = kind.createEngine();
    engine.use(kind.prepare({ rules: [], operations: [] }), new Float64Array(64));
    const framer = kind.createFramer({ kind: "newline" }, 100_000, { transport: "tcp" }, new Float64Array(frameCells));
    expect(head.receivedMs).toBe(Number.POSITIVE_INFINITY);
    // Blocks of lengths that do not divide the ring, so that some end in padding.
    for (let lap = 1; lap <= 40; lap++) {
      const line = Buffer.from(`${"x".repeat(3000 + 137 * lap)}\n`);
      expect(ring.pushChunk(framer, line, 0, 1000 + lap)).toBe(line.length);
      expect(ring.pushChunk(framer, line, 0, 2000 + lap)).toBe(line.length);
      for (const atMs of [1000 + lap, 2000 + lap]) {
        const batch = kind.createBatch(10, 100_000);
        engine.attach(batch);
        expect(head.receivedMs).toBe(atMs);
        engine.runBlock(ring);
        expect(batch.records).toBe(1);
      }
      expect(head.receivedMs).toBe(Number.POSITIVE_INFINITY);
    }
    engine.close();
    framer.close();
    ring.close();
  });
