/**
 * The process's one writer of a file: opened by the main thread, fed by all workers, rotated between two records.
 *
 * Size: a file is rotated as soon as it has reached `maxBytes`. The writer does not wait for that, so it exceeds the limit by what
 * is written while the main thread renames and opens: some milliseconds' worth.
 * Age: counted from the file's birth as the file system tells it (where it tells none, from its last change before the start), so it
 * goes on over restarts; an empty file has no age.
 * Another program's rotation is noticed within a second, when the path is gone or names another file: it is opened anew.
 * What a file refuses (no space, an I/O error) waits in the writer's queue and is tried again; nothing is lost by that.
 */

import { constants } from "node:fs";
import { type FileHandle, mkdir, open, realpath, rename, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { StreamGateError } from "../../../errors.ts";
import { type Log, RateLimit } from "../../../telemetry/log.ts";
import { type FileCompression, RotatedFiles, syncDirectory } from "./rotated_files.ts";
import type { StreamCounts, StreamTarget, StreamWriter } from "./stream_writer.ts";
import { openStreamWriter, streamQueueBytes } from "./writer.ts";

/**
 * When written bytes are made to outlast a power cut or a crash of the system; a crash of the process alone loses none of them.
 * - `always`: within 10 ms of being written and the time that the disk takes: that much can be lost
 * - `interval`: every `fsyncIntervalMs`: that much, and the time that the disk takes
 * - `never`: when the system does it by itself, 30 s on Linux mostly
 */
export type FsyncPolicy = "always" | "interval" | "never";

export interface FileSettings {
  readonly rotate?: {
    /** 0 or absent: not by size. */
    readonly maxBytes?: number | undefined;
    /** 0 or absent: not by age. */
    readonly maxAgeMs?: number | undefined;
    /** Newest rotated files that are kept; older ones are deleted. Absent: 10. */
    readonly keep?: number | undefined;
  };
  /** Absent: `interval`. */
  readonly fsync?: FsyncPolicy | undefined;
  /** Absent: 1,000. */
  readonly fsyncIntervalMs?: number | undefined;
  /** Of rotated files. Absent: `none`. */
  readonly compress?: FileCompression | undefined;
}

export interface FileSite {
  readonly kind: "native" | "portable";
  /** See `StreamWriterOptions`. */
  readonly ringBytes: number;
  /** Absent: `streamQueueBytes`. */
  readonly queueBytes?: number | undefined;
  readonly log: Log;
}

export interface FileWriterOptions extends FileSettings, FileSite {
  readonly path: string;
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly dev: number;
  readonly ino: number;
  /** When its first byte was written; undefined while it is empty. */
  begunMs: number | undefined;
}

const lookMs = 1000;
const alwaysMs = 10;
/** Flushes of rotated files at once: they hold two of the four threads that Node does files with. */
const leavingMax = 2;
const keepDefault = 10;
/** A file server that does not answer does not hold up the process's end. */
const closeWaitMs = 5000;
/** The same trouble is told once a minute. */
const tellMs = 60_000;

export class FileWriter {
  /** Absolute, without links. */
  readonly path: string;
  readonly #log: Log;
  readonly #limit = new RateLimit(tellMs);
  readonly #rotated: RotatedFiles;
  readonly #writer: StreamWriter;
  #file: OpenFile;
  #settings: FileSettings;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #failed = false;
  #saidFull = false;
  /** Files that nothing more is written to, being flushed. */
  readonly #leaving = new Set<Promise<void>>();
  readonly #lookTimer: NodeJS.Timeout;
  #syncTimer: NodeJS.Timeout | undefined;
  #syncing = false;
  #syncedRecords = 0;
  #closing: Promise<void> | undefined;

  private constructor(options: FileWriterOptions, file: OpenFile) {
    const { path, kind, ringBytes, queueBytes = streamQueueBytes, log } = options;
    this.path = path;
    this.#log = log;
    this.#file = file;
    this.#settings = options;
    this.#rotated = new RotatedFiles(path, policyOf(options), (error, doing) => this.#tell(doing, error));
    this.#writer = openStreamWriter(file.handle.fd, {
      kind,
      queueBytes,
      ringBytes,
      events: {
        closed: (reason) => {
          this.#failed = true;
          log.error({ path }, `a file output cannot be written (${reason}): its records are counted lost{closed}`);
        },
        full: (reason) => this.#full(reason),
        room: () => {
          if (this.#saidFull) log.info({ path }, "a file output takes records again");
          this.#saidFull = false;
        },
        reached: () => this.#look(),
      },
    });
    this.#lookTimer = setInterval(() => this.#look(), lookMs).unref();
    this.#startSync();
    this.#look();
    this.#rotated.tidy();
  }

  /**
   * Opens `path` to append, its folder made if there is none.
   * @throws StreamGateError SG_FILE when it cannot be opened, or is no regular file
   */
  static async open(options: FileWriterOptions): Promise<FileWriter> {
    const path = await realPath(options.path);
    try {
      const file = await openFile(path);
      if (options.fsync !== "never") await syncDirectory(dirname(path));
      await new RotatedFiles(path, policyOf(options), () => {}).removeTemporary();
      return new FileWriter({ ...options, path }, file);
    } catch (error) {
      if (error instanceof StreamGateError) throw error;
      throw new StreamGateError("SG_FILE", {
        where: path,
        what: (error as Error).message,
        fix: "let the user that StreamGate runs as write there, or name another path",
      });
    }
  }

  /** What workers open their feeds on. The same for the writer's life. */
  get target(): StreamTarget {
    return this.#writer.target;
  }
  /** Over all files since the writer was opened; readable after `close` too. */
  counts(): StreamCounts {
    return this.#writer.counts();
  }
  /** Everything that was pushed has been written or counted as lost. Not: is on the disk. */
  drained(): boolean {
    return this.#writer.drained();
  }

  /** Other settings for the same file, from now on. */
  configure(settings: FileSettings): void {
    this.#settings = settings;
    this.#rotated.configure(policyOf(settings));
    this.#startSync();
    this.#look();
    this.#rotated.tidy();
  }

  /** Looks at once for a reason to rotate or to open the path anew. @returns when that and the compression are done */
  async settle(): Promise<void> {
    this.#look();
    await this.#still();
    await this.#rotated.idle();
  }

  /**
   * Stops without writing what still waits, which counts as lost: see `drained`. What is written is on the disk afterwards unless
   * `fsync` is `never`. Never waits long for a disk. Twice does no harm.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#lookTimer);
    clearInterval(this.#syncTimer);
    await this.#writer.close();
    const rest = async () => {
      await this.#still();
      await this.#rotated.close();
      await this.#leave(this.#file);
    };
    const hurry = new AbortController();
    await Promise.race([rest(), sleep(closeWaitMs, undefined, { signal: hurry.signal }).catch(() => {})]);
    hurry.abort();
  }

  async #still(): Promise<void> {
    while (this.#looking !== undefined) await this.#looking;
    await Promise.all(this.#leaving);
  }

  /** One look after the other; one that is asked for meanwhile follows. */
  #look(): void {
    if (this.#closing !== undefined) return;
    this.#lookAgain = true;
    this.#looking ??= this.#lookAll().finally(() => {
      this.#looking = undefined;
    });
  }

  async #lookAll(): Promise<void> {
    while (this.#lookAgain && this.#closing === undefined) {
      this.#lookAgain = false;
      try {
        await this.#lookOnce();
      } catch (error) {
        this.#tell("the file cannot be looked at", error as Error);
      }
    }
  }

  async #lookOnce(): Promise<void> {
    const file = this.#file;
    const about = await stat(this.path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
      throw error;
    });
    if (this.#failed || about === undefined || about.ino !== file.ino || about.dev !== file.dev) return this.#reopen();
    const nowMs = Date.now();
    if (about.size === 0) file.begunMs = undefined;
    else file.begunMs ??= nowMs;
    const { maxBytes = 0, maxAgeMs = 0 } = this.#settings.rotate ?? {};
    const full = maxBytes > 0 && about.size >= maxBytes;
    const old = maxAgeMs > 0 && file.begunMs !== undefined && nowMs - file.begunMs >= maxAgeMs;
    if (about.size > 0 && (full || old)) return this.#rotate(nowMs);
    this.#notice(about.size);
  }

  #notice(sizeBytes: number): void {
    const { maxBytes = 0 } = this.#settings.rotate ?? {};
    if (maxBytes > 0) this.#writer.notice(Math.max(1, maxBytes - sizeBytes));
  }

  /** On a failure the file stays as it is, and grows until the next look succeeds. */
  async #rotate(nowMs: number): Promise<void> {
    const name = await this.#rotated.nextName(nowMs);
    try {
      await rename(this.path, name);
      let next: OpenFile;
      try {
        next = await openFile(this.path);
      } catch (error) {
        if ((await stat(this.path).catch(() => undefined)) === undefined) await rename(name, this.path);
        throw error;
      }
      await this.#switchTo(next, () => {
        this.#rotated.left(name);
        this.#rotated.tidy();
      });
    } catch (error) {
      this.#rotated.left(name);
      this.#tell("the file is not rotated", error as Error);
    }
  }

  /** The path names another file now, or none: somebody else has rotated it. */
  async #reopen(): Promise<void> {
    try {
      const next = await openFile(this.path);
      this.#failed = false;
      await this.#switchTo(next);
    } catch (error) {
      this.#tell(
        "the file is gone from its path and cannot be opened anew; records go to the one that was there",
        error as Error,
      );
    }
  }

  /** @param left called when the file before is flushed and closed, which takes as long as the disk does */
  async #switchTo(next: OpenFile, left = () => {}): Promise<void> {
    while (this.#leaving.size >= leavingMax) await Promise.race(this.#leaving);
    const before = this.#file;
    await this.#writer.switchTo(next.handle.fd);
    this.#file = next;
    // What has gone to it already is not flushed, whatever a flush of the one before thought.
    this.#syncedRecords = -1;
    this.#notice(0);
    const leaving = this.#leave(before).then(() => {
      this.#leaving.delete(leaving);
      left();
    });
    this.#leaving.add(leaving);
  }

  /** Nothing more is written to it. */
  async #leave({ handle }: OpenFile): Promise<void> {
    try {
      if (this.#policy !== "never") {
        await handle.datasync();
        await syncDirectory(dirname(this.path));
      }
    } catch (error) {
      this.#syncFailed(error as Error);
    } finally {
      await handle.close().catch(() => {});
    }
  }

  get #policy(): FsyncPolicy {
    return this.#settings.fsync ?? "interval";
  }

  #startSync(): void {
    clearInterval(this.#syncTimer);
    if (this.#policy === "never") return;
    const everyMs = this.#policy === "always" ? alwaysMs : (this.#settings.fsyncIntervalMs ?? 1000);
    this.#syncTimer = setInterval(() => void this.#sync(), everyMs).unref();
  }

  /** Flushes what has been written since the last time. */
  async #sync(): Promise<void> {
    const { writtenRecords } = this.#writer.counts();
    if (this.#syncing || writtenRecords === this.#syncedRecords) return;
    this.#syncing = true;
    const { handle } = this.#file;
    try {
      await handle.datasync();
      if (handle === this.#file.handle) this.#syncedRecords = writtenRecords;
    } catch (error) {
      // One that is closed meanwhile was flushed before.
      if (handle === this.#file.handle && this.#closing === undefined) this.#syncFailed(error as Error);
    } finally {
      this.#syncing = false;
    }
  }

  #syncFailed(error: Error): void {
    this.#tell("fsync failed, so what was written since the one before may be missing on the disk", error);
  }

  #full(reason: string): void {
    if (this.#limit.pass("full") === undefined) return;
    this.#saidFull = true;
    this.#log.warn({ path: this.path }, `a file output takes no records (${reason}): they wait, and it is tried again`);
  }

  #tell(what: string, error: Error): void {
    if (this.#limit.pass(what) === undefined) return;
    this.#log.error({ path: this.path }, `a file output: ${what} (${error.message})`);
  }
}

function policyOf({ rotate, compress = "none" }: FileSettings) {
  return { keep: rotate?.keep ?? keepDefault, compress };
}

/** One name a file, so that it gets one writer: absolute, links followed as far as the path exists. */
export async function realPath(path: string): Promise<string> {
  const whole = resolve(path);
  try {
    return await realpath(whole);
  } catch {
    const folder = dirname(whole);
    return folder === whole ? whole : join(await realPath(folder), basename(whole));
  }
}

/** Node's own `recursive` never ends where a folder can not be made in one that is there, as in /proc. */
async function makeFolder(path: string): Promise<void> {
  try {
    if ((await stat(path)).isDirectory()) return;
  } catch (error) {
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || parent === path) throw error;
    await makeFolder(parent);
  }
  await mkdir(path, { mode: 0o750 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

async function openFile(path: string): Promise<OpenFile> {
  await makeFolder(dirname(path));
  const there = await stat(path).catch(() => undefined);
  // To open a pipe would wait for its reader.
  if (there !== undefined && !there.isFile())
    throw new StreamGateError("SG_FILE", {
      where: path,
      what: "there is something that is no regular file",
      fix: "name the path of a file; for standard output there is the console output",
    });
  const handle = await open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o640);
  try {
    const about = await handle.stat();
    // The folder's entry of a new one is flushed by the caller.
    if (about.size > 0) await endLine(path, handle, about.size);
    // Where the file system knows no birth, Node says 0 or the time of the last change of its entry.
    const begunMs = Math.min(about.birthtimeMs || about.mtimeMs, about.mtimeMs);
    return { handle, dev: about.dev, ino: about.ino, begunMs: about.size > 0 ? begunMs : undefined };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A record that a crash or a full disk has cut short stays alone on its line. */
async function endLine(path: string, handle: FileHandle, sizeBytes: number): Promise<void> {
  const reader = await open(path, "r").catch(() => undefined);
  if (reader === undefined) return;
  try {
    const last = Buffer.alloc(1);
    await reader.read(last, 0, 1, sizeBytes - 1);
    if (last[0] !== 0x0a) await handle.write("\n");
  } catch {
    // No room for it: nor for any record.
  } finally {
    await reader.close();
  }
}
