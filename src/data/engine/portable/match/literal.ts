/**
 * Byte-for-byte search of a literal in records that lie one behind the other in a chunk.
 *
 * One search runs through the whole chunk; the place that it found serves every record before it. Searching record by
 * record would look through the rest of the chunk again for each record that does not contain the literal.
 */

export class LiteralSearch {
  readonly #literal: Buffer;
  #bytes: Buffer | undefined;
  /** No literal starts from the last search's place up to here. */
  #hit = 0;
  #searched = 0;

  constructor(literal: Uint8Array) {
    this.#literal = Buffer.from(literal);
  }

  /** Forgets the last chunk: its memory may hold other bytes now. */
  reset(): void {
    this.#bytes = undefined;
  }

  /** Is the literal in bytes `start` to `end`? */
  contains(bytes: Buffer, start: number, end: number): boolean {
    const { length } = this.#literal;
    if (end - start < length) return false;
    if (start === 0 && end === bytes.length) return bytes.indexOf(this.#literal) >= 0;
    if (this.#bytes !== bytes || start < this.#searched || start > this.#hit) {
      const found = bytes.indexOf(this.#literal, start);
      this.#bytes = bytes;
      this.#searched = start;
      this.#hit = found < 0 ? Number.POSITIVE_INFINITY : found;
    }
    return this.#hit + length <= end;
  }
}
