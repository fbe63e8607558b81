/**
 * The versions that were handed to the bus, one file each, named by number:
 *
 *     {"author":"ci","address":"10.0.0.7","time":"2026-11-26T12:00:00.000Z","comment":"less noise","rollback_of":"3",
 *      "refused":{"code":"SG_PUBLISH_REFUSED","what":"…"},"manifest":{"version":"7",…}}
 *
 * Files of versions before there were authors hold the manifest alone.
 */

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { StreamGateError } from "../errors.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { damaged, parseState, readDurable, removeDurably, writeDurably } from "../persistence/durable_file.ts";
import { isRecord } from "../schema.ts";

/** Enough to look back over months of changes; at most about 100 MiB with the largest drafts. */
export const versionsMax = 100;

/** Who, when, why. */
export interface Note {
  /** Name of the token. */
  readonly author?: string;
  readonly address?: string;
  readonly time: string;
  readonly comment?: string;
  /** Of a rollback: the version that this one equals. */
  readonly rollback_of?: string;
}

/** Why it was never published, though it was tried. */
export interface Refusal {
  readonly code: string | null;
  readonly what: string;
}

export interface Version extends Note {
  readonly manifest: Manifest;
  readonly refused?: Refusal;
}

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

  /** Those that are kept, newest first. */
  get numbers(): readonly number[] {
    return this.#numbers.toReversed();
  }

  /** Keeps a version under the next number. Removes the oldest ones. */
  async keep(number: number, version: Version): Promise<void> {
    this.#next = number + 1;
    await this.#write(number, version);
    this.#numbers.push(number);
    while (this.#numbers.length > versionsMax) await removeDurably(this.#path(this.#numbers.shift()!));
  }

  /** Notes that a version which is kept was not published. */
  async refuse(number: number, version: Version, error: Error): Promise<void> {
    const code = error instanceof StreamGateError ? error.code : null;
    await this.#write(number, { ...version, refused: { code, what: error.message } });
  }

  /** @throws StreamGateError SG_VERSION_MISSING, SG_STATE_DAMAGED */
  async read(number: number): Promise<Version> {
    const path = this.#path(number);
    const text = this.#numbers.includes(number) ? await readDurable(path) : undefined;
    if (text === undefined)
      throw new StreamGateError("SG_VERSION_MISSING", {
        where: "version",
        what: `no version ${number} is kept`,
        fix: `GET /versions lists them; the newest ${versionsMax} are kept`,
      });
    const value = parseState(path, text);
    if (isRecord(value) && Array.isArray(value.pipelines)) {
      const { timestamp } = value as unknown as Manifest;
      return { time: String(timestamp ?? ""), manifest: value as unknown as Manifest };
    }
    if (isRecord(value) && isRecord(value.manifest) && Array.isArray(value.manifest.pipelines))
      return value as unknown as Version;
    throw damaged(path, "holds no manifest");
  }

  #write(number: number, version: Version): Promise<void> {
    return writeDurably(this.#path(number), `${JSON.stringify(version, null, 2)}\n`);
  }

  #path(number: number): string {
    return join(this.#directory, `${String(number).padStart(6, "0")}.json`);
  }
}
