/**
 * The file writers of the process, one a file, however many outputs name it and through however many reloads.
 *
 * A reload acquires what the new manifest names before it releases what only the old one named, so an output that stays keeps its writer,
 * and what its workers pushed. Settings of the newest lease hold; when a reload is refused and releases it, those before hold again.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { type FileSettings, type FileSite, FileWriter, realPath } from "./file_writer.ts";
import type { StreamCounts } from "./stream_writer.ts";

export interface FileConfig extends FileSettings {
  readonly path: string;
}

export interface FileLease {
  readonly writer: FileWriter;
  /**
   * Gives it back. The last one of a file waits at most `drainMs` for what was pushed to be written, then closes the writer; what is not
   * written by then counts as lost. Workers push no more by then. Twice does no harm.
   * @returns the writer's last counts when it was closed; undefined while others hold it
   */
  release(drainMs?: number): Promise<StreamCounts | undefined>;
}

interface Shared {
  readonly writer: FileWriter;
  /** Of those who hold it, oldest first. */
  readonly held: FileSettings[];
}

export class FileWriters {
  readonly #site: FileSite;
  readonly #byPath = new Map<string, Shared>();
  /** One acquisition or closing after the other: no file is opened while it is being closed. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(site: FileSite) {
    this.#site = site;
  }

  /** All writers that are open. */
  get open(): readonly FileWriter[] {
    return Array.from(this.#byPath.values(), ({ writer }) => writer);
  }

  /** @throws StreamGateError SG_FILE when the file cannot be opened */
  acquire(config: FileConfig): Promise<FileLease> {
    return this.#inTurn(async () => {
      const path = await realPath(config.path);
      let shared = this.#byPath.get(path);
      if (shared === undefined) {
        shared = { writer: await FileWriter.open({ ...config, ...this.#site, path }), held: [config] };
        this.#byPath.set(path, shared);
      } else {
        shared.held.push(config);
        shared.writer.configure(config);
      }
      return this.#lease(path, shared, config);
    });
  }

  /** Closes all, whoever holds them. */
  async close(): Promise<void> {
    await this.#inTurn(async () => {
      await Promise.all(this.open.map((writer) => writer.close()));
      this.#byPath.clear();
    });
  }

  #lease(path: string, shared: Shared, config: FileConfig): FileLease {
    const { writer, held } = shared;
    let released: Promise<StreamCounts | undefined> | undefined;
    const release = async (drainMs: number) => {
      const deadline = Date.now() + drainMs;
      // Outside the turn: a disk that is full does not hold up a reload.
      while (held.length === 1 && !writer.drained() && Date.now() < deadline) await sleep(5);
      return this.#inTurn(async () => {
        const newest = held.at(-1) === config;
        held.splice(held.lastIndexOf(config), 1);
        const left = held.at(-1);
        if (left !== undefined) {
          if (newest) writer.configure(left);
          return undefined;
        }
        await writer.close();
        if (this.#byPath.get(path) === shared) this.#byPath.delete(path);
        return writer.counts();
      });
    };
    return {
      writer,
      release: (drainMs = 0) => {
        released ??= release(drainMs);
        return released;
      },
    };
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(step);
    this.#turn = result.catch(() => {});
    return result;
  }
}
