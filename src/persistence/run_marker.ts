/**
 * Tells a run how the one before it ended, and what that may have cost: a file in the data directory says every second what is in memory, and
 * at an orderly end that nothing is.
 *
 * It is written without fsync: `kill -9` takes nothing from the system's cache, and after a power cut the file before it is as good.
 */

import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readDurable } from "./durable_file.ts";

const fileName = "run.json";
const beatMs = 1000;

export interface HeldInMemory {
  readonly records: number;
  readonly bytes: number;
}

export interface FormerRun {
  /** `none`: this directory has seen no run. */
  readonly stop: "none" | "clean" | "unclean";
  /** After an unclean stop: records without a spool that were in memory, at most: rings and queues hold no more than so many bytes. */
  readonly unaccounted_at_most?: { readonly bytes: number };
  /** What was in memory when it was last looked at, a second before the end or less. */
  readonly last_seen?: HeldInMemory & { readonly at: string };
}

interface Marker {
  readonly running: boolean;
  readonly at: string;
  readonly held: HeldInMemory;
  readonly bytes_max: number;
}

export class RunMarker {
  readonly former: FormerRun;
  /** As it was found. */
  readonly #formerText: string | undefined;
  readonly #path: string;
  readonly #held: () => HeldInMemory;
  readonly #bytesMax: () => number;
  readonly #timer: NodeJS.Timeout;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, formerText: string | undefined, held: () => HeldInMemory, bytesMax: () => number) {
    this.#path = path;
    this.#formerText = formerText;
    this.former = formerRun(formerText);
    this.#held = held;
    this.#bytesMax = bytesMax;
    this.#timer = setInterval(() => this.#beat(true), beatMs).unref();
    this.#beat(true);
  }

  /**
   * @param directory locked by this process
   * @param held what is in memory now and would be lost by a kill
   * @param bytesMax what can be there at most
   */
  static async open(directory: string, held: () => HeldInMemory, bytesMax: () => number): Promise<RunMarker> {
    const path = join(directory, fileName);
    return new RunMarker(path, await readDurable(path), held, bytesMax);
  }

  /** An orderly end: what is not delivered is on disk or counted. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#beat(false);
    await this.#writing;
  }

  /** A start that failed: the run before it is still the last one, unless this one has taken records already. */
  async abandon(): Promise<void> {
    clearInterval(this.#timer);
    const text = this.#formerText;
    if (this.#held().records > 0) this.#beat(true);
    else if (text !== undefined) this.#write(text);
    else this.#writing = this.#writing.then(() => rm(this.#path, { force: true })).catch(() => {});
    await this.#writing;
  }

  #beat(running: boolean): void {
    const marker: Marker = {
      running,
      at: new Date().toISOString(),
      held: running ? this.#held() : { records: 0, bytes: 0 },
      bytes_max: this.#bytesMax(),
    };
    this.#write(`${JSON.stringify(marker)}\n`);
  }

  #write(text: string): void {
    const temporary = `${this.#path}.new`;
    this.#writing = this.#writing
      .then(() => writeFile(temporary, text, { mode: 0o600 }))
      .then(() => rename(temporary, this.#path))
      // A full disk: the marker before it stays, which says `running`.
      .catch(() => {});
  }
}

function formerRun(text: string | undefined): FormerRun {
  if (text === undefined) return { stop: "none" };
  try {
    const { running, at, held, bytes_max } = JSON.parse(text) as Marker;
    if (!running) return { stop: "clean" };
    return { stop: "unclean", unaccounted_at_most: { bytes: bytes_max }, last_seen: { ...held, at } };
  } catch {
    return { stop: "unclean" };
  }
}
