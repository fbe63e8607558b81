/** The bytes of a body that grows. Twin of `native/encode/body.h`; here the memory stays for the next body, and what leaves is a copy. */

export class Body {
  /** Valid until the next `reserve`. */
  bytes: Buffer = Buffer.allocUnsafeSlow(4096);
  /** Bytes written. May be set back, which forgets what lies behind. */
  size = 0;

  /** Makes room for so many more. */
  reserve(more: number): void {
    if (this.bytes.length - this.size >= more) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.size + more, Math.ceil(this.bytes.length * 1.5)));
    this.bytes.copy(larger, 0, 0, this.size);
    this.bytes = larger;
  }

  /** Appends bytes `from` (inclusive) to `to` (exclusive). */
  append(source: Buffer, from = 0, to = source.length): void {
    this.reserve(to - from);
    source.copy(this.bytes, this.size, from, to);
    this.size += to - from;
  }

  appendByte(byte: number): void {
    this.reserve(1);
    this.bytes[this.size++] = byte;
  }

  /** @returns what was written, in an ArrayBuffer of its own; the body is empty then */
  release(): Uint8Array {
    const released = new Uint8Array(this.size);
    released.set(this.bytes.subarray(0, this.size));
    this.size = 0;
    return released;
  }
}
