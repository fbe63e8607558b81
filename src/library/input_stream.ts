/**
 * One stream of bytes on its way through an engine in process: chunks in, survivors out. Several may share an engine, one call after
 * the other, each with its own unfinished record.
 */

import type { Engine, Framer } from "../data/engine/engine.ts";
import { KiB } from "../settings/quantity.ts";
import type { EngineCore, Survivors } from "./engine_core.ts";

/** Both engines are faster over pieces that stay in the processor's caches than over megabytes: by a fifth, and threefold. */
const pieceBytesMax = 64 * KiB;

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
    return this.#core.collect(this.#pieces(chunk, nowMs));
  }

  /**
   * `write` and `end` as one: whoever is told of a withheld record may run others here, which must not meet an unfinished one.
   * @throws StreamGateError SG_ENGINE_CLOSED
   */
  runWhole(chunk: Uint8Array): Survivors {
    const nowMs = Date.now();
    const step = this.#pieces(chunk, nowMs);
    let written = false;
    return this.#core.collect((engine) => {
      if (!written) {
        const state = step(engine);
        if (state !== "done") return state;
        written = true;
      }
      return engine.runEnd(this.#framer, nowMs) ? "done" : "full";
    });
  }

  /** A step for `collect` that runs the whole of a chunk. */
  #pieces(chunk: Uint8Array, nowMs: number): (engine: Engine) => "done" | "full" | "more" {
    const pieceBytes = this.#core.framing.kind === "datagram" ? Number.POSITIVE_INFINITY : pieceBytesMax;
    let at = 0;
    let piece = chunk.subarray(0, pieceBytes);
    let pieceAt = 0;
    return (engine) => {
      pieceAt = engine.runChunk(this.#framer, piece, pieceAt, nowMs);
      if (pieceAt < piece.length) return "full";
      at += piece.length;
      if (at === chunk.length) return "done";
      piece = chunk.subarray(at, at + pieceBytes);
      pieceAt = 0;
      return "more";
    };
  }

  /** Its last record may lack an end. With the last open stream of the engine comes what its rules owe. Closes it. */
  finish(): Survivors {
    const nowMs = Date.now();
    let ended = false;
    const survivors = this.#core.collect((engine) => {
      ended ||= engine.runEnd(this.#framer, nowMs);
      return ended && (this.#others() || engine.tellLast(nowMs)) ? "done" : "full";
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
