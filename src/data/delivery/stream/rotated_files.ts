/**
 * The files that a file output has rotated away: their names, how many are kept, and their compression in the background.
 *
 * A rotated file is `<path>.<UTC time>[-n]`, such as `app.log.20261126T111844Z-2`, and `.gz` or `.zst` behind it once it is compressed.
 * Names rise: after a clock was set back, the newest time is used again with a higher n, so that the order of names is the order of
 * rotation, and what `keep` deletes is the oldest.
 */

import { createReadStream, createWriteStream } from "node:fs";
import { open, readdir, rename, stat, unlink, utimes } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip, createZstdCompress } from "node:zlib";

export type FileCompression = "none" | "gzip" | "zstd";

export interface RotationPolicy {
  /** Newest rotated files that are kept; older ones are deleted. */
  readonly keep: number;
  readonly compress: FileCompression;
}

interface RotatedFile {
  /** Without the ending of a compression. */
  readonly stem: string;
  readonly time: string;
  readonly n: number;
  /** Endings there are: "", ".gz", ".zst". A crash between compression and removal leaves two. */
  readonly endings: readonly string[];
}

const ending = { gzip: ".gz", zstd: ".zst" } as const;
const temporary = ".tmp";
const shape = /^\.(\d{8}T\d{6}Z)(?:-(\d+))?(\.gz|\.zst)?$/;

/** One compression at a time in the process: it is there to save disk, not to take the workers' cores. */
let compressing: Promise<unknown> = Promise.resolve();

export class RotatedFiles {
  readonly #path: string;
  readonly #failed: (error: Error, doing: string) => void;
  /** Rotated a moment ago, and perhaps still written to. */
  readonly #leaving = new Set<string>();
  readonly #stop = new AbortController();
  #policy: RotationPolicy;
  #tidying: Promise<void> | undefined;
  #again = false;

  /** @param failed told what could not be done; it is tried again after the next rotation */
  constructor(path: string, policy: RotationPolicy, failed: (error: Error, doing: string) => void) {
    this.#path = path;
    this.#policy = policy;
    this.#failed = failed;
  }

  configure(policy: RotationPolicy): void {
    this.#policy = policy;
  }

  /** A name that sorts behind all there are. It counts as written to until `left`. */
  async nextName(nowMs: number): Promise<string> {
    const now = `${new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;
    const newest = (await this.#list()).at(-1);
    const name =
      newest === undefined || newest.time < now
        ? `${this.#path}.${now}`
        : `${this.#path}.${newest.time}-${newest.n + 1}`;
    this.#leaving.add(name);
    return name;
  }

  /** Nothing more is written to `name` (or it was not used): it may be compressed and deleted. */
  left(name: string): void {
    this.#leaving.delete(name);
  }

  /** Deletes what is too many and compresses the rest, in the background. */
  tidy(): void {
    this.#again = true;
    this.#tidying ??= this.#tidyAll().finally(() => {
      this.#tidying = undefined;
      if (this.#again) this.tidy();
    });
  }

  /** Removes what a compression that was cut short has left. For the start, before `tidy`. */
  async removeTemporary(): Promise<void> {
    for (const name of await this.#beside())
      if (name.endsWith(temporary) && shape.test(name.slice(0, -temporary.length)))
        await unlink(this.#path + name).catch(() => {});
  }

  /** Resolves when nothing is left to tidy. */
  async idle(): Promise<void> {
    while (this.#tidying !== undefined) await this.#tidying;
  }

  /** Ends a compression that is under way; the next start does it again. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.idle();
  }

  async #tidyAll(): Promise<void> {
    const failed = new Set<string>();
    while (!this.#stop.signal.aborted) {
      this.#again = false;
      const files = (await this.#list()).filter(({ stem }) => !this.#leaving.has(stem));
      await this.#deleteOldest(files);
      const kept = this.#policy.keep === 0 ? [] : files.slice(-this.#policy.keep);
      const plain = kept.find(({ stem, endings }) => endings.includes("") && !failed.has(stem));
      const { compress } = this.#policy;
      if (plain === undefined || compress === "none") return;
      const turn = compressing.then(() => this.#compress(plain, compress));
      compressing = turn.catch(() => {});
      try {
        await turn;
      } catch (error) {
        failed.add(plain.stem);
        if (!this.#stop.signal.aborted) this.#failed(error as Error, `${basename(plain.stem)} is not compressed`);
      }
    }
    this.#again = false;
  }

  async #deleteOldest(files: readonly RotatedFile[]): Promise<void> {
    for (const { stem, endings } of files.slice(0, Math.max(0, files.length - this.#policy.keep)))
      for (const end of endings)
        try {
          await unlink(stem + end);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOENT")
            this.#failed(error as Error, `${basename(stem)} is not deleted`);
        }
  }

  async #compress({ stem, endings }: RotatedFile, compress: "gzip" | "zstd"): Promise<void> {
    if (this.#stop.signal.aborted) return;
    // One that bears its final name is whole: it was flushed before it got it.
    if (endings.length === 1) await this.#writeCompressed(stem, compress);
    await unlink(stem);
    await syncDirectory(dirname(stem));
  }

  async #writeCompressed(stem: string, compress: "gzip" | "zstd"): Promise<void> {
    const target = stem + ending[compress];
    const unfinished = target + temporary;
    const about = await stat(stem);
    try {
      await pipeline(
        createReadStream(stem),
        compress === "gzip" ? createGzip() : createZstdCompress(),
        // `flush`: on the disk before it is closed, since the original is removed after it.
        createWriteStream(unfinished, { flags: "w", mode: about.mode & 0o777, flush: true }),
        { signal: this.#stop.signal },
      );
      // For those who look by age.
      await utimes(unfinished, about.atime, about.mtime);
      await rename(unfinished, target);
      await syncDirectory(dirname(target));
    } catch (error) {
      await unlink(unfinished).catch(() => {});
      throw error;
    }
  }

  /** What follows the path's own name in names beside it. */
  async #beside(): Promise<string[]> {
    const own = basename(this.#path);
    const names = await readdir(dirname(this.#path)).catch(() => []);
    return names.filter((name) => name.startsWith(own)).map((name) => name.slice(own.length));
  }

  /** Oldest first. */
  async #list(): Promise<RotatedFile[]> {
    const files = new Map<string, RotatedFile>();
    for (const name of await this.#beside()) {
      const match = shape.exec(name);
      if (match === null) continue;
      const [, time, n = "0", end = ""] = match as unknown as [string, string, string?, string?];
      const stem = this.#path + name.slice(0, name.length - end.length);
      files.set(stem, { stem, time, n: Number(n), endings: [...(files.get(stem)?.endings ?? []), end] });
    }
    return [...files.values()].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : a.n - b.n));
  }
}

/** Makes names that were given and taken in a folder outlast a power cut, where the file system can. */
export async function syncDirectory(path: string): Promise<void> {
  try {
    const folder = await open(path, "r");
    await folder.sync().finally(() => folder.close());
  } catch {
    // Some file systems refuse it; there is nothing else to do about it.
  }
}
