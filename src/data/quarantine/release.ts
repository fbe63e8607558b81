/**
 * Runs records of the quarantine through the plan that runs now, all of it, as if they had come again: an engine of its own, so that what
 * still cannot be finished is known before anything of the group has left.
 */

import { BatchPool, SharedBatch } from "../delivery/batch_pool.ts";
import type { EngineKind, PreparedPlan } from "../engine/engine.ts";
import { countCellsOf, frameCells, stopCause } from "../engine/layout.ts";
import { readWithheld, Withheld } from "../engine/withheld.ts";
import type { Source } from "../frame/source.ts";

/** What a summary has beside the record that it tells of. */
const summaryBytes = 4096;

export interface Released {
  /** Survivors, to be handed to the outputs and then released. */
  readonly batches: readonly SharedBatch[];
  /** As the engine counts, for the plan's rules. */
  readonly counts: Float64Array;
  /** What a rule could not finish this time either. */
  readonly withheld: Withheld;
}

/**
 * @param prepared of its own: what rules remember of records that wait for room belongs to the engine that runs them
 * @param entries as they were sealed
 * @param timeMs for records that do not know when they were received
 */
export function runAgain(kind: EngineKind, prepared: PreparedPlan, entries: Buffer, timeMs: number): Released {
  const records = [...readWithheld(entries)];
  const pool = new BatchPool(kind.createBatch);
  const batches: SharedBatch[] = [];
  const counts = new Float64Array(countCellsOf(prepared.plan));
  // Of a record itself may be withheld, or the summary that a rule makes when it drops it, which is little longer.
  const withheld = new Withheld(2 * entries.length + summaryBytes * records.length);
  const engine = kind.createEngine();
  const attach = (bytes: number) => {
    if (withheld.needBytes > 0) throw new Error("rules withhold more than was to be released");
    const shared = new SharedBatch(kind.createBatch(records.length, Math.max(bytes, 1)), pool);
    engine.attach(shared.batch);
    batches.push(shared);
  };
  try {
    engine.use(prepared, counts);
    engine.attachWithheld(withheld);
    attach(entries.length);
    for (const { record, transport, address, receivedAtMs } of records) {
      const source: Source = { transport, ...(address !== undefined && { address }) };
      const framer = kind.createFramer(
        { kind: "length32" },
        Math.max(1, record.length),
        source,
        new Float64Array(frameCells),
      );
      const chunk = Buffer.allocUnsafe(4 + record.length);
      chunk.writeUInt32BE(record.length);
      record.copy(chunk, 4);
      const receivedMs = receivedAtMs > 0 ? receivedAtMs : timeMs;
      for (let at = 0; ; ) {
        at = engine.runChunk(framer, chunk, at, receivedMs);
        if (engine.stoppedBy !== stopCause.batchFull) break;
        attach(engine.needBytes);
      }
      framer.close();
    }
    // What it dropped is told now: this engine remembers nothing for later.
    while (!engine.tellLast(timeMs)) attach(engine.needBytes);
  } finally {
    engine.close();
  }
  return { batches, counts, withheld };
}
