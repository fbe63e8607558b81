/**
 * Segments by the addon's spool thread (`native/spool/spool_thread.h`), one thread for all lanes of this worker. It is started with the
 * first file and ends with the worker.
 */

import { type FileHandle, open as openFile } from "node:fs/promises";
import { getSystemErrorMessage, getSystemErrorName } from "node:util";
import { loadAddon } from "../../engine/addon.ts";
import { translated } from "../../engine/native/errors.ts";
import { encodeGroupHeader, groupHeader, readGroupHeader, segmentScan } from "./format.ts";
import type { GroupToWrite, ReadGroup, SegmentFile, SegmentFiles, SegmentScan, Written } from "./segment_files.ts";

interface SpoolThreadHandle {
  create(request: number, file: number, path: string, header: Uint8Array): void;
  open(request: number, file: number, path: string): void;
  append(request: number, file: number, offset: number, sync: boolean, groups: readonly unknown[][]): void;
  truncate(request: number, file: number, bytes: number): void;
  scan(request: number, file: number, bytes: number, passed: bigint, expected: bigint): void;
  read(request: number, file: number, offset: number, end: number, epoch: number, sequenceMin: bigint): void;
  closeFile(request: number, file: number): void;
  close(): void;
}

interface Answer {
  readonly error: Error | undefined;
  readonly value: number | undefined;
  readonly bytes: ArrayBuffer | undefined;
  readonly body: ArrayBuffer | undefined;
}

interface SpoolAddon {
  readonly SpoolThread: new (
    onDone: (
      request: number,
      errno: number,
      value: number | undefined,
      bytes: ArrayBuffer | undefined,
      body: ArrayBuffer | undefined,
    ) => void,
  ) => SpoolThreadHandle;
}

/** Where the addon loads and the system has what it needs (POSIX). */
function spoolAddon(): SpoolAddon | undefined {
  const loaded = loadAddon();
  return "addon" in loaded && "SpoolThread" in loaded.addon ? (loaded.addon as unknown as SpoolAddon) : undefined;
}

export function hasNativeSpool(): boolean {
  return spoolAddon() !== undefined;
}

class SpoolThread {
  readonly #handle: SpoolThreadHandle;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #request = 0;
  #file = 0;

  constructor(addon: SpoolAddon) {
    this.#handle = new addon.SpoolThread((request, errno, value, bytes, body) => {
      const done = this.#waiting.get(request);
      this.#waiting.delete(request);
      done?.({ error: errno === 0 ? undefined : systemError(errno), value, bytes, body });
    });
  }

  newFile(): number {
    this.#file = (this.#file + 1) >>> 0;
    return this.#file;
  }

  /** @returns the answer, whatever it is */
  ask(send: (handle: SpoolThreadHandle, request: number) => void): Promise<Answer> {
    this.#request = (this.#request + 1) >>> 0;
    const request = this.#request;
    return new Promise((resolve, reject) => {
      this.#waiting.set(request, resolve);
      try {
        send(this.#handle, request);
      } catch (error) {
        this.#waiting.delete(request);
        reject(translated(error));
      }
    });
  }

  /** @throws what the system said */
  async do(send: (handle: SpoolThreadHandle, request: number) => void): Promise<Answer> {
    const answer = await this.ask(send);
    if (answer.error !== undefined) throw answer.error;
    return answer;
  }
}

