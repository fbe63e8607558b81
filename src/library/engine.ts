/** `createEngine`: rules over buffers and streams, in process. */

import type { Duplex } from "node:stream";
import { StreamGateError } from "../errors.ts";
import { nameOf } from "../schema.ts";
import type { EngineCore } from "./engine_core.ts";
import type { EngineOptions } from "./engine_options.ts";
import type { EngineStats } from "./engine_stats.ts";
import { InputStream } from "./input_stream.ts";
import { openCore } from "./open_core.ts";
import { RuleStream } from "./rule_stream.ts";

/**
 * Rules that run in this thread. What they remember (`dedupe`, `throttle`, `sample`) belongs to the engine: all its calls and streams
 * share it.
 */
export interface RuleEngine {
  readonly name: "native" | "portable";
  /** For people, such as `native (RE2 1.27.1, avx2)`. */
  readonly description: string;
  /**
   * Runs the rules over whole records: one call however many there are.
   * @param input text (UTF-8) or bytes of whole records; the last one needs no end. It is not kept, and not changed
   * @returns the records that pass, each followed by LF; memory of its own. Empty when none does
   * @throws StreamGateError SG_ENGINE_CLOSED; SG_INPUT when it is neither text nor bytes
   */
  run(input: string | Uint8Array): Buffer;
  /**
   * A stream through the rules: bytes in, cut anywhere, and the records that pass out, each followed by LF. It waits while nobody reads. At the
   * end of the last open stream of the engine what rules owe comes out (`flush`).
   */
  transform(): Duplex;
  /** The same as a Web stream, for `pipeThrough`. Its type is the global one, which is the DOM's where a compiler has those. */
  webTransform(): TransformStream<string | Uint8Array, Uint8Array>;
  /** @returns the summaries that rules owe of what they dropped, as records, each followed by LF; without it, what `dedupe` cut is told when its window ends */
  flush(): Buffer;
  /** What came and what became of it, since the engine was made; also when it is closed. */
  stats(): EngineStats;
  /** Frees the memory. Streams that are open end with SG_ENGINE_CLOSED. Calling it twice does no harm. */
  close(): void;
  [Symbol.dispose](): void;
}

/**
 * Makes an engine that runs rules in this thread: no socket, no file, no timer.
 * @throws StreamGateError as `compile` does; SG_ENGINE_UNAVAILABLE when the native engine is asked for and does not load; SG_RULE_SECRET when the key
 *   of a rule cannot be read; SG_SETTING when another option does not fit
 * @example
 * const engine = createEngine({ rules: [{ id: "cards", type: "redact", params: { detectors: ["credit_card"] } }] });
 * engine.run("paid with 4111 1111 1111 1111\n").toString(); // "paid with [credit_card]\n"
 */
export function createEngine(options: EngineOptions): RuleEngine {
  return new InProcessEngine(options);
}

class InProcessEngine implements RuleEngine {
  readonly name: "native" | "portable";
  readonly description: string;
  readonly #core: EngineCore;
  readonly #whole: InputStream;

  constructor(options: EngineOptions) {
    this.#core = openCore(options, "createEngine options");
    this.name = this.#core.kind.name;
    this.description = this.#core.kind.description;
    this.#whole = new InputStream(this.#core, false);
  }

  run(input: string | Uint8Array): Buffer {
    const bytes = typeof input === "string" ? Buffer.from(input) : input;
    if (!(bytes instanceof Uint8Array))
      throw new StreamGateError("SG_INPUT", {
        where: "engine.run(input)",
        what: `must be text or bytes, not ${nameOf(input)}`,
        fix: "give a string, a Buffer or a Uint8Array",
      });
    const survivors = this.#whole.write(bytes).bytes;
    const last = this.#whole.end().bytes;
    if (last.length === 0) return survivors;
    return survivors.length === 0 ? last : Buffer.concat([survivors, last]);
  }

  transform(): Duplex {
    return new RuleStream(new InputStream(this.#core), this.#core.framing.kind === "datagram");
  }

  webTransform(): TransformStream<string | Uint8Array, Uint8Array> {
    const stream = new InputStream(this.#core);
    const pass = (bytes: Buffer, to: TransformStreamDefaultController<Uint8Array>) => {
      if (bytes.length > 0) to.enqueue(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
    };
    return new TransformStream<string | Uint8Array, Uint8Array>({
      transform: (chunk, to) => pass(stream.write(typeof chunk === "string" ? Buffer.from(chunk) : chunk).bytes, to),
      flush: (to) => pass(stream.finish().bytes, to),
      cancel: () => stream.close(),
    });
  }

  flush(): Buffer {
    const nowMs = Date.now();
    return this.#core.collect((engine) => (engine.tellLast(nowMs) ? "done" : "full")).bytes;
  }

  stats(): EngineStats {
    return this.#core.stats();
  }

  close(): void {
    this.#whole.close();
    this.#core.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
