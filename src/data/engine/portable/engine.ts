/** The portable engine: TypeScript and re2js behind the `Engine` interface, byte for byte as the native one. */

import { StreamGateError } from "../../../errors.ts";
import { PortableFramer } from "../../frame/framer.ts";
import { SharedRing } from "../../ring/shared.ts";
import type { Batch } from "../batch.ts";
import type { Engine, Framer, PreparedPlan, Ring } from "../engine.ts";
import { countCellsFixed, countCellsPerRule, runResult } from "../layout.ts";
import { PortablePlan } from "./plan/prepare.ts";
import { Runner } from "./plan/run.ts";

export class PortableEngine implements Engine {
  readonly #runner = new Runner();
  #ready = false;
  #closed = false;
  /** How far the block at the ring's head was run when the batch became full. */
  #blockRing: SharedRing | undefined;
  #blockRecord = 0;
  #blockAt = 0;

  get needBytes(): number {
    return this.#runner.needBytes;
  }

  use(prepared: PreparedPlan, counts: Float64Array): void {
    this.#check();
    if (!(prepared instanceof PortablePlan))
      throw new StreamGateError("SG_LAYOUT", { what: "a plan that another engine prepared cannot be used here" });
    if (prepared.closed) throw new StreamGateError("SG_ENGINE_CLOSED", { what: "this plan is closed" });
    const cells = countCellsFixed + prepared.plan.rules.length * countCellsPerRule;
    if (counts.length < cells)
      throw new StreamGateError("SG_LAYOUT", { what: `${counts.length} count cells, ${cells} are needed` });
    this.#runner.use(prepared, counts);
    this.#ready = true;
  }

  attach(batch: Batch): void {
    this.#check();
    this.#runner.attach(batch);
  }

  runChunk(framer: Framer, chunk: Uint8Array, from: number, _receivedAtMs: number): number {
    const portable = this.#framer(framer);
    const runner = this.#runner;
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    runner.begin();
    portable.begin(bytes);
    let at = from;
    let full = false;
    while (portable.next(at)) {
      if (!runner.run(portable.bytes, portable.start, portable.end, portable.followedByLf)) {
        full = true;
        break;
      }
      portable.accept();
      at = portable.after;
    }
    runner.flush();
    if (full) return portable.at;
    portable.keep();
    return bytes.length;
  }

  runEnd(framer: Framer, _receivedAtMs: number): boolean {
    const portable = this.#framer(framer);
    if (!portable.nextEnd()) return true;
    const runner = this.#runner;
    runner.begin();
    const done = runner.run(portable.bytes, portable.start, portable.end, false);
    runner.flush();
    if (done) portable.accept();
    return done;
  }

  runBlock(ring: Ring): number {
    this.#checkReady();
    if (!(ring instanceof SharedRing))
      throw new StreamGateError("SG_LAYOUT", { what: "a ring that another engine opened cannot be used here" });
    const block = ring.peek();
    if (block === undefined) return runResult.empty;
    if (this.#blockRing !== ring) {
      this.#blockRing = ring;
      this.#blockRecord = 0;
      this.#blockAt = 0;
    }
    const runner = this.#runner;
    runner.begin();
    const { body, lengths, lengthsAt, records } = block;
    let full = false;
    while (this.#blockRecord < records) {
      const end = this.#blockAt + lengths[lengthsAt + this.#blockRecord]!;
      if (!runner.run(body, this.#blockAt, end, true)) {
        full = true;
        break;
      }
      this.#blockAt = end + 1;
      this.#blockRecord++;
    }
    runner.flush();
    if (full) return runResult.batchFull;
    this.#blockRing = undefined;
    ring.release(block);
    return runResult.done;
  }

  close(): void {
    this.#closed = true;
  }

  #framer(framer: Framer): PortableFramer {
    this.#checkReady();
    if (!(framer instanceof PortableFramer))
      throw new StreamGateError("SG_LAYOUT", { what: "a framer of another engine cannot be used here" });
    if (framer.closed) throw new StreamGateError("SG_ENGINE_CLOSED", { what: "this framer is closed" });
    return framer;
  }

  #checkReady(): void {
    this.#check();
    if (!this.#ready || !this.#runner.attached)
      throw new StreamGateError("SG_LAYOUT", { what: "an engine runs only after use() and attach()" });
  }

  #check(): void {
    if (this.#closed) throw new StreamGateError("SG_ENGINE_CLOSED", { what: "this engine is closed" });
  }
}
