/**
 * What a rule remembers, by key, bounded by bytes. Twin of `native/reduce/key_table.h`, which draws the memory and says how entries move
 * between its lists; here each field of an entry is an array of its own, and the number of entries and blocks is the native one, so
 * that both engines forget alike.
 */

import { reduceTextBytesMax } from "../../../../plan/operations.ts";
import type { Scratch } from "../match/replace.ts";

export const none = -1;

/** Of the native entry and its link from a chain. */
const entryBytes = 88;
const chainBytes = 4;
const blockBytes = 128;
const blockTextBytes = blockBytes - 4;
const blocksPerTextMax = Math.ceil(reduceTextBytesMax / blockTextBytes);

/** A list by use. */
interface List {
  newest: number;
  oldest: number;
}

export class KeyTable {
  readonly entries: number;
  /** Fields of entries, by index. */
  readonly firstMs: Float64Array;
  readonly lastMs: Float64Array;
  /** What was cut in this window. */
  readonly records: Float64Array;
  readonly bytes: Float64Array;
  /** Throttle: millionths of a record or byte, and when they were as many. */
  readonly tokens: Float64Array;
  readonly tokensAtMs: Float64Array;
  /** 0: no text is held. */
  readonly textBytes: Int32Array;
  /** 1: the cut record began like a JSON object. */
  readonly isObject: Uint8Array;
  /** Of its text: how many plans had run. */
  readonly plan: Float64Array;
  readonly #hashHigh: Uint32Array;
  readonly #hashLow: Uint32Array;
  readonly #textBlock: Int32Array;
  readonly #newer: Int32Array;
  readonly #older: Int32Array;
  readonly #isDue: Uint8Array;
  readonly #dueBefore: Int32Array;
  readonly #dueAfter: Int32Array;
  readonly #chainNext: Int32Array;
  readonly #chains: Int32Array;
  readonly #blockNext: Int32Array;
  readonly #blockText: Buffer;
  #entriesTouched = 0;
  #blocksTouched = 0;
  #entriesFree = none;
  #blocksFree = none;
  #blocksLeft: number;
  readonly #seen: List = { newest: none, oldest: none };
  readonly #held: List = { newest: none, oldest: none };
  #dueFirst = none;
  #dueLast = none;

  /** @param memoryBytes `reduceMemoryBytesMin` or more, as the native engine counts them */
  constructor(memoryBytes: number) {
    const entries = Math.floor(Math.floor(memoryBytes / 2) / (entryBytes + chainBytes));
    let chains = 1;
    while (chains * 2 <= entries) chains *= 2;
    const blocks = Math.floor((memoryBytes - entries * entryBytes - chains * chainBytes) / blockBytes);
    this.entries = entries;
    this.firstMs = new Float64Array(entries);
    this.lastMs = new Float64Array(entries);
    this.records = new Float64Array(entries);
    this.bytes = new Float64Array(entries);
    this.tokens = new Float64Array(entries);
    this.tokensAtMs = new Float64Array(entries);
    this.textBytes = new Int32Array(entries);
    this.isObject = new Uint8Array(entries);
    this.plan = new Float64Array(entries);
    this.#hashHigh = new Uint32Array(entries);
    this.#hashLow = new Uint32Array(entries);
    this.#textBlock = new Int32Array(entries);
    this.#newer = new Int32Array(entries);
    this.#older = new Int32Array(entries);
    this.#isDue = new Uint8Array(entries);
    this.#dueBefore = new Int32Array(entries);
    this.#dueAfter = new Int32Array(entries);
    this.#chainNext = new Int32Array(entries);
    // Chains hold index + 1, so that zero is an empty one.
    this.#chains = new Int32Array(chains);
    this.#blockNext = new Int32Array(blocks);
    this.#blockText = Buffer.alloc(blocks * blockTextBytes);
    this.#blocksLeft = blocks;
  }

