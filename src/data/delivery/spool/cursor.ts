/**
 * The cursor of a lane: how far it is done with, where it ends, and what is accounted for in between. Drawn in `format.ts`.
 *
 * Its slots are written over in place, so that a full disk does not keep it from moving (and segments from being deleted).
 */

import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory, syncDirectory } from "../../../persistence/durable_file.ts";
import { crc32c } from "./crc32c.ts";
import { cursorMagic, cursorSlot, cursorSlotBytes, spoolVersion } from "./format.ts";
import type { SequenceRange } from "./gaps.ts";
import { versionError } from "./version_error.ts";

export const cursorName = "cursor";
/** As fit a slot; more than these are forgotten, which counts what is missing there once more after a restart. */
export const cursorGapsMax = (cursorSlotBytes - cursorSlot.bytes) / 16;

export interface CursorState {
  /** Everything before it is done with. */
  readonly passed: bigint;
  /** One past the last record that the lane had taken. */
  readonly next: bigint;
  readonly gaps: readonly SequenceRange[];
}

interface Slot extends CursorState {
  readonly generation: bigint;
  readonly version: number;
}

function encodeSlot({ passed, next, gaps }: CursorState, generation: bigint): Buffer {
  const bytes = Buffer.alloc(cursorSlotBytes);
  const at = cursorSlot.offsets;
  const kept = gaps.slice(0, cursorGapsMax);
  bytes.writeUInt32LE(cursorMagic, at.magic);
  bytes.writeUInt32LE(spoolVersion, at.version);
  bytes.writeUInt32LE(kept.length, at.gaps);
  bytes.writeBigUInt64LE(generation, at.generation);
  bytes.writeBigUInt64LE(passed, at.passedSequence);
  bytes.writeBigUInt64LE(next, at.nextSequence);
  kept.forEach(({ from, to }, index) => {
    bytes.writeBigUInt64LE(from, cursorSlot.bytes + 16 * index);
    bytes.writeBigUInt64LE(to, cursorSlot.bytes + 16 * index + 8);
  });
  bytes.writeUInt32LE(crc32c(bytes), at.crc);
  return bytes;
}

function decodeSlot(slot: Buffer): Slot | undefined {
  const at = cursorSlot.offsets;
  if (slot.length < cursorSlotBytes || slot.readUInt32LE(at.magic) !== cursorMagic) return undefined;
  const bytes = Buffer.from(slot);
  const crc = bytes.readUInt32LE(at.crc);
  bytes.writeUInt32LE(0, at.crc);
  if (crc32c(bytes) !== crc) return undefined;
  const version = bytes.readUInt32LE(at.version);
  const count = version === spoolVersion ? Math.min(bytes.readUInt32LE(at.gaps), cursorGapsMax) : 0;
  return {
    version,
    generation: bytes.readBigUInt64LE(at.generation),
    passed: bytes.readBigUInt64LE(at.passedSequence),
    next: bytes.readBigUInt64LE(at.nextSequence),
    gaps: Array.from({ length: count }, (_, index) => ({
      from: bytes.readBigUInt64LE(cursorSlot.bytes + 16 * index),
      to: bytes.readBigUInt64LE(cursorSlot.bytes + 16 * index + 8),
    })),
  };
}

/**
 * @returns undefined when there is none, or none that is whole
 * @throws StreamGateError SG_SPOOL_VERSION; with the system's code when it cannot be read
 */
export async function readCursor(directory: string): Promise<Slot | undefined> {
  const path = join(directory, cursorName);
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const slots: Slot[] = [];
    for (const offset of [0, cursorSlotBytes]) {
      const bytes = Buffer.alloc(cursorSlotBytes);
      // A slot that cannot be read is a damaged one.
      const { bytesRead } = await file.read(bytes, 0, cursorSlotBytes, offset).catch(() => ({ bytesRead: 0 }));
      const slot = bytesRead === cursorSlotBytes ? decodeSlot(bytes) : undefined;
      if (slot !== undefined) slots.push(slot);
    }
    const unknown = slots.find(({ version }) => version !== spoolVersion);
    if (unknown !== undefined) throw versionError(path, unknown.version);
    return slots.sort((a, b) => (a.generation < b.generation ? 1 : -1))[0];
  } finally {
    await file.close();
  }
}

/** Writes the cursor of one lane. One call at a time. */
export class CursorFile {
  readonly #directory: string;
  #file: FileHandle | undefined;
  #generation: bigint;

  /** @param generation of the slot that was read; 0: there was none */
  constructor(directory: string, generation: bigint) {
    this.#directory = directory;
    this.#generation = generation;
  }

  /** It is on disk, and will need no more room. */
  get written(): boolean {
    return this.#generation > 0n;
  }

  /** When it resolves, `state` survives a power cut; when it rejects, with the system's code, either this or the one before does. */
  async write(state: CursorState): Promise<void> {
    const made = this.#file === undefined && (await this.#open());
    const generation = this.#generation + 1n;
    const file = this.#file!;
    // No slot was good: both are written. They get their blocks at once, so that later writes need no room; and one that was cut would be
    // whole again, with a greater generation, when the file grows behind it: its end was zeros, and so is a hole.
    if (this.#generation === 0n) await writeSlot(file, encodeSlot(state, 0n), 0);
    await writeSlot(file, encodeSlot(state, generation), Number(generation % 2n));
    await file.datasync();
    if (made) await syncDirectory(this.#directory);
    this.#generation = generation;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  /** @returns whether it was made */
  async #open(): Promise<boolean> {
    const path = join(this.#directory, cursorName);
    try {
      this.#file = await open(path, "r+");
      return false;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
    await makeDirectory(this.#directory);
    this.#file = await open(path, "wx+", 0o600);
    return true;
  }
}

async function writeSlot(file: FileHandle, bytes: Buffer, slot: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, slot * cursorSlotBytes + at);
    if (bytesWritten === 0) throw Object.assign(new Error("nothing could be written"), { code: "EIO" });
    at += bytesWritten;
  }
}
