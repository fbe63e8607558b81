/**
 * The ring's memory, drawn once. Both engines read and write it; `native/generated/layout.h` is written from here.
 *
 * One `SharedArrayBuffer` = one ring = the inbox of one worker:
 *
 *     0                    1024                                   1024 + capacityBytes
 *     | RingHeader         | block | block | … | padding | …      |
 *
 * A block is claimed, filled and committed by any thread (a producer) and taken by one (the consumer). The model is Aeron's
 * many-to-one ring buffer (Thompson, "ManyToOneRingBuffer"): one compare-and-set on `tail` claims, a release store of the
 * block's `length` commits, and the consumer zeroes what it has read before it moves `head`, so a word that is not zero
 * was written by the producer that claimed it.
 *
 * `tail` and `head` are 64-bit cursors: low 32 bits the position in 8-byte units since the start (wraps after 32 GiB), high
 * 32 bits the number of blocks so far (the sequence, wraps after 2^32). One word holds both so that a single claim is
 * checked against RING_BYTES and RING_SLOTS at once. `(tail - head)` of each half, modulo 2^32, is what is unread.
 *
 * A block never wraps: where the rest of the ring is too short, the claim also covers that rest, which becomes a padding
 * block. Padding counts for bytes, not for slots.
 *
 * `length` tells the state of the block at the head: 0 = claimed, header not yet written (or nothing claimed);
 * negative = being filled, -length bytes claimed; positive = committed.
 */

import { struct } from "../../struct.ts";

/** Blocks start on multiples of this, so that every header field is aligned. */
export const blockAlignment = 8;
/** Producers that a ring can tell apart (workers and native input threads). */
export const producersMax = 64;

export const ringHeader = struct("RingHeader", "The first 1024 bytes of a ring's memory.", 1024, {
  magic: { type: "u32", doc: "0x31524753, 'SGR1'." },
  version: { type: "u32", doc: "Layout version, 1." },
  capacityBytes: { type: "u32", doc: "Bytes after this header; a power of two." },
  slots: { type: "u32", doc: "Most unread blocks." },
  tail: { type: "u64", at: 64, doc: "Claim cursor: position / 8 | sequence << 32. Producers compare-and-set it." },
  head: { type: "u64", at: 128, doc: "Read cursor, same form. Only the consumer stores it." },
  wake: { type: "i32", at: 192, doc: "Incremented by a producer after each commit; what Atomics.waitAsync watches." },
  waiting: { type: "u32", doc: "1 while the consumer waits on `wake`; a producer notifies only then." },
  separatesSources: {
    type: "u32",
    doc: "1: the consumer asks where records came from, so a producer with several peers puts each one's into blocks of their own. The consumer stores it when its plan changes.",
  },
  pushedRecords: { type: "u64", at: 256, doc: "Records committed since the start (added by producers)." },
  pushedBytes: { type: "u64", doc: "Record bytes committed since the start." },
  takenRecords: { type: "u64", at: 320, doc: "Records taken by the consumer since the start." },
  takenBytes: { type: "u64", doc: "Record bytes taken since the start." },
  abandonedClaims: { type: "u64", doc: "Claims of dead producers that the consumer skipped." },
  abandonedBytes: { type: "u64", doc: "Ring bytes in those claims." },
  producerEpochs: {
    type: "u32",
    count: producersMax,
    at: 384,
    doc: "Current incarnation of each producer. The supervisor adds 1 when one dies; claims of older epochs are skipped.",
  },
});

export const blockKind = { records: 1, padding: 2 } as const;
/** `unknown`: records that have been in a batch or a spool since. */
export const transport = { tcp: 0, udp: 1, stdin: 2, unknown: 3, tls: 4 } as const;
export type Transport = keyof typeof transport;

export const blockHeader = struct(
  "BlockHeader",
  "What every block in a ring starts with. After it: u32 lengths[records], padded to 8 bytes; then the records, each followed by one LF that its length does not count.",
  64,
  {
    length: { type: "i32", doc: "Bytes of the whole block, header and padding included; negative while it is filled." },
    kind: { type: "u16", doc: "blockKind." },
    producer: { type: "u16", doc: "Index into producerEpochs." },
    epoch: { type: "u32", doc: "The producer's epoch when it claimed." },
    records: { type: "u32", doc: "Records in the block." },
    bodyBytes: { type: "u32", doc: "Bytes of the records, their LFs included." },
    transport: { type: "u8", doc: "How they came: transport." },
    family: { type: "u8", doc: "4 or 6: the version of `address`; 0: unknown or several sources." },
    port: { type: "u16", doc: "The peer's port." },
    receivedAtMs: { type: "f64", doc: "Milliseconds since 1970 when the last byte arrived." },
    address: { type: "u8", count: 16, doc: "The peer's address, network order; IPv4 in the first four bytes." },
  },
);

/** 'SGR1' read as a little-endian u32. */
export const ringMagic = 0x31524753;
export const ringVersion = 1;

/** Bytes of a `SharedArrayBuffer` for a ring of this capacity. */
export function ringMemoryBytes(capacityBytes: number): number {
  return ringHeader.bytes + capacityBytes;
}

/**
 * Makes the memory of an empty ring.
 * @param capacityBytes a power of two, 64 KiB to 1 GiB
 * @param slots most unread blocks, at least 1
 * @throws RangeError when either is out of range
 */
export function createRingMemory(capacityBytes: number, slots: number): SharedArrayBuffer {
  if (capacityBytes < 65_536 || capacityBytes > 2 ** 30 || (capacityBytes & (capacityBytes - 1)) !== 0)
    throw new RangeError(`ring capacity ${capacityBytes}: a power of two from 65536 to ${2 ** 30} is needed`);
  if (!Number.isInteger(slots) || slots < 1) throw new RangeError(`ring slots ${slots}: at least 1 is needed`);
  const memory = new SharedArrayBuffer(ringMemoryBytes(capacityBytes));
  const header = new Uint32Array(memory, 0, ringHeader.bytes / 4);
  header[ringHeader.offsets.magic / 4] = ringMagic;
  header[ringHeader.offsets.version / 4] = ringVersion;
  header[ringHeader.offsets.capacityBytes / 4] = capacityBytes;
  header[ringHeader.offsets.slots / 4] = slots;
  return memory;
}
