/**
 * A file that somebody else changes, and how to hear of it.
 *
 * It is looked at twice a second, not watched: a file mounted into a container changes by a symbolic link somewhere above it, an editor
 * renames another one over it, and `fs.watch` sees neither on every system. It is read once it has looked the same twice, so that a
 * writer in the middle of its work is rarely met; who parses it refuses a half one, and hears of the whole one half a second later.
 */

import { readFile, stat } from "node:fs/promises";

const lookMsDefault = 500;

export interface FileEvents {
  /** The file's bytes, one call at a time, and never the same twice in a row. Must not throw. */
  changed(bytes: Buffer): Promise<void>;
  /** It cannot be read any more, said once; what it said last is still the newest that is known. */
  gone(error: Error): void;
}

export class WatchedFile {
  readonly #path: string;
  readonly #events: FileEvents;
  readonly #lookMs: number;
  /** What was handed over last. */
  #known: Buffer;
  /** As it was read last. */
  #readStamp = "";
  /** As it looked the last time. */
  #seenStamp = "";
  #gone = false;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  /** @param known what it held when it was read first: no news */
  constructor(path: string, known: Buffer, events: FileEvents, lookMs: number = lookMsDefault) {
    this.#path = path;
    this.#known = known;
    this.#events = events;
    this.#lookMs = lookMs;
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined;
      });
    }, this.#lookMs).unref();
  }

  /** When it resolves no event comes any more. Calling it twice does no harm. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    try {
      const stamp = await this.#stamp();
      const settled = stamp === this.#seenStamp;
      this.#seenStamp = stamp;
      if (!settled || stamp === this.#readStamp) return;
      const bytes = await readFile(this.#path);
      // Changed while it was read: the next look sees to it.
      if ((await this.#stamp()) !== stamp) return;
      this.#readStamp = stamp;
      this.#gone = false;
      if (bytes.equals(this.#known)) return;
      this.#known = bytes;
      await this.#events.changed(bytes);
    } catch (error) {
      this.#readStamp = "";
      if (!this.#gone) this.#events.gone(error as Error);
      this.#gone = true;
    }
  }

  /** Follows links: which file it is, how long, and when it was written and moved, in nanoseconds. */
  async #stamp(): Promise<string> {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(this.#path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  }
}