/** As Node's own file calls say it. */
function systemError(errno: number): Error {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${code}: ${getSystemErrorMessage(-errno)}`), { code, errno: -errno });
}

let thread: SpoolThread | undefined;

function spoolThread(): SpoolThread {
  thread ??= new SpoolThread(spoolAddon()!);
  return thread;
}

export const nativeSegments: SegmentFiles = {
  async create(path, header) {
    const file = new NativeSegment(spoolThread(), path);
    await file.begin((handle, request, id) => handle.create(request, id, path, header));
    return file;
  },
  async open(path) {
    const file = new NativeSegment(spoolThread(), path);
    await file.begin((handle, request, id) => handle.open(request, id, path));
    return file;
  },
};

class NativeSegment implements SegmentFile {
  readonly #thread: SpoolThread;
  readonly #file: number;
  readonly #path: string;

  constructor(thread: SpoolThread, path: string) {
    this.#thread = thread;
    this.#path = path;
    this.#file = thread.newFile();
  }

  async begin(send: (handle: SpoolThreadHandle, request: number, file: number) => void): Promise<void> {
    try {
      await this.#thread.do((handle, request) => send(handle, request, this.#file));
    } catch (error) {
      await this.close().catch(() => undefined);
      throw error;
    }
  }

  async append(offset: number, groups: readonly GroupToWrite[], sync: boolean): Promise<Written> {
    const given = groups.map(({ fields, reason, ranges }) => [
      encodeGroupHeader(fields),
      reason,
      ...ranges.filter(({ from, to }) => from < to).flatMap(({ batch, from, to }) => [batch.memory, from, to]),
    ]);
    const { error, value } = await this.#thread.ask((handle, request) =>
      handle.append(request, this.#file, offset, sync, given),
    );
    return error === undefined ? { groups: value! } : { groups: value!, error };
  }

  /** By Node's own threads: in the spool's, every append of every lane would wait for the disk. */
  async sync(): Promise<void> {
    let handle: FileHandle;
    try {
      handle = await openFile(this.#path, "r+");
    } catch (error) {
      // Removed meanwhile: all that was in it is settled.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw error;
    }
    try {
      await handle.datasync();
    } finally {
      await handle.close();
    }
  }

  async truncate(bytes: number): Promise<void> {
    await this.#thread.do((handle, request) => handle.truncate(request, this.#file, bytes));
  }

  async scan(bytes: number, passed: bigint, expected: bigint): Promise<SegmentScan> {
    const answer = await this.#thread.do((handle, request) =>
      handle.scan(request, this.#file, bytes, passed, expected),
    );
    return decodeScan(Buffer.from(answer.bytes!));
  }

  async read(offset: number, end: number, epoch: number, sequenceMin: bigint): Promise<ReadGroup | undefined> {
    const answer = await this.#thread.do((handle, request) =>
      handle.read(request, this.#file, offset, end, epoch, sequenceMin),
    );
    if (answer.value === undefined) return undefined;
    const bytes = Buffer.from(answer.bytes!);
    return {
      fields: readGroupHeader(bytes)!,
      endOffset: answer.value,
      reason: bytes.subarray(groupHeader.bytes),
      body: new Uint8Array(answer.body!),
    };
  }

  async close(): Promise<void> {
    await this.#thread.do((handle, request) => handle.closeFile(request, this.#file));
  }
}

function decodeScan(bytes: Buffer): SegmentScan {
  const at = segmentScan.offsets;
  const number = (offset: number) => Number(bytes.readBigUInt64LE(offset));
  return {
    state: bytes.readUInt32LE(at.state),
    version: bytes.readUInt32LE(at.version),
    epoch: bytes.readUInt32LE(at.epoch),
    found: number(at.found),
    groups: number(at.groups),
    records: number(at.records),
    bytes: number(at.bytes),
    readOffset: number(at.readOffset),
    readSequence: bytes.readBigUInt64LE(at.readSequence),
    endOffset: number(at.endOffset),
    endSequence: bytes.readBigUInt64LE(at.endSequence),
    tailSequence: bytes.readBigUInt64LE(at.tailSequence),
    tailBytes: number(at.tailBytes),
    oldestMs: bytes.readDoubleLE(at.oldestMs),
    newestMs: bytes.readDoubleLE(at.newestMs),
    holes: Array.from({ length: bytes.readUInt32LE(at.holes) }, (_, index) => {
      const hole = segmentScan.bytes + 24 * index;
      return { from: bytes.readBigUInt64LE(hole), to: bytes.readBigUInt64LE(hole + 8), bytes: number(hole + 16) };
    }),
  };
}