  /** @returns `none`, or the index of the key's entry */
  find(high: number, low: number): number {
    let next = this.#chains[low & (this.#chains.length - 1)]!;
    while (next !== 0 && (this.#hashLow[next - 1] !== low || this.#hashHigh[next - 1] !== high))
      next = this.#chainNext[next - 1]!;
    return next - 1;
  }

  /** Whether `insert` and `hold` can be called once each. When not, `oldestHeld` must be released or removed first. */
  get hasRoom(): boolean {
    const entry = this.#entriesTouched < this.entries || this.#entriesFree !== none || this.#seen.oldest !== none;
    return entry && this.#blocksLeft >= blocksPerTextMax;
  }

  /** The entry that has waited longest of those with something to tell. */
  get oldestHeld(): number {
    return this.#held.oldest;
  }

  /** The entry whose window began first. */
  get oldestDue(): number {
    return this.#dueFirst;
  }

  /** A new entry, zeroed, most recently used; the least recently used one of which nothing was cut goes for it. */
  insert(high: number, low: number): number {
    if (this.#entriesTouched === this.entries && this.#entriesFree === none) this.remove(this.#seen.oldest);
    let index = this.#entriesFree;
    if (index === none) index = this.#entriesTouched++;
    else this.#entriesFree = this.#older[index]!;
    this.#hashHigh[index] = high;
    this.#hashLow[index] = low;
    for (const field of [this.firstMs, this.lastMs, this.records, this.bytes, this.tokens, this.tokensAtMs])
      field[index] = 0;
    this.textBytes[index] = 0;
    this.isObject[index] = 0;
    this.#isDue[index] = 0;
    const chain = low & (this.#chains.length - 1);
    this.#chainNext[index] = this.#chains[chain]!;
    this.#chains[chain] = index + 1;
    this.#putNewest(this.#seen, index);
    return index;
  }

  /** It was used. */
  touch(index: number): void {
    const list = this.#listOf(index);
    if (list.newest === index) return;
    this.#take(list, index);
    this.#putNewest(list, index);
  }

  /** Its window begins now: it goes to the end of the list by age. */
  addDue(index: number): void {
    this.#isDue[index] = 1;
    this.#dueBefore[index] = this.#dueLast;
    this.#dueAfter[index] = none;
    if (this.#dueLast === none) this.#dueFirst = index;
    else this.#dueAfter[this.#dueLast] = index;
    this.#dueLast = index;
  }

  /**
   * Something was cut: from now on it is held until it is released or removed. A text of more than reduceTextBytesMax bytes is not kept.
   */
  hold(index: number, bytes: Buffer, start: number, end: number): void {
    this.#take(this.#seen, index);
    this.#putNewest(this.#held, index);
    const keeps = end - start <= reduceTextBytesMax;
    this.#textBlock[index] = keeps ? 0 : none;
    if (!keeps) return;
    this.textBytes[index] = end - start;
    let last = none;
    for (let at = start; at < end; at += blockTextBytes) {
      let block = this.#blocksFree;
      if (block === none) block = this.#blocksTouched++;
      else this.#blocksFree = this.#blockNext[block]!;
      this.#blocksLeft--;
      if (last === none) this.#textBlock[index] = block;
      else this.#blockNext[last] = block;
      last = block;
      bytes.copy(this.#blockText, block * blockTextBytes, at, Math.min(at + blockTextBytes, end));
    }
  }

  /** Appends the text. @returns false: it was too long to keep */
  readText(index: number, out: Scratch): boolean {
    let block = this.#textBlock[index]!;
    if (block === none) return false;
    for (let left = this.textBytes[index]!; left > 0; left -= blockTextBytes) {
      const at = block * blockTextBytes;
      out.append(this.#blockText, at, at + Math.min(left, blockTextBytes));
      block = this.#blockNext[block]!;
    }
    return true;
  }

  /** What was cut has been told. It stays, of no age. */
  release(index: number): void {
    this.#take(this.#listOf(index), index);
    this.#freeText(index);
    this.#takeDue(index);
    this.records[index] = 0;
    this.bytes[index] = 0;
    this.#putNewest(this.#seen, index);
  }

  remove(index: number): void {
    this.#take(this.#listOf(index), index);
    this.#freeText(index);
    this.#takeDue(index);
    const chain = this.#hashLow[index]! & (this.#chains.length - 1);
    const after = this.#chainNext[index]!;
    let at = this.#chains[chain]! - 1;
    if (at === index) this.#chains[chain] = after;
    else {
      while (this.#chainNext[at] !== index + 1) at = this.#chainNext[at]! - 1;
      this.#chainNext[at] = after;
    }
    this.#older[index] = this.#entriesFree;
    this.#entriesFree = index;
  }

  #listOf(index: number): List {
    return this.records[index] === 0 ? this.#seen : this.#held;
  }

  #putNewest(list: List, index: number): void {
    this.#newer[index] = none;
    this.#older[index] = list.newest;
    if (list.newest === none) list.oldest = index;
    else this.#newer[list.newest] = index;
    list.newest = index;
  }

  #take(list: List, index: number): void {
    const newer = this.#newer[index]!;
    const older = this.#older[index]!;
    if (newer === none) list.newest = older;
    else this.#older[newer] = older;
    if (older === none) list.oldest = newer;
    else this.#newer[older] = newer;
  }

  #takeDue(index: number): void {
    if (this.#isDue[index] === 0) return;
    this.#isDue[index] = 0;
    const before = this.#dueBefore[index]!;
    const after = this.#dueAfter[index]!;
    if (before === none) this.#dueFirst = after;
    else this.#dueAfter[before] = after;
    if (after === none) this.#dueLast = before;
    else this.#dueBefore[after] = before;
  }

  #freeText(index: number): void {
    let block = this.#textBlock[index]!;
    for (let left = this.textBytes[index]!; left > 0; left -= blockTextBytes) {
      const next = this.#blockNext[block]!;
      this.#blockNext[block] = this.#blocksFree;
      this.#blocksFree = block;
      this.#blocksLeft++;
      block = next;
    }
    this.textBytes[index] = 0;
  }
}
