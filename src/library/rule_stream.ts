/** A Node stream through the rules. It holds no more than the survivors of one piece of a chunk while nobody reads. */

import { Duplex } from "node:stream";
import { KiB } from "../settings/quantity.ts";
import type { InputStream } from "./input_stream.ts";

/** What runs in one go: as much as a socket or a pipe brings at once. */
const pieceBytes = 64 * KiB;

type Done = (error?: Error | null) => void;

export class RuleStream extends Duplex {
  readonly #input: InputStream;
  readonly #pieceBytes: number;
  /** Goes on when somebody reads again. */
  #resume: (() => void) | undefined;

  /** @param whole a chunk is one record, however long */
  constructor(input: InputStream, whole: boolean) {
    super({ readableHighWaterMark: pieceBytes, writableHighWaterMark: pieceBytes });
    this.#input = input;
    this.#pieceBytes = whole ? Number.POSITIVE_INFINITY : pieceBytes;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#run(chunk, 0, done);
  }

  override _read(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  override _final(done: Done): void {
    try {
      this.#push(this.#input.finish().bytes);
      this.push(null);
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#input.close();
    done(error);
  }

  #run(chunk: Buffer, from: number, done: Done): void {
    for (let at = from; at < chunk.length; ) {
      const to = Math.min(at + this.#pieceBytes, chunk.length);
      let wanted: boolean;
      try {
        wanted = this.#push(this.#input.write(chunk.subarray(at, to)).bytes);
      } catch (error) {
        done(error as Error);
        return;
      }
      at = to;
      if (wanted) continue;
      this.#resume = () => this.#run(chunk, at, done);
      return;
    }
    done();
  }

  /** @returns whether more is wanted */
  #push(bytes: Buffer): boolean {
    return bytes.length === 0 || this.push(bytes);
  }
}
