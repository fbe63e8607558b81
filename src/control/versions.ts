/** The versions that were handed to the bus, one file each, named by number. */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Manifest } from "../manifest/manifest.ts";
import { removeDurably, writeDurably } from "../persistence/durable_file.ts";

/** Enough to look back over months of changes; at most about 100 MiB with the largest drafts. */
const versionsMax = 100;

export class Versions {
  readonly #directory: string;
  /** Ascending. */
  readonly #numbers: number[];
  #next: number;

  private constructor(directory: string, numbers: number[], next: number) {
    this.#directory = directory;
    this.#numbers = numbers;
    this.#next = next;
  }

  /** @param published the number of the published version, 0 when there is none: numbers go on after it whatever files are left */
  static async open(directory: string, published: number): Promise<Versions> {
    const names = await readdir(directory).catch(() => []);
    const numbers = names
      .flatMap((name) => (/^\d+\.json$/.test(name) ? [Number.parseInt(name, 10)] : []))
      .sort((a, b) => a - b);
    const last = Math.max(numbers.at(-1) ?? 0, Number.isSafeInteger(published) ? published : 0);
    return new Versions(directory, numbers, last + 1);
  }

  /** The number of the next version; no number is used twice. */
  get next(): number {
    return this.#next;
  }

  /** Keeps a manifest under its number. Removes the oldest ones. */
  async keep(manifest: Manifest): Promise<void> {
    const number = this.#next++;
    await writeDurably(this.#path(number), `${JSON.stringify(manifest, null, 2)}\n`);
    this.#numbers.push(number);
    while (this.#numbers.length > versionsMax) await removeDurably(this.#path(this.#numbers.shift()!));
  }

  #path(number: number): string {
    return join(this.#directory, `${String(number).padStart(6, "0")}.json`);
  }
}
