/**
 * One stream of bytes on its way through an engine in process: chunks in, survivors out. Several may share an engine, one call after
 * the other, each with its own unfinished record.
 */

import type { Framer } from "../data/engine/engine.ts";
import type { EngineCore, Survivors } from "./engine_core.ts";

export class InputStream {
  readonly #core: EngineCore;
  readonly #framer: Framer;
  #closed = false;

  /** @param counted it is one of the engine's open streams until it ends */
  constructor(core: EngineCore, counted = true) {
    this.#core = core;
    this.#framer = core.createFramer();
    if (counted) core.streams.add(this);
  }

  /** @throws StreamGateError SG_ENGINE_CLOSED */
  write(chunk: Uint8Array): Survivors {
    const nowMs = Date.now();
    let at = 0;
    return this.#core.collect((engine) => {
      at = engine.runChunk(this.#framer, chunk, at, nowMs);
      return at === chunk.length;
    });
  }

  /** Its last record may lack an end. The next `write` begins anew. */
  end(): Survivors {
    const nowMs = Date.now();
    return this.#core.collect((engine) => engine.runEnd(this.#framer, nowMs));
  }

  /** As `end`; with the last open stream of the engine comes what its rules owe. Closes it. */
  finish(): Survivors {
    const nowMs = Date.now();
    let ended = false;
    const survivors = this.#core.collect((engine) => {
      ended ||= engine.runEnd(this.#framer, nowMs);
      return ended && (this.#others() || engine.tellLast(nowMs));
    });
    this.close();
    return survivors;
  }

  #others(): boolean {
    const { streams } = this.#core;
    return streams.size > (streams.has(this) ? 1 : 0);
  }

  /** Frees the memory. What it holds of a record that is not finished is lost, and counted. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#core.streams.delete(this);
    const bytes = this.#framer.pendingBytes;
    if (bytes > 0) this.#core.loseUnfinished(bytes);
    this.#framer.close();
  }
}
