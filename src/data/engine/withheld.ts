/** What an engine has withheld, as TypeScript sees it: between two calls it is taken out and the memory used again. Layout: `layout.ts`. */

import { type Transport, transport as transportCode } from "../ring/layout.ts";
import { withheldBytes, withheldEntry, withheldHeader } from "./layout.ts";

const at = withheldHeader.offsets;
const entryAt = withheldEntry.offsets;
const transports = Object.keys(transportCode) as Transport[];

export class Withheld {
  readonly memory: ArrayBuffer;
  /** The header. */
  readonly words: Uint32Array;
  /** Everything behind it. */
  readonly data: Buffer;

  /** @param bytesMax room for entries; rounded up to a multiple of 8 */
  constructor(bytesMax: number) {
    const bytes = 8 * Math.ceil(bytesMax / 8);
    this.memory = new ArrayBuffer(withheldHeader.bytes + bytes);
    this.words = new Uint32Array(this.memory, 0, withheldHeader.bytes / 4);
    this.words[at.bytesMax / 4] = bytes;
    this.data = Buffer.from(this.memory, withheldHeader.bytes, bytes);
  }

  get bytesMax(): number {
    return this.words[at.bytesMax / 4]!;
  }
  /** Of entries written so far. */
  get bytes(): number {
    return this.words[at.bytes / 4]!;
  }
  get records(): number {
    return this.words[at.records / 4]!;
  }
  /** What the engine stopped for: bytes of the entry that found no room. 0: it did not. */
  get needBytes(): number {
    return this.words[at.needBytes / 4]!;
  }
  /** Entries as they lie. A view: gone with the next call of the engine. */
  get entries(): Buffer {
    return this.data.subarray(0, this.bytes);
  }

  /** Empties it. The records' bytes are written over: what a protect rule was to hold stays nowhere longer than it must. */
  clear(): void {
    this.data.fill(0, 0, this.bytes);
    this.words[at.bytes / 4] = 0;
    this.words[at.records / 4] = 0;
    this.words[at.needBytes / 4] = 0;
  }
}

/** One entry, read. */
export interface WithheldRecord {
  /** Where its entry begins. */
  readonly at: number;
  readonly rule: number;
  /** A `quarantineCause`. */
  readonly cause: number;
  /** Milliseconds since 1970; 0: unknown. */
  readonly receivedAtMs: number;
  readonly transport: Transport;
  /** Textual; absent: unknown. */
  readonly address: string | undefined;
  /** As received. A view. */
  readonly record: Buffer;
}

/** @throws RangeError when the bytes are no entries, which only damage can make them */
export function* readWithheld(entries: Buffer): Generator<WithheldRecord> {
  for (let from = 0; from < entries.length; ) {
    const length = entries.readUInt32LE(from + entryAt.length);
    const start = from + withheldEntry.bytes;
    if (start + length > entries.length) throw new RangeError("an entry ends behind the last byte");
    yield {
      at: from,
      rule: entries.readUInt32LE(from + entryAt.rule),
      cause: entries.readUInt8(from + entryAt.cause),
      receivedAtMs: entries.readDoubleLE(from + entryAt.receivedAtMs),
      transport: transports[entries.readUInt8(from + entryAt.transport)] ?? "unknown",
      address: addressText(
        entries.subarray(from + entryAt.address, from + entryAt.address + 16),
        entries[from + entryAt.family]!,
      ),
      record: entries.subarray(start, start + length),
    };
    from += withheldBytes(length);
  }
}

/** Puts another rule's number into an entry: one of a list that travels with it, where the plan's numbers mean nothing. */
export function renumberRule(entries: Buffer, entry: number, rule: number): void {
  entries.writeUInt32LE(rule, entry + entryAt.rule);
}

function addressText(bytes: Buffer, family: number): string | undefined {
  if (family === 4) return bytes.subarray(0, 4).join(".");
  if (family !== 6) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  return groups.join(":");
}
