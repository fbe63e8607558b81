/**
 * Which worker owns a key. Fixed for good: a restart must map every key as before, and both languages alike.
 *
 * Twin of `native/shard/hash.h`, which says why this hash: FNV-1a, 64 bits, then MurmurHash3's fmix64, then a jump consistent
 * hash. A 64-bit number is two 32-bit halves here: BigInt would cost more than the rest of a record's way.
 */

/** Hashes one key after the other; holds the last one's hash. */
export class ShardHash {
  #high = 0;
  #low = 0;

  /** For tests and documentation. */
  get value(): bigint {
    return (BigInt(this.#high) << 32n) | BigInt(this.#low);
  }

  get high(): number {
    return this.#high;
  }

  get low(): number {
    return this.#low;
  }

  /** Hashes `bytes` from `start` to `end`. */
  take(bytes: Uint8Array, start: number, end: number): void {
    let high = 0xcbf29ce4;
    let low = 0x84222325;
    for (let i = start; i < end; i++) {
      // Times 0x100_000001b3. The low half's product has at most 41 bits, exact in a double.
      const product = ((low ^ bytes[i]!) >>> 0) * 0x1b3;
      high = (Math.imul(high, 0x1b3) + ((low ^ bytes[i]!) << 8) + Math.floor(product / 2 ** 32)) >>> 0;
      low = product >>> 0;
    }
    this.#high = high;
    this.#low = low;
    this.#fold();
    this.#multiply(0xff51afd7, 0xed558ccd);
    this.#fold();
    this.#multiply(0xc4ceb9fe, 0x1a85ec53);
    this.#fold();
  }

  /** @returns 0 to `workers` - 1. Uses the hash up. */
  owner(workers: number): number {
    let owner = 0;
    for (let next = 0; next < workers; ) {
      owner = next;
      this.#multiply(0x27bb2ee6, 0x87b0b0fd); // 2862933555777941757
      this.#low = (this.#low + 1) >>> 0;
      if (this.#low === 0) this.#high = (this.#high + 1) >>> 0;
      next = Math.floor((owner + 1) * (2 ** 31 / ((this.#high >>> 1) + 1)));
    }
    return owner;
  }

  /** hash ^= hash >> 33 */
  #fold(): void {
    this.#low = (this.#low ^ (this.#high >>> 1)) >>> 0;
  }

  /** The product's low 64 bits. */
  #multiply(high: number, low: number): void {
    const a = this.#low;
    // The upper half of a × low, from 16-bit pieces; no sum exceeds 32 bits.
    const carried = (a >>> 16) * (low & 0xffff) + (((a & 0xffff) * (low & 0xffff)) >>> 16);
    const middle = (a & 0xffff) * (low >>> 16) + (carried & 0xffff);
    const upper = (a >>> 16) * (low >>> 16) + (carried >>> 16) + (middle >>> 16);
    this.#high = (upper + Math.imul(this.#high, low) + Math.imul(a, high)) >>> 0;
    this.#low = Math.imul(a, low) >>> 0;
  }
}
