/**
 * The memory for a record that its chunk left unfinished: grows as the record does, and goes back to the system when the record is done.
 *
 * A thousand connections may each hold a mebibyte, so memory that is not used any more must not wait for the garbage collector:
 * `ArrayBuffer.transfer` frees the old memory at once.
 */

/** Of the first reservation: most lines that a chunk cuts are shorter. */
const bytesMin = 256;
/** Up to here capacity doubles; beyond it grows by a quarter, because a zeroed buffer is resident whole. */
const doubledBytesMax = 65_536;

const nothing = Buffer.alloc(0);

export class Carry {
  bytes: Buffer = nothing;

  /** Room for `bytes`, of which no record needs more than `most`; the first `kept` stay. */
  reserve(bytes: number, kept: number, most: number): void {
    const capacity = this.bytes.length;
    if (capacity >= bytes) return;
    const grown = capacity < doubledBytesMax ? 2 * capacity : Math.ceil(1.25 * capacity);
    const size = Math.min(Math.max(grown, bytes, bytesMin), Math.max(most, bytes));
    // Memory of its own, never a part of Node's pool: it is given away.
    this.bytes = kept === 0 ? Buffer.allocUnsafeSlow(size) : Buffer.from(memoryOf(this.bytes).transfer(size));
  }

  free(): void {
    if (this.bytes !== nothing) memoryOf(this.bytes).transfer(0);
    this.bytes = nothing;
  }
}

function memoryOf(bytes: Buffer): ArrayBuffer {
  return bytes.buffer as ArrayBuffer;
}
