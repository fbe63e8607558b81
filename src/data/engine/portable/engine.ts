/** The portable engine: TypeScript and re2js behind the `Engine` interface, byte for byte as the native one. */

import { StreamGateError } from "../../../errors.ts";
import { PortableFramer } from "../../frame/framer.ts";
import { SharedRing } from "../../ring/shared.ts";
import { ShardRouter } from "../../shard/router.ts";
import type { Batch } from "../batch.ts";
import type { Engine, Framer, PreparedPlan, Ring, RuleEffect, Sharding, WatchedRule } from "../engine.ts";
import { countCellsOf, runResult, stopCause } from "../layout.ts";
import type { Withheld } from "../withheld.ts";
import { PortablePlan } from "./plan/prepare.ts";
import { RecordContext } from "./plan/record_context.ts";
import { Runner } from "./plan/run.ts";

export class PortableEngine implements Engine {
  stoppedBy: number = stopCause.none;
  readonly #runner = new Runner();
  readonly #context = new RecordContext();
  #router: ShardRouter | undefined;
  #ready = false;
  #closed = false;
  /** How far the block at the ring's head was run when the batch became full. */
  #blockRing: SharedRing | undefined;
  #blockRecord = 0;
  #blockAt = 0;

  get needBytes(): number {
    return this.#runner.needBytes;
  }

  tick(nowMs: number): boolean {
    this.#checkReady();
    return this.#runner.tick(nowMs);
  }

  tellLast(nowMs: number, next?: PreparedPlan): boolean {
    this.#checkReady();
    return this.#runner.tellLast(nowMs, next?.plan);
  }

  effects(): readonly RuleEffect[] {
    return this.#runner.effects.list();
  }

  watch(rules: readonly number[]): void {
    this.#runner.watched.watch(rules);
  }

  takeWatched(): readonly WatchedRule[] {
    return this.#runner.watched.take();
  }

  use(prepared: PreparedPlan, counts: Float64Array): void {
    this.#check();
    if (!(prepared instanceof PortablePlan))
      throw new StreamGateError("SG_LAYOUT", { what: "a plan that another engine prepared cannot be used here" });
    if (prepared.closed) throw new StreamGateError("SG_ENGINE_CLOSED", { what: "this plan is closed" });
    const cells = countCellsOf(prepared.plan);
    if (counts.length < cells)
      throw new StreamGateError("SG_LAYOUT", { what: `${counts.length} count cells, ${cells} are needed` });
    this.#runner.use(prepared, counts);
    this.#ready = true;
  }

  attach(batch: Batch): void {
    this.#check();
    this.#runner.attach(batch);
  }

  attachWithheld(withheld: Withheld): void {
    this.#check();
    this.#runner.attachWithheld(withheld);
  }

  shard(sharding: Sharding | undefined): void {
    this.#check();
    this.#router = sharding === undefined ? undefined : new ShardRouter(sharding);
  }

  runChunk(framer: Framer, chunk: Uint8Array, from: number, receivedAtMs: number): number {
    this.#checkReady();
    const portable = this.#framer(framer);
    const runner = this.#runner;
    const bytes = asBuffer(chunk);
    if (this.#router !== undefined) {
      const stopped = this.#router.runChunk(runner, portable, bytes, from, receivedAtMs);
      this.stoppedBy = this.#router.stoppedBy;
      return stopped;
    }
    runner.begin(this.#context.ofStream(portable.source, receivedAtMs));
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
    this.stoppedBy = full ? stopCause.batchFull : stopCause.none;
    if (full) return portable.at;
    portable.keep();
    return bytes.length;
  }

  runEnd(framer: Framer, receivedAtMs: number): boolean {
    this.#checkReady();
    const portable = this.#framer(framer);
    const runner = this.#runner;
    if (this.#router !== undefined) {
      const done = this.#router.runEnd(runner, portable, receivedAtMs);
      this.stoppedBy = this.#router.stoppedBy;
      return done;
    }
    this.stoppedBy = stopCause.none;
    if (!portable.nextEnd()) return true;
    runner.begin(this.#context.ofStream(portable.source, receivedAtMs));
    const done = runner.run(portable.bytes, portable.start, portable.end, false);
    runner.flush();
    if (done) portable.accept();
    else this.stoppedBy = stopCause.batchFull;
    return done;
  }

  pushChunk(framer: Framer, chunk: Uint8Array, from: number, receivedAtMs: number): number {
    const router = this.#checkSharded();
    const at = router.runChunk(undefined, this.#framer(framer), asBuffer(chunk), from, receivedAtMs);
    this.stoppedBy = router.stoppedBy;
    return at;
  }

  pushEnd(framer: Framer, receivedAtMs: number): boolean {
    const router = this.#checkSharded();
    const done = router.runEnd(undefined, this.#framer(framer), receivedAtMs);
    this.stoppedBy = router.stoppedBy;
    return done;
  }

  /** Each push has done that. */
  wakeOwners(): void {}

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
    runner.begin(this.#context.ofBlock(block.transport, block.address, block.receivedAtMs));
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

  #checkSharded(): ShardRouter {
    this.#check();
    if (this.#router === undefined) throw new StreamGateError("SG_LAYOUT", { what: "the engine is not sharded" });
    return this.#router;
  }

  #framer(framer: Framer): PortableFramer {
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

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
