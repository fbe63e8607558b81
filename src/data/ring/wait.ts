/**
 * Waiting for blocks without a turning loop.
 *
 * The consumer notes `wake`, says `waiting = 1`, looks once more, and sleeps while `wake` is what it noted; a producer commits, adds
 * 1 to `wake`, and wakes only a consumer that said so. All of these are sequentially consistent, so in their one order:
 * - the producer added before the consumer noted: what it committed before is visible to the look that follows;
 * - it added between the note and the sleep: `wake` has changed, and `Atomics.waitAsync` does not sleep. It compares and enters the
 *   list of waiters as one step towards `Atomics.notify`;
 * - it added after that: its load of `waiting` comes later still and sees 1, and the waiter is in the list.
 * So no wake-up is lost, as long as one consumer waits at a time: `waiting` is no count.
 */

import { ringHeader } from "./layout.ts";

const wakeAt = ringHeader.offsets.wake / 4;
const waitingAt = ringHeader.offsets.waiting / 4;
const headAt = ringHeader.offsets.head / 8;
const capacityAt = ringHeader.offsets.capacityBytes / 4;

/**
 * Resolves when a block may be there to take: at once when one is committed at the head.
 * @param timeoutMs resolves then at the latest, so that a claim whose producer died is looked at; absent: no limit
 */
export async function waitForBlocks(memory: SharedArrayBuffer, timeoutMs?: number): Promise<void> {
  const words = new Int32Array(memory, 0, ringHeader.bytes / 4);
  const seen = Atomics.load(words, wakeAt);
  Atomics.store(words, waitingAt, 1);
  try {
    if (hasCommitted(memory)) return;
    const sleep = Atomics.waitAsync(words, wakeAt, seen, timeoutMs);
    if (sleep.async) await sleep.value;
  } finally {
    Atomics.store(words, waitingAt, 0);
  }
}

/** Wakes a consumer that waits. Called after a commit; also to make a waiting consumer look at something else. */
export function notify(memory: SharedArrayBuffer): void {
  const words = new Int32Array(memory, 0, ringHeader.bytes / 4);
  Atomics.add(words, wakeAt, 1);
  Atomics.notify(words, wakeAt);
}

/** Is there a committed block (or padding before one) at the head? Asked by the consumer's thread only. */
export function hasCommitted(memory: SharedArrayBuffer): boolean {
  const words = new BigInt64Array(memory);
  const units = new Uint32Array(memory, 0, ringHeader.bytes / 4)[capacityAt]! / 8;
  const position = Number(Atomics.load(words, headAt) & 0xffff_ffffn) & (units - 1);
  // The first word as a whole: see shared.ts.
  return BigInt.asIntN(32, Atomics.load(words, ringHeader.bytes / 8 + position)) > 0n;
}
