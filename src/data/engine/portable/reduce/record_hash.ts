/**
 * Hash by which rules remember records (dedupe) and keys (throttle). Twin of `native/reduce/record_hash.h`, which says why this one:
 * two 32-bit lanes that feed each other, 64 bits in all, seeded. It lives in memory only.
 */

export class RecordHash {
  /** The finished hash. */
  high = 0;
  low = 0;
  #a = 0;
  #b = 0;
  #size = 0;
  /** The word at hand, eight bytes. */
  #word0 = 0;
  #word1 = 0;

  begin(seedHigh: number, seedLow: number): void {
    this.#a = seedLow | 0;
    this.#b = seedHigh | 0;
    this.#size = 0;
    this.#word0 = 0;
    this.#word1 = 0;
  }

  byte(value: number): void {
    const at = this.#size & 7;
    if (at < 4) this.#word0 |= value << (8 * at);
    else this.#word1 |= value << (8 * (at - 4));
    this.#size = (this.#size + 1) | 0;
    if (at === 7) this.#takeWord();
  }

  bytes(from: Uint8Array, start: number, end: number): void {
    let at = start;
    while ((this.#size & 7) !== 0 && at < end) this.byte(from[at++]!);
    for (; end - at >= 8; at += 8) {
      this.#word0 = from[at]! | (from[at + 1]! << 8) | (from[at + 2]! << 16) | (from[at + 3]! << 24);
      this.#word1 = from[at + 4]! | (from[at + 5]! << 8) | (from[at + 6]! << 16) | (from[at + 7]! << 24);
      this.#size = (this.#size + 8) | 0;
      this.#takeWord();
    }
    while (at < end) this.byte(from[at++]!);
  }

  /** A whole number below 2^53, as eight bytes, lowest first. */
  number(value: number): void {
    let left = value;
    for (let i = 0; i < 8; i++) {
      this.byte(left % 256);
      left = Math.floor(left / 256);
    }
  }

  /** Ends it: `high` and `low` are the hash. */
  finish(): void {
    this.#takeWord();
    let a = this.#a ^ this.#size;
    let b = this.#b ^ this.#size;
    a = (a + b) | 0;
    b = (b + a) | 0;
    a = final(a);
    b = final(b);
    a = (a + b) | 0;
    b = (b + a) | 0;
    this.high = a >>> 0;
    this.low = b >>> 0;
  }

  /** For tests. */
  get value(): bigint {
    return (BigInt(this.high) << 32n) | BigInt(this.low);
  }

  #takeWord(): void {
    const low = Math.imul(rotate(Math.imul(this.#word0, 0x239b961b), 15), 0xab0e9789);
    const high = Math.imul(rotate(Math.imul(this.#word1, 0xab0e9789), 16), 0x38b34ae5);
    const a = (Math.imul((rotate(this.#a ^ low, 19) + this.#b) | 0, 5) + 0x561ccd1b) | 0;
    this.#b = (Math.imul((rotate(this.#b ^ high, 17) + a) | 0, 5) + 0x0bcaa747) | 0;
    this.#a = a;
    this.#word0 = 0;
    this.#word1 = 0;
  }
}

function rotate(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}

function final(x: number): number {
  let mixed = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
